"""FS4xx: what a backtest compares, judges by itself, and takes from packages."""

from __future__ import annotations

from fleetspec.diagnostics import Rule, Severity

PLUG_IN = Rule(
    "FS416",
    "a plug-in that cannot be used",
    "A feature, metric or target of a package is there by name, and its module cannot be loaded, has something else in "
    "it, or has a name that is taken: what it would compute is unknown.",
    bad='[project.entry-points."fleetspec.metrics"]\nhit-rate = "a_module_without_METRIC"',
    good='[project.entry-points."fleetspec.metrics"]\nhit-rate = "fleetspec_hit_rate"',
)
BASELINE = Rule(
    "FS417",
    "a contest without a rival that can be compared",
    "Losses are compared on one target, series and horizon: the baseline is `naive`, or one model of a backtested "
    "group that forecasts what the others do.",
    bad="backtest: {scheme: walk-forward, models: [vol, linear], step: 20 bars, tests: [diebold_mariano], "
    "baseline: nothing, within: 12h}",
    good="backtest: {scheme: walk-forward, models: [vol, linear], step: 20 bars, tests: [diebold_mariano], "
    "baseline: vol/garch, within: 12h}",
)
PERIOD = Rule(
    "FS418",
    "a stretch of days in which nothing is judged",
    "A backtest judges the days after its first training window and up to the end of the data. A crash outside has no "
    "rows in the results, which must not read as having been passed.",
    bad="backtest: {scheme: walk-forward, models: [vol], step: 20 bars, stress: [1987], within: 12h}  # from 1999",
    good="backtest: {scheme: walk-forward, models: [vol], step: 20 bars, stress: [2008], within: 12h}",
    severity=Severity.WARNING,
)
MODELS_HELD = Rule(
    "FS419",
    "a gate holds forecasts of single models back",
    "Contests speak of each model: those that are rejected, or not shown to be better, are held, and the rest of their "
    "group is published.",
    bad="gates: [{models: linear, test: diebold_mariano, shows: better, fdr: 5%}]    # most are no better than naive",
    good="gates: [{models: linear, test: diebold_mariano, shows: not worse, fdr: 5%}]",
    severity=Severity.WARNING,
)
