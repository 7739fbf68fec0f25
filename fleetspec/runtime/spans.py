"""Which bars a job reads of each of its series, so that nothing it must not know yet reaches a family.

A model per series counts in bars of its series. A model of a whole universe has the bounds of the universe's longest
series: in a backtest their dates cut every member, and no member is seen beyond them; in a nightly run every member has
its own newest window, on its own grid.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from fleetspec.compiler.jobgraph import RunKind, Task
from fleetspec.compiler.windows import last_origins, nightly_window
from fleetspec.family import Rejection
from fleetspec.panel.series import stamp_text

if TYPE_CHECKING:
    from fleetspec.compiler.jobgraph import GroupFamily
    from fleetspec.family import Dates, SeriesWindow
    from fleetspec.runtime.inputs import SeriesBlock
    from fleetspec.runtime.workload import Workload


@dataclass(frozen=True, slots=True)
class Span:
    """Bars ``begin:end`` of a series. What is learned from them ends before bar ``split``; forecasts are made from bar
    ``split - 1`` on."""

    series: str
    begin: int
    split: int
    end: int


@dataclass(frozen=True, slots=True)
class Spans:
    """The spans of a job, one for each series it can use, and a note of those it cannot."""

    spans: tuple[Span, ...]
    note: str | None = None

    def learned(self, block: SeriesBlock) -> tuple[SeriesWindow, ...]:
        """What a fit sees."""
        return tuple(block.window(span.series, span.begin, span.split) for span in self.spans)

    def forecast(self, block: SeriesBlock) -> tuple[tuple[SeriesWindow, ...], int]:
        """What a forecast sees, and its first origin in every window: one counts for all, so what lies before it is
        cut to one length."""
        seen = [span for span in self.spans if span.end >= span.split]
        if not seen:
            raise Rejection("no member has a bar to forecast from")
        before = min(span.split - 1 - span.begin for span in seen)
        return tuple(block.window(s.series, s.split - 1 - before, s.end) for s in seen), before


def gate(work: Workload, job: int, name: str, train: int) -> str | None:
    """Why a series cannot be fitted on a window of ``train`` bars; None when it can."""
    block = work.block(job)
    reason = block.verdict(name, work.standard(job))
    if reason is None and block.bars(name) < train:
        return f"{block.bars(name)} bars, train needs {train}"
    return reason


def fit_spans(work: Workload, job: int) -> Spans:
    """The training windows of a fit or of a rung of trials. Raises Rejection where no series can be used."""
    graph, setting = work.graph, work.setting(job)
    start, end = int(graph.start[job]), int(graph.end[job])
    if not work.per_universe(job):
        (name,) = work.members(job)
        reason = gate(work, job, name, setting.train)
        if reason is not None:
            raise Rejection(reason)
        return Spans((Span(name, start, end, end),))
    found: dict[str, Span | str] = {}
    for name in work.members(job):
        found[name] = gate(work, job, name, setting.train) or _newest(work, job, name)
    return _kept(found)


def trial_spans(work: Workload, job: int, validation: float, horizon: int) -> Spans:
    """The windows of :func:`fit_spans` with their last share kept for validation, the forecasts of which end with them.

    On a universe the validation part begins on one date for all members. Members that end before it are learned from
    and not judged: their span ends where its split is.
    """
    graph, block = work.graph, work.block(job)
    start, end = int(graph.start[job]), int(graph.end[job])
    kept = max(int((end - start) * validation + 1e-9), 1)
    if kept < horizon:
        raise Rejection(f"the validation part of {end - start} bars has {kept}, and a forecast looks {horizon} ahead")
    whole = fit_spans(work, job)
    if not work.per_universe(job):
        (span,) = whole.spans
        return Spans((Span(span.series, span.begin, end - kept, end - horizon),))
    least, first_day = work.setting(job).family.min_bars, _dates(block, longest(work, job))[end - kept]
    found: dict[str, Span | str] = {}
    for span in whole.spans:
        split = int(np.searchsorted(_dates(block, span.series), first_day))
        split = min(max(split, span.begin), span.end)
        if split - span.begin < least:
            found[span.series] = f"{split - span.begin} bars before {stamp_text(first_day)}, {least} are needed"
        else:
            found[span.series] = Span(span.series, span.begin, split, max(span.end - horizon, split - 1))
    judged = _kept(found)
    return Spans(judged.spans, "; ".join(filter(None, (whole.note, judged.note))) or None)


def forecast_spans(work: Workload, job: int, fit: int | None) -> Spans:
    """From the first bar of the window of job ``fit`` to the last origin; a transform sees its origins only."""
    graph = work.graph
    first, end = int(graph.start[job]), int(graph.end[job])
    if not work.per_universe(job):
        (name,) = work.members(job)
        reason = None if len(graph.parents(job)) else gate(work, job, name, work.setting(job).family.min_bars)
        if reason is not None:
            raise Rejection(reason)
        return Spans((Span(name, first if fit is None else int(graph.start[fit]), first + 1, end),))
    whole = Spans(()) if fit is None else fit_spans(work, fit)
    begins = {span.series: span.begin for span in whole.spans}
    found: dict[str, Span | str] = {}
    for name in work.members(job) if fit is None else begins:
        low, high = _origins(work, job, name)
        if low < high:
            found[name] = Span(name, min(begins.get(name, low), low), low + 1, high)
        else:
            found[name] = f"no bar from {_day(work, job, first)} to {_day(work, job, end - 1)}"
    forecast = _kept(found)
    return Spans(forecast.spans, "; ".join(filter(None, (whole.note, forecast.note))) or None)


def longest(work: Workload, job: int) -> str:
    """The member whose bars bound the windows of models of its universe: the longest, the first of them."""
    block = work.block(job)
    return max(work.members(job), key=block.bars)


def _kept(found: dict[str, Span | str]) -> Spans:
    """The series that can be used, and a note of the others with the reason. Rejection where there is none."""
    spans = tuple(span for span in found.values() if isinstance(span, Span))
    out = [(name, reason) for name, reason in found.items() if isinstance(reason, str)]
    if not spans:
        raise Rejection(f"none of {len(found)} members can be used; {out[0][0]}: {out[0][1]}")
    if not out:
        return Spans(spans)
    shown = "; ".join(f"{name}: {reason}" for name, reason in out[:3])
    return Spans(spans, f"without {len(out)} of {len(found)} members ({shown}{'; …' if len(out) > 3 else ''})")


def _newest(work: Workload, job: int, name: str) -> Span | str:
    """A member's window, as long as the job's; or why it has none."""
    block, setting = work.block(job), work.setting(job)
    start, end = int(work.graph.start[job]), int(work.graph.end[job])
    if work.graph.run is RunKind.BACKTEST:
        day = _dates(block, longest(work, job))[end - 1]
        last = int(np.searchsorted(_dates(block, name), day, side="right"))
        if last < setting.train:
            return f"{last} bars up to {stamp_text(day)}, train needs {setting.train}"
    else:
        last = nightly_window(block.bars(name), setting.train, _every(work, job, setting))[1]
    return Span(name, last - (end - start), last, last)


def _every(work: Workload, job: int, setting: GroupFamily) -> int:
    if work.graph.task[job] == Task.TRIAL and setting.search is not None:
        return setting.search.every
    return setting.refit


def _origins(work: Workload, job: int, name: str) -> tuple[int, int]:
    """The bars of a member from which a forecast is made, half-open."""
    block, setting = work.block(job), work.setting(job)
    if work.graph.run is not RunKind.BACKTEST:
        newest = int(last_origins(np.array([block.bars(name)]), setting.train, setting.every)[0])
        return newest, min(newest + 1, block.bars(name))
    dates, days = _dates(block, name), _dates(block, longest(work, job))
    first, end = int(work.graph.start[job]), int(work.graph.end[job])
    high = int(np.searchsorted(dates, days[end])) if end < len(days) else len(dates)
    return int(np.searchsorted(dates, days[first])), high


def _dates(block: SeriesBlock, name: str) -> Dates:
    return block.window(name, 0, block.bars(name)).dates


def _day(work: Workload, job: int, bar: int) -> str:
    return stamp_text(_dates(work.block(job), longest(work, job))[bar])
