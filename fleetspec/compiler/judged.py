"""What a backtest judges forecasts by: its tests, periods, contests and the metrics of packages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fleetspec.evaluation.judging import CONTESTS, NAIVE, Period
from fleetspec.evaluation.periods import STRESS
from fleetspec.evaluation.plugins import METRICS, SHIPPED_TARGETS, TARGETS

if TYPE_CHECKING:
    from fleetspec.compiler.spec import FleetSpec
    from fleetspec.compiler.spec_models import Backtest, BacktestTest, ModelGroup

EVALUATION = 2
"""Version of what evaluations give: part of their digests, and of no other job's."""


def own_tests(backtest: Backtest) -> tuple[BacktestTest, ...]:
    """Tests that hold a model against the truth."""
    return tuple(test for test in backtest.tests if test not in CONTESTS)


def contests(backtest: Backtest) -> tuple[BacktestTest, ...]:
    """Tests that hold a model against others."""
    return tuple(test for test in backtest.tests if test in CONTESTS)


def periods(backtest: Backtest) -> tuple[Period, ...]:
    """Crashes by name and stretches of the spec's own, by name."""
    own = [Period(name, one.from_, one.to) for name, one in backtest.windows.items()]
    return tuple(sorted([*(STRESS[name] for name in backtest.stress if name in STRESS), *own]))


def rival(backtest: Backtest) -> tuple[str, str | None] | None:
    """Group and, where it says so, family of the baseline; None for the naive forecast."""
    if backtest.baseline == NAIVE:
        return None
    group, _, family = backtest.baseline.partition("/")
    return group, family or None


def contested(spec: FleetSpec, group: str) -> bool:
    """Whether contests are held of a group: there are such tests, and the baseline forecasts what the group does."""
    backtest = spec.backtest
    if backtest is None or group not in backtest.models or not contests(backtest):
        return False
    named, model = rival(backtest), spec.models[group]
    if model.target == "covariance":
        # Matrices have scores, and no contests: there is no naive one to hold them against.
        return False
    other = model if named is None else spec.models.get(named[0])
    return other is not None and (other.target, other.per, other.side) == (model.target, model.per, model.side)


def evaluation_content(backtest: Backtest, model: ModelGroup) -> dict[str, Any]:
    """What the scores of a group's models depend on, beside their forecasts."""
    content: dict[str, Any] = {"version": EVALUATION, "tests": sorted(own_tests(backtest))}
    content["max_missing"] = backtest.max_missing.fraction
    if backtest.stress or backtest.windows:
        content["periods"] = [[p.name, str(p.first), str(p.last)] for p in periods(backtest)]
    if backtest.metrics:
        content["metrics"] = [[name, METRICS[name].version] for name in sorted(backtest.metrics)]
    return content | _target_content(model)


def contest_content(backtest: Backtest, model: ModelGroup) -> dict[str, Any]:
    """What a contest depends on, beside the forecasts of all who take part."""
    content = {"version": EVALUATION, "tests": sorted(contests(backtest)), "baseline": backtest.baseline}
    content["max_missing"] = backtest.max_missing.fraction
    return content | _target_content(model)


def _target_content(model: ModelGroup) -> dict[str, Any]:
    # Entry points are looked for only where a target is not one of the shipped: that takes as long as a small fleet.
    shipped = model.target in SHIPPED_TARGETS
    return {} if shipped or model.target not in TARGETS else {"target": TARGETS[model.target].version}
