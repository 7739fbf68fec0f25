"""Latest parameters on today's data: what a model forecasts tonight whose own fit of tonight came to nothing.

The newest parameters that the model has published with take the place of tonight's, and the forecast is made from
tonight's origin by the same code as any other. It goes into an edition, marked, and never into the ledger: there, the
job of tonight's digest stays without a result.
"""

from __future__ import annotations

import os
import warnings
from collections import ChainMap
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple, TypeVar, cast

import numpy as np
import pyarrow.compute as pc

from fleetspec.compiler.jobgraph import Task
from fleetspec.family import Rejection
from fleetspec.runtime import segments
from fleetspec.runtime.ledger import State
from fleetspec.runtime.parents import read_given
from fleetspec.runtime.spans import gate
from fleetspec.runtime.store import DONE
from fleetspec.runtime.tasks import ParentLost, Parents, has_many, run_job, run_jobs
from fleetspec.runtime.worker import described, prepare, threads
from fleetspec.runtime.workload import Station

if TYPE_CHECKING:
    from fleetspec.family import Fit, Forecasts
    from fleetspec.runtime.ledger import Ledger
    from fleetspec.runtime.tasks import Answer
    from fleetspec.runtime.trials import Chosen
    from fleetspec.runtime.workload import Workload

_HERE = Station("cpu", "cpu", "cpu", 1)
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Earlier:
    """What a model was last published with: its digest, that of the fit, and the last bar the fit learned from."""

    model: str
    fit: str
    fitted_to: np.datetime64


class _Replaced(NamedTuple):
    """Earlier fits of a job, and the parameters that a search chose for them, by the digests of tonight's."""

    fits: dict[bytes, Fit]
    chosen: dict[bytes, Chosen]


def _over(mine: dict[bytes, T], given: Mapping[bytes, T]) -> Mapping[bytes, T]:
    # A ChainMap writes to its first map alone, whatever it asks of the others.
    return ChainMap(mine, cast(dict[bytes, T], given))


def _forecasts(answer: Answer | Rejection) -> Forecasts | str:
    if isinstance(answer, Rejection):
        return answer.reason
    assert answer.forecasts is not None
    return answer.forecasts


@dataclass(eq=False)
class Carrier:
    """Forecasts of tonight from earlier parameters. ``earlier`` is by address."""

    work: Workload
    ledger: Ledger
    earlier: Mapping[str, Earlier]
    _given: Parents = field(default_factory=lambda: Parents({}, {}, {}, {}))
    _made: dict[bytes, Forecasts] = field(default_factory=dict)

    def carry(self, jobs: Iterable[int]) -> dict[int, Forecasts | str]:
        """By job, forecasts, or why there are none. ``jobs`` are forecasts without a result; those that others rest on
        must be among them."""
        graph, by_class = self.work.graph, dict[int, list[int]]()
        for job in sorted(jobs):
            by_class.setdefault(int(graph.klass[job]), []).append(job)
        self._given = self._read([job for listed in by_class.values() for job in listed])
        found: dict[int, Forecasts | str] = {}
        for code in sorted(by_class, key=lambda code: (graph.classes[code].stage, code)):
            found |= self._of_class(by_class[code])
        return found

    def of(self, job: int) -> Earlier | None:
        """What the model of a job was last published with, where it is the same model still."""
        graph = self.work.graph
        model = int(graph.model[job])
        found = self.earlier.get(graph.address(model))
        return found if found is not None and found.model == graph.models.digest[model].tobytes().hex() else None

    def _of_class(self, jobs: list[int]) -> dict[int, Forecasts | str]:
        """Jobs of one class: in one call where their family has one, and one by one where it has none or fails."""
        found: dict[int, Forecasts | str] = {}
        ready: dict[int, _Replaced] = {}
        for job in jobs:
            try:
                ready[job] = self._replaced(job)
            except Rejection as rejection:
                found[job] = rejection.reason
        answers = self._together(ready) if len(ready) > 1 and has_many(self.work, jobs[0]) else None
        for job, replaced in ready.items():
            answer = self._alone(job, replaced) if answers is None else answers[job]
            if isinstance(answer, str):
                found[job] = answer
                continue
            found[job] = self._made[self.work.graph.digest[job].tobytes()] = answer
        return found

    def _together(self, ready: Mapping[int, _Replaced]) -> dict[int, Forecasts | str] | None:
        """None where the call raised: then one of the jobs is at fault, and one by one it gets its own reason."""
        jobs = list(ready)
        try:
            with self._calm(jobs[0]):
                answers = run_jobs(self.work, jobs, self._parents(ready.values()), _HERE)
        except Exception:
            return None
        return {job: _forecasts(answer) for job, answer in zip(jobs, answers, strict=True)}

    def _alone(self, job: int, replaced: _Replaced) -> Forecasts | str:
        try:
            with self._calm(job):
                return _forecasts(run_job(self.work, job, self._parents([replaced]), _HERE))
        except Rejection as rejection:
            return rejection.reason
        except ParentLost as lost:
            return str(lost)
        except Exception as error:  # whatever a family raises costs one model its forecast, as in a run
            return described(error)

    @contextmanager
    def _calm(self, job: int) -> Iterator[None]:
        """As on a worker: no warnings, and as many threads, since sums over another number end in other last digits."""
        prepare(self.work, job)
        cores = min(self.work.setting(job).family.profile.cores, os.cpu_count() or 1)
        with threads(cores), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield

    def _parents(self, replaced: Iterable[_Replaced]) -> Parents:
        """What is given, with what takes its place laid over it: never a copy of all for each of thousands of jobs."""
        fits: dict[bytes, Fit] = {}
        chosen: dict[bytes, Chosen] = {}
        for one in replaced:
            fits |= one.fits
            chosen |= one.chosen
        given = self._given
        return Parents(_over(fits, given.fits), _over(self._made, given.forecasts), {}, _over(chosen, given.chosen))

    def _replaced(self, job: int) -> _Replaced:
        """Earlier fits in place of those of tonight that there are none of. Raises Rejection where none can be."""
        graph, replaced = self.work.graph, _Replaced({}, {})
        for parent in map(int, graph.parents(job)):
            key = graph.digest[parent].tobytes()
            if graph.task[parent] != Task.FIT or self._done(parent):
                continue
            if graph.model[parent] != graph.model[job]:
                raise Rejection("the fits that it weighs are not all of one night")
            self._judge(parent)
            earlier = self.of(parent)
            if earlier is None or bytes.fromhex(earlier.fit) not in self._given.fits:
                raise Rejection("no earlier parameters of it are published")
            replaced.fits[key] = self._given.fits[bytes.fromhex(earlier.fit)]
            if bytes.fromhex(earlier.fit) in self._given.chosen:
                replaced.chosen[key] = self._given.chosen[bytes.fromhex(earlier.fit)]
        return replaced

    def _judge(self, fit: int) -> None:
        """Parameters may be old and data may not be bad: a series that fails the gate tonight has no forecast."""
        if not self.work.per_universe(fit):
            (name,) = self.work.members(fit)
            reason = gate(self.work, fit, name, self.work.setting(fit).family.min_bars)
            if reason is not None:
                raise Rejection(reason)

    def _done(self, job: int) -> bool:
        return bool(self.ledger.state[self.ledger.first[job]] == State.DONE)

    def _read(self, jobs: list[int]) -> Parents:
        """Fits and forecasts that the store has of what ``jobs`` rest on: tonight's, and the earlier fits."""
        graph = self.work.graph
        wanted: set[bytes] = set()
        for job in jobs:
            for parent in map(int, graph.parents(job)):
                if self._done(parent):
                    wanted.add(graph.digest[parent].tobytes())
                elif (earlier := self.of(parent)) is not None:
                    wanted.add(bytes.fromhex(earlier.fit))
        if not wanted:
            return Parents({}, {}, {}, {})
        keys = segments.key_array(np.frombuffer(b"".join(sorted(wanted)), dtype=np.uint8).reshape(-1, 16))
        rows = self.work.store.ledger()
        here = rows.filter(pc.and_(pc.equal(rows["state"], DONE), pc.is_in(rows["digest"], value_set=keys)))
        names = pc.unique(here["segment"].drop_null()).to_pylist()
        return read_given(self.work.store, sorted(names), keys)
