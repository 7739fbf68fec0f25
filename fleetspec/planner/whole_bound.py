"""What no plan can be cheaper than, of a fleet so small that whole jobs and whole nodes decide.

The program of :mod:`bound` buys parts of nodes: seven jobs of a second may fill a seventh of a GPU for a seventh of a
second each. This one adds what is true of whole ones, and its own bound, proven by branch and bound, counts:

    N_k integer            nodes of pool k that boot at least once
    n_j f_jκ integer       jobs of a class of few
    G_jκ integer           rounds of class j in kind κ, a_jκ of whose jobs run on one node at once at most:
                           n_j f_jκ / a_jκ ≤ G_jκ
    node-time              t_jκ G_jκ ≤ Σ_{p of j} Σ_π H_kπp :  a node with m jobs of a class works for ⌈m / a⌉ times t
                           at least, and a sum of what is rounded up is no less than the sum rounded up
                           Σ_{κ of k} t_jκ f_jκ ≤ Σ_{p of j} Σ_π H_kπp
    the first job          Σ_κ (b_k + t_jκ) f_jκ ≤ Σ_{p up to the last of j} L_p

All of it holds whatever the plan, so the larger of both bounds is one. It is sought once a plan is made, and only of
one that is not close to the first bound: large fleets fill their nodes, and have nothing to gain.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from fleetspec.planner.bound import Phases
from fleetspec.planner.formulation import Shares, boots_of, shares_of
from fleetspec.planner.marginal import LimitRows
from fleetspec.planner.polish import ENOUGH
from fleetspec.planner.problem import CapacityPool, CapacityProblem, DemandClass
from fleetspec.planner.simulate import Replay
from fleetspec.planner.solver import Program
from fleetspec.planner.terrain import Kind, Terrain, survey

COLUMNS = 600
"""Classes times the rooms that each may run in, up to which jobs and rounds are whole. Of more only nodes are."""
MOST_COLUMNS = 20_000
"""Those up to which it is sought at all."""
FEW_JOBS = 12
"""Jobs of a class up to which each of them is a whole one."""
ROUNDS = 24
"""Rounds on one node up to which they are whole ones: of more, the last is a small part."""
NODES = 400
"""Nodes of branch and bound."""
TOLERANCE = 1e-6
"""Share by which the solver's own tolerances may have raised the bound."""


def proved_usd(land: Terrain, fluid_usd: float, found: Replay | None) -> float:
    """What no plan can be cheaper than, USD: that of the free-length program, or more where a plan is not yet close."""
    if found is None or found.end > land.problem.deadline_seconds or found.cost_usd <= fluid_usd * (1 + ENOUGH):
        return fluid_usd
    whole = whole_usd(land.problem)
    return max(fluid_usd, whole) if math.isfinite(whole) else fluid_usd


def whole_usd(problem: CapacityProblem) -> float:
    """USD below which no plan of a problem is, whatever its budget; 0 where the fleet is too large to look."""
    return _of(replace(problem, budget_usd=None, on_time=None, objective="cost", maximize_value=False))


@lru_cache(maxsize=128)
def _of(problem: CapacityProblem) -> float:
    return least_whole(survey(problem))


def least_whole(land: Terrain) -> float:
    """USD below which no plan is; 0 where the fleet is too large to look, inf where no plan ends in time."""
    rooms = sum(map(len, land.places))
    if not rooms or rooms > MOST_COLUMNS:
        return 0.0
    program, u = Program(), land.unit
    prices = [pool.usd_per_hour for pool in land.pools]
    money = max(max(prices, default=0.0), 1e-9)
    end = program.column(high=min(land.time, sum(land.serial(s) for s in land.stages) + _boots(land)) / u)
    hours = {(k, name): program.column(prices[k] / money) for k, names in enumerate(land.patterns) for name in names}
    share = shares_of(land, program, land.time)
    if share is None:
        return math.inf
    rounds = _rounds(land, program, share) if rooms <= COLUMNS else []
    length, rows = dict[int, int](), LimitRows()
    caps = [pool.cap for pool in land.pools]
    for chain in land.order.chains(land.least):
        windows, first = land.order.windows(chain), len(length)
        mine = Phases(land, program, share, windows, len(chain) + 1, caps).build(hours, end, length, rows)
        phases = [length[number] for number in range(first, len(length))]
        _at_work(land, program, share, rounds, mine, windows)
        for here, (_, last) in zip(share, windows, strict=True):
            terms = [
                (c, (place.seconds + land.pools[land.kinds[kind].pool].boot_seconds) / u) for kind, place, c in here
            ]
            program.at_most([*terms, *((phase, -1.0) for phase in phases[: last + 1])], 0.0)
    by_stage = {(k, name, 0): column for (k, name), column in hours.items()}
    booted = boots_of(land, program, share, by_stage, caps, land.time, rows, whole=True)
    program.costs += [(column, prices[k] / money * land.pools[k].boot_seconds / u) for k, column in booted.items()]
    return program.least(NODES) * money * u / 3600 * (1 - TOLERANCE)


@dataclass(frozen=True, slots=True)
class _Rounds:
    """G_jκ: rounds of a class in a kind of room, each of so many seconds over the unit of time."""

    row: int
    pool: int
    column: int
    factor: float


def _rounds(land: Terrain, program: Program, share: Shares) -> list[_Rounds]:
    """The columns of rounds, and whole jobs of classes of few."""
    found = []
    for row, here in enumerate(share):
        one = land.classes[row]
        for kind, place, column in here:
            room = land.kinds[kind]
            if one.jobs <= FEW_JOBS:
                program.equals([(column, float(one.jobs)), (program.column(high=one.jobs, integer=True), -1.0)], 0.0)
            side = _side_by_side(land.pools[room.pool], room, one)
            rounds = one.jobs / side
            if rounds <= ROUNDS:
                whole = program.column(high=math.ceil(rounds), integer=True)
                program.at_most([(column, rounds), (whole, -1.0)], 0.0)
                found.append(_Rounds(row, room.pool, whole, place.seconds / land.unit))
    return found


def _side_by_side(pool: CapacityPool, room: Kind, one: DemandClass) -> int:
    """Jobs of a class that run on one node at the same time at most."""
    if pool.gpu is not None:
        return max(count for _, count in room.count)
    return max(min(pool.cpu // max(one.cores, 1), pool.memory_mib // max(one.memory_mib, 1)), 1)


def _at_work(
    land: Terrain,
    program: Program,
    share: Shares,
    rounds: Sequence[_Rounds],
    mine: dict[tuple[int, str, int], int],
    windows: Sequence[tuple[int, int]],
) -> None:
    """Rows of node-time: that of the rounds of a class, and of one of its jobs, in the phases it may run in."""
    u = land.unit
    for one in rounds:
        low, high = windows[one.row]
        there = [(c, -1.0) for (k, _, p), c in mine.items() if k == one.pool and low <= p <= high]
        program.at_most([(one.column, one.factor), *there], 0.0)
    for here, (low, high) in zip(share, windows, strict=True):
        for k in {land.kinds[kind].pool: None for kind, _, _ in here}:
            there = [(c, -1.0) for (index, _, p), c in mine.items() if index == k and low <= p <= high]
            alone = [(column, place.seconds / u) for kind, place, column in here if land.kinds[kind].pool == k]
            program.at_most([*alone, *there], 0.0)


def _boots(land: Terrain) -> float:
    return float(sum(pool.boot_seconds for pool in land.pools))
