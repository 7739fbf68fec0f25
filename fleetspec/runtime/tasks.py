"""One job: its inputs put together, its family called, its answer checked. Raises Rejection to quarantine it."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from fleetspec.compiler.jobgraph import Task
from fleetspec.family import Fit, FitRequest, ForecastRequest, Forecasts, Rejection
from fleetspec.panel.series import stamp_text
from fleetspec.runtime.judging import judge, lacking
from fleetspec.runtime.spans import fit_spans, forecast_spans
from fleetspec.runtime.trials import Attempt, Trial, all_lost, candidates, lost, params_of, ranked, told

if TYPE_CHECKING:
    from fleetspec.evaluation.metrics import Score
    from fleetspec.runtime.trials import Chosen
    from fleetspec.runtime.workload import Station, Workload

_FIT = int(Task.FIT)
"""Compared with a hundred thousand times a run, where finding an enumeration's member is not free."""
T = TypeVar("T")
Request = TypeVar("Request", FitRequest, ForecastRequest)
Result = TypeVar("Result", Fit, Forecasts)


class ParentLost(Exception):
    """The ledger says a parent is done and the store does not hold its result: the store's fault, not the job's."""


@dataclass(frozen=True, slots=True, eq=False)
class Parents:
    """Results a bundle's jobs build on, by digest. ``chosen`` are the parameters of fits that a search chose, ``holes``
    the reasons why there is no forecast of a window that a model is judged without."""

    fits: Mapping[bytes, Fit]
    forecasts: Mapping[bytes, Forecasts]
    trials: Mapping[bytes, Sequence[Trial]] = field(default_factory=dict)
    chosen: Mapping[bytes, Chosen] = field(default_factory=dict)
    holes: Mapping[bytes, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, eq=False)
class Answer:
    """What a job gave: exactly one of the four, where it ran, and a note for the ledger. ``chosen`` are parameters that
    a search has chosen for the fit."""

    fit: Fit | None = None
    chosen: Chosen | None = None
    forecasts: Forecasts | None = None
    scores: tuple[Score, ...] = ()
    trials: tuple[Trial, ...] | None = None
    device: str = "cpu"
    note: str | None = None


@dataclass(frozen=True, slots=True)
class Asked:
    """What is known of a request beside itself: a note for the ledger, and parameters that a search chose."""

    note: str | None = None
    chosen: Chosen | None = None


def run_job(work: Workload, job: int, parents: Parents, station: Station) -> Answer:
    """Run job ``job`` of the workload's graph on ``station``."""
    task = Task(int(work.graph.task[job]))
    if task is Task.FIT:
        return _fit(work, job, parents, station)
    if task is Task.TRIAL:
        return _trials(work, job, parents, station)
    if task is Task.FORECAST:
        return _forecast(work, job, parents, station)
    keys = [work.graph.digest[parent].tobytes() for parent in work.graph.parents(job)]
    forecasts = [None if key in parents.holes else _given(parents.forecasts, key) for key in keys]
    lost = [parents.holes[key] for key in keys if key in parents.holes]
    return Answer(scores=judge(work, job, forecasts), note=lacking(lost, len(keys)))


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
        return _many(jobs, lambda job: _fit_request(work, job, parents, station), family.fit_many, _fit_answer)
    assert family.forecast_many is not None
    return _many(
        jobs, lambda job: _forecast_request(work, job, parents, station), family.forecast_many, _forecast_answer
    )


def _many(
    jobs: Sequence[int],
    ask: Callable[[int], tuple[Request, Asked]],
    call: Callable[[Sequence[Request]], list[Result | Rejection]],
    answer: Callable[[Request, Result, Asked], Answer],
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


def _fit(work: Workload, job: int, parents: Parents, station: Station) -> Answer:
    fit = work.setting(job).family.fit
    assert fit is not None
    request, asked = _fit_request(work, job, parents, station)
    return _fit_answer(request, fit(request), asked)


def _fit_request(work: Workload, job: int, parents: Parents, station: Station) -> tuple[FitRequest, Asked]:
    setting = work.setting(job)
    chosen, found = None, None
    if setting.search is not None:
        tried = _tried(work, job, parents)
        best = next(iter(ranked(tried)), None)
        if best is None:
            raise all_lost(tried)
        chosen, found = best.params, told(best, setting.search)
    spans = fit_spans(work, job)
    request = FitRequest(
        windows=spans.learned(work.block(job)),
        params=params_of(setting, chosen),
        features=setting.features,
        horizon=_own_horizon(work, job),
        seed=work.seed(job),
        device=station.device,
        measure=setting.measure,
    )
    return request, Asked(_noted(found, spans.note), chosen)


def _fit_answer(request: FitRequest, fit: Fit, asked: Asked) -> Answer:
    for name, value in fit.estimates.items():
        if not math.isfinite(value):
            raise Rejection(f"the estimate of {name} is {value}")
    return Answer(fit=fit, chosen=asked.chosen, device=fit.device, note=_noted(asked.note, fit.note))


def _noted(*notes: str | None) -> str | None:
    return "; ".join(filter(None, notes)) or None


def _forecast(work: Workload, job: int, parents: Parents, station: Station) -> Answer:
    request, asked = _forecast_request(work, job, parents, station)
    return _forecast_answer(request, work.setting(job).family.forecast(request), asked)


def _forecast_request(work: Workload, job: int, parents: Parents, station: Station) -> tuple[ForecastRequest, Asked]:
    setting = work.setting(job)
    fit, fit_job, chosen = None, None, None
    members: dict[int, list[Forecasts]] = {}
    behind: dict[int, Fit] = {}
    own = work.graph.model[job]
    for parent in work.graph.parents(job):
        key, model = work.graph.digest[parent].tobytes(), int(work.graph.model[parent])
        if work.graph.task[parent] != _FIT:
            members.setdefault(model, []).append(_given(parents.forecasts, key))
        elif model == own:
            fit, fit_job, chosen = _given(parents.fits, key), int(parent), parents.chosen.get(key)
        else:
            behind[model] = _given(parents.fits, key)
    spans = forecast_spans(work, job, fit_job)
    windows, first_origin = spans.forecast(work.block(job))
    request = ForecastRequest(
        fit=fit,
        windows=windows,
        first_origin=first_origin,
        horizons=work.horizons(job),
        params=params_of(setting, chosen),
        features=setting.features,
        levels=setting.levels,
        members=tuple(map(Forecasts.joined, members.values())),
        member_fits=tuple(map(behind.get, members)) if behind else (),
        seed=work.seed(job),
        device=station.device,
        measure=setting.measure,
        side=setting.side,
    )
    return request, Asked(spans.note)


def _forecast_answer(request: ForecastRequest, forecasts: Forecasts, asked: Asked) -> Answer:
    _check(forecasts)
    # A forecast does not report where it ran: a family whose fit fell back to the CPU falls back here too.
    on_cpu = request.fit is not None and request.fit.device == "cpu"
    return Answer(forecasts=forecasts, device="cpu" if on_cpu else request.device, note=asked.note)


def _check(forecasts: Forecasts) -> None:
    if not len(forecasts):
        raise Rejection("the family gave no forecast")
    wrong = np.isnan(forecasts.value) | (np.isinf(forecasts.value) & (forecasts.quantity != "nu"))
    # Nothing can be standardised by a variance of 0, and its loss is minus infinity.
    wrong |= (forecasts.quantity == "variance") & (forecasts.value <= 0)
    if wrong.any():
        at = int(np.flatnonzero(wrong)[0])
        raise Rejection(
            f"the {forecasts.quantity[at]} forecast over {forecasts.horizon[at]} bars from "
            f"{stamp_text(forecasts.origin[at])} is {forecasts.value[at]}"
        )


def _trials(work: Workload, job: int, parents: Parents, station: Station) -> Answer:
    """What each candidate of a job came to. One that fails has lost; where this job makes all trials of its rung and
    all have, the search is at its end."""
    search = work.setting(job).search
    assert search is not None
    attempt = Attempt(work, job, station)
    trials = []
    for number, chosen in candidates(work, job, _tried(work, job, parents)):
        begun = time.perf_counter()
        value, reason = math.nan, None
        try:
            value = attempt.score(chosen)
            reason = None if math.isfinite(value) else f"its {search.metric} is {value}"
        except Exception as error:
            reason = lost(error)
        seconds = time.perf_counter() - begun
        trials.append(Trial(number, chosen, search.metric, value if reason is None else math.nan, seconds, reason))
    if search.rungs[int(work.graph.rung[job])].jobs == 1 and all(trial.reason for trial in trials):
        raise all_lost(trials)
    device = "cpu" if attempt.on_cpu else station.device
    return Answer(trials=tuple(trials), device=device, note=attempt.spans.note)


def _tried(work: Workload, job: int, parents: Parents) -> list[Trial]:
    """What the trials a job builds on have found; a job of them that was quarantined has found nothing."""
    keys = [work.graph.digest[p].tobytes() for p in work.graph.parents(job) if work.graph.task[p] == Task.TRIAL]
    return [trial for key in keys for trial in parents.trials.get(key, ())]


def _given(results: Mapping[bytes, T], key: bytes) -> T:
    if key not in results:
        raise ParentLost(f"the store has no rows of the parent job {key.hex()}, which its ledger says is done")
    return results[key]


def _own_horizon(work: Workload, job: int) -> int | None:
    return None if work.setting(job).family.horizon_free else work.horizons(job)[0]
