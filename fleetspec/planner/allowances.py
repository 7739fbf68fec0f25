"""What a spec could allow and does not: cores for models that ask for a GPU, and spot nodes at a price that is known.

Each is a change of the spec by a word, and the capacity problem posed again after it. They are looked at where a plan
does not hold (:mod:`ways`).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from msgspec.structs import replace as changed

from fleetspec.catalog.loading import CPU
from fleetspec.compiler.price_books import priced
from fleetspec.planner.offers import SPOT
from fleetspec.planner.plans import Change
from fleetspec.planner.pose import pose

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from fleetspec.catalog.types import Catalog
    from fleetspec.compiler.jobgraph import GroupFamily, JobGraph
    from fleetspec.compiler.spec import FleetSpec
    from fleetspec.planner.problem import CapacityPool, CapacityProblem, DemandClass

MOST = 4
"""Changes looked at one by one: each takes a plan."""


@dataclass(frozen=True, slots=True)
class Allowance:
    """Changes of a spec, and the classes and pools that its problem has after them."""

    changes: tuple[Change, ...]
    classes: tuple[DemandClass, ...]
    pools: tuple[CapacityPool, ...]

    def under(self, problem: CapacityProblem) -> CapacityProblem:
        """A problem with its own limits, and these classes and pools."""
        caps = {pool.spec_name: pool.cap for pool in problem.pools}
        pools = tuple(replace(pool, cap=caps[pool.spec_name]) for pool in self.pools)
        return replace(problem, classes=self.classes, pools=pools)


def allowances(
    problem: CapacityProblem, graph: JobGraph, spec: FleetSpec, catalog: Catalog, done: NDArray[np.bool_]
) -> tuple[Allowance, ...]:
    """One for each group that asks for a GPU and that the catalog knows on cores, those of most work first, one for
    each pool that is bought on demand alone and that a price book has spot terms for; where there are several, all of
    them at last. ``problem`` is what is posed of the graph without the jobs that are ``done``."""
    book = priced(catalog, spec)
    changes = [
        *(Change(("models", name, "gpu"), "required", "optional") for name in _groups(problem, book)),
        *(Change(("hardware", name, "spot"), "none", "catalog") for name in _pools(spec, book)),
    ]
    wanted = [*((one,) for one in changes[:MOST]), *((tuple(changes),) if len(changes) > 1 else ())]
    return tuple(_allowing(graph, spec, catalog, done, each) for each in wanted)


def _allowing(
    graph: JobGraph, spec: FleetSpec, catalog: Catalog, done: NDArray[np.bool_], changes: tuple[Change, ...]
) -> Allowance:
    routes = {one.route for one in changes}
    hardware = {
        name: pool.model_copy(update={"spot": "catalog"}) if ("hardware", name, "spot") in routes else pool
        for name, pool in spec.hardware.items()
    }
    settings = tuple(
        changed(one, gpu="optional") if ("models", one.group, "gpu") in routes and _asks(one) else one
        for one in graph.models.settings
    )
    allowing = replace(graph, models=replace(graph.models, settings=settings))
    posed = pose(allowing, spec.model_copy(update={"hardware": hardware}), catalog, done)
    return Allowance(changes, posed.classes, posed.pools)


def _asks(one: GroupFamily) -> bool:
    return (one.gpu or one.family.profile.gpu) == "required"


def _groups(problem: CapacityProblem, catalog: Catalog) -> tuple[str, ...]:
    """Groups with jobs that run on GPUs alone, all of which have a figure of their own on cores; those of most work
    first."""
    if all(pool.gpu is not None for pool in problem.pools):
        return ()
    known: dict[str, bool] = {}
    work: dict[str, float] = {}
    for one in problem.classes:
        if one.jobs and one.gpu == "required":
            task = "fit" if one.task == "trial" else one.task
            known[one.group] = known.get(one.group, True) and (one.family, task, CPU) in catalog.runtimes
            seconds = one.jobs * min(place.seconds for place in one.placements)
            work[one.group] = work.get(one.group, 0.0) + seconds
    return tuple(sorted((name for name, every in known.items() if every), key=lambda name: (-work[name], name)))


def _pools(spec: FleetSpec, catalog: Catalog) -> tuple[str, ...]:
    """Pools that are bought on demand alone, and of whose offer a price book has spot terms."""
    return tuple(
        name
        for name, pool in spec.hardware.items()
        if pool.spot is None and pool.capex is None and pool.offer in catalog.spots and name + SPOT not in spec.hardware
    )
