"""Deadline and budget kept, both: what falls out where they cannot hold everything, so that most value stays.

Models are left out by line (universe/group/family), a line with all that waits for it. Sets of lines are tried from the
least value on: the free-length program says first whether what is left could fit at all, and what could is planned.
After ``LOOKED`` sets lines go one by one, those first that are worth least for the time they take, and come back where
there is room. The value of a line is that of one of its models times its forecasts, of one that has none its jobs.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from heapq import heappop, heappush
from typing import TYPE_CHECKING, Protocol

from fleetspec.planner.bound import least
from fleetspec.planner.plans import KeptBoth, LeftOut
from fleetspec.planner.terrain import survey

if TYPE_CHECKING:
    from fleetspec.planner.planning import Outcome
    from fleetspec.planner.problem import CapacityProblem, DemandClass

LOOKED = 150
"""Sets of lines looked at in the order of what they are worth."""
PLANNED = 6
"""Real plans made of these."""
FORECAST = "forecast"


class Solve(Protocol):
    def __call__(self, problem: CapacityProblem, *, first: bool = False) -> Outcome: ...


@dataclass(frozen=True, slots=True)
class Line:
    """A universe's models of a group and family. ``falls`` are the lines that go with it, itself among them."""

    name: str
    models: int
    value: float
    work: float
    falls: frozenset[str]


def keep_both(problem: CapacityProblem, solve: Solve) -> KeptBoth | None:
    """What to leave out of a problem that does not hold; None where nothing that is left would hold either."""
    problem = replace(problem, on_time=None, objective="cost")
    lines = {line.name: line for line in lines_of(problem)}
    if len(lines) < 2:
        return None
    total, planned = sum(line.value for line in lines.values()), 0
    for number, gone in enumerate(_sets(lines)):
        if number == LOOKED or planned == PLANNED:
            break
        if len(gone) < len(lines) and _could(problem, gone):
            planned += 1
            found = _held(problem, gone, solve)
            if found is not None:
                return _said(lines, gone, total, found)
    return _greedy(problem, lines, total, solve)


def lines_of(problem: CapacityProblem) -> tuple[Line, ...]:
    """The lines of a problem that have jobs, in the order of their classes."""
    classes = [one for one in problem.classes if one.jobs or one.shared]
    line_of = {one.name: _line(one) for one in classes}
    waits: dict[str, set[str]] = {line: set() for line in line_of.values()}
    for one in classes:
        # What has its results from another line has none without it: they would have to be made anew.
        for before in (*(one.after or ()), *(name for name, _ in one.shared)):
            if before in line_of and line_of[before] != line_of[one.name]:
                waits[line_of[before]].add(line_of[one.name])
    found = []
    for name in dict.fromkeys(line_of.values()):
        mine = [one for one in classes if line_of[one.name] == name]
        models = sum(_results(one) for one in mine if one.task == FORECAST) or max(map(_results, mine))
        work = sum(one.jobs * min(place.seconds for place in one.placements) for one in mine if one.jobs)
        found.append(Line(name, models, models * mine[0].value, work, _closure(name, waits)))
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


def _sets(lines: dict[str, Line]) -> Iterator[frozenset[str]]:
    """Closed sets of lines, about in the order of the value that goes with them."""

    def lost(gone: frozenset[str]) -> float:
        return sum(lines[name].value for name in gone)

    order = sorted(lines.values(), key=lambda line: (lost(line.falls), line.name))
    queue: list[tuple[float, tuple[int, ...]]] = [(lost(order[0].falls), (0,))]
    seen: set[frozenset[str]] = set()
    while queue:
        _, chosen = heappop(queue)
        gone = frozenset[str]().union(*(order[at].falls for at in chosen))
        if gone not in seen:
            seen.add(gone)
            yield gone
        if chosen[-1] + 1 < len(order):
            for more in ((*chosen, chosen[-1] + 1), (*chosen[:-1], chosen[-1] + 1)):
                heappush(queue, (lost(frozenset[str]().union(*(order[at].falls for at in more))), more))


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


def _greedy(problem: CapacityProblem, lines: dict[str, Line], total: float, solve: Solve) -> KeptBoth | None:
    """Lines go, those first that are worth least a second, until the rest holds; then they come back one by one."""
    order = sorted(lines.values(), key=lambda line: (line.value / max(line.work, 1e-9), line.name))
    gone, found = frozenset[str](), None
    for line in order:
        gone |= line.falls
        if len(gone) == len(lines):
            return None
        if _could(problem, gone):
            found = _held(problem, gone, solve)
            if found is not None:
                break
    if found is None:
        return None
    for line in sorted(lines.values(), key=lambda line: (-line.value, line.name)):
        # A line comes back alone: what waits for it follows in its own turn.
        fewer = gone - {line.name}
        if line.name in gone and not any(line.name in lines[name].falls for name in fewer) and _could(problem, fewer):
            again = _held(problem, fewer, solve)
            if again is not None:
                gone, found = fewer, again
    return _said(lines, gone, total, found)


def _said(lines: dict[str, Line], gone: frozenset[str], total: float, found: Outcome) -> KeptBoth:
    assert found.replay is not None
    left = tuple(LeftOut(name, line.models, line.value) for name, line in lines.items() if name in gone)
    kept = total - sum(one.value for one in left)
    return KeptBoth(left, kept, total, found.replay.end, found.replay.cost_usd)
