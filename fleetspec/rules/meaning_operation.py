"""FS2xx: deadlines, policies, addresses and terms of nodes that cannot be met, and what no command acts on yet."""

from __future__ import annotations

from fleetspec.diagnostics import Rule, Severity

GROUP_DEADLINE = Rule(
    "FS262",
    "a group's deadline that lies outside of the night",
    "The night begins at its start and ends at its deadline; a group can be due earlier, never later.",
    bad="schedule: {deadlines: {vol: open - 30m}}",
    good="schedule: {deadlines: {vol: open - 3h}}",
)
DEGRADE = Rule(
    "FS263",
    "something to leave out that is not there",
    "When a night is late, groups, `search` or `far horizons` are left out in order; anything else saves no time.",
    bad='schedule: {on_miss: {forecast: "latest parameters on today\'s data", degrade: [deep]}}',
    good='schedule: {on_miss: {forecast: "latest parameters on today\'s data", degrade: [linear]}}',
)
POLICY = Rule(
    "FS264",
    "a policy without what its rule needs",
    "`cost` has an amount of money, `slack` a duration, `on-time` a share, `growth` a factor, `price-age` sessions or "
    "a duration, `pools` and `gpus` those that may be used, `plugin` a name; `removal`, `new-family` and `four-eyes` "
    "have nothing.",
    bad="policies: {dear: {rule: cost, owner: platform, limit: 30m}}",
    good="policies: {dear: {rule: cost, owner: platform, limit: 250 USD}}",
)
PUBLISH = Rule(
    "FS265",
    "a place that forecasts cannot be published to",
    "They are written as files: to a folder, or to a bucket by s3:// or gs://.",
    bad='publish: {to: "https://lake.example/forecasts"}',
    good='publish: {to: "s3://lake/forecasts/"}',
)
MOVED = Rule(
    "FS266",
    "a renaming that cannot be followed",
    "A renamed model keeps its fits only when its old address leads to one new address, in one step.",
    bad="moved: [{from: equities/volatility, to: vol}]",
    good="moved: [{from: equities/volatility, to: equities/vol}]",
)
POOL_TERMS = Rule(
    "FS267",
    "terms of a pool that contradict each other",
    "A spot node is cheaper than the same node kept, an owned one is neither rented nor taken back, and a GPU is cut "
    "or shared.",
    bad="hardware: {laptop: {spot: {price: 0.30 USD/h, preempt: 4%/h}}}",
    good="hardware: {laptop: {spot: {price: 0.03 USD/h, preempt: 4%/h}}}",
)
OVER_CAPEX = Rule(
    "FS285",
    "owned machines that cost more a year than their budget",
    "An owned node costs its price over its years whether it works or not, so what all of a spec's may cost a year is "
    "known before any plan is made.",
    bad="budget: {nightly: 5 USD, capex: 100 USD/year}\n"
    "hardware: {desk: {cpu: 8, memory: 32Gi, max: 1, capex: {price: 1500 USD, years: 4, power: 0.02 USD/h}}}",
    good="budget: {nightly: 5 USD, capex: 400 USD/year}\n"
    "hardware: {desk: {cpu: 8, memory: 32Gi, max: 1, capex: {price: 1500 USD, years: 4, power: 0.02 USD/h}}}",
)
NOT_ACTED_ON = Rule(
    "FS268",
    "no command acts on this key yet",
    "It is part of the language and checked with the rest, so a spec can say it; what it asks for does not happen.",
    bad="schedule: {deadlines: {vol: open - 3h}}",
    good="schedule: {deadline: open - 3h}",
    severity=Severity.WARNING,
)
