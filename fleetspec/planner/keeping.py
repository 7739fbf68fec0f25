"""Deadline and budget kept, both: what falls out where they cannot hold everything, so that most value stays.

Models are left out by line (universe/group/family), a line with all that waits for it. Sets of lines are tried from the
least value on: the free-length program says first whether what is left could fit at all, and what could is planned. The
first that could is also a proof: whole lines that are worth more do not fit even as fluid work.
After ``LOOKED`` sets lines go one after the other, those first that are worth least for the time they take, and come
back where there is room. The value of a line is that of one of its models times its forecasts, of one that has none its
jobs.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass, replace
from heapq import heappop, heappush
from typing import TYPE_CHECKING, Protocol

from fleetspec.planner.bound import least
from fleetspec.planner.plans import LeftOut, Selection
from fleetspec.planner.terrain import survey

if TYPE_CHECKING:
    from fleetspec.planner.planning import Outcome
    from fleetspec.planner.plans import Plan
    from fleetspec.planner.problem import CapacityProblem, DemandClass

LOOKED = 150
"""Sets of lines looked at in the order of what they are worth."""
PLANNED = 6
"""Real plans made of these."""
MISSES = 6
"""Lines that may be tried in vain when lines come back, those of most value first: a plan that does not hold takes
longest."""
NEAR = 1.1
"""A plan made in a hurry that costs up to so many budgets is planned in whole."""
FORECAST = "forecast"


class Solve(Protocol):
    def __call__(self, problem: CapacityProblem, *, first: bool = False) -> Outcome: ...


@dataclass(frozen=True, slots=True)
class Line:
    """A universe's models of a group and family. ``falls`` are the lines that go with it, itself among them."""

    name: str
    models: int
    jobs: int
    value: float
    work: float
    falls: frozenset[str]


@dataclass(frozen=True, slots=True)
class Kept:
    """A problem without what falls out of it, and how it is solved."""

    problem: CapacityProblem
    outcome: Outcome
    selection: Selection


def keep_both(problem: CapacityProblem, solve: Solve) -> Selection | None:
    """What to leave out of a problem that does not hold; None where nothing that is left would hold either."""
    found = most_value(replace(problem, on_time=None, objective="cost"), solve)
    return None if found is None else found.selection


def most_value(problem: CapacityProblem, solve: Solve) -> Kept | None:
    """What is left of a problem that does not hold when the lines fall whose loss costs least value; None where nothing
    that is left would hold either."""
    lines = {line.name: line for line in lines_of(problem)}
    if len(lines) < 2:
        return None
    total = sum(line.value for line in lines.values())
    proved, planned = total, 0
    sure = _could(problem, frozenset())
    for number, (lost, gone) in enumerate(_sets(lines)):
        if not sure:
            # Whatever loses less cannot run, and neither can this where the bound says so.
            proved = total - lost
        if number == LOOKED or planned == PLANNED:
            break
        if len(gone) < len(lines) and _could(problem, gone):
            sure = True
            planned += 1
            found = _held(problem, gone, solve)
            if found is not None:
                return _kept(problem, lines, gone, total, proved, found)
    return _greedy(problem, lines, total, proved, solve)


def selected(problem: CapacityProblem, plan: Plan) -> CapacityProblem:
    """What a plan of a problem runs: all of it, or what it has not left out."""
    return without(problem, frozenset(one.name for one in plan.left_out)) if plan.left_out else problem


def lines_of(problem: CapacityProblem) -> tuple[Line, ...]:
    """The lines of a problem that have jobs, in the order of their classes."""
    classes = [one for one in problem.classes if one.jobs or one.shared]
    names = {one.name: _line(one) for one in classes}
    waits: dict[str, set[str]] = {line: set() for line in names.values()}
    for one in classes:
        # What has its results from another line has none without it: they would have to be made anew.
        for before in (*(one.after or ()), *(name for name, _ in one.shared)):
            if before in names and names[before] != names[one.name]:
                waits[names[before]].add(names[one.name])
    found = []
    for name in dict.fromkeys(names.values()):
        mine = [one for one in classes if names[one.name] == name]
        models = sum(_results(one) for one in mine if one.task == FORECAST) or max(map(_results, mine))
        work = sum(one.jobs * min(place.seconds for place in one.placements) for one in mine if one.jobs)
        jobs = sum(one.jobs for one in mine)
        found.append(Line(name, models, jobs, models * mine[0].value, work, _closure(name, waits)))
    return tuple(found)


def _line(one: DemandClass) -> str:
    """All variants of a group and all rungs of its searches are one line: nothing less of a family can be left out."""
    return f"{one.name.partition('/')[0]}/{one.group}/{one.family}"


def _results(one: DemandClass) -> int:
    return one.jobs + sum(count for _, count in one.shared)


def _closure(name: str, waits: dict[str, set[str]]) -> frozenset[str]:
    found, open_ = {name}, [name]
    while open_:
        for after in waits[open_.pop()] - found:
            found.add(after)
            open_.append(after)
    return frozenset(found)


def _sets(lines: dict[str, Line]) -> Iterator[tuple[float, frozenset[str]]]:
    """Closed sets of lines with the value that goes with them, none before one that loses less."""

    def lost(gone: frozenset[str]) -> float:
        # In the order of the lines, so that the sum of one set is always the same.
        return sum(line.value for line in lines.values() if line.name in gone)

    numbers = {name: number for number, name in enumerate(lines)}
    queue: list[tuple[float, list[int], frozenset[str]]] = []
    seen: set[frozenset[str]] = set()

    def push(gone: frozenset[str]) -> None:
        if gone not in seen:
            seen.add(gone)
            # Numbers settle ties, so that equal values come in one order.
            heappush(queue, (lost(gone), sorted(numbers[name] for name in gone), gone))

    for line in lines.values():
        push(line.falls)
    while queue:
        value, _, gone = heappop(queue)
        yield value, gone
        for line in lines.values():
            if line.name not in gone:
                push(gone | line.falls)


def without(problem: CapacityProblem, gone: frozenset[str]) -> CapacityProblem:
    """The problem without the jobs of some lines."""
    classes = tuple(replace(one, jobs=0) if _line(one) in gone else one for one in problem.classes)
    return replace(problem, classes=classes)


def _could(problem: CapacityProblem, gone: frozenset[str]) -> bool:
    """Whether fluid work without these lines fits into deadline and budget."""
    land = survey(without(problem, gone))
    return not land.classes or least(land, time=land.time, budget=problem.budget_usd) is not None


def _held(problem: CapacityProblem, gone: frozenset[str], solve: Solve) -> Outcome | None:
    found = solve(without(problem, gone))
    return found if found.verdict == "feasible" and found.replay is not None else None


def _greedy(problem: CapacityProblem, lines: dict[str, Line], total: float, proved: float, solve: Solve) -> Kept | None:
    """Lines go, those first that are worth least a second, until the rest holds; then they come back one by one.

    The bound says from which line on the rest could hold, since what could does so without more lines, too. From there
    on ever more lines go at once.
    """
    prefixes, gone = [], frozenset[str]()
    for line in sorted(lines.values(), key=lambda line: (line.value / max(line.work, 1e-9), line.name)):
        gone |= line.falls
        if len(gone) == len(lines):
            break
        prefixes.append(gone)
    at, step = bisect_left(prefixes, True, key=lambda gone: _could(problem, gone)), 1
    while at < len(prefixes) and not _quickly(problem, prefixes[at], solve):
        at, step = at + step, 2 * step
    if at >= len(prefixes):
        return None
    gone, missed = prefixes[at], 0
    for line in sorted(lines.values(), key=lambda line: (-line.value, line.name)):
        # A line comes back alone: what waits for it follows in its own turn.
        fewer = gone - {line.name}
        if line.name not in gone or any(line.name in lines[name].falls for name in fewer) or not _could(problem, fewer):
            continue
        if _quickly(problem, fewer, solve):
            gone = fewer
        else:
            missed += 1
        if missed == MISSES:
            break
    found = _held(problem, gone, solve)
    return None if found is None else _kept(problem, lines, gone, total, proved, found)


def _quickly(problem: CapacityProblem, gone: frozenset[str], solve: Solve) -> bool:
    """Whether what is left holds: a plan made in a hurry does, or costs so little more than the budget that the whole
    answer may."""
    left = without(problem, gone)
    tried = solve(left, first=True)
    if tried.verdict == "feasible":
        return True
    if tried.reason != "budget" or tried.replay is None or problem.budget_usd is None:
        return False
    return tried.replay.cost_usd < NEAR * problem.budget_usd and _held(problem, gone, solve) is not None


def _kept(
    problem: CapacityProblem,
    lines: dict[str, Line],
    gone: frozenset[str],
    total: float,
    proved: float,
    found: Outcome,
) -> Kept:
    assert found.replay is not None
    left = tuple(LeftOut(name, line.models, line.jobs, line.value) for name, line in lines.items() if name in gone)
    kept = total - sum(one.value for one in left)
    said = Selection(left, kept, total, max(proved, kept), found.replay.end, found.replay.cost_usd)
    return Kept(without(problem, gone), found, said)
