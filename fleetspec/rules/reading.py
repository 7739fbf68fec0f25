"""FS0xx: what keeps a file from being read: encoding, YAML, and the files it extends."""

from __future__ import annotations

from fleetspec.diagnostics import Rule

UNREADABLE = Rule(
    "FS001",
    "the file cannot be read",
    "Nothing is guessed for a file that is not there.",
    bad="extends: [hardwear.yaml]    # the file is called hardware.yaml",
    good="extends: [hardware.yaml]",
)
NOT_UTF8 = Rule(
    "FS002",
    "the file is not UTF-8 text",
    "A file in another encoding would be read as other names than its author wrote.",
    bad="owner: Müller    # saved as Latin-1",
    good="owner: Müller    # saved as UTF-8",
)
CONTROL_CHARACTER = Rule(
    "FS003",
    "a character that cannot be seen",
    "Control characters make two names look alike and end up in paths and manifests.",
    bad='owner: "desk\\0"',
    good="owner: desk",
)
TOO_LARGE = Rule(
    "FS004",
    "the file is too large for a spec",
    "A spec says how models are made. Ten megabytes of YAML are data, and belong into a data source.",
    bad="universes: {all: {series: [AAPL, …]}}    # a million names",
    good="universes: {all: {series: all}}    # the names come from the data, through the lock",
)
TAB = Rule(
    "FS005",
    "a tab where only spaces count",
    "YAML measures indentation in spaces; a tab looks like any number of them.",
    bad="universes:\n\tequities: {data: market, calendar: XNYS, bar: 1 session}",
    good="universes:\n  equities: {data: market, calendar: XNYS, bar: 1 session}",
)
SYNTAX = Rule(
    "FS006",
    "not valid YAML",
    "The structure is ambiguous from here on, so nothing after this place is read.",
    bad="schedule: {calendar: XNYS, start: close + 45m, deadline: open - 90m",
    good="schedule: {calendar: XNYS, start: close + 45m, deadline: open - 90m}",
)
TOO_DEEP = Rule(
    "FS007",
    "nested too deeply",
    "No spec needs more than a handful of levels; fifty are a mistake or an attack.",
    bad="params: " + 50 * "[" + "7" + 50 * "]",
    good="models:\n"
    "  vol: {family: garch, target: variance, train: 1000 bars, refit: 5 sessions, params: {distribution: t}}",
)
DUPLICATE_KEY = Rule(
    "FS008",
    "a key is written twice",
    "Plain YAML keeps the last one and forgets the first without a word.",
    bad="budget: {nightly: 5 USD, nightly: 50 USD}",
    good="budget: {nightly: 50 USD}",
)
TAG = Rule(
    "FS009",
    "YAML tags are not part of the language",
    "Types come from the language, not from the file; a tag could change a value's meaning or run code elsewhere.",
    bad="seed: !!int 7",
    good="seed: 7",
)
ALIAS = Rule(
    "FS010",
    "an alias that cannot be followed",
    "Aliases may repeat a value, but a few lines of them can grow to billions of values.",
    bad="models: {more: *vol}    # no &vol anywhere above",
    good="models:\n  vol: &vol {family: garch, target: variance, train: 1000 bars, refit: 5 sessions}\n  more: *vol",
)
MERGE_KEY = Rule(
    "FS011",
    "merge keys are not part of the language",
    "`<<` merges maps inside a file in an order few people know; `extends` merges files in the order written.",
    bad="models:\n"
    "  vol: &vol {family: garch, target: variance, train: 1000 bars, refit: 5 sessions}\n"
    "  more: {<<: *vol, train: 500 bars}",
    good="models:\n"
    "  vol: {family: garch, target: variance, train: 1000 bars, refit: 5 sessions}\n"
    "  more: {family: garch, target: variance, train: 500 bars, refit: 5 sessions}",
)
MANY_DOCUMENTS = Rule(
    "FS012",
    "more than one document in a file",
    "A spec is one fleet; a second document after `---` would be ignored.",
    bad="name: a\n---\nname: b",
    good="name: a    # and b in a file of its own",
)
NOT_A_MAP = Rule(
    "FS013",
    "a spec is a map of keys and values",
    "An empty file or a list says nothing that could be compiled.",
    bad="- name: quickstart",
    good="name: quickstart",
)
KEY_NOT_TEXT = Rule(
    "FS014",
    "a key that is not a word",
    "Keys are names: a list, a map or nothing at all cannot be one.",
    bad="horizons: [1 bar]\nfeatures: {[tech]: [momentum(5)]}",
    good="horizons: [1 bar]\nfeatures: {tech: [momentum(5)]}",
)
EXTENDS_SHAPE = Rule(
    "FS015",
    "`extends` is a list of files",
    "Later files win, so their order must be written.",
    bad="extends: hardware.yaml",
    good="extends: [hardware.yaml]",
)
EXTENDS_CYCLE = Rule(
    "FS016",
    "files extend each other in a circle",
    "Later wins only where there is a last one.",
    bad="extends: [fleet.yaml]    # in a file that fleet.yaml extends",
    good="extends: [hardware.yaml]    # which extends nothing",
)
EXTENDS_OUTSIDE = Rule(
    "FS017",
    "`extends` leaves the repository",
    "A spec that reads files from elsewhere means something else on every machine.",
    bad="extends: [/etc/fleets/hardware.yaml]",
    good="extends: [../defaults/hardware.yaml]    # inside the repository; without one, inside the spec's folder",
)
NOT_DEFAULTS = Rule(
    "FS018",
    "the extended file is not `kind: Defaults`",
    "Extending a whole fleet would take over its models without saying so.",
    bad="extends: [prod.yaml]    # kind: Fleet",
    good="extends: [hardware.yaml]    # kind: Defaults",
)
DRAFT_UNREADABLE = Rule(
    "FS021",
    "no spec can be drafted for the data file",
    "`init` recognises columns by their names and asks for a hand where it cannot.",
    bad="fleetspec init prices.csv    # with columns a, b, c",
    good="fleetspec init prices.csv    # with columns ticker, date, close",
)
