"""Contests in the graph: for each backtested model a job that reads its forecasts and those of its rivals.

Rivals are the other models of its group on the same series, at the same bars, and the baseline where that is a group.
Each model has a job of its own, so that each has its own result in the store; what they have in common is small.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from fleetspec.compiler import identity
from fleetspec.compiler.assembly import Jobs
from fleetspec.compiler.jobgraph import NONE, Task
from fleetspec.compiler.judged import contest_content, contested, contests, rival

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from fleetspec.compiler.assembly import Assembly
    from fleetspec.compiler.blocks import Block
    from fleetspec.compiler.spec import FleetSpec

EFFORT = 30.0
"""Work of a contest as a multiple of an evaluation's: a thousand bootstrap samples beside a pass over forecasts."""
MARK = "#contest"


def hold_contests(spec: FleetSpec, assembly: Assembly, built: Mapping[tuple[str, str], Sequence[Block]]) -> None:
    """Append the contests of one universe, whose blocks by group and bar have all been emitted."""
    backtest = spec.backtest
    if backtest is None or not contests(backtest):
        return
    named = rival(backtest)
    for (group, bar), blocks in built.items():
        if not contested(spec, group):
            continue
        baseline = []
        if named is not None:
            baseline = [b for b in built.get((named[0], bar), ()) if named[1] in (None, b.setting.family.name)]
            if not baseline:
                continue
        content = identity.canonical(contest_content(backtest, spec.models[group]))
        for block in blocks:
            others = [other for other in blocks if other is not block and other.pooled == block.pooled]
            others += [other for other in baseline if other is not block and other not in others]
            _hold(assembly, block, others, content)


def _hold(assembly: Assembly, block: Block, others: list[Block], content: bytes) -> None:
    judged = np.flatnonzero(np.diff(block.begin))
    if not len(judged):
        return
    parents, counts, digests = [], [], []
    for model in judged:
        row, code = int(block.row[model]), int(block.code[model])
        jobs, made = [_forecasts(block, int(model))], [_digests(block, int(model))]
        for other in others:
            for one in _like(other, row, code):
                jobs.append(_forecasts(other, one))
                made.append(_digests(other, one))
        parents += jobs
        counts.append(sum(map(len, jobs)))
        own = block.digest[model].tobytes()
        digests.append(identity.single("contest", own, content, *made))
    begin, end = block.begin[judged], block.begin[judged + 1]
    start, stop = block.walk.first_origin[begin], block.walk.origin_end[end - 1]
    feeds = tuple(dict.fromkeys([block.forecast_class, *(other.forecast_class for other in others)]))
    numbers = block.first_model + judged
    columns = Jobs(
        numbers, np.zeros_like(numbers), start, stop, np.concatenate(digests), np.concatenate(parents), feeds,
        np.array(counts), part=np.full(len(numbers), NONE),
    )  # fmt: skip
    assembly.add(block.job_class(assembly, Task.EVALUATE, feeds, stop - start, EFFORT, MARK), columns)


def _like(other: Block, row: int, code: int) -> list[int]:
    """The models of a block on the same series that forecast what a model of horizon ``code`` does."""
    first = (0 if other.pooled else row) * len(other.codes)
    if code == NONE:
        return list(range(first, first + len(other.codes)))
    if other.codes[0] == NONE:
        return [first]
    return [first + int(np.searchsorted(other.codes, code))] if code in other.codes else []


def _forecasts(block: Block, model: int) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    return block.forecasts[block.begin[model] : block.begin[model + 1]]


def _digests(block: Block, model: int) -> bytes:
    return block.forecast_digest[block.begin[model] : block.begin[model + 1]].tobytes()
