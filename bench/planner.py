"""The planner from ten thousand to five million jobs and from 10 to 400 classes: seconds, memory and gaps.

    python bench/planner.py [jobs,jobs,…] [classes,classes,…]

A class is the fits, forecasts or scores of one family in one universe, on two sizes of CPU nodes and on H100s that may
be cut; a job takes between a millisecond and ten minutes (synthetic), and the work grows with the jobs. The night has
eight hours; at last a million jobs have one. Each row is planned in a process of its own, so its memory is its own.
Columns, in CPU seconds:

- *build*: the free-length program is written; *bound*: it is solved, which proves what no plan can be cheaper than;
- *MILP*: whole nodes for the stage lengths, all programs of one plan; *paper*: the best of them over the bound;
- *plan*: everything to the executed plan, programs and replays included; *executed*: its cost over the bound, *proved*
  over the larger of it and that of whole nodes and jobs;
- *replay*: one replay of it; *judge*: 2,000 nights with chance; *MiB*: the most memory of the process.

At last a frontier of 20 executed plans, each with its bound, of a million jobs.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "planner"))

from capacity_problems import cpu_pool, job_class, mig_pool, on_mig

from fleetspec.planner import planning
from fleetspec.planner.formulation import Allocation, free_lengths
from fleetspec.planner.frontier import frontier
from fleetspec.planner.judge import judge
from fleetspec.planner.paper import paper_usd
from fleetspec.planner.planning import make_plan, solve
from fleetspec.planner.plans import Inputs, PlanHeader
from fleetspec.planner.problem import CapacityProblem, DemandClass
from fleetspec.planner.simulate import replay
from fleetspec.planner.solver import Answer, Program
from fleetspec.planner.terrain import survey
from fleetspec.planner.violations import violations
from fleetspec.planner.whole_bound import proved_usd

HEADER = PlanHeader("bench", "nightly", "2026-11-23", "a night", Inputs("", "", "", "", "", ""), 0, "open - 1h30m")
JOBS = (10_000, 100_000, 1_000_000, 5_000_000)
CLASSES = (10, 42, 100, 400)
NIGHT = 8 * 3600
POINTS = 20
FAMILIES = (
    # name, seconds of a fit, memory MiB, GPU memory MiB (0: CPU alone), jobs of it for each one of a volatility model
    ("garch", 0.15, 300, 0, 1.0),
    ("nbeats", 300.0, 3072, 9216, 0.004),
    ("xgboost", 2.0, 1500, 1024, 2.0),
    ("elasticnet", 0.01, 300, 0, 2.0),
    ("egarch", 0.32, 300, 0, 1.0),
)


def instance(jobs: int, classes: int) -> CapacityProblem:
    """About so many jobs in exactly so many classes: of five families fits in stage 0, forecasts in 1, scores in 2.

    Universes are of different sizes, and their series of different lengths, so no two classes are alike.
    """
    pools = [
        cpu_pool("cpu-32", 1.5539, 31, 4000, 120, 120_000),
        cpu_pool("cpu-90", 4.0859, 89, 1000, 120, 340_000),
        mig_pool("h100", 11.0612, 2000, 300),
    ]
    shapes: list[tuple[str, int, float, float, tuple[str, float, int, int, float]]] = []
    for at in range(classes):
        family = FAMILIES[at % len(FAMILIES)]
        turn = at // len(FAMILIES)
        stage, universe = (0, 1, 0, 2)[turn % 4] if classes > len(FAMILIES) else 0, turn
        size = 1.0 / (1 + universe % 7)
        shapes.append((f"u{universe}", stage, size, 0.7 + 0.1 * (universe % 6), family))
    share = jobs / sum(size * family[4] for _, _, size, _, family in shapes)
    made: list[DemandClass] = []
    for universe, stage, size, length, (name, seconds, memory, gpu_memory, often) in shapes:
        count = max(round(share * size * often), 1)
        t = seconds * length * (1.0, 0.02, 0.01)[stage]
        where: dict[str, Any] = {"cpu-32": t, "cpu-90": t * 0.95} if name != "nbeats" else {}
        if gpu_memory:
            where["h100"] = on_mig(pools[2], t / (3.5 if name == "xgboost" else 1.0), gpu_memory)
        task = ("fit", "forecast", "evaluate")[stage]
        made.append(job_class(f"{universe}/g/{name}/{task}", count, stage, 1, memory, gpu_memory, **where))
    return CapacityProblem(tuple(made), tuple(pools), NIGHT, None, 120)


class _Clock:
    """CPU seconds spent in the solver's programs, and the cheapest paper plan there was."""

    def __init__(self) -> None:
        self.linear = self.integer = 0.0
        self.paper = float("inf")
        inner, whole = Program.solve, planning.whole_nodes

        def timed(program: Program) -> Answer:
            begin = time.process_time()
            answer = inner(program)
            spent = time.process_time() - begin
            if program.integers:
                self.integer += spent
            else:
                self.linear += spent
            return answer

        def noted(*given: Any, **named: Any) -> Allocation | None:
            found = whole(*given, **named)
            if found is not None:
                self.paper = min(self.paper, paper_usd(given[0], found))
            return found

        Program.solve = timed  # type: ignore[method-assign]
        planning.whole_nodes = noted


def row(jobs: int, classes: int, hours: int) -> dict[str, float | str]:
    posed, clock = replace(instance(jobs, classes), deadline_seconds=hours * 3600), _Clock()
    begin = time.process_time()
    land = survey(posed)
    fluid = free_lengths(land, time=land.time)
    built = time.process_time() - begin - clock.linear
    assert fluid is not None
    bound = clock.linear
    begin = time.process_time()
    found = solve(posed)
    planned = time.process_time() - begin
    assert found.replay is not None
    begin = time.process_time()
    replay(found.land, found.replay.allocation)
    replayed = time.process_time() - begin
    made = planning._written(HEADER, found)
    begin = time.process_time()
    judge(posed, made)
    judged = time.process_time() - begin
    faults = violations(posed, made)
    return {
        "jobs": made.jobs,
        "classes": len(posed.classes),
        "build": built,
        "bound": bound,
        "milp": clock.integer,
        "paper": clock.paper / fluid.cost_usd - 1,
        "plan": planned,
        "executed": found.replay.cost_usd / fluid.cost_usd - 1,
        "proved": found.replay.cost_usd / proved_usd(found.land, fluid.cost_usd, found.replay) - 1,
        "replay": replayed,
        "judge": judged,
        "mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "verdict": made.verdict + (f", {len(faults)} violations" if faults else ""),
        "usd": found.replay.cost_usd,
    }


def _apart(jobs: int, classes: int, hours: int) -> dict[str, Any]:
    """A row from a process of its own."""
    told = subprocess.run(
        [sys.executable, __file__, "row", *map(str, (jobs, classes, hours))], capture_output=True, text=True
    )
    if told.returncode:
        raise SystemExit(told.stderr)
    found: dict[str, Any] = json.loads(told.stdout.splitlines()[-1])
    return found


def main(jobs: tuple[int, ...], classes: tuple[int, ...]) -> None:
    print(f"{'jobs':>9} {'classes':>7} {'hours':>5} {'build':>6} {'bound':>6} {'MILP':>6} {'paper':>7} {'plan':>6}"
          f" {'executed':>8} {'proved':>7} {'replay':>7} {'judge':>6} {'MiB':>5} {'USD':>10}  verdict")  # fmt: skip
    rows = [(many, kinds, NIGHT // 3600) for many in jobs for kinds in classes]
    for many, kinds, hours in [*rows, *((1_000_000, kinds, 1) for kinds in classes)]:
        r = _apart(many, kinds, hours)
        print(f"{r['jobs']:>9,} {r['classes']:>7} {hours:>5} {r['build']:>6.2f} {r['bound']:>6.2f} {r['milp']:>6.2f}"
              f" {r['paper']:>7.2%} {r['plan']:>6.2f} {r['executed']:>8.2%} {r['proved']:>7.2%} {r['replay']:>7.3f}"
              f" {r['judge']:>6.2f} {r['mib']:>5.0f} {r['usd']:>10,.2f}  {r['verdict']}", flush=True)  # fmt: skip
    posed = instance(1_000_000, 42)
    for limit, note in ((NIGHT, "8 h asked for"), (3 * 3600, "3 h asked for")):
        begin = time.process_time()
        points = frontier(replace(posed, deadline_seconds=limit), POINTS)
        took = time.process_time() - begin
        gaps = [point.cost_usd / point.bound_usd - 1 for point in points]
        print(f"frontier of a million jobs, {note}: {POINTS} deadlines planned, {len(points)} plans, {took:.1f} s, "
              f"above their bounds by {min(gaps):.1%} to {max(gaps):.1%}")  # fmt: skip
    begin = time.process_time()
    make_plan(posed, HEADER)
    print(f"a plan of it with its chance: {time.process_time() - begin:.2f} s")


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(int(word) for word in text.split(","))


if __name__ == "__main__":
    if sys.argv[1:2] == ["row"]:
        print(json.dumps(row(*map(int, sys.argv[2:5]))))
    else:
        given = [_numbers(word) for word in sys.argv[1:3]]
        main(*given, *(JOBS, CLASSES)[len(given) :])
