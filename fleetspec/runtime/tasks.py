"""One job: its inputs put together, its family called, its answer checked. Raises Rejection to quarantine it."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from pydantic import BaseModel

from fleetspec.compiler.jobgraph import GroupFamily, Task
from fleetspec.compiler.windows import nightly_window
from fleetspec.evaluation.metrics import Score, evaluate
from fleetspec.family import Fit, FitRequest, ForecastRequest, Forecasts, Rejection, SeriesWindow
from fleetspec.runtime.inputs import SeriesBlock
from fleetspec.runtime.workload import Station, Workload
from fleetspec.units import Share

T = TypeVar("T")
Request = TypeVar("Request", FitRequest, ForecastRequest)
Result = TypeVar("Result", Fit, Forecasts)


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


def has_many(work: Workload, job: int) -> bool:
    """Whether the job's family answers many jobs of its task in one call."""
    family, task = work.setting(job).family, work.graph.task[job]
    if task == Task.FIT:
        return family.fit_many is not None
    return task == Task.FORECAST and family.forecast_many is not None


def run_jobs(work: Workload, jobs: Sequence[int], parents: Parents, station: Station) -> list[Answer | Rejection]:
    """:func:`run_job` of jobs of one class in one call of their family; a rejected job has its rejection in place."""
    family = work.setting(jobs[0]).family
    if work.graph.task[jobs[0]] == Task.FIT:
        assert family.fit_many is not None
        return _many(jobs, lambda job: _fit_request(work, job, station), family.fit_many, _fit_answer)
    assert family.forecast_many is not None
    return _many(
        jobs, lambda job: _forecast_request(work, job, parents, station), family.forecast_many, _forecast_answer
    )


def _many(
    jobs: Sequence[int],
    ask: Callable[[int], tuple[Request, str | None]],
    call: Callable[[Sequence[Request]], list[Result | Rejection]],
    answer: Callable[[Request, Result, str | None], Answer],
) -> list[Answer | Rejection]:
    asked = [_caught(ask, job) for job in jobs]
    answers: list[Answer | Rejection] = []
    requests = [one[0] for one in asked if not isinstance(one, Rejection)]
    results = call(requests)
    if len(results) != len(requests):
        raise ValueError(f"{len(results)} answers to {len(requests)} requests")
    given = iter(results)
    for one in asked:
        if isinstance(one, Rejection):
            answers.append(one)
            continue
        result = next(given)
        answers.append(result if isinstance(result, Rejection) else _caught(answer, one[0], result, one[1]))
    return answers


def _caught(call: Callable[..., T], *arguments: object) -> T | Rejection:
    try:
        return call(*arguments)
    except Rejection as rejection:
        return rejection


def gate(work: Workload, block: SeriesBlock, name: str, train: int) -> str | None:
    """Why a series cannot be fitted on a window of ``train`` bars; None when it can."""
    bars, missing = block.bars(name), block.missing_rows(name)
    if bars == 0:
        return "no valid bars: all values are missing"
    share = missing / (bars + missing)
    if share > work.max_missing:
        return f"{Share(share)} of its values are missing, max_missing is {Share(work.max_missing)}"
    if bars < train:
        return f"{bars} bars, train needs {train}"
    return None


def _fit(work: Workload, job: int, station: Station) -> Answer:
    fit = work.setting(job).family.fit
    assert fit is not None
    request, note = _fit_request(work, job, station)
    return _fit_answer(request, fit(request), note)


def _fit_request(work: Workload, job: int, station: Station) -> tuple[FitRequest, str | None]:
    setting = work.setting(job)
    windows, note = _training_windows(work, job, setting)
    request = FitRequest(
        windows=windows,
        params=params_of(setting),
        features=setting.features,
        horizon=_own_horizon(work, job),
        seed=work.seed(job),
        device=station.device,
    )
    return request, note


def _fit_answer(request: FitRequest, fit: Fit, note: str | None) -> Answer:
    for name, value in fit.estimates.items():
        if not math.isfinite(value):
            raise Rejection(f"the estimate of {name} is {value}")
    return Answer(fit=fit, device=fit.device, note="; ".join(filter(None, (note, fit.note))) or None)


def _training_windows(work: Workload, job: int, setting: GroupFamily) -> tuple[tuple[SeriesWindow, ...], str | None]:
    block = work.block(job)
    if not work.per_universe(job):
        (name,) = work.members(job)
        reason = gate(work, block, name, setting.train)
        if reason is not None:
            raise Rejection(reason)
        return (block.window(name, int(work.graph.start[job]), int(work.graph.end[job])),), None
    usable, note = _usable(work, job, setting)
    spans = [nightly_window(block.bars(name), setting.train, setting.refit) for name in usable]
    return tuple(block.window(name, *span) for name, span in zip(usable, spans, strict=True)), note


def _usable(work: Workload, job: int, setting: GroupFamily) -> tuple[tuple[str, ...], str | None]:
    """Members of a universe that pass the gate, and a note of those that do not."""
    block, members = work.block(job), work.members(job)
    reasons = {name: gate(work, block, name, setting.train) for name in members}
    out = [name for name in members if reasons[name] is not None]
    if len(out) == len(members):
        raise Rejection(f"none of {len(members)} members can be used; {out[0]}: {reasons[out[0]]}")
    kept = tuple(name for name in members if reasons[name] is None)
    if not out:
        return kept, None
    shown = "; ".join(f"{name}: {reasons[name]}" for name in out[:3])
    return kept, f"without {len(out)} of {len(members)} members ({shown}{'; …' if len(out) > 3 else ''})"


def _forecast(work: Workload, job: int, parents: Parents, station: Station) -> Answer:
    request, note = _forecast_request(work, job, parents, station)
    return _forecast_answer(request, work.setting(job).family.forecast(request), note)


def _forecast_request(
    work: Workload, job: int, parents: Parents, station: Station
) -> tuple[ForecastRequest, str | None]:
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
        params=params_of(setting),
        features=setting.features,
        levels=setting.levels,
        members=tuple(members),
        seed=work.seed(job),
        device=station.device,
    )
    return request, note


def _forecast_answer(request: ForecastRequest, forecasts: Forecasts, note: str | None) -> Answer:
    _check(forecasts)
    # A forecast does not report where it ran: a family whose fit fell back to the CPU falls back here too.
    on_cpu = request.fit is not None and request.fit.device == "cpu"
    return Answer(forecasts=forecasts, device="cpu" if on_cpu else request.device, note=note)


def _forecast_windows(
    work: Workload, job: int, fit_job: int | None, setting: GroupFamily
) -> tuple[tuple[SeriesWindow, ...], int, str | None]:
    """The bars a forecast may see, from its fit's first bar on, and its first origin in them."""
    block = work.block(job)
    start, end = int(work.graph.start[job]), int(work.graph.end[job])
    if not work.per_universe(job):
        (name,) = work.members(job)
        reason = None if len(work.graph.parents(job)) else gate(work, block, name, setting.family.min_bars)
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
            f"the {forecasts.quantity[at]} forecast over {forecasts.horizon[at]} bars from {forecasts.origin[at]} "
            f"is {forecasts.value[at]}"
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


def params_of(setting: GroupFamily) -> BaseModel:
    """The family's parameters of a setting; one object for all its jobs."""
    # The setting is kept beside its parameters: its id is not given to another one while it lives.
    known = _PARAMS.get(id(setting))
    if known is None:
        known = _PARAMS[id(setting)] = setting, setting.family.params.model_validate(setting.params)
    return known[1]


_PARAMS: dict[int, tuple[GroupFamily, BaseModel]] = {}
