"""FS2xx: values that are well-formed and do not make sense together, or not with the lock."""

from __future__ import annotations

from fleetspec.diagnostics import Rule, Severity

UNKNOWN_NAME = Rule(
    "FS201",
    "a name that nothing in the spec has",
    "Universes, models, data and features are joined by name.",
    bad="fleet: [{universes: equitys, models: vol}]",
    good="fleet: [{universes: equities, models: vol}]",
)
UNKNOWN_FAMILY = Rule(
    "FS202",
    "there is no such family",
    "A family is code; it must be shipped or installed.",
    bad="models: {calm: {family: grach, target: variance, train: 1000 bars, refit: 5 sessions}}",
    good="models: {calm: {family: garch, target: variance, train: 1000 bars, refit: 5 sessions}}",
)
FAMILY_OR_FAMILIES = Rule(
    "FS203",
    "a group names one family or several",
    "`family:` is for one, `families:` for several; with both, nobody knows which counts.",
    bad="models: {calm: {target: variance, train: 1000 bars, refit: 5 sessions}}",
    good="models: {calm: {family: garch, target: variance, train: 1000 bars, refit: 5 sessions}}",
)
WRONG_TARGET = Rule(
    "FS204",
    "the family does not forecast the target",
    "Each family says which targets it has.",
    bad="models: {calm: {family: garch, target: return, train: 1000 bars, refit: 5 sessions}}",
    good="models: {calm: {family: garch, target: variance, train: 1000 bars, refit: 5 sessions}}",
)
WRONG_PARAMETER = Rule(
    "FS205",
    "the family has no such parameter, or no such value of it",
    "A parameter that a family ignores would change nothing and look as if it did.",
    bad="models: {vol: {params: {distribution: cauchy}}}",
    good="models: {vol: {params: {distribution: t}}}",
)
CADENCE = Rule(
    "FS206",
    "a group that is fitted says `train` and `refit`, a transform neither",
    "How much history a fit sees and how often it is renewed decide results and cost; there is no good default.",
    bad="models: {calm: {family: garch, target: variance, train: 1000 bars}}",
    good="models: {calm: {family: garch, target: variance, train: 1000 bars, refit: 5 sessions}}",
)
TRAIN_TOO_SHORT = Rule(
    "FS207",
    "the training window is too short for the family",
    "Below a family's minimum every fit would be quarantined.",
    bad="models: {vol: {train: 50 bars}}",
    good="models: {vol: {train: 1000 bars}}",
)
OVER = Rule(
    "FS208",
    "`over` names the group whose forecasts a transform works on",
    "A transform fits nothing of its own, and a family that fits has no use for another group's forecasts.",
    bad="models: {loss: {family: vol-scaled, target: value_at_risk, levels: [99%]}}",
    good="models: {loss: {family: vol-scaled, over: vol, target: value_at_risk, levels: [99%]}}",
)
OVER_CYCLE = Rule(
    "FS209",
    "groups are over each other in a circle",
    "Forecasts of one group are made from those of another, so one must come first.",
    bad="models:\n"
    "  a: {family: vol-scaled, over: b, target: value_at_risk, levels: [99%]}\n"
    "  b: {family: vol-scaled, over: a, target: value_at_risk, levels: [99%]}",
    good="models:\n"
    "  a: {family: vol-scaled, over: vol, target: value_at_risk, levels: [99%]}\n"
    "  b: {family: vol-scaled, over: vol, target: value_at_risk, levels: [99%]}",
)
RHYTHM = Rule(
    "FS280",
    "forecasts that do not fall on the bars they should",
    "A fit ends on a bar from which a forecast is due, or a forecast would be made from before its own fit; and "
    "forecasts that are combined are made from the same bars.",
    bad="models: {vol: {forecast: 2 sessions}}",
    good="models: {vol: {forecast: 5 sessions}}",
)
LEVELS = Rule(
    "FS210",
    "value at risk needs levels, and nothing else has them",
    "A level is the share of days on which the loss stays below the value at risk.",
    bad="models: {loss: {family: vol-scaled, over: vol, target: value_at_risk}}",
    good="models: {loss: {family: vol-scaled, over: vol, target: value_at_risk, levels: [99%, 97.5%]}}",
)
FEATURES = Rule(
    "FS211",
    "a group and its features do not fit",
    "A family that learns from features needs some; for any other they would be ignored.",
    bad="models: {line: {family: elasticnet, target: return, train: 1000 bars, refit: 5 sessions}}",
    good="models: {line: {family: elasticnet, features: tech, target: return, train: 1000 bars, refit: 5 sessions}}",
)
UNKNOWN_FEATURE = Rule(
    "FS212",
    "a feature that cannot be computed",
    "Features come from a fixed library, each with its look-back in bars.",
    bad="features: {tech: [momentun(5)]}",
    good="features: {tech: [momentum(5)]}",
)
WRONG_PER = Rule(
    "FS213",
    "the family has no models of this kind",
    "Some families are fitted on one series, some on a whole universe, some on either.",
    bad="models: {vol: {per: universe}}",
    good="models: {vol: {per: series}}",
)
POOL_PRICE = Rule(
    "FS214",
    "a pool names an offer or a price, exactly one",
    "A default price would be a guess, and an offer with changed figures a price from nowhere.",
    bad="hardware: {server: {cpu: 2, memory: 8Gi, max: 1}}",
    good="hardware: {server: {cpu: 2, memory: 8Gi, price: 0.10 USD/h, max: 1}}",
)
POOL_SIZE = Rule(
    "FS215",
    "a pool's figures are incomplete or contradict each other",
    "The planner packs jobs into cores, memory and GPUs of a node; each must be known.",
    bad="hardware: {gpu: {price: 9.98 USD/h, cpu: 26, memory: 234Gi, gpu: H100-80GB, max: 2}}",
    good="hardware: {gpu: {price: 9.98 USD/h, cpu: 26, memory: 234Gi, gpu: H100-80GB, per_node: 1, max: 2}}",
)
NOT_IN_CATALOG = Rule(
    "FS216",
    "the catalog has no such offer or GPU",
    "Prices, memory and MIG slices come from dated data with a source.",
    bad="hardware: {cpu: {offer: gcp/n2-standard-33, max: 2}}",
    good="hardware: {cpu: {offer: gcp/n2-standard-32, max: 2}}",
)
NO_MIG = Rule(
    "FS217",
    "the pool cannot be cut into MIG slices",
    "MIG exists on some data-centre GPUs only.",
    bad="hardware: {cpu: {cpu: 16, memory: 64Gi, price: 0.80 USD/h, mig: auto, max: 2}}",
    good="hardware: {gpu: {offer: gcp/a3-highgpu-1g, mig: auto, max: 2}}",
)
UNKNOWN_CALENDAR = Rule(
    "FS218",
    "there is no such calendar",
    "Sessions, nights and deadlines are counted on an exchange's calendar.",
    bad="schedule: {calendar: NYSE, start: close + 45m, deadline: open - 90m}",
    good="schedule: {calendar: XNYS, start: close + 45m, deadline: open - 90m}",
)
DEADLINE = Rule(
    "FS219",
    "the deadline is not after the start",
    "The night lasts from the start after one session to the deadline before or in the next.",
    bad="schedule: {calendar: XNYS, start: close + 16h, deadline: open - 90m}",
    good="schedule: {calendar: XNYS, start: close + 45m, deadline: open - 90m}",
)
NIGHTS_OVERLAP = Rule(
    "FS220",
    "a night's deadline is after the next night's start",
    "Two runs would need the same nodes at the same time, and each plan counts on all of them.",
    bad="schedule: {calendar: XNYS, start: close + 45m, deadline: close + 2h}",
    good="schedule: {calendar: XNYS, start: close + 45m, deadline: open - 90m}",
)
EMPTY_LIST = Rule(
    "FS221",
    "a list that must name something is empty",
    "Nothing to do is never what a fleet is for.",
    bad="horizons: []",
    good="horizons: [1 bar]",
)
LISTED_TWICE = Rule(
    "FS222",
    "the same thing is listed twice",
    "The second entry adds nothing, and was often meant to be another.",
    bad="horizons: [5 bars, 5 bars]",
    good="horizons: [1 bar, 5 bars]",
)
UNUSED = Rule(
    "FS223",
    "defined and never used",
    "It costs nothing and does nothing: often a fleet row was forgotten.",
    bad="models: {calm: {family: garch, target: variance, train: 1000 bars, refit: 5 sessions}}",
    good="models: {calm: {family: garch, target: variance, train: 1000 bars, refit: 5 sessions}}\n"
    "fleet: [{universes: equities, models: [vol, var, linear, calm]}]",
    severity=Severity.WARNING,
)
OVER_ABSENT = Rule(
    "FS224",
    "the group a transform is over is not in the fleet where the transform is",
    "Rows only add what they name, so the forecasts to work on would not exist.",
    bad="fleet: [{universes: equities, models: [linear, var]}]    # var is over vol",
    good="fleet: [{universes: equities, models: [linear, vol, var]}]",
)
BACKTEST_GROUP = Rule(
    "FS225",
    "the group cannot be backtested",
    "A walk-forward moves over models that exist, and a group in no row of the fleet has none.",
    bad="models: {calm: {family: garch, target: variance, train: 1000 bars, refit: 5 sessions}}\n"
    "backtest: {scheme: walk-forward, models: [calm], step: 20 bars, within: 12h}",
    good="backtest: {scheme: walk-forward, models: [vol], step: 20 bars, within: 12h}",
)
EXCEPTIONS = Rule(
    "FS226",
    "a test of exceptions says little here",
    "Tests count exceptions that are independent of each other: value at risk over several bars overlaps, and other "
    "targets have no exceptions at all.",
    bad="horizons: [1 bar, 5 bars]\n"
    "backtest: {scheme: walk-forward, models: [var], step: 20 bars, tests: [kupiec], within: 12h}",
    good="horizons: [1 bar]\n"
    "backtest: {scheme: walk-forward, models: [var], step: 20 bars, tests: [kupiec], within: 12h}",
    severity=Severity.WARNING,
)
NEVER_ON_GPU = Rule(
    "FS227",
    "`gpu` or `gpu_memory` for a family that never uses a GPU",
    "It would change nothing and look as if it did.",
    bad="models: {linear: {gpu_memory: 2Gi}}",
    good="models:\n"
    "  deep: {family: nbeats, per: universe, target: return, train: 1000 bars, refit: 20 sessions, "
    "gpu_memory: 9Gi}",
)
OUT_OF_RANGE = Rule(
    "FS228",
    "a number outside of what makes sense",
    "It would be accepted and give nothing that could be used.",
    bad="hardware: {laptop: {cpu: 2, memory: 8Gi, price: 0.10 USD/h, max: 0}}",
    good="hardware: {laptop: {cpu: 2, memory: 8Gi, price: 0.10 USD/h, max: 1}}",
)
DATA_UNREADABLE = Rule(
    "FS230",
    "a data source cannot be read",
    "The lock is written from the data themselves.",
    bad="data: {bars: {from: price.csv, key: ticker, time: date, price: close}}    # the file is prices.csv",
    good="data: {bars: {from: prices.csv, key: ticker, time: date, price: close}}",
)
NO_LOCK = Rule(
    "FS231",
    "there is no lock beside the spec",
    "Members, lengths and data versions come from the lock, so that a plan needs no data and guesses nothing.",
    bad="fleetspec plan fleet.yaml    # without fleet.lock",
    good="fleetspec lock fleet.yaml && fleetspec plan fleet.yaml",
)
LOCK_DAMAGED = Rule(
    "FS232",
    "the lock cannot be read",
    "A lock is written by the tool; one that was edited or cut off pins nothing.",
    bad="a fleet.lock with a merge conflict in it",
    good="fleetspec lock fleet.yaml    # writes it anew",
)
NOT_IN_LOCK = Rule(
    "FS233",
    "the lock does not hold it",
    "The spec was changed after it was locked; its new parts have no members, lengths or digests yet.",
    bad="universes: {fx: {data: market, calendar: 24/5, bar: 1 session}}    # locked before fx was added",
    good="fleetspec lock fleet.yaml",
)
LOCK_OUTDATED = Rule(
    "FS234",
    "the spec says otherwise than when it was locked",
    "A plan would be made for members or data the spec no longer names.",
    bad="data: {market: {series: 500}}    # locked with series: 220",
    good="fleetspec lock fleet.yaml",
)
WINDOW_TOO_LONG = Rule(
    "FS235",
    "the training window is longer than every series",
    "No model of the group could be fitted.",
    bad="models: {vol: {train: 5000 bars}}    # the longest series has 1250 bars",
    good="models: {vol: {train: 1000 bars}}",
)
SOME_TOO_SHORT = Rule(
    "FS236",
    "some series are shorter than the training window",
    "Their models are quarantined in every run, and count towards max_quarantined.",
    bad="models: {vol: {train: 1000 bars}}    # three series have 600 bars",
    good="models: {vol: {train: 500 bars}}",
    severity=Severity.WARNING,
)
SAME_ADDRESS = Rule(
    "FS237",
    "two names would be the same in an address",
    "An address spells series and values of axes in lower-case letters, digits and '-'.",
    bad="universes: {us: {data: market, series: [BRK.B, BRK-B], calendar: XNYS, bar: 1 session}}",
    good="universes: {us: {data: market, series: [BRK.B], calendar: XNYS, bar: 1 session}}",
)
NOT_A_SESSION = Rule(
    "FS238",
    "the day is not a session of the calendar",
    "A night lies between two sessions, so a plan is for one that took place or will.",
    bad="fleetspec plan fleet.yaml --session 2026-11-26    # Thanksgiving",
    good="fleetspec plan fleet.yaml --session 2026-11-25",
)
SESSION_AND_LOCK = Rule(
    "FS239",
    "the session is later than the locked data",
    "Forecasts are made from the last locked bars, whatever the session.",
    bad="fleetspec plan fleet.yaml --session 2026-11-25    # the lock ends with 2026-11-20",
    good="fleetspec lock fleet.yaml && fleetspec plan fleet.yaml --session 2026-11-25",
    severity=Severity.WARNING,
)
NO_BARS = Rule(
    "FS240",
    "the lock holds no bars",
    "Without a single observation there is no session to plan for.",
    bad="a prices.csv in which every price is empty",
    good="a prices.csv with prices",
)
UNKNOWN_SELECTOR = Rule(
    "FS241",
    "the selector means nothing",
    "A selector that silently matches nothing hides a typing error.",
    bad="fleetspec results fleet.yaml familly:garch",
    good="fleetspec results fleet.yaml family:garch",
)
SESSION_BEFORE_LOCK = Rule(
    "FS243",
    "the session is earlier than the locked data",
    "Forecasts of that night would be made from bars that nobody had yet: look-ahead.",
    bad="fleetspec plan fleet.yaml --session 2025-06-03    # the lock ends with 2025-12-31",
    good="fleetspec plan fleet.yaml    # the session the lock ends with",
)
NO_BACKTEST = Rule(
    "FS242",
    "the spec has no backtest",
    "Which groups are walked forward, and in which steps, is nowhere said.",
    bad="fleetspec plan fleet.yaml --run backtest    # without backtest: in fleet.yaml",
    good="backtest: {scheme: walk-forward, models: [vol, var], step: 20 bars, tests: [kupiec], within: 12h}",
)
