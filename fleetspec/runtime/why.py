"""Why models are in the state they are in: their jobs, and the chain from each to the one that is to blame."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow.compute as pc

from fleetspec.compiler.jobgraph import Task
from fleetspec.runtime import segments
from fleetspec.runtime import store as stored
from fleetspec.runtime.degrading import left_by_run
from fleetspec.runtime.ledger import PARENT, Ledger, State
from fleetspec.runtime.remedies import remedy
from fleetspec.runtime.store import Store

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fleetspec.compiler.jobgraph import JobGraph

    Mask = NDArray[np.bool_]

STATES = ("done", "reused", "quarantined", "missing", "not asked for")
_JOBS = 12
_CAUSES = 3
_APPLY = "`fleetspec apply` runs it"


@dataclass(frozen=True, slots=True)
class _Told:
    """What the store knows beside results: the last record of this graph, None where it never ran; when each run began;
    why jobs that were taken out of quarantine had been in it, by digest; what that last run did without, and why."""

    last: dict[str, Any] | None
    began: dict[str, str | None]
    released: dict[bytes, str]
    left: list[tuple[str, Mask]]


def explain(store: Path, graph: JobGraph, mask: Mask, limit: int) -> dict[str, Any]:
    """The state of the masked models with its reasons: counts over all of them, and the first ``limit`` in full.

    A model is ``quarantined`` or ``missing`` where one of its jobs is; ``reused`` where the last run of this graph
    computed none of its jobs, and ``done`` otherwise.
    """
    ledger = Ledger.load(Store.of(store, graph.fleet), graph)
    ledger.spread()
    told = _told(store, ledger)
    state = _states(store, graph, ledger, told)
    counts = {name: int(np.sum(state[mask] == code)) for code, name in enumerate(STATES)}
    chosen = np.flatnonzero(mask)
    shown = np.zeros_like(mask)
    shown[chosen[:limit]] = True
    rows: dict[str, list[dict[str, Any]]] = {}
    for job, row in zip(np.flatnonzero(shown[graph.model]), _rows(store, graph, shown), strict=True):
        rows.setdefault(row["address"], []).append(row | {"job": int(job)})
    return {
        "fleet": graph.fleet,
        "kind": str(graph.run),
        "session": graph.session.isoformat(),
        "store": str(store),
        "last": None if told.last is None else {"run": told.last["run"], "state": told.last["state"]},
        "counts": counts,
        "models": [
            _model(
                ledger, told, graph.address(int(model)), STATES[state[model]], rows.get(graph.address(int(model)), [])
            )
            for model in chosen[:limit]
        ],
        "more": len(chosen) - int(shown.sum()),
    }


def not_asked(store: Path, graph: JobGraph, address: str, others: Iterable[JobGraph]) -> dict[str, Any]:
    """The answer for an address that this run has no model of, and ``others`` have."""
    names = ", ".join(str(other.run) for other in others)
    why = f"the {graph.run} run has no such model; the {names} run of this spec has"
    data = explain(store, graph, np.zeros(len(graph.models), dtype=bool), 0)
    model = _blank(address, STATES[4]) | {"why": why, "remedy": f"`--run {names.split(', ')[0]}` asks there"}
    return data | {"counts": data["counts"] | {STATES[4]: 1}, "models": [model]}


def _told(store: Path, ledger: Ledger) -> _Told:
    graph = ledger.graph
    records = stored.read_records(store, graph.fleet)
    ours = [record for record in records if record["graph"] == graph.content and record["kind"] == str(graph.run)]
    began = {record["run"]: record.get("began") for record in records}
    releases = Store.of(store, graph.fleet).releases()
    reasons = zip(releases["digest"].to_pylist(), releases["reason"].to_pylist(), strict=True)
    left = left_by_run(ledger, ours[-1]) if ours else []
    return _Told(ours[-1] if ours else None, began, dict(reasons), left)


def _states(store: Path, graph: JobGraph, ledger: Ledger, told: _Told) -> NDArray[np.int64]:
    """The state of every model, as a code into :data:`STATES`."""
    rows = stored.read_ledger(store, graph.fleet)
    last = told.last["run"] if told.last is not None else None
    newest = rows["digest"].filter(pc.equal(rows["run"], last)) if last is not None else rows["digest"].slice(0, 0)
    fresh = np.isin(graph.keys, segments.key_bytes(newest).view("V16").ravel())
    out = (ledger.state == State.QUARANTINED) & ~ledger.tolerated()
    code = np.full(len(graph.models), 4)
    code[graph.model] = 1
    for number, jobs in ((0, fresh), (3, ledger.state == State.MISSING), (2, out)):
        code[graph.model[jobs]] = number
    return code


def _rows(store: Path, graph: JobGraph, shown: Mask) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = stored.read_jobs(store, graph, shown).to_pylist()
    return rows


def _blank(address: str, state: str) -> dict[str, Any]:
    return {"address": address, "state": state, "why": "", "remedy": None, "computed": [], "notes": [], "causes": [],
            "jobs": [], "more_jobs": 0}  # fmt: skip


def _model(ledger: Ledger, told: _Told, address: str, state: str, rows: list[dict[str, Any]]) -> dict[str, Any]:
    causes = _causes(ledger, told, [row["job"] for row in rows if row["state"] != stored.DONE])
    computed = _computed(told, rows)
    answer = _blank(address, state) | {
        "computed": computed,
        "notes": list(dict.fromkeys(row["note"] for row in rows if row["note"]))[:_CAUSES],
        "causes": causes[:_CAUSES],
        "jobs": [_job(ledger, row) for row in rows[:_JOBS]],
        "more_jobs": max(len(rows) - _JOBS, 0),
    }
    if causes:
        return answer | {"why": causes[0]["reason"], "remedy": causes[0]["remedy"]}
    if state == "reused":
        runs = " and ".join(dict.fromkeys(part["run"] for part in computed))
        return answer | {"why": f"its digests are in the store since {runs}: the same data, settings and parents"}
    return answer | {"why": "every job of it has a result"}


def _computed(told: _Told, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Where and when the results of a model were made: one entry per run, device and slot, in order."""
    parts: dict[tuple[str, str, str], dict[str, Any]] = {}
    for row in rows:
        if row["state"] == stored.DONE:
            key = row["run"], row["device"], row["slot"]
            blank = {"run": key[0], "began": told.began.get(key[0]), "device": key[1], "slot": key[2],
                     "jobs": 0, "seconds": 0.0}  # fmt: skip
            part = parts.setdefault(key, blank)
            part["jobs"] += 1
            part["seconds"] += row["seconds"]
    return [part | {"seconds": round(part["seconds"], 6)} for _, part in sorted(parts.items())]


def _job(ledger: Ledger, row: dict[str, Any]) -> dict[str, Any]:
    kept = ("task", "window", "start", "end", "reason", "note", "run", "device", "slot", "seconds")
    return {"digest": row["digest"].hex(), "state": row["state"] or "missing"} | {name: row[name] for name in kept}


def _causes(ledger: Ledger, told: _Told, jobs: list[int]) -> list[dict[str, Any]]:
    """What holds jobs up, the most frequent first: the last link of each chain says why, the links how it came down."""
    found: dict[int, list[list[int]]] = {}
    for job in jobs:
        links = chain(ledger, job)
        found.setdefault(links[-1], []).append(links)
    causes = []
    for root, chains in sorted(found.items(), key=lambda item: (-len(item[1]), item[0])):
        reason, way_out = _root(ledger, told, root)
        longest = max(chains, key=len)
        causes.append(
            {
                "reason": reason,
                "remedy": way_out,
                "jobs": len(chains),
                "chain": [_link(ledger, job) for job in longest],
            }
        )
    return causes


def chain(ledger: Ledger, job: int) -> list[int]:
    """``job``, the parent it waits for or was quarantined for, that one's parent and so on to the one to blame."""
    links = [job]
    while True:
        blamed = _blamed(ledger, links[-1])
        if blamed is None:
            return links
        links.append(blamed)


def _blamed(ledger: Ledger, job: int) -> int | None:
    """The parent for whose sake a job has no result: a quarantined one first, else one that is missing."""
    quarantined = ledger.state[job] == State.QUARANTINED
    if quarantined and not (ledger.reason(job) or "").startswith(PARENT):
        return None
    parents = ledger.graph.parents(job)
    states = ledger.state[parents]
    beaten = bool((states == State.DONE).any())
    for wanted in (State.QUARANTINED, State.MISSING):
        for parent in parents[states == wanted]:
            # A search goes on without the candidates that gave nothing.
            if wanted is State.MISSING or not (beaten and ledger.graph.task[parent] == Task.TRIAL):
                return int(parent)
    return None


def _root(ledger: Ledger, told: _Told, job: int) -> tuple[str, str]:
    """Why the last link of a chain has no result, and what would give it one."""
    if ledger.state[job] == State.QUARANTINED:
        reason = ledger.reason(job) or "no reason recorded"
        if reason.startswith(PARENT):
            return f"{reason} (it has a result by now)", "`fleetspec retry` takes it out of quarantine"
        return reason, remedy(reason)
    released = told.released.get(ledger.graph.digest[job].tobytes())
    if released is not None:
        return f"retry took it out of quarantine ({released})", _APPLY
    left = next((why for why, jobs in told.left if jobs[ledger.first[job]]), None)
    return left or _unrun(told), _APPLY


def _unrun(told: _Told) -> str:
    """Why a job that nothing holds up has not run."""
    if told.last is None:
        return "no run of this graph has begun"
    run = told.last["run"]
    if told.last["state"] == "running":
        return f"{run} has not come to it: it is still at work, or was killed"
    if told.last["state"] == "interrupted":
        return f"{run} was interrupted before it"
    failures = [cause["reason"] for cause in (told.last["summary"] or {}).get("failures", ())]
    said = f": {'; '.join(failures[:2])}" if failures else ""
    return f"{run} ended without a result for it, for a reason outside the model{said}"


def _link(ledger: Ledger, job: int) -> dict[str, Any]:
    graph = ledger.graph
    return {
        "address": graph.address(int(graph.model[job])),
        "task": Task(int(graph.task[job])).label,
        "window": int(graph.window[job]),
        "digest": graph.hex(job),
        "state": State(int(ledger.state[job])).name.lower(),
    }
