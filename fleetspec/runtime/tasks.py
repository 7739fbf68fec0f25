"""One job: its inputs put together, its family called, its answer checked. Raises Rejection to quarantine it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from pydantic import BaseModel

from fleetspec.compiler.jobgraph import GroupFamily, Task
from fleetspec.compiler.windows import nightly_window
from fleetspec.evaluation.metrics import Score, evaluate
from fleetspec.family import Fit, FitRequest, ForecastRequest, Forecasts, Rejection, SeriesWindow
from fleetspec.panel.series import stamp_text
from fleetspec.runtime.workload import Station, Workload

T = TypeVar("T")


class ParentLost(Exception):
    """The ledger says a parent is done and the store does not hold its result: the store's fault, not the job's."""


@dataclass(frozen=True, slots=True, eq=False)
class Parents:
    """Results a bundle's jobs build on, by digest."""

    fits: Mapping[bytes, Fit]
    forecasts: Mapping[bytes, Forecasts]


@dataclass(frozen=True, slots=True, eq=False)
class Answer:
    """What a job gave: exactly one of the three, where it ran, and a note for the ledger."""

    fit: Fit | None = None
    forecasts: Forecasts | None = None
    scores: tuple[Score, ...] = ()
    device: str = "cpu"
    note: str | None = None


def run_job(work: Workload, job: int, parents: Parents, station: Station) -> Answer:
    """Run job ``job`` of the workload's graph on ``station``."""
    task = Task(int(work.graph.task[job]))
    if task is Task.FIT:
        return _fit(work, job, station)
    if task is Task.FORECAST:
        return _forecast(work, job, parents, station)
    return _evaluate(work, job, parents)


def gate(work: Workload, job: int, name: str, train: int) -> str | None:
    """Why a series cannot be fitted on a window of ``train`` bars; None when it can."""
    block = work.block(job)
    reason = block.verdict(name, work.standard(job))
    if reason is None and block.bars(name) < train:
        return f"{block.bars(name)} bars, train needs {train}"
    return reason


def _fit(work: Workload, job: int, station: Station) -> Answer:
    setting = work.setting(job)
    assert setting.family.fit is not None
    windows, note = _training_windows(work, job, setting)
    request = FitRequest(
        windows=windows,
        params=_params(setting),
        features=setting.features,
        horizon=_own_horizon(work, job),
        seed=work.seed(job),
        device=station.device,
    )
    fit = setting.family.fit(request)
    for name, value in fit.estimates.items():
        if not np.isfinite(value):
            raise Rejection(f"the estimate of {name} is {value}")
    return Answer(fit=fit, device=fit.device, note=note)


def _training_windows(work: Workload, job: int, setting: GroupFamily) -> tuple[tuple[SeriesWindow, ...], str | None]:
    block = work.block(job)
    if not work.per_universe(job):
        (name,) = work.members(job)
        reason = gate(work, job, name, setting.train)
        if reason is not None:
            raise Rejection(reason)
        return (block.window(name, int(work.graph.start[job]), int(work.graph.end[job])),), None
    usable, note = _usable(work, job, setting)
    spans = [nightly_window(block.bars(name), setting.train, setting.refit) for name in usable]
    return tuple(block.window(name, *span) for name, span in zip(usable, spans, strict=True)), note


def _usable(work: Workload, job: int, setting: GroupFamily) -> tuple[tuple[str, ...], str | None]:
    """Members of a universe that pass the gate, and a note of those that do not."""
    members = work.members(job)
    reasons = {name: gate(work, job, name, setting.train) for name in members}
    out = [name for name in members if reasons[name] is not None]
    if len(out) == len(members):
        raise Rejection(f"none of {len(members)} members can be used; {out[0]}: {reasons[out[0]]}")
    kept = tuple(name for name in members if reasons[name] is None)
    if not out:
        return kept, None
    shown = "; ".join(f"{name}: {reasons[name]}" for name in out[:3])
    return kept, f"without {len(out)} of {len(members)} members ({shown}{'; …' if len(out) > 3 else ''})"


def _forecast(work: Workload, job: int, parents: Parents, station: Station) -> Answer:
    setting = work.setting(job)
    fit, members, fit_job = None, [], None
    for parent in work.graph.parents(job):
        key = work.graph.digest[parent].tobytes()
        if work.graph.task[parent] == Task.FIT:
            fit, fit_job = _given(parents.fits, key), int(parent)
        else:
            members.append(_given(parents.forecasts, key))
    windows, first_origin, note = _forecast_windows(work, job, fit_job, setting)
    request = ForecastRequest(
        fit=fit,
        windows=windows,
        first_origin=first_origin,
        horizons=work.horizons(job),
        params=_params(setting),
        features=setting.features,
        levels=setting.levels,
        members=tuple(members),
        seed=work.seed(job),
        device=station.device,
    )
    forecasts = setting.family.forecast(request)
    _check(forecasts)
    # A forecast does not report where it ran: a family whose fit fell back to the CPU falls back here too.
    return Answer(
        forecasts=forecasts, device="cpu" if fit is not None and fit.device == "cpu" else station.device, note=note
    )


def _forecast_windows(
    work: Workload, job: int, fit_job: int | None, setting: GroupFamily
) -> tuple[tuple[SeriesWindow, ...], int, str | None]:
    """The bars a forecast may see, from its fit's first bar on, and its first origin in them."""
    block = work.block(job)
    start, end = int(work.graph.start[job]), int(work.graph.end[job])
    if not work.per_universe(job):
        (name,) = work.members(job)
        reason = None if len(work.graph.parents(job)) else gate(work, job, name, setting.family.min_bars)
        if reason is not None:
            raise Rejection(reason)
        begin = start if fit_job is None else int(work.graph.start[fit_job])
        return (block.window(name, begin, end),), start - begin, None
    usable, note = _usable(work, job, setting)
    begins = [nightly_window(block.bars(name), setting.train, setting.refit)[0] for name in usable]
    # One first origin counts for all windows, so they end at each member's last bar and have one length.
    length = min(block.bars(name) - begin for name, begin in zip(usable, begins, strict=True))
    return tuple(block.window(n, block.bars(n) - length, block.bars(n)) for n in usable), length - 1, note


def _check(forecasts: Forecasts) -> None:
    if not len(forecasts):
        raise Rejection("the family gave no forecast")
    wrong = np.isnan(forecasts.value) | (np.isinf(forecasts.value) & (forecasts.quantity != "nu"))
    if wrong.any():
        at = int(np.flatnonzero(wrong)[0])
        raise Rejection(
            f"the {forecasts.quantity[at]} forecast over {forecasts.horizon[at]} bars from "
            f"{stamp_text(forecasts.origin[at])} is {forecasts.value[at]}"
        )


def _evaluate(work: Workload, job: int, parents: Parents) -> Answer:
    keys = [work.graph.digest[parent].tobytes() for parent in work.graph.parents(job)]
    (name,) = work.members(job)
    block = work.block(job)
    whole = block.window(name, 0, block.bars(name))
    forecasts = [_given(parents.forecasts, key) for key in keys]
    scores = evaluate(work.setting(job).target, forecasts, whole.dates, whole.returns, work.tests)
    if not scores:
        raise Rejection("no forecast has a realised value to be held against")
    return Answer(scores=tuple(scores))


def _given(results: Mapping[bytes, T], key: bytes) -> T:
    if key not in results:
        raise ParentLost(f"the store has no rows of the parent job {key.hex()}, which its ledger says is done")
    return results[key]


def _own_horizon(work: Workload, job: int) -> int | None:
    return None if work.setting(job).family.horizon_free else work.horizons(job)[0]


def _params(setting: GroupFamily) -> BaseModel:
    return setting.family.params.model_validate(setting.params)
