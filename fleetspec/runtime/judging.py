"""An evaluation: a model's forecasts held against what followed, or against those of its rivals."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from fleetspec.compiler.jobgraph import NONE
from fleetspec.compiler.judged import contests, own_tests, periods, rival
from fleetspec.evaluation.judging import Judging
from fleetspec.evaluation.metrics import evaluate
from fleetspec.evaluation.pairing import Realised
from fleetspec.evaluation.rivals import contest
from fleetspec.family import Forecasts, Rejection

if TYPE_CHECKING:
    from fleetspec.compiler.jobgraph import GroupFamily
    from fleetspec.evaluation.metrics import Score
    from fleetspec.runtime.workload import Workload


def judge(work: Workload, job: int, forecasts: Sequence[Forecasts]) -> tuple[Score, ...]:
    """Scores of a job's model; ``forecasts`` are those of its parents, in order. Raises Rejection without any."""
    setting, block, backtest = work.setting(job), work.block(job), work.backtest
    series = {}
    for name in work.members(job):
        whole = block.window(name, 0, block.bars(name))
        series[name] = Realised(whole.dates, whole.returns)
    judging = Judging(setting.target, side=setting.side, ranked=work.per_universe(job))
    part = int(work.graph.part[job])
    if part == NONE and backtest is not None:
        scores = _contest(work, job, judging._replace(tests=contests(backtest)), forecasts, series)
        if not scores:
            raise Rejection("it shares no origin with its rivals that all have a loss at")
    else:
        judging = judging._replace(every=setting.rebalance[part] if setting.rebalance else 0)
        if backtest is not None:
            judging = judging._replace(
                tests=own_tests(backtest), periods=periods(backtest), metrics=tuple(sorted(backtest.metrics))
            )
        scores = evaluate(judging, forecasts, series)
        if not scores:
            raise Rejection("no forecast has a realised value to be held against")
    return tuple(scores)


def _contest(
    work: Workload, job: int, judging: Judging, forecasts: Sequence[Forecasts], series: dict[str, Realised]
) -> list[Score]:
    assert work.backtest is not None
    models, named, baseline = work.graph.models, rival(work.backtest), None
    by_model: dict[str, list[Forecasts]] = {}
    for parent, made in zip(work.graph.parents(job), forecasts, strict=True):
        setting = models.settings[int(models.setting[work.graph.model[parent]])]
        by_model.setdefault(_called(setting), []).append(made)
        if named is not None and setting.group == named[0] and named[1] in (None, setting.family.name):
            baseline = _called(setting)
    return contest(judging, _called(work.setting(job)), baseline, by_model, series)


def _called(setting: GroupFamily) -> str:
    return f"{setting.label}/{setting.family.name}"
