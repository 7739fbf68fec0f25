"""What no plan can be cheaper than, or end before, also where stages overlap.

The free-length program of :mod:`formulation` with phases in place of stages. Milestones (:mod:`precedence`) cut the
time into phases p in which a class runs if it may: between its first, when what it waits for has ended, and its last.
Several rows c of milestones are true at once, so the program has the phases of each, and what it decides is one:

    f_jκ, N_k          as there;  H_kπ node-time of pool k in pattern π
    L_cp, H_ckπp       length of a phase, and the node-time in it:  Σ_p H_ckπp ≤ H_kπ for each c
    W_cκwp ≥ 0         work in κ in phase p of all classes that may run in the phases w = first … last of c, several:
                       Σ_p W_cκwp = Σ_j n_j t_jκ f_jκ over those classes (of CPU nodes cores and memory each)
    room               work of classes with one phase, and Σ_w W_cκwp  ≤  Σ_π a_πκ H_ckπp
    caps               Σ_π H_ckπp ≤ cap_k L_cp ;  the same over all offers of a pool
    no job is cut      Σ_κ t_jκ f_jκ ≤ Σ_{p of j} L_cp
    deadline           Σ_p L_cp ≤ T for each c
    boots, budget      as there, of H_kπ

Every plan is an answer to it: cut it where the milestones are. Where stages are barriers one row of milestones gives
each class one phase, and the two programs are the same one. What is left out is who waits for whom within the phases
that a class may run in, so the bound is low where everything overlaps and true everywhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from fleetspec.planner.formulation import Fluid, Goal, Shares, boots_of, free_lengths, shares_of
from fleetspec.planner.marginal import LimitRows
from fleetspec.planner.precedence import Windows
from fleetspec.planner.solver import Program
from fleetspec.planner.terrain import Terrain

Hours = dict[tuple[int, str], int]


def least(
    land: Terrain,
    goal: Goal = "cost",
    *,
    time: float | None,
    budget: float | None = None,
    caps: Sequence[int] | None = None,
) -> Fluid | None:
    """The cheapest fluid answer, or the one that ends first; None where there is none. Arguments as of
    :func:`~fleetspec.planner.formulation.free_lengths`.

    Where stages overlap, ``lengths`` and ``work`` are of the whole run, under its first stage.
    """
    if not land.order.overlaps:
        return free_lengths(land, goal, time=time, budget=budget, caps=caps)
    program, u = Program(), land.unit
    prices = [pool.usd_per_hour for pool in land.pools]
    limits = [pool.cap for pool in land.pools] if caps is None else list(caps)
    money = max(max(prices, default=0.0), 1e-9)
    end = program.column(1.0 if goal == "time" else 0.0)
    hours = {
        (k, name): program.column(prices[k] / money if goal == "cost" else 0.0)
        for k, names in enumerate(land.patterns)
        for name in names
    }
    share = shares_of(land, program, time)
    if share is None:
        return None
    rows, length = LimitRows(), dict[int, int]()
    whole = sum(land.serial(s) for s in land.stages)
    for chain in land.order.chains(land.least):
        Phases(land, program, share, land.order.windows(chain), len(chain) + 1, limits).build(hours, end, length, rows)
    if time is not None:
        row = program.at_most([(end, 1.0)], min(time, whole) / u)
        rows.deadline = [row] if time < whole else []
    by_stage = {(k, name, 0): column for (k, name), column in hours.items()}
    booted = boots_of(land, program, share, by_stage, limits, time, rows)
    paid = [(column, prices[k] / money) for (k, _), column in hours.items()]
    paid += [(column, prices[k] / money * land.pools[k].boot_seconds / u) for k, column in booted.items()]
    if goal == "cost":
        program.costs += paid[len(hours) :]
    if budget is not None:
        limit = budget / (u / 3600 * money)
        factor = max(limit, 1e-9)
        rows.budget = program.at_most([(column, part / factor) for column, part in paid], limit / factor)
        rows.dollar = 1 / (u / 3600 * money) / factor
    answer = program.solve()
    if not answer.found:
        return None
    v, first = answer.values, land.stages[0]
    worth = u / 3600 * money if goal == "cost" else u
    work: dict[tuple[int, int], float] = {}
    for (k, _), column in hours.items():
        work[k, first] = work.get((k, first), 0.0) + v[column] * u
    return Fluid(
        cost_usd=sum(v[column] * part for column, part in paid) * u / 3600 * money,
        lengths={first: v[end] * u},
        work=work,
        patterns=frozenset(key for key, column in hours.items() if v[column] > 1e-9),
        longest={},
        marginal=rows.marginal(answer, u, length, booted, worth),
    )


@dataclass(eq=False)
class Phases:
    """The part of the program that one row of milestones makes. ``windows`` by class, ``count`` phases."""

    land: Terrain
    program: Program
    share: Shares
    windows: Windows
    count: int
    caps: Sequence[int]

    def build(self, hours: Hours, end: int, length: dict[int, int], rows: LimitRows) -> dict[tuple[int, str, int], int]:
        """Add it; columns of node-time by (pool, pattern, phase). ``length`` gets the columns of its phases, numbered
        on; ``rows`` those in which limits stand."""
        land, program = self.land, self.program
        numbers = range(len(length), len(length) + self.count)
        phase = [program.column() for _ in numbers]
        length.update(zip(numbers, phase, strict=True))
        program.at_most([*((column, 1.0) for column in phase), (end, -1.0)], 0.0)
        mine = {(*key, p): program.column() for key in hours for p in range(self.count)}
        for key, total in hours.items():
            program.at_most([*((mine[*key, p], 1.0) for p in range(self.count)), (total, -1.0)], 0.0)
        for k, names in enumerate(land.patterns):
            for p, number in enumerate(numbers) if names else ():
                terms = [*((mine[k, name, p], 1.0) for name in names), (phase[p], -float(self.caps[k]))]
                rows.cap[k, number] = program.at_most(terms, 0.0)
        for members in land.problem.offers:
            for p, number in enumerate(numbers) if len(members) > 1 else ():
                terms = [(mine[k, name, p], 1.0) for k in members for name in land.patterns[k]]
                limit = float(max(self.caps[k] for k in members))
                rows.shared[members, number] = program.at_most([*terms, (phase[p], -limit)] if terms else [], 0.0)
        for row, (low, high) in enumerate(self.windows):
            terms = [(column, placement.seconds / land.unit) for _, placement, column in self.share[row]]
            scale = max(factor for _, factor in terms)
            there = [(phase[p], -1.0 / scale) for p in range(low, high + 1)]
            program.at_most([*((c, f / scale) for c, f in terms), *there], 0.0)
        self._room(mine)
        return mine

    def _room(self, mine: dict[tuple[int, str, int], int]) -> None:
        """Slots, cores and memory of each kind in each phase."""
        land, program = self.land, self.program
        load: dict[tuple[int, str], dict[tuple[int, int], list[tuple[int, float]]]] = {}
        for row, (here, window) in enumerate(zip(self.share, self.windows, strict=True)):
            one = land.classes[row]
            for kind, placement, column in here:
                work, pool = one.jobs * placement.seconds / land.unit, land.pools[land.kinds[kind].pool]
                parts = {"slots": 1.0}
                if pool.gpu is None:
                    parts = {"cores": one.cores / pool.cpu, "memory": one.memory_mib / pool.memory_mib}
                for what, part in parts.items():
                    load.setdefault((kind, what), {}).setdefault(window, []).append((column, work * part))
        for (kind, _), by_window in load.items():
            room = land.kinds[kind]
            used: list[list[tuple[int, float]]] = [[] for _ in range(self.count)]
            for (low, high), terms in by_window.items():
                if low == high:
                    used[low] += terms
                    continue
                columns = [program.column() for _ in range(low, high + 1)]
                program.at_most([*terms, *((column, -1.0) for column in columns)], 0.0)
                for p, column in zip(range(low, high + 1), columns, strict=True):
                    used[p].append((column, 1.0))
            for p in range(self.count):
                supply = [(mine[room.pool, name, p], -float(count)) for name, count in room.count]
                if used[p]:
                    program.at_most([*used[p], *supply], 0.0)
