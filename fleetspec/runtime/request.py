"""What a run is asked for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from fleetspec.compiler.jobgraph import JobGraph
    from fleetspec.compiler.lock import Lock
    from fleetspec.compiler.spec import FleetSpec
    from fleetspec.planner.plans import Plan
    from fleetspec.runtime.tallies import Progress
    from fleetspec.runtime.telling import Listener


@dataclass(frozen=True, slots=True)
class RunRequest:
    """What to run, on what, and where the results go.

    ``root`` is the folder the spec's data paths start from. Executor ``ray`` uses the cluster in RAY_ADDRESS, else
    starts its own; ``cpu_instead`` lets jobs planned for GPUs run on CPUs where the cluster has none (None: only on
    an own cluster); ``patience_seconds`` bounds the wait for planned resources. ``events`` is called with whatever
    happens (see :mod:`events`). ``only`` (jobs,) keeps a run to some jobs: whatever they rest on must be among them or
    in the store. Where they are a ``shard``, it publishes when no other has work left. Jobs of a ``warm_up`` count, and
    their seconds do not.
    """

    spec: FleetSpec
    graph: JobGraph
    plan: Plan
    lock: Lock
    root: Path
    store: Path
    executor: Literal["ray", "inline"] | str = "ray"
    progress: Callable[[Progress], None] | None = None
    cpu_instead: bool | None = None
    patience_seconds: float = 900.0
    events: Listener | None = None
    only: NDArray[np.bool_] | None = None
    warm_up: bool = False
    shard: bool = False
