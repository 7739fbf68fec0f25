"""Trials: candidates of a search fitted on a part of a training window and scored on the rest of it.

Nothing after the search's window is seen, and what is learned ends before the part that is judged begins.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from pydantic import ValidationError

from fleetspec.compiler.spaces import candidate, read_space, whole_numbers
from fleetspec.evaluation.criteria import Judged, criterion
from fleetspec.evaluation.errors import naive_error
from fleetspec.evaluation.pairing import Realised, pair
from fleetspec.family import FitRequest, ForecastRequest, Rejection
from fleetspec.runtime.spans import trial_spans

if TYPE_CHECKING:
    from pydantic import BaseModel

    from fleetspec.compiler.jobgraph import GroupFamily, SearchSetting
    from fleetspec.family import Forecasts
    from fleetspec.runtime.spans import Span, Spans
    from fleetspec.runtime.workload import Station, Workload

Chosen = Mapping[str, str]
"""Parameters as a search found them, in the texts of the language."""


@dataclass(frozen=True, slots=True)
class Trial:
    """One candidate of a search. ``value`` is its score, the lower the better; NaN where it lost for ``reason``."""

    candidate: int
    params: Chosen
    metric: str
    value: float
    seconds: float = 0.0
    reason: str | None = None


def params_of(setting: GroupFamily, chosen: Chosen | None) -> BaseModel:
    """The parameters of a setting, with those a search has chosen; without a search one object for all its jobs."""
    if chosen:
        return setting.family.params.model_validate(setting.params | dict(chosen))
    # The setting is kept beside its parameters: its id is not given to another one while it lives.
    known = _PARAMS.get(id(setting))
    if known is None:
        known = _PARAMS[id(setting)] = setting, setting.family.params.model_validate(setting.params)
    return known[1]


_PARAMS: dict[int, tuple[GroupFamily, BaseModel]] = {}


def ranked(trials: Iterable[Trial]) -> list[Trial]:
    """Trials with a score, the best first; of equal ones the lowest number first."""
    return sorted((t for t in trials if math.isfinite(t.value)), key=lambda trial: (trial.value, trial.candidate))


def told(best: Trial, search: SearchSetting) -> str:
    """What a search has found, as a note: ``search: alpha=0.01 l1_ratio=0.5, rmse 0.0123, best of 40``."""
    params = " ".join(f"{name}={value}" for name, value in sorted(best.params.items()))
    return f"search: {params}, {best.metric} {best.value:.6g}, best of {search.rungs[0].trials}"


def candidates(work: Workload, job: int, above: Sequence[Trial]) -> list[tuple[int, Chosen]]:
    """Numbers and parameters of a job's candidates: the next of the space, or the best of the rung ``above`` it, of
    which there may be too few left for the rung's last jobs. Raises Rejection where none is left."""
    setting = work.setting(job)
    assert setting.search is not None
    rung = setting.search.rungs[int(work.graph.rung[job])]
    each = rung.trials // rung.jobs
    first = int(work.graph.part[job]) * each
    if work.graph.rung[job]:
        left = ranked(above)
        if not left:
            raise all_lost(above)
        return [(trial.candidate, trial.params) for trial in left[first : first + each]]
    space, whole = read_space(setting.search.space), whole_numbers(setting.family.params)
    return [(number, candidate(space, number, work.graph.seed, whole)) for number in range(first, first + each)]


class Attempt:
    """One job's windows, and what a candidate makes of them."""

    def __init__(self, work: Workload, job: int, station: Station) -> None:
        setting = work.setting(job)
        assert setting.search is not None
        assert setting.family.fit is not None
        self._work, self._job, self._station, self._setting = work, job, station, setting
        self._search, self._fit = setting.search, setting.family.fit
        self._horizon = 1 if setting.family.horizon_free else work.horizons(job)[0]
        self._block = work.block(job)
        self.spans: Spans = trial_spans(work, job, self._search.validation, self._horizon)
        self._learned = self.spans.learned(self._block)
        self._seen, self._origin = self.spans.forecast(self._block)
        self.on_cpu = False
        """Whether a fit says that it ran on the CPU."""

    def score(self, chosen: Chosen) -> float:
        """Fit and forecast with the candidate's parameters. Raises whatever the family raises."""
        setting, work, job = self._setting, self._work, self._job
        params = params_of(setting, chosen)
        request = FitRequest(
            windows=self._learned,
            params=params,
            features=setting.features,
            horizon=None if setting.family.horizon_free else self._horizon,
            seed=work.seed(job),
            device=self._station.device,
            measure=setting.measure,
        )
        fit = self._fit(request)
        self.on_cpu |= fit.device == "cpu"
        forecasts = setting.family.forecast(
            ForecastRequest(
                fit=fit,
                windows=self._seen,
                first_origin=self._origin,
                horizons=(self._horizon,),
                params=params,
                features=setting.features,
                seed=work.seed(job),
                device=self._station.device,
                measure=setting.measure,
                side=setting.side,
            )
        )
        judged = [one for span in self.spans.spans if (one := self._judged(span, forecasts)) is not None]
        if not judged:
            raise Rejection("it forecast nothing that the validation part can judge")
        return criterion(self._search.metric, setting.target, judged)

    def _judged(self, span: Span, forecasts: Forecasts) -> Judged | None:
        """A series' forecasts beside what followed; None where there is none of it."""
        target, name, horizon = self._setting.target, span.series, self._horizon
        window = self._block.window(name, 0, span.end + horizon)
        own = forecasts.at(forecasts.series == name)
        pairs = pair([own], target, horizon, math.nan, {name: Realised(window.dates, window.returns)})
        if not len(pairs):
            return None
        beside = {}
        for quantity, absent in (("mean", 0.0), ("nu", math.inf), ("skew", math.nan), ("power", math.nan)):
            values = np.full(len(window), absent)
            rows = (own.quantity == quantity) & (own.horizon == horizon)
            values[np.searchsorted(window.dates, own.origin[rows])] = own.value[rows]
            beside[quantity] = values[pairs.bar]
        naive = naive_error(window.returns[span.begin : span.split], horizon, target)
        return Judged(pairs.predicted, pairs.realised, **beside, naive=naive)


def lost(error: Exception) -> str:
    """Why a candidate has no score, on one line."""
    if isinstance(error, Rejection):
        return error.reason
    if isinstance(error, ValidationError):
        first = error.errors(include_url=False)[0]
        return f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
    text = str(error).strip().splitlines()
    return f"{type(error).__name__}: {text[0]}" if text else type(error).__name__


def all_lost(trials: Sequence[Trial]) -> Rejection:
    """Why a search gave nothing: each reason once, with the first candidate that has it."""
    first: dict[str, Trial] = {}
    for trial in trials:
        first.setdefault(trial.reason or "", trial)
    reasons = "; ".join(f"candidate {trial.candidate}: {reason}" for reason, trial in list(first.items())[:3])
    return Rejection(f"no candidate of {len(trials)} has a score ({reasons}{'; …' if len(first) > 3 else ''})")
