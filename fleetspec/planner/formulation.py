"""The capacity problem as mathematics, in the letters of the code.

Sets        j  job classes: n_j jobs in stage s(j), each with c_j cores and m_j memory
            k  pools: price p_k, C_k cores and M_k memory per node, a cap on nodes, boot time b_k
            π  patterns of a GPU node; a CPU pool has the one pattern ""
            κ  kinds of room on pool k: the node itself (CPU), or a slot σ as far as the same classes fit into it;
               a_πκ of them on a node of pattern π
            t_jκ  seconds of one job of j in κ;  u seconds are the program's unit of time

Free lengths (:func:`free_lengths`, a linear program: its cost is a lower bound on that of every plan in which stages
do not overlap; :mod:`bound` has one on every plan)

    f_jκ ≥ 0   share of the jobs of j that run in κ
    H_kπs ≥ 0  node-time of pool k in pattern π during stage s in which jobs run
    L_s ≥ 0    length of stage s
    N_k ≥ 0    nodes of pool k that boot at least once
    minimise   Σ p_k H_kπs + Σ p_k b_k N_k   (or Σ L_s)

    every job runs       Σ_κ f_jκ = 1
    room                 Σ_{j in s} n_j t_jκ f_jκ ≤ Σ_π a_πκ H_kπs                    slots of GPU nodes
    cores, memory        Σ n_j t_jκ f_jκ c_j / C_k ≤ H_ks ;  the same with m_j / M_k   CPU nodes
    caps                 Σ_π H_kπs ≤ cap_k L_s ;  the same over all offers of one pool (on demand, spot)
    no job is cut        Σ_κ t_jκ f_jκ ≤ L_s(j)
    deadline             Σ_s L_s ≤ T = D - overhead
    boots                Σ_{κ of k} f_jκ ≤ N_k ;  Σ_πs H_kπs ≤ (T - b_k) N_k ;  N_k at most the cap
                         (nodes of two offers of a pool may take turns: Σ N_k over them is not bounded)
    budget (diagnosis)   Σ p_k H_kπs + Σ p_k b_k N_k ≤ B

Whole nodes (:func:`whole_nodes`, a mixed-integer program: the lengths L_s are given)

    N_kπs integer  nodes;  B_kπs ≥ N_kπs - N_kπ,s-1 of them boot in stage s, and are of no use for b_k seconds
    P_kπ ≥ N_kπs   nodes set up in π at any time;  Σ_π P_kπ ≤ cap_k over all offers of a pool: a node keeps its layout
                   and its offer for the whole run
    H_kπs ≤ N_kπs L_s - B_kπs b_k ;  f_jκ ≤ Σ_π N_kπs over the π with room κ: no work is too small for a node
    minimise       Σ p_k (H_kπs + b_k B_kπs + i N_kπs)     i: seconds a node is idle before it is given back
    A job longer than a part of A = L_s - b_k counts as A / ⌊A / t_jκ⌋: a lane of length A holds whole jobs only.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal

from fleetspec.planner.marginal import LimitRows, Marginal
from fleetspec.planner.problem import Placement
from fleetspec.planner.solver import Answer, Program
from fleetspec.planner.terrain import NODE, Kind, Terrain

IDLE_SECONDS = 120
"""ASSUMED: a node without jobs is given back after so long (the autoscaler's idle timeout in the manifests)."""
CRUMB = 1e-5
"""A share below this is the solver's tolerance, not a decision."""
LANE_JOBS = 50
"""From so many jobs in a row on, what a lane loses to whole jobs is below 2 % and is left out."""


Goal = Literal["cost", "time"]
Shares = list[list[tuple[int, Placement, int]]]
"""By class (kind, placement, column) of its shares f_jκ."""
Supply = Callable[[Kind, int], list[tuple[int, float]]]
"""Columns that bring node-time of a kind in a stage, with negative factors."""


@dataclass(frozen=True, slots=True)
class Fluid:
    """An answer of the free-length program, in seconds and USD. ``work`` is node-seconds by (pool, stage)."""

    cost_usd: float
    lengths: dict[int, float]
    work: dict[tuple[int, int], float]
    patterns: frozenset[tuple[int, str]]
    longest: dict[tuple[int, int], float]
    """Seconds of the longest job by (pool, stage)."""
    marginal: Marginal


def free_lengths(
    land: Terrain,
    goal: Goal = "cost",
    *,
    time: float | None,
    budget: float | None = None,
    prices: Sequence[float] | None = None,
    caps: Sequence[int] | None = None,
) -> Fluid | None:
    """Solve the free-length program; None where it has no solution.

    ``time`` is the seconds for all stages (None: no deadline), ``prices`` and ``caps`` replace the pools' own.
    """
    program, p = Program(), [pool.usd_per_hour for pool in land.pools] if prices is None else list(prices)
    limits = [pool.cap for pool in land.pools] if caps is None else list(caps)
    u = land.unit
    money = max(max(p, default=0.0), 1e-9)
    slack = u / 3600
    length = {s: program.column(1.0 if goal == "time" else 0.0) for s in land.stages}
    hours: dict[tuple[int, str, int], int] = {}
    for k, names in enumerate(land.patterns):
        for s in land.stages:
            for name in names:
                hours[k, name, s] = program.column(p[k] / money if goal == "cost" else 0.0)
    share = shares_of(land, program, time)
    if share is None:
        return None
    _room(
        land, program, share, lambda kind, s: [(hours[kind.pool, name, s], -float(count)) for name, count in kind.count]
    )
    rows = LimitRows()
    for k, names in enumerate(land.patterns):
        for s in land.stages:
            if names:
                rows.cap[k, s] = program.at_most(
                    [*((hours[k, name, s], 1.0) for name in names), (length[s], -float(limits[k]))], 0.0
                )
    _shared_caps(land, program, hours, length, limits, rows)
    for row, one in enumerate(land.classes):
        terms = [(column, placement.seconds / u) for _, placement, column in share[row]]
        scale = max(factor for _, factor in terms)
        program.at_most([*((c, f / scale) for c, f in terms), (length[one.stage], -1.0 / scale)], 0.0)
    if time is not None:
        whole = sum(land.serial(s) for s in land.stages)
        row_of_time = program.at_most([(length[s], 1.0) for s in land.stages], min(time, whole) / u)
        rows.deadline = [row_of_time] if time < whole else []
    booted = boots_of(land, program, share, hours, limits, time, rows)
    if goal == "cost":
        program.costs += [(column, p[k] / money * land.pools[k].boot_seconds / u) for k, column in booted.items()]
    if budget is not None:
        factor = max(budget / (slack * money), 1e-9)
        spent = [(hours[key], p[key[0]] / money / factor) for key in hours]
        spent += [(c, p[k] / money / factor * land.pools[k].boot_seconds / u) for k, c in booted.items()]
        rows.budget = program.at_most(spent, budget / (slack * money) / factor)
        rows.dollar = 1 / (slack * money) / factor
    answer = program.solve()
    if not answer.found:
        return None
    v = answer.values
    worth = slack * money if goal == "cost" else u
    work: dict[tuple[int, int], float] = {}
    for (k, _, s), column in hours.items():
        work[k, s] = work.get((k, s), 0.0) + v[column] * u
    return Fluid(
        cost_usd=sum(p[k] * seconds / 3600 for (k, _), seconds in work.items())
        + sum(p[k] * land.pools[k].boot_seconds / 3600 * v[column] for k, column in booted.items()),
        lengths={s: v[column] * u for s, column in length.items()},
        work=work,
        patterns=frozenset((k, name) for (k, name, _), column in hours.items() if v[column] > 1e-9),
        longest=_longest(land, share, v),
        marginal=rows.marginal(answer, u, length, booted, worth),
    )


def _shared_caps(
    land: Terrain,
    program: Program,
    hours: dict[tuple[int, str, int], int],
    length: dict[int, int],
    caps: Sequence[int],
    rows: LimitRows,
) -> None:
    """Rows that bound all offers of a pool together by the cap they share, the largest of theirs."""
    for members in land.problem.offers:
        if len(members) > 1:
            for s in land.stages:
                terms = [(hours[k, name, s], 1.0) for k in members for name in land.patterns[k]]
                limit = float(max(caps[k] for k in members))
                rows.shared[members, s] = program.at_most([*terms, (length[s], -limit)] if terms else [], 0.0)


def boots_of(
    land: Terrain,
    program: Program,
    share: Shares,
    hours: dict[tuple[int, str, int], int],
    caps: Sequence[int],
    time: float | None,
    rows: LimitRows,
    whole: bool = False,
) -> dict[int, int]:
    """Columns N_k with what the fluid answer knows of boots; integers if they are to be ``whole``."""
    booted = {}
    for k, pool in enumerate(land.pools):
        mine = [[column for kind, _, column in here if land.kinds[kind].pool == k] for here in share]
        if not any(mine):
            continue
        booted[k] = program.column(high=float(caps[k]), integer=whole)
        for columns in mine:
            program.at_most([*((column, 1.0) for column in columns), (booted[k], -1.0)] if columns else [], 0.0)
        if time is not None:
            working = (time - pool.boot_seconds) / land.unit
            scale = max(working, 1.0)
            terms = [(column, 1.0 / scale) for (index, _, _), column in hours.items() if index == k]
            rows.working[k] = program.at_most([*terms, (booted[k], -working / scale)], 0.0), scale
    return booted


def _longest(land: Terrain, share: Shares, values: tuple[float, ...]) -> dict[tuple[int, int], float]:
    longest: dict[tuple[int, int], float] = {}
    for one, here in zip(land.classes, share, strict=True):
        for kind, placement, column in here:
            if values[column] > CRUMB:
                key = (land.kinds[kind].pool, one.stage)
                longest[key] = max(longest.get(key, 0.0), placement.seconds)
    return longest


@dataclass(frozen=True, slots=True)
class Allocation:
    """Whole nodes and shares of classes for given lengths. ``nodes`` by (pool, pattern, stage)."""

    lengths: dict[int, float]
    nodes: dict[tuple[int, str, int], int]
    shares: dict[tuple[int, int], float]
    """By (class, kind)."""
    status: str
    work: dict[tuple[int, str, int], float] = field(default_factory=dict)
    """Node-seconds of work by (pool, pattern, stage), a lane's time rounded to whole jobs where these are long."""


def whole_nodes(
    land: Terrain, lengths: dict[int, float], patterns: frozenset[tuple[int, str]] | None, lanes: bool = True
) -> Allocation | None:
    """Cheapest whole nodes for given stage lengths (seconds); None where none was found.

    ``patterns`` restricts GPU nodes to these; None allows all. Without ``lanes`` jobs count as they are, as if lanes
    need not hold whole ones.
    """
    program, u = Program(), land.unit
    p = even_prices(land)
    money = max(p, default=1.0)
    names = [
        tuple(name for name in land.patterns[k] if patterns is None or name == NODE or (k, name) in patterns)
        for k in range(len(land.pools))
    ]
    nodes: dict[tuple[int, str, int], int] = {}
    boots: dict[tuple[int, str, int], int] = {}
    hours: dict[tuple[int, str, int], int] = {}
    for k, pool in enumerate(land.pools):
        for name in names[k]:
            for s in land.stages:
                price = p[k] / money
                nodes[k, name, s] = program.column(price * IDLE_SECONDS / u, high=float(pool.cap), integer=True)
                boots[k, name, s] = program.column(price * pool.boot_seconds / u, high=float(pool.cap))
                hours[k, name, s] = program.column(price)
    for (k, name, s), column in nodes.items():
        paid = [(column, -lengths[s] / u), (boots[k, name, s], land.pools[k].boot_seconds / u)]
        program.at_most([(hours[k, name, s], 1.0), *paid], 0.0)
        before = nodes.get((k, name, land.stages[land.stages.index(s) - 1])) if s != land.stages[0] else None
        terms = [(column, 1.0), (boots[k, name, s], -1.0)]
        program.at_most(terms if before is None else [*terms, (before, -1.0)], 0.0)
    for members in land.problem.offers:
        _peaks(land, program, [(k, name) for k in members for name in names[k]], nodes)
    share = shares_of(land, program, None, lengths)
    if share is None:
        return None

    def supply(kind: Kind, s: int) -> list[tuple[int, float]]:
        return [
            (hours[kind.pool, name, s], -float(count)) for name, count in kind.count if (kind.pool, name, s) in hours
        ]

    _room(land, program, share, supply, lengths if lanes else None)
    for row, one in enumerate(land.classes):
        for index, _, column in share[row]:
            kind = land.kinds[index]
            there = [
                (nodes[kind.pool, name, one.stage], -1.0)
                for name, _ in kind.count
                if (kind.pool, name, one.stage) in nodes
            ]
            program.at_most([(column, 1.0), *there], 0.0)
    answer = program.solve()
    return _allocation(answer, lengths, nodes, hours, share, u) if answer.found else None


def _peaks(
    land: Terrain, program: Program, owned: list[tuple[int, str]], nodes: dict[tuple[int, str, int], int]
) -> None:
    """Rows that bound the nodes ever set up in all patterns and offers of a pool by its cap."""
    if len(owned) <= 1:
        return
    peaks = [program.column() for _ in owned]
    for (k, name), peak in zip(owned, peaks, strict=True):
        for s in land.stages:
            program.at_most([(nodes[k, name, s], 1.0), (peak, -1.0)], 0.0)
    program.at_most([(peak, 1.0) for peak in peaks], float(max(land.pools[k].cap for k, _ in owned)))


def few_patterns(land: Terrain, fluid: Fluid) -> frozenset[tuple[int, str]]:
    """Patterns worth whole nodes: those of the fluid answer, and per slot it uses the one that holds the most of it.

    Whole nodes of many different layouts do not round well, and fewer columns are solved faster.
    """
    kept = set(fluid.patterns)
    for kind in land.kinds:
        if any((kind.pool, name) in fluid.patterns for name, _ in kind.count):
            kept.add((kind.pool, max(kind.count, key=lambda entry: entry[1])[0]))
    return frozenset(kept)


def even_prices(land: Terrain) -> list[float]:
    """Prices to decide by: a free pool still costs a little, so that its nodes are not taken without need."""
    least = max((pool.usd_per_hour for pool in land.pools), default=0.0) * 1e-6 or 1.0
    return [max(pool.usd_per_hour, least) for pool in land.pools]


def _allocation(
    answer: Answer,
    lengths: dict[int, float],
    nodes: dict[tuple[int, str, int], int],
    hours: dict[tuple[int, str, int], int],
    share: Shares,
    unit: float,
) -> Allocation:
    v = answer.values
    return Allocation(
        lengths=lengths,
        nodes={key: round(v[column]) for key, column in nodes.items() if round(v[column])},
        shares={(row, kind): v[c] for row, here in enumerate(share) for kind, _, c in here if v[c] > CRUMB},
        status=answer.status,
        work={key: v[column] * unit for key, column in hours.items() if v[column] > 0},
    )


def shares_of(
    land: Terrain, program: Program, time: float | None, lengths: dict[int, float] | None = None
) -> Shares | None:
    """Columns f_jκ with Σ_κ f_jκ = 1; None where a class has no room in which a job ends in time."""
    found = []
    for one, here in zip(land.classes, land.places, strict=True):
        columns = []
        for kind, placement in here:
            room = math.inf if time is None else time - land.pools[land.kinds[kind].pool].boot_seconds
            if lengths is not None:
                room = available(land, kind, one.stage, lengths)
            if placement.seconds <= room * (1 + 1e-9):
                columns.append((kind, placement, program.column(high=1.0)))
        if not columns:
            return None
        program.equals([(column, 1.0) for _, _, column in columns], 1.0)
        found.append(columns)
    return found


def available(land: Terrain, kind: int, stage: int, lengths: dict[int, float]) -> float:
    """A: seconds of a stage in which a lane of this kind can work. In the first stage every node boots."""
    boot = land.pools[land.kinds[kind].pool].boot_seconds if stage == land.stages[0] else 0
    return lengths[stage] - boot


def _room(
    land: Terrain,
    program: Program,
    share: Shares,
    supply: Supply,
    lengths: dict[int, float] | None = None,
) -> None:
    """Rows of slots, cores and memory: the work of a stage in a kind is at most what ``supply`` gives."""
    u = land.unit
    load: dict[tuple[int, int], list[tuple[int, int, float]]] = {}
    for row, here in enumerate(share):
        one = land.classes[row]
        for kind, placement, column in here:
            seconds = placement.seconds
            if lengths is not None:
                lane = available(land, kind, one.stage, lengths)
                whole = math.floor(lane / seconds * (1 + 1e-9)) if seconds > 0 else LANE_JOBS
                seconds = lane / whole if 0 < whole < LANE_JOBS else seconds
            load.setdefault((kind, one.stage), []).append((row, column, one.jobs * seconds / u))
    for (index, stage), terms in load.items():
        room = land.kinds[index]
        pool = land.pools[room.pool]
        if pool.gpu is not None:
            program.at_most([*((column, w) for _, column, w in terms), *supply(room, stage)], 0.0)
            continue
        for need, have in (
            ([land.classes[row].cores for row, _, _ in terms], pool.cpu),
            ([land.classes[row].memory_mib for row, _, _ in terms], pool.memory_mib),
        ):
            used = [(column, w * amount / have) for (_, column, w), amount in zip(terms, need, strict=True)]
            program.at_most([*used, *supply(room, stage)], 0.0)
