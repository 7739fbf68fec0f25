"""What jobs build on, read from the store: fits, forecasts and trials of the jobs before them, by digest."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from fleetspec.compiler.jobgraph import Task
from fleetspec.family import Fit, Forecasts
from fleetspec.runtime import segments
from fleetspec.runtime.ledger import parents_of
from fleetspec.runtime.tasks import ParentLost, Parents
from fleetspec.runtime.trials import Trial

if TYPE_CHECKING:
    from fleetspec.runtime.bundles import Bundle
    from fleetspec.runtime.store import Store
    from fleetspec.runtime.trials import Chosen
    from fleetspec.runtime.workload import Workload


def read_parents(work: Workload, bundle: Bundle, but: Collection[bytes] = ()) -> Parents:
    """Results that the bundle's jobs build on, but those of the digests ``but``, from the segments that hold them."""
    graph = work.graph
    needed = np.unique(parents_of(graph, bundle.jobs))
    if but:
        needed = needed[[graph.digest[job].tobytes() not in but for job in needed]]
    if not len(needed):
        return Parents({}, {}, {}, {}, bundle.holes)
    wanted = segments.key_array(graph.digest[needed])
    if not (graph.task[needed] == Task.TRIAL).any():
        return replace(read_given(work.store, bundle.parents, wanted), holes=bundle.holes)
    trials: dict[bytes, list[Trial]] = {}
    for name in bundle.parents:
        _read_trials(work.store, name, wanted, trials)
    return Parents({}, {}, trials, {})


def read_given(store: Store, names: Iterable[str], wanted: pa.Array) -> Parents:
    """Fits and forecasts of the digests ``wanted`` that lie in the segments ``names``."""
    fits: dict[bytes, Fit] = {}
    forecasts: dict[bytes, Forecasts] = {}
    chosen: dict[bytes, Chosen] = {}
    for name in names:
        _read_fits(store, name, wanted, fits, chosen)
        _read_forecasts(store, name, wanted, forecasts)
    return Parents(fits, forecasts, {}, chosen)


def _read_trials(store: Store, name: str, wanted: pa.Array, into: dict[bytes, list[Trial]]) -> None:
    path = store.segment("trials", name)
    if not path.exists():
        # A search whose candidates are partly lost would choose another one than the same search did before.
        raise ParentLost(f"the store has no '{path.name}' of trials, which its ledger says are done")
    for row in _wanted_rows(path, wanted).to_pylist():
        trial = Trial(row["candidate"], dict(row["params"]), row["metric"], row["value"], row["seconds"], row["reason"])
        into.setdefault(row["digest"], []).append(trial)


def _read_fits(store: Store, name: str, wanted: pa.Array, into: dict[bytes, Fit], chosen: dict[bytes, Chosen]) -> None:
    path = store.segment("fits", name)
    if not path.exists():
        return
    for row in segments.with_params(_wanted_rows(path, wanted)).to_pylist():
        if row["params"] is not None:
            chosen[row["digest"]] = dict(row["params"])
        artifact = store.artifact(row["digest"].hex()).read_bytes() if row["artifact_bytes"] else None
        into[row["digest"]] = Fit(
            estimates=dict(row["estimates"]),
            observations=row["observations"],
            log_likelihood=row["log_likelihood"],
            converged=row["converged"],
            artifact=artifact,
            device=row["device"],
        )


def _read_forecasts(store: Store, name: str, wanted: pa.Array, into: dict[bytes, Forecasts]) -> None:
    path = store.segment("forecasts", name)
    if not path.exists():
        return
    rows = segments.with_others(_wanted_rows(path, wanted))
    keys = segments.key_bytes(rows["digest"])
    if not len(keys):
        return
    columns = [
        np.array(rows["series"].to_pylist(), dtype=str),
        rows["origin"].to_numpy().astype("datetime64[s]"),
        rows["horizon"].to_numpy(),
        np.array(rows["quantity"].to_pylist(), dtype=str),
        rows["level"].to_numpy(),
        rows["value"].to_numpy(),
    ]
    if segments.paired(rows):
        columns.append(np.array([name or "" for name in rows["other"].to_pylist()], dtype=str))
    # A job's rows lie together: cut where the digest changes.
    edges = np.flatnonzero((keys[1:] != keys[:-1]).any(axis=1)) + 1
    for low, high in zip([0, *edges], [*edges, len(keys)], strict=True):
        into[keys[low].tobytes()] = Forecasts(*(column[low:high] for column in columns))


def _wanted_rows(path: Path, wanted: pa.Array) -> pa.Table:
    rows = segments.read_segment(path)
    return rows.filter(pc.is_in(rows["digest"], value_set=wanted))
