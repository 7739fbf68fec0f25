"""CapacityProblem → Plan: bound, lengths, whole nodes, replay; and again, tighter, when the replay is late.

1. The free-length program gives a lower bound on cost, or proves that nothing holds; a small fleet that costs more gets
   a second one, of whole nodes and jobs (:mod:`whole_bound`), once it is planned.
2. Lengths are chosen (:mod:`lengths`), whole nodes are bought for them (:mod:`formulation`), and the result is
   replayed with whole jobs (:mod:`simulate`). The cheapest replay in time is the plan.
3. A replay that is late shrinks the time planned for by what it was late, four times at most; then the fastest
   allocation is tried. Still late is said so, with both numbers.
4. Stages overlap where the classes of one do not wait for all of the other, if that costs no more (:mod:`overlap`).
5. One that is not close to its bound is held against fewer nodes for longer (:mod:`loose`) and against nodes of a long
   stage that go on in the short ones after it (:mod:`handover`); small changes that make the replay cheaper, or less
   late, are kept (:mod:`polish`).
6. What is planned for shorter deadlines holds too, and is taken where it is cheaper (:mod:`ladder`); so does what is
   planned for fewer nodes, of which a small fleet has one set, whatever its maxima (:mod:`fewer`).
7. Where a share of nights is to end in time, headroom is added until it does (:mod:`assurance`).
8. Where the problem maximises value, what does not hold becomes a plan of the lines that are worth most
   (:mod:`keeping`).
9. The plan is judged (:mod:`judge`), on seeds that nothing above has used.
10. What does not hold gets its ways out: single changes (:mod:`ways`), else changes that do together
    (:mod:`combining`), each of them planned again.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING

from fleetspec.planner.assembly import Findings, assemble
from fleetspec.planner.assurance import assured
from fleetspec.planner.bound import least
from fleetspec.planner.combining import ways_out
from fleetspec.planner.fewer import EXACT, ON_RUNG, fewest, floor, may_be_small, one_of_each, root_of, takes_few
from fleetspec.planner.formulation import Fluid, even_prices, few_patterns, free_lengths, whole_nodes
from fleetspec.planner.handover import handed_over
from fleetspec.planner.judge import judge
from fleetspec.planner.keeping import keep_both, most_value
from fleetspec.planner.ladder import rungs_below
from fleetspec.planner.lengths import CLOSE, boot_of, vectors
from fleetspec.planner.loose import loosened
from fleetspec.planner.order import as_written, canonical
from fleetspec.planner.overlap import overlapped
from fleetspec.planner.plans import Assurance, Chance, Plan, PlanHeader, Verdict
from fleetspec.planner.polish import plainer, polished
from fleetspec.planner.problem import CapacityProblem
from fleetspec.planner.relax import binding
from fleetspec.planner.simulate import Replay, replay
from fleetspec.planner.soonest import soonest, soonest_end
from fleetspec.planner.soundness import require_sound
from fleetspec.planner.terrain import Terrain, survey
from fleetspec.planner.ways import Asking
from fleetspec.planner.whole_bound import proved_usd

if TYPE_CHECKING:
    from fleetspec.planner.allowances import Allowance

ROUNDS = 4
CANDIDATES = 3
"""Combinations of lengths tried per round."""
EASES = (0.95, 0.9, 0.8, 0.65)
"""Shares of the time for which fluid work is shared out when no lengths are found for all of it."""
STRETCHES = (1.0, 1.05, 1.15, 1.3, 1.6, 2.0, 3.0)
"""How much longer than on paper the fastest allocation may get when whole nodes and jobs do not fit."""
ENOUGH = 1.3
"""From this stretch on the first allocation is taken."""

KNOWN = 32
"""Answers that are kept while ways out are sought."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What planning came to, before it is written down. ``bound`` is None where even fluid work does not fit."""

    land: Terrain
    verdict: Verdict
    bound: Fluid | None
    replay: Replay | None
    rounds: int
    reason: str
    """Which limit is missed: deadline, budget, on_time, or nothing."""
    assurance: Assurance | None = None
    barriers: Replay | None = None
    """Where stages may overlap, the best plan in which they do not."""


def make_plan(
    problem: CapacityProblem, header: PlanHeader, allowed: Callable[[], tuple[Allowance, ...]] = tuple
) -> Plan:
    """Plan a problem. Never raises for a problem that cannot be solved: the plan says why, and what would help.

    ``allowed`` gives what the spec could allow and does not; it is asked for where the problem does not hold. Raises
    Rejected for a problem that is not sound (:mod:`soundness`)."""
    require_sound(problem)
    return as_written(_made(canonical(problem), header, allowed), problem)


def _made(problem: CapacityProblem, header: PlanHeader, allowed: Callable[[], tuple[Allowance, ...]]) -> Plan:
    """The plan of a sound problem, in the order of its figures."""
    everything = outcome = solve(problem)
    if not outcome.land.classes:
        return assemble(outcome.land, header, Findings("feasible", None, None, 0, ()))
    kept = most_value(problem, solve) if outcome.verdict != "feasible" and problem.maximize_value else None
    posed, outcome = (problem, outcome) if kept is None else (kept.problem, kept.outcome)
    made = _written(header, outcome)
    chance = judge(posed, made)
    sure = _judged(outcome, posed, chance)
    if sure is not outcome:
        outcome, made = sure, _written(header, sure)
    if kept is not None:
        made = replace(made, selection=kept.selection)
    else:
        everything = outcome
        if made.verdict in ("late", "infeasible") and not problem.maximize_value:
            made = replace(made, keep_both=keep_both(problem, solve))
    if everything.verdict != "feasible":
        # Ways out meet some problems twice.
        known = lru_cache(maxsize=KNOWN)(lambda other, first: _answer(other, header, first))
        asking = Asking(header, lambda other, *, first=False: known(other, first), allowed())
        alone, together = ways_out(problem, asking, everything)
        made = replace(made, suggestions=alone, combinations=together)
    proved = soonest_end(posed) if posed.objective == "time" else 0.0
    return replace(made, chance=chance, assurance=outcome.assurance, soonest_seconds=proved)


def _written(header: PlanHeader, outcome: Outcome) -> Plan:
    """An outcome as a plan, with what binds."""
    return assemble(
        outcome.land,
        header,
        Findings(
            outcome.verdict,
            outcome.bound,
            outcome.replay,
            outcome.rounds,
            binding(outcome),
            outcome.barriers,
            proved_usd(outcome.land, outcome.bound.cost_usd, outcome.replay) if outcome.bound is not None else 0.0,
        ),
    )


def _answer(problem: CapacityProblem, header: PlanHeader, first: bool) -> Outcome:
    """What :func:`make_plan` comes to, or ``first`` whether a plan holds on the seeds of planning."""
    found = solve(problem, first=first)
    if first or problem.on_time is None or found.verdict != "feasible" or found.replay is None:
        return found
    made = Findings(found.verdict, found.bound, found.replay, found.rounds, (), found.barriers)
    return _judged(found, problem, judge(found.land.problem, assemble(found.land, header, made)))


def _judged(outcome: Outcome, problem: CapacityProblem, chance: Chance | None) -> Outcome:
    """The outcome, unsure where the seeds of planning were kinder than those of the judge, whose word counts."""
    if chance is None or outcome.verdict != "feasible" or chance.interval[1] >= (problem.on_time or 0.0):
        return outcome
    return replace(outcome, verdict="unsure", reason="on_time")


def solve(problem: CapacityProblem, *, first: bool = False) -> Outcome:
    """Bound and best replay of a problem, sure enough where it asks for that. ``first`` stops at the first replay that
    holds."""
    problem = canonical(problem)
    if problem.objective == "time" and not first:
        return soonest(problem, solve)
    found = _sized(problem, first=True) if first else _cheapest(problem)
    if problem.on_time is None or found.verdict != "feasible" or found.replay is None:
        return found
    # What polishing saves is slack that nights need: headroom is looked for without it.
    return assured(problem, lambda padded: _sized(padded, first, rough=True), found)


def _cheapest(problem: CapacityProblem) -> Outcome:
    """The cheapest of what is planned for the deadline and for those rungs below it that may be cheaper."""
    few, shorter = may_be_small(problem), problem.deadline_seconds
    best = one_of_each(problem, _on_rung) if few else None
    if best is not None and best.replay is not None:
        # It is the plan of all deadlines from its end on.
        shorter = math.ceil(best.replay.end)
    else:
        few = few and takes_few(problem, _on_rung)
    proved = floor(problem) if few else 0.0
    best = best or (fewest(problem, _on_rung, proved) if few else None) or _on_rung(problem)
    if best.bound is None:
        # Not even fluid work ends in time, and it would not end earlier either.
        return best
    root = root_of(problem, _on_rung) if few and shorter == problem.deadline_seconds else None
    for rung in rungs_below(shorter, problem.overhead_seconds):
        posed = replace(problem, deadline_seconds=rung, budget_usd=None, on_time=None)
        late, below = best.reason == "deadline", math.inf if best.reason == "deadline" else _cost(best) * EXACT
        if max(_at_least(posed), proved) >= below:
            break
        before, root = root, root_of(posed, _on_rung) if few else None
        if few and root == before and not late:
            continue
        other = fewest(posed, _on_rung, proved, below, ON_RUNG) if few else None
        if other is None and few and not late:
            # A plan for these maxima alone would be none for others.
            continue
        other = other or _on_rung(posed)
        if other.verdict == "feasible" and _cost(other) < below:
            dear = problem.budget_usd is not None and _cost(other) > problem.budget_usd + 1e-9
            verdict: Verdict = "infeasible" if dear else "feasible"
            reason = "budget" if dear else ""
            best = replace(best, verdict=verdict, replay=other.replay, barriers=other.barriers, reason=reason)
    return best


def _cost(one: Outcome) -> float:
    return one.replay.cost_usd if one.replay is not None else math.inf


def _at_least(problem: CapacityProblem) -> float:
    """USD below which no plan is."""
    land = survey(problem)
    fluid = least(land, time=land.time)
    return math.inf if fluid is None else fluid.cost_usd


@lru_cache(maxsize=128)
def _on_rung(problem: CapacityProblem) -> Outcome:
    """What is planned for a deadline and maxima. Later deadlines share their rungs, and others their maxima, so the
    answers of a few are kept."""
    return _sized(problem, first=False)


def _sized(problem: CapacityProblem, first: bool, rough: bool = False) -> Outcome:
    """Bound and best replay of a problem whose jobs take the time they are said to. ``rough`` ones are not polished."""
    land = survey(problem)
    if not land.classes:
        return Outcome(land, "feasible", None, None, 0, "")
    bound = least(land, time=land.time)
    if bound is None:
        plain = _fastest(land)
        best = None
        if plain is not None:
            best = plainer(land, overlapped(land, plain, plain, 0.0, _replays, quick=True).best)
        return Outcome(land, "infeasible", None, best, 0, "deadline", barriers=plain)
    best, rounds = _in_time(land, first)
    late = False
    if best is None or best.end > problem.deadline_seconds:
        best, late = _faster(best, _fastest(land)), True
    if best is not None and not first and not rough:
        if not late:
            best = loosened(land, best, bound.cost_usd, lambda lengths, patterns: _loose(land, lengths, patterns))
        best = polished(land, best, bound.cost_usd)
    if best is None:
        return Outcome(land, "late", bound, None, rounds, "deadline")
    held = best if first or rough or late else handed_over(land, best, bound.cost_usd)
    pair = overlapped(land, best, held, bound.cost_usd, _replays, quick=first or rough)
    barriers = pair.barriers if pair.barriers is None else plainer(land, pair.barriers)
    best = plainer(land, pair.best)
    made = Outcome(land, "feasible", bound, best, rounds, "", barriers=barriers)
    if late and best.end > problem.deadline_seconds:
        return replace(made, verdict="late", reason="deadline")
    if problem.budget_usd is not None and best.cost_usd > problem.budget_usd + 1e-9:
        return replace(made, verdict="infeasible", reason="budget")
    return made


def _in_time(land: Terrain, first: bool) -> tuple[Replay | None, int]:
    """The cheapest replay that ends in time, else the one that is late by least, and the rounds it took."""
    deadline, overhead = land.problem.deadline_seconds, land.problem.overhead_seconds
    time, closest = land.time, None
    for attempt in range(1, ROUNDS + 1):
        replays = _replays(land, time, first)
        holding = [one for one in replays if one.end <= deadline]
        if holding:
            cheapest = min(one.cost_usd for one in holding)
            most, budget = cheapest * (1 + CLOSE), land.problem.budget_usd
            if budget is not None:
                # An earlier end is worth a little, but not more than there is.
                most = max(cheapest, min(most, budget))
            return min((one for one in holding if one.cost_usd <= most), key=lambda one: one.end), attempt
        for one in replays:
            closest = _faster(closest, one)
        if not replays:
            return closest, attempt
        # As much shorter as the replay was longer, and a little more, so that rounds do not creep.
        time *= min((deadline - overhead) / max(min(one.end for one in replays) - overhead, 1e-9), 1.0) * 0.99
    return closest, ROUNDS


def _replays(land: Terrain, time: float, first: bool) -> list[Replay]:
    """Replays of the cheapest combinations of lengths for ``time`` seconds."""
    prices = even_prices(land)
    fluid = free_lengths(land, time=time, prices=prices)
    if fluid is None:
        return []
    # A second look for what boots leave of the time: the work may be shared out better for it.
    boots = sum(boot_of(land, fluid, s) for s in land.stages)
    tighter = None if first else free_lengths(land, time=time - boots, prices=prices)
    found: list[Replay] = []
    for one in (fluid, tighter):
        if one is not None:
            found += _lengthened(land, one, time, first)
            if first and _holds(land, found):
                return found
    for ease in EASES:
        if _holds(land, found):
            break
        # Work that fills a pool to its maximum all night leaves it no boots: shared out for a shorter night it does.
        eased = free_lengths(land, time=time * ease, prices=prices)
        if eased is None:
            break
        found += _lengthened(land, eased, time, first)
    whole = sum(fluid.lengths.values())
    if whole > 0 and not _holds(land, found):
        # All the time there is, shared out as the fluid work is: what exact packing needs.
        stretched = {s: length * time / whole for s, length in fluid.lengths.items()}
        found += _replayed(land, stretched, few_patterns(land, fluid))
    return found


def _lengthened(land: Terrain, fluid: Fluid, time: float, first: bool) -> list[Replay]:
    """Replays of the cheapest combinations of lengths for a fluid answer; ``first`` stops at one that holds."""
    found: list[Replay] = []
    patterns = few_patterns(land, fluid)
    for lengths in vectors(land, fluid, time, CANDIDATES):
        found += _replayed(land, lengths, patterns)
        if first and _holds(land, found):
            break
    return found


def _replayed(land: Terrain, lengths: dict[int, float], patterns: frozenset[tuple[int, str]]) -> list[Replay]:
    """The replay of whole nodes for these lengths, of few patterns if possible; [] where there are none."""
    found = _replay_of(land.timeless, tuple(lengths.items()), patterns)
    return [] if found is None else [found]


def _loose(land: Terrain, lengths: dict[int, float], patterns: frozenset[tuple[int, str]]) -> Replay | None:
    return _replay_of(land.timeless, tuple(lengths.items()), patterns, lanes=False)


@lru_cache(maxsize=64)
def _replay_of(
    timeless: CapacityProblem,
    lengths: tuple[tuple[int, float], ...],
    patterns: frozenset[tuple[int, str]],
    lanes: bool = True,
) -> Replay | None:
    """Neither whole nodes for given lengths nor their replay depend on the deadline: rounds and rungs share them."""
    land = survey(timeless)
    allocation = whole_nodes(land, dict(lengths), patterns, lanes)
    if allocation is None and lanes:
        allocation = whole_nodes(land, dict(lengths), None)
    return None if allocation is None else replay(land, allocation)


def _holds(land: Terrain, found: list[Replay]) -> bool:
    return any(one.end <= land.problem.deadline_seconds for one in found)


def _fastest(land: Terrain) -> Replay | None:
    """The replay that ends first, whatever it costs."""
    fluid = free_lengths(land, "time", time=None)
    if fluid is None:
        return None
    best: Replay | None = None
    patterns = few_patterns(land, fluid)
    for stretch in STRETCHES:
        lengths = {s: fluid.lengths[s] * stretch + boot_of(land, fluid, s) for s in land.stages}
        for one in _replayed(land, lengths, patterns):
            best = _faster(best, one)
        if best is not None and (best.end <= land.problem.deadline_seconds or stretch >= ENOUGH):
            break
    return best


def _faster(one: Replay | None, other: Replay | None) -> Replay | None:
    if one is None or other is None:
        return one or other
    return one if (one.end, one.cost_usd) <= (other.end, other.cost_usd) else other
