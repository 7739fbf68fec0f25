"""GPU work that a CPU node would do for less: what families that ask for a GPU would cost without one.

A plan already takes the cheaper of the two where a family may run on either. Where it asks for a GPU nobody looks; the
catalog may still know how long its jobs take on a core.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from fleetspec.catalog.loading import CPU
from fleetspec.compiler.census import fits_of_trials
from fleetspec.compiler.price_books import priced
from fleetspec.planner.pose import placed_on_cpu

if TYPE_CHECKING:
    from fleetspec.catalog.types import Catalog
    from fleetspec.compiler.jobgraph import JobGraph
    from fleetspec.compiler.spec import FleetSpec
    from fleetspec.planner.plans import Plan
    from fleetspec.planner.problem import CapacityProblem

CHEAPER = 0.8
"""Below this share of what a class costs on GPUs it is worth saying."""
A_CENT = 0.01


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """A class on GPUs, and the same on the cores of a CPU pool: seconds of a job, and USD without boots."""

    name: str
    group: str
    family: str
    pool: str
    seconds: float
    cost_usd: float
    gpu_seconds: float
    gpu_cost_usd: float
    basis: str
    n: int


def cheaper_on_cpu(
    graph: JobGraph, spec: FleetSpec, catalog: Catalog, problem: CapacityProblem, plan: Plan
) -> tuple[Elsewhere, ...]:
    """Classes of a plan that run on GPUs because their family asks for one, and would cost less on a CPU pool of the
    spec, those that would save most first. Only families with a figure of their own on CPUs are looked at."""
    catalog = priced(catalog, spec)
    each = np.ones(len(graph.classes), dtype=np.int64)
    each[graph.klass] = fits_of_trials(graph)
    classes = {one.name: (one, int(each[code])) for code, one in enumerate(graph.classes)}
    demands = {one.name: one for one in problem.classes}
    found = []
    for line in plan.classes:
        one, fits = classes[line.name]
        if demands[line.name].gpu != "required" or line.cost_usd < A_CENT:
            continue
        if (one.family, one.task.label, CPU) not in catalog.runtimes:
            continue
        options = []
        for pool in problem.pools:
            place = placed_on_cpu(pool, one, fits, demands[line.name], catalog)
            if place is not None:
                part = max(demands[line.name].cores / pool.cpu, demands[line.name].memory_mib / pool.memory_mib)
                usd = line.jobs * place.seconds * part / 3600 * pool.usd_per_hour
                options.append((usd, pool.name, place))
        usd, name, place = min(options, key=lambda option: option[:2], default=(line.cost_usd, "", None))
        if place is not None and usd < CHEAPER * line.cost_usd:
            found.append(
                Elsewhere(
                    *(line.name, line.group, line.family, name, place.seconds, usd, line.seconds, line.cost_usd),
                    *(place.basis, place.n),
                )
            )
    return tuple(sorted(found, key=lambda one: (one.cost_usd - one.gpu_cost_usd, one.name)))
