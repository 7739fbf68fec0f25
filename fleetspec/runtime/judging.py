"""An evaluation: a model's forecasts held against what followed, or against those of its rivals."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

from fleetspec.compiler.jobgraph import NONE
from fleetspec.compiler.judged import contests, own_tests, periods, rival
from fleetspec.evaluation.judging import Judging
from fleetspec.evaluation.metrics import Score, evaluate
from fleetspec.evaluation.pairing import Realised
from fleetspec.evaluation.rivals import contest
from fleetspec.family import Forecasts, Rejection

if TYPE_CHECKING:
    from fleetspec.compiler.jobgraph import GroupFamily
    from fleetspec.runtime.workload import Workload


def judge(work: Workload, job: int, forecasts: Sequence[Forecasts | None]) -> tuple[Score, ...]:
    """Scores of a job's model; ``forecasts`` are those of its parents, in order, None for a window that has none.
    Raises Rejection without any."""
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
        there = [made for made in forecasts if made is not None]
        scores = evaluate(judging, there, series)
        if not scores:
            raise Rejection("no forecast has a realised value to be held against")
        if len(there) < len(forecasts):
            mark = f"@{judging.every}" if judging.every else ""
            lost, windows = float(len(forecasts) - len(there)), len(forecasts)
            for horizon in sorted({score.horizon for score in scores}):
                scores.append(Score(f"missing_windows{mark}", horizon, math.nan, lost, windows))
    return tuple(scores)


def lacking(reasons: Sequence[str], windows: int) -> str | None:
    """``2 of 60 windows have no forecast: the optimiser did not converge``, with the two most frequent reasons; None
    where all have one."""
    if not reasons:
        return None
    counted = sorted(Counter(reasons).items(), key=lambda pair: (-pair[1], pair[0]))
    told = "; ".join(reason if len(counted) == 1 else f"{reason} ({count})" for reason, count in counted[:2])
    verb = "has" if len(reasons) == 1 else "have"
    return f"{len(reasons)} of {windows} windows {verb} no forecast: {told}{'; …' if len(counted) > 2 else ''}"


def _contest(
    work: Workload, job: int, judging: Judging, forecasts: Sequence[Forecasts | None], series: dict[str, Realised]
) -> list[Score]:
    assert work.backtest is not None
    models, named, baseline = work.graph.models, rival(work.backtest), None
    by_model: dict[str, list[Forecasts]] = {}
    for parent, made in zip(work.graph.parents(job), forecasts, strict=True):
        setting = models.settings[int(models.setting[work.graph.model[parent]])]
        if made is not None:
            by_model.setdefault(_called(setting), []).append(made)
        if named is not None and setting.group == named[0] and named[1] in (None, setting.family.name):
            baseline = _called(setting)
    return contest(judging, _called(work.setting(job)), baseline, by_model, series)


def _called(setting: GroupFamily) -> str:
    return f"{setting.label}/{setting.family.name}"
