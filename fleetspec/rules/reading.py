"""FS0xx: what keeps a file from being read: encoding, YAML, the files it extends, its vars, and what `${…}` names."""

from __future__ import annotations

from fleetspec.diagnostics import Rule, Severity

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
NOTHING_BELOW = Rule(
    "FS019",
    "an operator with nothing to change",
    "`+key`, `-key` and `key!` change what an extended file says. With nothing to change, a name is misspelt.",
    bad="+horizon: [20 bars]    # the extended file has horizons",
    good="+horizons: [20 bars]",
)
OPERATOR_SHAPE = Rule(
    "FS020",
    "an operator on the wrong shape",
    "`+` takes a list for a list, `-` takes a list of what to remove, `!` replaces a map by a map.",
    bad="+horizons: 20 bars",
    good="+horizons: [20 bars]",
)
DRAFT_UNREADABLE = Rule(
    "FS021",
    "no spec can be drafted for the data file",
    "`init` recognises columns by their names and asks for a hand where it cannot.",
    bad="fleetspec init prices.csv    # with columns a, b, c",
    good="fleetspec init prices.csv    # with columns ticker, date, close",
)
TWO_OPERATORS = Rule(
    "FS022",
    "two keys of a file that decide the same thing",
    "One replaces what the other adds to, and which comes first would be a guess.",
    bad="horizons: [1 bar]\n+horizons: [20 bars]",
    good="horizons: [1 bar, 20 bars]",
)
NOT_THERE = Rule(
    "FS023",
    "an item to remove that is not there",
    "It was renamed in the extended file, or is misspelt here: what should go would stay in silence.",
    bad="-horizons: [20 bar]    # the extended file has 20 bars",
    good="-horizons: [20 bars]    # as it is written there",
)
TOO_MANY_FILES = Rule(
    "FS024",
    "a spec of too many files",
    "A hundred mentions in `extends` are more than anybody can follow, or an attack.",
    bad="extends: [0001.yaml, 0002.yaml, …]    # hundreds of them",
    good="extends: [hardware.yaml, policies.yaml]",
)
UNKNOWN_PROFILE = Rule(
    "FS025",
    "there is no such profile",
    "A profile is a file in the folder profiles beside the spec; without it the spec would run as it is.",
    bad="fleetspec plan fleet.yaml --profile deV",
    good="fleetspec plan fleet.yaml --profile dev    # profiles/dev.yaml",
)
NO_SUCH_ROUTE = Rule(
    "FS040",
    "there is nothing at that route of the spec",
    "A change of something that the spec does not have would change nothing, and the answer would look like one.",
    bad="fleetspec plan fleet.yaml --what-if hardware.pol.max=3",
    good="fleetspec plan fleet.yaml --what-if hardware.pool.max=3",
)
UNKNOWN_VAR = Rule(
    "FS026",
    "there is no such var",
    "A value for a var that nobody declares would change nothing, and nobody would notice.",
    bad="fleetspec plan fleet.yaml --var trails=8",
    good="fleetspec plan fleet.yaml --var trials=8    # vars: {trials: {type: int}}",
)
UNKNOWN_VAR_OF_ENVIRONMENT = Rule(
    "FS027",
    "an environment variable for a var that is not declared",
    "It may be meant for another spec, or be misspelt; here it changes nothing.",
    bad="FLEETSPEC_VAR_trails=8 fleetspec plan fleet.yaml",
    good="FLEETSPEC_VAR_trials=8 fleetspec plan fleet.yaml",
    severity=Severity.WARNING,
)
NO_VALUE = Rule(
    "FS028",
    "a var without a value",
    "A var has a value from --var, from the environment, or from its default, in this order, or the spec is not whole.",
    bad="vars: {trials: {type: int}}    # and no --var",
    good="vars: {trials: {type: int, default: 32}}",
)
NOT_ALLOWED = Rule(
    "FS029",
    "a value that its var does not allow",
    "Type, range and choices are what the author of the spec has thought of.",
    bad="fleetspec plan fleet.yaml --var trials=1000    # vars: {trials: {type: int, max: 256}}",
    good="fleetspec plan fleet.yaml --var trials=200",
)
BOUND_MAKES_NO_SENSE = Rule(
    "FS030",
    "a bound that the var cannot have",
    "`min` and `max` are of the var's type, which must have an order, and leave something between them.",
    bad="vars: {site: {type: text, max: 5}}",
    good="vars: {site: {type: text, choices: [eu, us], default: eu}}",
)
VAR_CIRCLE = Rule(
    "FS031",
    "vars that rest on each other in a circle",
    "A default may name other vars, as long as one of them has a value of its own.",
    bad='vars: {a: {type: text, default: "${var.b}"}, b: {type: text, default: "${var.a}"}}',
    good='vars: {a: {type: text, default: eu}, b: {type: text, default: "${var.a}-1"}}',
)
NOT_A_REFERENCE = Rule(
    "FS032",
    "`${…}` that names nothing",
    "Only ${var.name}, ${env.NAME} and ${secret.name} mean something; anything else would end up in a path as it is.",
    bad='data: {bars: {from: "${lake}/bars.parquet"}}',
    good="vars: {lake: {type: text, default: /mnt/lake}}\n"
    'data: {bars: {from: "${var.lake}/bars.parquet", key: ticker, time: date, price: close}}',
)
REFERENCE_ELSEWHERE = Rule(
    "FS033",
    "`${…}` where it is not filled",
    "Keys and files are read before vars have values, and the declaration of a var is what decides on them.",
    bad='models: {"${var.group}": {family: garch, target: variance, train: 1000 bars, refit: 5 sessions}}',
    good="models: {vol: {family: garch, target: variance, train: 1000 bars, refit: 5 sessions}}",
)
ENVIRONMENT_ELSEWHERE = Rule(
    "FS034",
    "the environment is read in a spec",
    "A spec says what it depends on: its vars. Sites differ in Defaults files, and there the environment may be read.",
    bad='data: {bars: {from: "${env.LAKE}/bars.parquet"}}',
    good="vars: {lake: {type: text, default: /mnt/lake}}\n"
    'data: {bars: {from: "${var.lake}/bars.parquet", key: ticker, time: date, price: close}}',
)
ENVIRONMENT_UNSET = Rule(
    "FS035",
    "an environment variable that is not set",
    "An empty text in its place would be a guess.",
    bad='vars: {lake: {type: text, default: "${env.LAKE}"}}    # LAKE is not set',
    good="LAKE=/mnt/lake fleetspec plan fleet.yaml",
)
SECRET_ELSEWHERE = Rule(
    "FS036",
    "a secret where none is used",
    "A secret stays a name until a run reads data or publishes. Anywhere else its name would be taken for the value.",
    bad='owner: "${secret.owner}"',
    good='data: {bars: {from: "${secret.bars-url}"}}',
)
TEXT_TOO_LONG = Rule(
    "FS037",
    "filled texts grow too long",
    "A var that repeats vars that repeat vars grows to gigabytes in a few lines.",
    bad='vars: {b: {type: text, default: "${var.a}${var.a}"}, c: {type: text, default: "${var.b}${var.b}"}, …}',
    good="vars: {a: {type: text, default: eu}}",
)
PLAN_IS_FIXED = Rule(
    "FS038",
    "vars or profiles for a saved plan",
    "A saved plan holds the spec with every value filled in; it can be applied, not changed.",
    bad="fleetspec apply night.fsp --var trials=8",
    good="fleetspec plan fleet.yaml --var trials=8 --out night.fsp",
)
CONFLICT_MARKERS = Rule(
    "FS039",
    "a merge that is not resolved",
    "Git leaves both sides in the file until somebody chooses. Which of them is meant cannot be guessed.",
    bad="<<<<<<< HEAD\nowner: research\n=======\nowner: quant-platform\n>>>>>>> branch",
    good="owner: quant-platform",
)
