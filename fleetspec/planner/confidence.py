"""What a plan's dollars rest on: runtimes that somebody measured, or assumptions, family by family."""

from __future__ import annotations

from dataclasses import dataclass

from fleetspec.planner.plans import ClassLine, Plan


@dataclass(frozen=True, slots=True)
class FamilyLine:
    """One family of the plan. ``measured`` is the share of its cost (of its jobs, where it costs nothing) with measured
    runtimes, ``n`` the fewest fits that one of these rests on."""

    family: str
    classes: int
    jobs: int
    cost_usd: float
    measured: float
    n: int
    sources: tuple[str, ...]


def families(plan: Plan) -> tuple[FamilyLine, ...]:
    """A line for each family with jobs to run, the dearest first."""
    grouped: dict[str, list[ClassLine]] = {}
    for line in plan.classes:
        if line.jobs:
            grouped.setdefault(line.family, []).append(line)
    found = [_line(family, lines) for family, lines in grouped.items()]
    return tuple(sorted(found, key=lambda line: (-line.cost_usd, line.family)))


def _line(family: str, lines: list[ClassLine]) -> FamilyLine:
    measured = [line for line in lines if line.basis == "measured"]
    cost = sum(line.cost_usd for line in lines)
    jobs = sum(line.jobs for line in lines)
    certain = sum(line.cost_usd for line in measured) if cost > 0 else sum(line.jobs for line in measured)
    return FamilyLine(
        family=family,
        classes=len(lines),
        jobs=jobs,
        cost_usd=cost,
        measured=certain / cost if cost > 0 else certain / jobs,
        n=min((line.n for line in measured), default=0),
        sources=tuple(sorted({line.source for line in lines})),
    )
