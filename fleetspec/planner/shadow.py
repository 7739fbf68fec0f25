"""What would help a plan that holds: what one more hour, node, dollar or a faster class is worth on paper.

Each is the dual of the free-length program (:mod:`marginal`), and beside it what the whole step brings when the
program is solved again with it: a dual is a rate, and the second half of an hour may bring nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from fleetspec.planner.bound import least
from fleetspec.planner.formulation import Fluid
from fleetspec.planner.plans import Plan, window_of
from fleetspec.planner.problem import CapacityProblem, DemandClass
from fleetspec.planner.terrain import Terrain, survey

HOUR = 3600
FASTER = 0.1
"""By what share a class is made faster to see what that is worth."""
LOOKED_AT = 3
"""Classes looked at, those that cost most."""
WORTH = 1e-4
"""A step that saves less than this share of the cost, or of the time, is no help."""

Kind = Literal["deadline", "nodes", "budget", "work"]


@dataclass(frozen=True, slots=True)
class ShadowPrice:
    """One step of one limit. ``rate`` is the dual times the step, ``saves`` what the whole step saves on paper; both in
    ``unit`` (USD of this run, or seconds of the fastest plan within the budget)."""

    kind: Kind
    name: str
    """The pool or the class."""
    route: tuple[str, ...]
    step: str
    unit: Literal["USD", "s"]
    rate: float
    saves: float


def shadow_prices(problem: CapacityProblem, plan: Plan) -> tuple[ShadowPrice, ...]:
    """What a step of each limit saves; those that save nothing are left out, the largest first within a kind.

    () where no fluid work fits: then :mod:`relax` has the ways out.
    """
    land = survey(problem)
    now = least(land, time=land.time) if land.classes else None
    if now is None:
        return ()
    found = [_hour(land, now, plan), *_nodes(land, now), *_classes(land, now, plan)]
    if problem.budget_usd is not None:
        found += _dollar(land, problem.budget_usd)
    total = {"USD": now.cost_usd, "s": float(problem.deadline_seconds)}
    order = ("deadline", "nodes", "budget", "work")
    helpful = [one for one in found if one.saves > WORTH * total[one.unit]]
    return tuple(sorted(helpful, key=lambda one: (order.index(one.kind), -one.saves, one.name)))


def _hour(land: Terrain, now: Fluid, plan: Plan) -> ShadowPrice:
    more = least(land, time=land.time + HOUR)
    assert more is not None
    rate, saves = -now.marginal.second * HOUR, now.cost_usd - more.cost_usd
    return ShadowPrice("deadline", "", window_of(plan.run), "1h", "USD", rate, saves)


def _nodes(land: Terrain, now: Fluid) -> list[ShadowPrice]:
    found = []
    for members in land.problem.offers:
        name = land.pools[members[0]].spec_name
        caps = [one.cap + (index in members) for index, one in enumerate(land.pools)]
        more = least(land, time=land.time, caps=caps)
        assert more is not None
        rate, saves = -now.marginal.node.get(members[0], 0.0), now.cost_usd - more.cost_usd
        found.append(ShadowPrice("nodes", name, ("hardware", name, "max"), "1 node", "USD", rate, saves))
    return found


def _dollar(land: Terrain, budget: float) -> list[ShadowPrice]:
    """How much sooner the fastest fluid plan ends for one USD more."""
    now = least(land, "time", time=None, budget=budget)
    more = least(land, "time", time=None, budget=budget + 1)
    if now is None or more is None:
        return []
    saves = sum(now.lengths.values()) - sum(more.lengths.values())
    return [ShadowPrice("budget", "", ("budget",), "1 USD", "s", -now.marginal.budget, saves)]


def _classes(land: Terrain, now: Fluid, plan: Plan) -> list[ShadowPrice]:
    """What the classes that cost most save when each of their jobs takes a tenth less."""
    found = []
    for line in sorted(plan.classes, key=lambda line: (-line.cost_usd, line.name))[:LOOKED_AT]:
        if line.cost_usd <= 0:
            continue
        classes = tuple(_faster(one) if one.name == line.name else one for one in land.problem.classes)
        faster = survey(replace(land.problem, classes=classes))
        more = least(faster, time=faster.time)
        assert more is not None
        saves = now.cost_usd - more.cost_usd
        step = f"{FASTER:.0%} faster"
        found.append(ShadowPrice("work", line.name, ("models", line.group), step, "USD", saves, saves))
    return found


def _faster(one: DemandClass) -> DemandClass:
    places = tuple(replace(place, seconds=place.seconds * (1 - FASTER)) for place in one.placements)
    return replace(one, placements=places)
