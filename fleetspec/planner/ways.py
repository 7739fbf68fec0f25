"""Ways out of a plan that does not hold: changes of one limit of the spec after which one holds.

Linear programs find how far a limit has to move at least; a change is said only after a real plan with the limit there
has held, and states the end and cost of the whole plan that follows.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

from fleetspec.planner.bound import least
from fleetspec.planner.plans import Change, PlanHeader, window_of
from fleetspec.planner.problem import CapacityProblem
from fleetspec.planner.terrain import survey
from fleetspec.sessions import SessionTime
from fleetspec.units import Duration, Money, Share, UnitError

if TYPE_CHECKING:
    from fleetspec.planner.allowances import Allowance
    from fleetspec.planner.planning import Outcome

MOST_NODES = 1000
"""Largest maximum of a pool that is worth suggesting."""
TRIES = 6
"""Real plans by which a maximum or a deadline is halved in on."""
GUESSES = 4
"""Deadlines tried in a hurry, each a little later, before it is asked whether the latest one holds."""
LONGEST_NIGHT = 20 * 3600
"""A nightly deadline is not moved beyond this: the next night begins 21 hours later when a session closes early."""
DAY = 24 * 3600
LONGEST_RUN = 30 * DAY
NEAR = 1.1
"""Two deadlines whose quotient is below this are close enough."""
SHARES = (0.999, 0.995, 0.99, 0.98, 0.95, 0.9, 0.8, 0.7, 0.5)
"""Shares of nights on time that are worth suggesting."""


class Solve(Protocol):
    def __call__(self, problem: CapacityProblem, *, first: bool = False) -> Outcome: ...


@dataclass(frozen=True, slots=True)
class Asking:
    """What every way out is sought with. ``solve`` gives the whole answer to a problem, with the judge's word on it, or
    with ``first`` whether a plan holds at all; ``allowances`` are what the spec could allow and does not."""

    header: PlanHeader
    solve: Solve
    allowances: tuple[Allowance, ...] = ()

    def whole(self, problem: CapacityProblem) -> Outcome | None:
        """The whole answer to a problem where it holds."""
        made = self.solve(problem)
        return made if made.verdict == "feasible" and made.replay is not None else None

    def holds(self, problem: CapacityProblem) -> bool:
        """Whether a plan holds. One made in a hurry may cost more than the budget where the whole answer does not."""
        tried = self.solve(problem, first=True)
        return tried.verdict == "feasible" or (tried.reason == "budget" and self.whole(problem) is not None)


@dataclass(frozen=True, slots=True)
class Move:
    """Changes after which a plan holds, the problem that they make, and its whole answer."""

    changes: tuple[Change, ...]
    problem: CapacityProblem
    outcome: Outcome

    @property
    def cost_usd(self) -> float:
        assert self.outcome.replay is not None
        return self.outcome.replay.cost_usd

    @property
    def end_seconds(self) -> float:
        assert self.outcome.replay is not None
        return self.outcome.replay.end


def single(problem: CapacityProblem, asking: Asking, outcome: Outcome) -> Iterator[Move]:
    """Changes of one limit after which the problem holds, of which ``outcome`` is the answer."""
    yield from allowed(problem, asking)
    yield from more_nodes(problem, asking)
    yield from later(problem, asking, outcome)
    yield from dearer(problem, asking)
    yield from rarer(problem, asking)


def allowed(problem: CapacityProblem, asking: Asking) -> Iterator[Move]:
    """What the spec could allow, one at a time."""
    for one in asking.allowances:
        if len(one.changes) > 1:
            continue
        there = one.under(problem)
        made = asking.whole(there) if _fits(there) else None
        if made is not None:
            yield Move(one.changes, there, made)


def _fits(problem: CapacityProblem) -> bool:
    """Whether fluid work fits into deadline and budget."""
    land = survey(problem)
    return least(land, time=land.time, budget=problem.budget_usd) is not None


def more_nodes(problem: CapacityProblem, asking: Asking) -> Iterator[Move]:
    """A higher maximum of one pool."""
    for members in problem.offers:
        pool, fewest = problem.pools[members[0]], _least_cap(problem, members)
        if fewest is None:
            continue
        held: int | None = None
        missed, cap = pool.cap, fewest
        for attempt in range(TRIES):
            tried = asking.solve(with_caps(problem, {pool.spec_name: cap}), first=True)
            if tried.verdict == "feasible":
                held = cap
            else:
                missed = cap
            if held is None:
                # Far more nodes: if even they do not help, nothing between does.
                cap = min(max(2 * fewest, 4 * pool.cap), MOST_NODES)
                if attempt > 0 or cap <= missed:
                    break
            elif held - missed <= 1:
                break
            else:
                cap = (held + missed) // 2
        if held is None:
            continue
        # The first plan that holds says that one does; the whole answer says what it costs and when it ends.
        there = with_caps(problem, {pool.spec_name: held})
        made = asking.whole(there)
        if made is not None:
            yield Move((_nodes(pool.spec_name, pool.cap, held),), there, made)


def with_caps(problem: CapacityProblem, caps: dict[str, int]) -> CapacityProblem:
    """The problem with other maxima of some of the spec's pools."""
    pools = tuple(replace(one, cap=caps.get(one.spec_name, one.cap)) for one in problem.pools)
    return replace(problem, pools=pools)


def _nodes(name: str, now: int, then: int) -> Change:
    return Change(("hardware", name, "max"), str(now), str(then))


def _least_cap(problem: CapacityProblem, members: tuple[int, ...]) -> int | None:
    """Smallest maximum of a pool above its own with which fluid work fits; None where none does."""
    land = survey(problem)

    def fits(cap: int) -> bool:
        caps = [cap if index in members else one.cap for index, one in enumerate(land.pools)]
        return least(land, time=land.time, budget=problem.budget_usd, caps=caps) is not None

    low, high = land.pools[members[0]].cap + 1, MOST_NODES
    if low > high or not any(land.patterns[k] for k in members) or not fits(high):
        return None
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if fits(middle) else (middle + 1, high)
    return low


def several_pools(problem: CapacityProblem, asking: Asking) -> Iterator[Move]:
    """Higher maxima of all pools that need one: those of a plan that may have any number of nodes, and fewer where a
    plan holds with fewer."""
    now = {one.spec_name: one.cap for one in problem.pools}
    most = with_caps(problem, {name: max(cap, MOST_NODES) for name, cap in now.items()})
    tried = asking.solve(most, first=True) if _fits(most) else None
    if tried is None or tried.verdict != "feasible" or tried.replay is None:
        return
    peaks = dict.fromkeys(now, 0)
    for k, nodes in tried.replay.peaks.items():
        peaks[tried.land.pools[k].spec_name] += nodes
    caps = {name: peaks[name] for name, cap in now.items() if peaks[name] > cap}
    if not asking.holds(with_caps(problem, caps)):
        return
    for name in sorted(caps):

        def holds(cap: int, name: str = name) -> bool:
            return asking.solve(with_caps(problem, caps | {name: cap}), first=True).verdict == "feasible"

        caps[name] = _fewest(now[name], caps[name], holds)
    changes = tuple(_nodes(name, now[name], cap) for name, cap in sorted(caps.items()) if cap > now[name])
    there = with_caps(problem, caps)
    made = asking.whole(there) if changes else None
    if made is not None:
        yield Move(changes, there, made)


def _fewest(now: int, held: int, holds: Callable[[int], bool]) -> int:
    """A maximum from ``now`` to ``held`` that holds as ``held`` does, and not many nodes above the least one."""
    if holds(now):
        return now
    missed = now
    for _ in range(TRIES):
        if held - missed <= 1:
            break
        middle = (missed + held) // 2
        missed, held = (missed, middle) if holds(middle) else (middle, held)
    return held


def later(problem: CapacityProblem, asking: Asking, outcome: Outcome) -> Iterator[Move]:
    """A later deadline. ``outcome`` is an answer to the problem: how long whole jobs take at full speed."""
    fastest = least(survey(problem), "time", time=None, budget=problem.budget_usd)
    if fastest is None:
        return
    now, last = problem.deadline_seconds, latest(problem, asking.header)
    seconds = moved(problem, asking.header, problem.overhead_seconds + sum(fastest.lengths.values()))
    if outcome.replay is not None and outcome.reason == "deadline":
        # A replay at full speed has already said how long whole jobs take.
        seconds = max(seconds, moved(problem, asking.header, outcome.replay.end))
    if seconds > last or (outcome.reason == "budget" and asking.whole(replace(problem, deadline_seconds=last)) is None):
        # Where money is short, time helps only if it saves enough of it.
        return
    held: int | None = None
    missed = now
    for number in range(GUESSES):
        there = replace(problem, deadline_seconds=seconds)
        tried = asking.solve(there, first=True)
        dear = number == 0 and tried.reason == "budget"
        if tried.verdict == "feasible" or (dear and asking.whole(there) is not None):
            held = seconds
            break
        ends = tried.replay.end if tried.replay is not None and tried.reason == "deadline" else 0.0
        missed, seconds = seconds, moved(problem, asking.header, max(ends, seconds * NEAR))
        if seconds >= last:
            break
    if held is None:
        held = _between(problem, asking, missed, last)
    if held is None:
        return
    # Plans made in a hurry, or on the seeds of planning, may be kinder than the whole answer.
    for seconds in dict.fromkeys((held, min(moved(problem, asking.header, held * NEAR), last), last)):
        there = replace(problem, deadline_seconds=seconds)
        made = asking.whole(there)
        if made is not None:
            yield Move((delayed(problem, asking.header, seconds),), there, made)
            return


def _between(problem: CapacityProblem, asking: Asking, missed: int, last: int) -> int | None:
    """A deadline up to the latest one that holds and is not much later than it has to be; None where that one does not
    hold: a plan for less time would hold then, too."""
    if last <= missed or not asking.holds(replace(problem, deadline_seconds=last)):
        return None
    held = last
    for _ in range(TRIES):
        middle = moved(problem, asking.header, math.sqrt(missed * held))
        if held <= NEAR * missed or not missed < middle < held:
            break
        if asking.holds(replace(problem, deadline_seconds=middle)):
            held = middle
        else:
            missed = middle
    return held


def moved(problem: CapacityProblem, header: PlanHeader, seconds: float) -> int:
    """A later deadline of at least so many seconds: a moment moves by whole minutes, a span ends with one."""
    now = problem.deadline_seconds
    return now + max(_minutes(seconds - now), 60) if header.run == "nightly" else _minutes(max(seconds, now + 60))


def latest(problem: CapacityProblem, header: PlanHeader) -> int:
    """The latest deadline that is worth suggesting and can be said in the spec's words."""
    now, limit = problem.deadline_seconds, LONGEST_NIGHT if header.run == "nightly" else LONGEST_RUN
    moment = _moment(header)
    if moment is not None and moment.anchor == "clock":
        # A clock ends at midnight.
        limit = min(limit, now + DAY - 1 - moment.offset_seconds)
    return max(now, (now + (limit - now) // 60 * 60) if header.run == "nightly" else limit // 60 * 60)


def delayed(problem: CapacityProblem, header: PlanHeader, seconds: int) -> Change:
    """The deadline as the spec writes it, now and moved to so many seconds."""
    moment, route = _moment(header), window_of(header.run)
    if moment is None:
        return Change(route, span(problem.deadline_seconds), span(seconds))
    then = SessionTime(moment.anchor, moment.offset_seconds + seconds - problem.deadline_seconds, moment.zone)
    return Change(route, str(moment), str(then))


def _moment(header: PlanHeader) -> SessionTime | None:
    try:
        return SessionTime.parse(header.deadline)
    except UnitError:
        return None


def dearer(problem: CapacityProblem, asking: Asking) -> Iterator[Move]:
    """A larger budget: what the cheapest plan without one costs."""
    if problem.budget_usd is not None:
        made = asking.whole(replace(problem, budget_usd=None, objective="cost"))
        if made is not None:
            yield from paid(problem, asking, Move((), problem, made))


def paid(problem: CapacityProblem, asking: Asking, free: Move) -> Iterator[Move]:
    """What holds without a budget, with one that is just enough. ``problem`` has the budget there is."""
    assert problem.budget_usd is not None
    needed = math.ceil(free.cost_usd * 100 - 1e-9) / 100
    changes = free.changes
    if needed > problem.budget_usd:
        # No thousands are set apart: a comma in a value is an error in a spec.
        current, proposed = str(Money(problem.budget_usd)), f"{needed:.2f} USD"
        if current == proposed:
            current = f"{problem.budget_usd:.4g} USD"
        changes = (*changes, Change(("budget", asking.header.run), current, proposed))
    there = replace(free.problem, budget_usd=max(needed, problem.budget_usd), objective=problem.objective)
    made = asking.whole(there) if changes else None
    if made is not None:
        yield Move(changes, there, made)


def rarer(problem: CapacityProblem, asking: Asking) -> Iterator[Move]:
    """A lower share of nights on time."""
    if problem.on_time is not None and asking.holds(replace(problem, on_time=None)):
        yield from promised(problem, asking, (), problem)


def promised(
    problem: CapacityProblem, asking: Asking, changes: tuple[Change, ...], free: CapacityProblem
) -> Iterator[Move]:
    """What holds without a share of nights (``free``, after ``changes``), with the highest that is worth asking for and
    holds. ``problem`` has the share that is asked for."""
    assert problem.on_time is not None
    asked = problem.on_time
    for share in (one for one in SHARES if one < asked):
        there = replace(free, on_time=share)
        if asking.solve(there, first=True).verdict != "feasible":
            continue
        made = asking.whole(there)
        if made is not None:
            change = Change(("schedule", "on_time"), str(Share(asked)), str(Share(share)))
            yield Move((*changes, change), there, made)
            return


def span(seconds: float) -> str:
    """Seconds in a spec's words."""
    return str(Duration(math.ceil(seconds - 1e-9)))


def _minutes(seconds: float) -> int:
    """Rounded up to whole minutes."""
    return math.ceil(seconds / 60 - 1e-9) * 60
