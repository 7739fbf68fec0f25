"""What is deployed: the spec, lock and session that the store's results were last made from, by kind of run.

``STORE/<fleet>/deployed/<run>.json`` is written when a run has ended and counts, in one rename, and read when a spec is
compared without naming a base.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fleetspec.compiler.jobgraph import RunKind
from fleetspec.diagnostics import reject
from fleetspec.files import write_atomically
from fleetspec.rules import running
from fleetspec.runtime.gating import write_scores
from fleetspec.runtime.store import Store

if TYPE_CHECKING:
    from fleetspec.compiler.jobgraph import JobGraph

FORMAT = "fleetspec-deployed/1"


@dataclass(frozen=True, slots=True)
class Deployed:
    """An applied spec. ``spec`` is its resolved text, ``lock`` its lock as bytes; ``graph`` is the digest of the graph,
    ``models`` and ``jobs`` count what is in it. ``layout`` has by pool how many nodes its run cut in which pattern; it
    is empty where none was, or where a version wrote it that did not say."""

    path: Path
    run: RunKind
    session: date
    graph: str
    models: int
    jobs: int
    spec: str
    lock: bytes
    layout: dict[str, dict[str, int]]


def record(store: Path, graph: JobGraph, spec: str, lock: bytes, layout: dict[str, dict[str, int]]) -> None:
    """Enter a run that counts as what is deployed. A change is a night on pinned data: it renews the nightly run.

    A run that cut no GPU leaves the layout as it stands. A backtest leaves the scores that gates judge nights by.
    """
    if graph.run is RunKind.BACKTEST:
        Store.of(store, graph.fleet).folder("deployed").mkdir(parents=True, exist_ok=True)
        write_scores(store, graph)
    kinds = {graph.run, RunKind.NIGHTLY} if graph.run is RunKind.CHANGE else {graph.run}
    for kind in sorted(kinds):
        path = _path(store, graph.fleet, kind)
        content = {
            "format": FORMAT,
            "run": str(kind),
            "session": graph.session.isoformat(),
            "graph": graph.content,
            "models": len(graph.models),
            "jobs": len(graph),
            "spec": spec,
            "lock": lock.decode(),
            "layout": layout or _stands(path),
        }
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, json.dumps(content, sort_keys=True, indent=1).encode() + b"\n")


def read_deployed(store: Path, fleet: str, run: RunKind) -> Deployed | None:
    """What is deployed of a fleet, None where nothing is: of a change the nightly run it starts from.

    Raises Rejected (FS508) for a file that cannot be read.
    """
    path = _path(store, fleet, counterpart(run))
    try:
        content = json.loads(path.read_bytes())
        if content["format"] != FORMAT:
            raise ValueError(f"its format is {content['format']}")
        return Deployed(
            path,
            RunKind(content["run"]),
            date.fromisoformat(content["session"]),
            str(content["graph"]),
            int(content["models"]),
            int(content["jobs"]),
            str(content["spec"]),
            str(content["lock"]).encode(),
            _layout(content),
        )
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise reject(
            running.STORE_UNREADABLE,
            f"'{path}' cannot be read: {error}",
            help="delete it, and apply again: it only says what is deployed",
        ) from error


def _stands(path: Path) -> dict[str, dict[str, int]]:
    """The layout that a file says stands; none where it says nothing that can be read."""
    try:
        return _layout(json.loads(path.read_bytes()))
    except (OSError, ValueError, TypeError, AttributeError):
        return {}


def _layout(content: dict[str, Any]) -> dict[str, dict[str, int]]:
    said = content.get("layout", {})
    return {str(pool): {str(cut): int(nodes) for cut, nodes in here.items()} for pool, here in said.items()}


def counterpart(run: RunKind) -> RunKind:
    """The kind of run that a run is compared with: a change starts from a night."""
    return RunKind.NIGHTLY if run is RunKind.CHANGE else run


def _path(store: Path, fleet: str, run: RunKind) -> Path:
    return Store.of(store, fleet).folder("deployed") / f"{run}.json"
