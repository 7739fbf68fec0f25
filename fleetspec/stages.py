"""What the verbs hand on to each other: a spec that was read, one that was compiled, one that was planned."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from msgspec import Struct

if TYPE_CHECKING:
    from datetime import date
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from fleetspec.catalog.types import Catalog
    from fleetspec.compiler.changes import Side
    from fleetspec.compiler.document import Document
    from fleetspec.compiler.jobgraph import JobGraph
    from fleetspec.compiler.lock import Lock
    from fleetspec.compiler.shards import Shard
    from fleetspec.compiler.spec import FleetSpec
    from fleetspec.family import Registry
    from fleetspec.planner.plans import Plan


class World(Struct, frozen=True):
    """What a command takes from outside the spec: the families and the catalog."""

    registry: Registry
    catalog: Catalog


class Read(Struct, frozen=True):
    """A spec that has been read and found sound: parse → compose → decode → check."""

    path: Path
    document: Document
    spec: FleetSpec


class Compiled(Struct, frozen=True):
    """A spec, its lock, and the job graph of one run; of a change, also the fleet it changes."""

    read: Read
    lock: Lock
    lock_bytes: bytes
    session: date
    graph: JobGraph
    base: Compiled | None = None

    @property
    def side(self) -> Side:
        """What a comparison sees of it."""
        from fleetspec.compiler.changes import Side

        return Side(self.graph, self.read.spec)


class Planned(Struct, frozen=True):
    """A graph with its plan. ``done`` masks the jobs whose result the store already holds, and those of other shards
    where a ``shard`` alone is planned."""

    compiled: Compiled
    plan: Plan
    done: NDArray[np.bool_]
    shard: Shard | None = None

    def to_json(self) -> dict[str, Any]:
        """The answer to ``plan``: every number the text shows."""
        from fleetspec.compiler.census import census, describe_data
        from fleetspec.planner.confidence import families
        from fleetspec.planner.plans import plain
        from fleetspec.planner.slack import waterfall

        spec, lock = self.compiled.read.spec, self.compiled.lock
        return {
            "plan": self.plan.to_json(),
            "words": census(self.compiled.graph, self.done),
            "data": describe_data(spec, lock),
            "slack": plain(waterfall(self.plan)),
            "families": plain(families(self.plan)),
        }
