"""FS2xx: axes, searches, exceptions, backtests and gates that do not say what they seem to."""

from __future__ import annotations

from fleetspec.diagnostics import Rule, Severity

NOTHING_EXCLUDED = Rule(
    "FS244",
    "an exception that takes nothing out",
    "Every key of an entry must match. One that matches nothing is misspelt, or what it took out is gone.",
    bad="except: [{families: xgboost}]",
    good="except: [{families: gjr}]",
)
ALL_EXCLUDED = Rule(
    "FS245",
    "an exception that takes out a whole row",
    "The row then asks for nothing, and whoever reads it believes that it does.",
    bad="except: [{universes: equities}]",
    good="except: [{universes: equities, families: gjr}]",
)
AXIS_NAME = Rule(
    "FS246",
    "an axis that is named after nothing it could change",
    "A list of values is named after a setting (bar, features, measure, refit, train) or after a parameter of every "
    "family that gets it; a map says for each value what it changes.",
    bad="models: {linear: {axes: {penalty: [0.01, 1]}}}",
    good="models: {linear: {axes: {penalty: {weak: {params: {alpha: 0.01}}, strong: {params: {alpha: 1}}}}}}",
)
AXIS_OF_ONE = Rule(
    "FS247",
    "an axis with one value",
    "It multiplies nothing and lengthens every address.",
    bad="models: {vol: {axes: {distribution: [t]}}}",
    good="models: {vol: {params: {distribution: t}}}",
    severity=Severity.WARNING,
)
SAID_TWICE = Rule(
    "FS248",
    "two places decide the same thing",
    "Only one of them can count, and which one is nowhere written.",
    bad="models: {linear: {params: {alpha: 0.1}, axes: {alpha: [0.01, 1]}}}",
    good="models: {linear: {axes: {alpha: [0.01, 1]}}}",
)
EVALUATES_NOTHING = Rule(
    "FS249",
    "an axis that evaluates where nothing is evaluated",
    "How often a position is renewed changes turnover and cost in a backtest of return forecasts, and nothing else.",
    bad="models: {vol: {axes: {rebalance: {every: [1 session, 5 sessions], effect: evaluates}}}}",
    good="models: {linear: {axes: {rebalance: {every: [1 session, 5 sessions], effect: evaluates}}}}\n"
    "backtest: {scheme: walk-forward, models: [linear], step: 20 bars, within: 12h}",
    severity=Severity.WARNING,
)
CADENCE_IN_BARS = Rule(
    "FS250",
    "a cadence in sessions where a bar is no session",
    "Windows move on a grid of bars, so `5 sessions` means five bars: 25 minutes of bars of 5m, five weeks of weeks.",
    bad="models: {vol: {axes: {bar: [5m, 1 session]}}}",
    good="models: {vol: {refit: 5 bars, axes: {bar: [5m, 1 session]}}}",
    severity=Severity.WARNING,
)
SPACE = Rule(
    "FS251",
    "a search space that nothing can be drawn from",
    "A range goes from a smaller to a larger number that the parameter can be; a list has two choices or more.",
    bad="models: {linear: {search: {every: 60 sessions, trials: 20, metric: rmse, space: {alpha: 1..0.1}}}}",
    good="models: {linear: {search: {every: 60 sessions, trials: 20, metric: rmse, space: {alpha: 0.1..1}}}}",
)
METRIC = Rule(
    "FS252",
    "a metric that does not suit the target",
    "Forecasts of return are ranked by rmse, mae or mase, those of variance by qlike or log_likelihood.",
    bad="models: {linear: {search: {every: 60 sessions, trials: 20, metric: qlike, space: {alpha: 0.1..1}}}}",
    good="models: {linear: {search: {every: 60 sessions, trials: 20, metric: rmse, space: {alpha: 0.1..1}}}}",
)
SEARCH_CADENCE = Rule(
    "FS253",
    "a search that does not fall on a refit",
    "Parameters are chosen for a fit; between two fits nothing could use them.",
    bad="models: {linear: {search: {every: 12 sessions, trials: 20, metric: rmse, space: {alpha: 0.1..1}}}}",
    good="models: {linear: {search: {every: 60 sessions, trials: 20, metric: rmse, space: {alpha: 0.1..1}}}}",
)
SEARCH_WINDOW = Rule(
    "FS254",
    "a search that leaves too few bars to learn from, or to judge by",
    "Candidates are fitted on the window without its last share and judged on that share, so both must be long enough.",
    bad="models: {linear: {search: {every: 60 sessions, trials: 20, metric: rmse, validation: 97%, "
    "space: {alpha: 0.1..1}}}}",
    good="models: {linear: {search: {every: 60 sessions, trials: 20, metric: rmse, validation: 20%, "
    "space: {alpha: 0.1..1}}}}",
)
NOTHING_TO_SEARCH = Rule(
    "FS255",
    "a search where there is nothing to search for",
    "A transform fits nothing, and a family without parameters is as it is.",
    bad="models: {var: {search: {every: 60 sessions, trials: 20, metric: qlike, space: {alpha: 0.1..1}}}}",
    good="models: {vol: {search: {every: 60 sessions, trials: 8, metric: qlike, space: {p: 1..2, q: 1..4}}}}",
)
REPEATED_TRIALS = Rule(
    "FS256",
    "more trials than there are candidates",
    "Candidates are drawn independently, so the rest of the trials fits again what has been fitted.",
    bad="models: {vol: {search: {every: 60 sessions, trials: 20, metric: qlike, space: {p: 1..2}}}}",
    good="models: {vol: {search: {every: 60 sessions, trials: 8, metric: qlike, space: {p: 1..4, q: 1..4}}}}",
    severity=Severity.WARNING,
)
PURGE = Rule(
    "FS257",
    "a purge that is shorter than the horizon",
    "The last labels of a training window would end after the first forecast that is judged: look-ahead (López de "
    "Prado 2018, chapter 7).",
    bad="horizons: [1 bar, 5 bars]\n"
    "backtest: {scheme: walk-forward, models: [linear], step: 20 bars, purge: 1 bar, within: 12h}",
    good="horizons: [1 bar, 5 bars]\n"
    "backtest: {scheme: walk-forward, models: [linear], step: 20 bars, purge: horizon, within: 12h}",
)
BASEL = Rule(
    "FS258",
    "the traffic light is for one day, 99 % and 250 days",
    "Its zones are counts of exceptions among 250 days at 99 % (Basel Committee 1996) and mean nothing elsewhere.",
    bad="models: {var: {levels: [97.5%]}}\n"
    "backtest: {scheme: walk-forward, models: [var], step: 20 bars, tests: [basel], within: 12h}",
    good="models: {var: {levels: [99%, 97.5%]}}\n"
    "backtest: {scheme: walk-forward, models: [var], step: 20 bars, tests: [basel], within: 12h}",
)
GATE = Rule(
    "FS259",
    "a gate that has nothing to judge by",
    "A gate reads a test that the backtest makes of a group, over as many forecasts as it asks for.",
    bad="backtest: {scheme: walk-forward, models: [var], step: 20 bars, within: 12h}\n"
    "gates: [{models: var, test: kupiec, fdr: 5%}]",
    good="backtest: {scheme: walk-forward, models: [var], step: 20 bars, tests: [kupiec], within: 12h}\n"
    "gates: [{models: var, test: kupiec, fdr: 5%}]",
)
POWER = Rule(
    "FS260",
    "a gate on too few forecasts",
    "With less than one exception to be expected, a wrong model looks like a right one: the test has no power.",
    bad="backtest: {scheme: walk-forward, models: [var], step: 20 bars, tests: [kupiec], within: 12h}\n"
    "gates: [{models: var, test: kupiec, fdr: 5%, min_obs: 60}]",
    good="backtest: {scheme: walk-forward, models: [var], step: 20 bars, tests: [kupiec], within: 12h}\n"
    "gates: [{models: var, test: kupiec, fdr: 5%, min_obs: 500}]",
    severity=Severity.WARNING,
)
NOT_PRETRAINED = Rule(
    "FS261",
    "a family that is not pretrained",
    "What a pretrained model has seen must end before what it is judged by; a family that is fitted has seen nothing.",
    bad="models: {linear: {pretrained_until: 2023-12-31}}",
    good="models: {linear: {train: 1000 bars}}",
)
MEASURE = Rule(
    "FS269",
    "a measure that the family does not read",
    "Most families are fitted on returns; given another measure they would ignore it and look as if they did not.",
    bad="models: {vol: {measure: realised}}",
    good="models: {vol: {measure: returns}}",
)
