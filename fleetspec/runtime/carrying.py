"""Latest parameters on today's data: what a model forecasts tonight whose own fit of tonight came to nothing.

The newest parameters that the model has published with take the place of tonight's, and the forecast is made from
tonight's origin by the same code as any other. It goes into an edition, marked, and never into the ledger: there, the
job of tonight's digest stays without a result.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import pyarrow.compute as pc

from fleetspec.compiler.jobgraph import Task
from fleetspec.family import Rejection
from fleetspec.runtime import segments
from fleetspec.runtime.ledger import State
from fleetspec.runtime.parents import read_given
from fleetspec.runtime.spans import gate
from fleetspec.runtime.store import DONE
from fleetspec.runtime.tasks import ParentLost, Parents, run_job
from fleetspec.runtime.worker import described, prepare, threads
from fleetspec.runtime.workload import Station

if TYPE_CHECKING:
    from fleetspec.family import Forecasts
    from fleetspec.runtime.ledger import Ledger
    from fleetspec.runtime.workload import Workload

_HERE = Station("cpu", "cpu", "cpu", 1)


@dataclass(frozen=True, slots=True)
class Earlier:
    """What a model was last published with: its digest, that of the fit, and the last bar the fit learned from."""

    model: str
    fit: str
    fitted_to: np.datetime64


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
        listed = sorted(jobs)
        self._given = self._read(listed)
        found: dict[int, Forecasts | str] = {}
        for job in listed:
            try:
                found[job] = self._forecast(job)
            except Rejection as rejection:
                found[job] = rejection.reason
            except ParentLost as lost:
                found[job] = str(lost)
            except Exception as error:  # whatever a family raises costs one model its forecast, as in a run
                found[job] = described(error)
        return found

    def of(self, job: int) -> Earlier | None:
        """What the model of a job was last published with, where it is the same model still."""
        graph = self.work.graph
        model = int(graph.model[job])
        found = self.earlier.get(graph.address(model))
        return found if found is not None and found.model == graph.models.digest[model].tobytes().hex() else None

    def _forecast(self, job: int) -> Forecasts:
        graph = self.work.graph
        fits, forecasts, chosen = dict(self._given.fits), self._given.forecasts, dict(self._given.chosen)
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
            fits[key] = self._given.fits[bytes.fromhex(earlier.fit)]
            if bytes.fromhex(earlier.fit) in self._given.chosen:
                chosen[key] = self._given.chosen[bytes.fromhex(earlier.fit)]
        prepare(self.work, job)
        # As many threads as on a worker: sums over another number end in other last digits.
        cores = min(self.work.setting(job).family.profile.cores, os.cpu_count() or 1)
        with threads(cores), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            answer = run_job(self.work, job, Parents(fits, {**forecasts, **self._made}, {}, chosen), _HERE)
        assert answer.forecasts is not None
        self._made[graph.digest[job].tobytes()] = answer.forecasts
        return answer.forecasts

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
