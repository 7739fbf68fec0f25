"""Does a stated chance come true? P(on time) of plans against how often nights of single jobs end in time.

    python bench/judge.py [instances] [nights] [--overlap]

Each instance is a capacity problem drawn from a seed, with spreads and errors of its own. It is planned for 90, 95 and
99 % of nights, and for none in particular, since a word that is always near one is easily kept. Of three instances one
has CPU nodes alone, one also GPUs that are cut, one also spot nodes; instances are drawn until so many plans hold for
each share. What the plan states is
held against nights of another simulation: every job has its own seconds and takes the cores that are free first, the
longest class first; nothing of the judge's code is in it, and its seeds are its own. Both use the figures of
``noise.USUAL``, once with its night shocks and once without. Printed are a coverage table, the Brier score beside that
of always saying the mean frequency, and how far stated and seen lie apart.

With ``--overlap`` classes wait for some of the classes of earlier stages, and plans count whose stages overlap: there a
class of single jobs begins when what it waits for has ended in that night, on nodes that boot when they are called and
are given back when they have been idle for as long as the autoscaler keeps them.
"""

from __future__ import annotations

import heapq
import sys
import time
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "planner"))

from capacity_problems import mig_pool, on_mig, with_spot

from fleetspec.planner.judge import IDLE_SECONDS
from fleetspec.planner.judge import nights as judged
from fleetspec.planner.noise import JUDGED_ON, NONE, TRIALS, USUAL, Noise
from fleetspec.planner.offers import restart_seconds
from fleetspec.planner.planning import make_plan
from fleetspec.planner.plans import Inputs, Lane, Plan, PlanHeader, PoolUse
from fleetspec.planner.precedence import precedence
from fleetspec.planner.problem import CapacityPool, CapacityProblem, DemandClass, Placement

HEADER = PlanHeader("bench", "nightly", "", "", Inputs("", "", "", "", "", ""), 0)
ASKED = (None, 0.90, 0.95, 0.99)
KINDS = ("CPU", "GPUs", "spot")
TAKEN = 20
"""So often a node is taken back in one stage at the most."""
MOST = 4
"""So many instances are drawn for each plan that is wanted, at the most."""
LOOSE = 0.02
QUIET = replace(USUAL, night=0.0, late=0.0, stock_out=0.0)


def instance(seed: int) -> CapacityProblem:
    """One or two CPU pools, two to five classes in one to three stages, 40 to 500 jobs each, a deadline with room."""
    rng = np.random.default_rng([31, seed])
    cores, boot = int(rng.integers(4, 17)), int(rng.choice([60, 120, 300]))
    pools = [CapacityPool("cpu", 1.5, cores, 64_000, 12, boot, None, 0, (), (), "")]
    if rng.random() < 0.4:
        pools.append(CapacityPool("big", 5.0, 48, 200_000, 4, 180, None, 0, (), (), ""))
    classes = []
    for at in range(int(rng.integers(2, 6))):
        seconds = float(np.exp(rng.uniform(np.log(2.0), np.log(240.0))))
        spread, error = float(rng.uniform(0.05, 0.6)), float(rng.uniform(0.02, 0.2))
        places = tuple(Placement(p.name, "cpu", seconds, spread, "measured", 30, "", error) for p in pools)
        jobs = int(np.exp(rng.uniform(np.log(40), np.log(500))))
        need = 2 if rng.random() < 0.2 else 1
        stage = int(rng.integers(0, 3)) if at else 0
        name, family = f"u/g/f{at}/fit", f"f{at}"
        classes.append(DemandClass(name, "g", family, "fit", stage, jobs, 0, need, 400, 0, "never", places))
    work = sum(one.jobs * one.placements[0].seconds * one.cores for one in classes)
    longest = max(one.placements[0].seconds for one in classes)
    deadline = int(600 + work / pools[0].cpu / rng.uniform(1.5, 6.0) + 2 * longest)
    posed = CapacityProblem(tuple(classes), tuple(pools), deadline, None, 120)
    kind = KINDS[seed % len(KINDS)]
    return _with_gpus(posed, rng) if kind == "GPUs" else _spotted(posed, rng) if kind == "spot" else posed


def _with_gpus(posed: CapacityProblem, rng: np.random.Generator) -> CapacityProblem:
    """One or two classes more, of jobs that need a slice of an H100."""
    gpu = mig_pool("gpu", 11.0, 6, int(rng.choice([120, 300])))
    more = []
    for at in range(int(rng.integers(1, 3))):
        seconds, need = float(np.exp(rng.uniform(np.log(20.0), np.log(400.0)))), int(rng.choice([4000, 9000, 18000]))
        spread, error = float(rng.uniform(0.05, 0.5)), float(rng.uniform(0.02, 0.2))
        slots = on_mig(gpu, seconds, need)
        places = tuple(Placement("gpu", slot, t, spread, "measured", 30, "", error) for slot, t in slots.items())
        jobs, stage = int(np.exp(rng.uniform(np.log(30), np.log(200)))), int(rng.integers(0, posed.stages))
        name = f"u/g/n{at}/fit"
        more.append(DemandClass(name, "g", f"n{at}", "fit", stage, jobs, 0, 1, 400, need, "required", places))
    longest = max(place.seconds for one in more for place in one.placements)
    work = sum(one.jobs * one.placements[0].seconds for one in more)
    deadline = posed.deadline_seconds + int(2 * longest + work / 7 / rng.uniform(1.5, 5.0))
    return replace(posed, pools=(*posed.pools, gpu), classes=(*posed.classes, *more), deadline_seconds=deadline)


def _spotted(posed: CapacityProblem, rng: np.random.Generator) -> CapacityProblem:
    """Spot nodes of the first pool beside it, up to one in seven taken back an hour."""
    return with_spot(posed, float(rng.uniform(0.3, 0.6)), float(rng.uniform(0.02, 0.15)))


def _waiting(posed: CapacityProblem, seed: int) -> CapacityProblem:
    """Each class waits for each of those of earlier stages with a chance of 0.4."""
    rng = np.random.default_rng([32, seed])
    classes = [
        replace(one, after=tuple(x.name for x in posed.classes if x.stage < one.stage and rng.random() < 0.4))
        for one in posed.classes
    ]
    return replace(posed, classes=tuple(classes))


def night(problem: CapacityProblem, plan: Plan, shocks: Noise, rng: np.random.Generator) -> float:
    """When one night ends: every job on its own."""
    if plan.overlap is not None:
        return Overlapped(problem, plan, shocks, rng).run()
    classes = {one.name: one for one in problem.classes}
    pools = {pool.name: pool for pool in problem.pools}
    slow = np.exp(shocks.night * rng.standard_normal())
    off = {one.name: rng.standard_normal() for one in problem.classes}
    clock = float(plan.overhead_seconds)
    if rng.random() < shocks.late:
        clock += rng.exponential(shocks.late_seconds)
    before: dict[str, int] = {}
    for stage in plan.stages:
        end, now = clock, {}
        for use in stage.pools:
            pool = pools[use.pool]
            working = use.nodes - sum(count for _, count in use.waiting)
            booting = max(working - before.get(use.pool, 0), 0)
            short = rng.exponential(shocks.stock_out_seconds) if rng.random() < shocks.stock_out else 0.0
            boots = pool.boot_seconds * np.exp(shocks.boot * rng.standard_normal(booting)) + short
            now[use.pool] = use.nodes
            lanes = [lane for lane in plan.lanes if lane.stage == stage.stage and lane.pool == use.pool]
            ready = [clock] * (working - booting) + [clock + float(b) for b in boots]
            takings = _takings(pool, working, clock, rng)
            rooms = _rooms(pool, use, ready)
            for lane in sorted(lanes, key=lambda one: -one.seconds_per_job):
                one = classes[lane.klass]
                place = next(p for p in one.placements if p.pool == use.pool and p.slot == lane.slot)
                factor = slow * np.exp(place.error * off[one.name]) / (1 + place.lost)
                draws = rng.standard_normal(lane.jobs)
                seconds = lane.seconds_per_job * factor * np.exp(place.spread * draws - place.spread**2 / 2)
                need = one.cores if pool.gpu is None else 1
                free = rooms[lane.slot]
                heads = [(sorted(core)[need - 1], node) for node, core in enumerate(free) if core]
                heapq.heapify(heads)
                for took in seconds:
                    begin, node = heapq.heappop(heads)
                    done = _through(begin, float(took), takings[node], restart_seconds(pool.boot_seconds))
                    core = free[node]
                    for _ in range(need):
                        heapq.heapreplace(core, done)
                    heapq.heappush(heads, (_free(core, need), node))
                    end = max(end, done)
        before, clock = now, end
    return clock


class Overlapped:
    """One night of a plan whose stages overlap, every job on its own."""

    def __init__(self, problem: CapacityProblem, plan: Plan, shocks: Noise, rng: np.random.Generator) -> None:
        self.pools, self.plan, self.shocks, self.rng = {pool.name: pool for pool in problem.pools}, plan, shocks, rng
        self.classes = {one.name: one for one in problem.classes}
        names = [one.name for one in problem.classes if one.jobs]
        self.waits = {
            name: {other for row, other in enumerate(names) if mask >> row & 1}
            for name, mask in zip(names, precedence(problem.classes).before, strict=True)
        }
        self.uses = {(stage.stage, use.pool): use for stage in plan.stages for use in stage.pools}
        self.slow = np.exp(shocks.night * rng.standard_normal())
        self.off = {one.name: rng.standard_normal() for one in problem.classes}
        self.clock = float(plan.overhead_seconds)
        if rng.random() < shocks.late:
            self.clock += rng.exponential(shocks.late_seconds)
        self.up: dict[tuple[str, str, int], float] = {}
        self.idle: dict[tuple[str, str, int], float] = {}
        self.free: dict[tuple[str, str, int], dict[str, list[float]]] = {}
        self.takings: dict[tuple[str, str, int], list[float]] = {}

    def run(self) -> float:
        ends: dict[str, float] = {}
        waiting = {name: [lane for lane in self.plan.lanes if lane.klass == name] for name in self.waits}
        while waiting:
            released = [
                (max((ends[other] for other in self.waits[name]), default=self.clock), lanes[0].turn, name)
                for name, lanes in waiting.items()
                if self.waits[name] <= ends.keys()
            ]
            moment, _, name = min(released)
            ends[name] = max(self.lane(lane, moment) for lane in waiting.pop(name))
        return max(ends.values())

    def lane(self, lane: Lane, moment: float) -> float:
        pool, one = self.pools[lane.pool], self.classes[lane.klass]
        use = self.uses[lane.stage, lane.pool]
        spare = dict(use.waiting)
        mine = [
            (lane.pool, name, at)
            for name, count in use.patterns or (("", use.nodes),)
            for at in range(count - spare.get(name, 0))
        ]
        self.call(mine, pool, moment)
        place = next(p for p in one.placements if p.pool == lane.pool and p.slot == lane.slot)
        factor = self.slow * np.exp(place.error * self.off[one.name]) / (1 + place.lost)
        draws = self.rng.standard_normal(lane.jobs)
        need, last = (one.cores if pool.gpu is None else 1), moment
        restart = restart_seconds(pool.boot_seconds)
        heads = [
            (_free(sorted(cores), need), key) for key in mine if len(cores := self.free[key].get(lane.slot, [])) >= need
        ]
        heapq.heapify(heads)
        for took in lane.seconds_per_job * factor * np.exp(place.spread * draws - place.spread**2 / 2):
            begin, key = heapq.heappop(heads)
            done = _through(max(begin, moment), float(took), self.takings[key], restart)
            cores = self.free[key][lane.slot]
            heapq.heapify(cores)
            for _ in range(need):
                heapq.heapreplace(cores, done)
            heapq.heappush(heads, (_free(cores, need), key))
            last = max(last, done)
        for key in mine:
            self.idle[key] = max(self.idle[key], last)
        return last

    def call(self, nodes: list[tuple[str, str, int]], pool: CapacityPool, moment: float) -> None:
        """Boot what is not up."""
        short = (
            self.rng.exponential(self.shocks.stock_out_seconds) if self.rng.random() < self.shocks.stock_out else 0.0
        )
        cuts = {pattern.name: dict(pattern.slots) for pattern in pool.patterns}
        for key in nodes:
            if self.idle.get(key, -np.inf) + IDLE_SECONDS >= moment:
                continue
            ready = moment + pool.boot_seconds * float(np.exp(self.shocks.boot * self.rng.standard_normal())) + short
            rooms = {"cpu": pool.cpu} if pool.gpu is None else cuts[key[1]]
            self.free[key] = {slot: [ready] * count for slot, count in rooms.items()}
            self.idle[key] = ready
            self.takings[key] = _takings(pool, 1, ready, self.rng)[0]


def _rooms(pool: CapacityPool, use: PoolUse, ready: list[float]) -> dict[str, list[list[float]]]:
    """By slot and node when each of its cores, or slots, is free first."""
    if pool.gpu is None:
        # A node by its free cores: a job takes the node on which as many as it needs are free first.
        return {"cpu": [[when] * pool.cpu for when in ready]}
    spare = dict(use.waiting)
    cuts = {pattern.name: dict(pattern.slots) for pattern in pool.patterns}
    nodes = [name for name, count in use.patterns for _ in range(count - spare.get(name, 0))]
    return {
        slot.name: [[when] * cuts[name].get(slot.name, 0) for name, when in zip(nodes, ready, strict=True)]
        for slot in pool.slots
    }


def _takings(pool: CapacityPool, nodes: int, clock: float, rng: np.random.Generator) -> list[list[float]]:
    """By node the moments at which it is taken back: a node and all that runs on it at once."""
    if not pool.preempt_per_hour:
        return [[] for _ in range(nodes)]
    gaps = rng.exponential(3600 / pool.preempt_per_hour, (nodes, TAKEN))
    return [list(map(float, clock + np.cumsum(row))) for row in gaps]


def _through(begin: float, took: float, takings: list[float], restart: float) -> float:
    """When a job ends that starts anew whenever its node is taken back."""
    for when in takings:
        if when >= begin + took:
            break
        if when + restart > begin:
            begin = when + restart
    return begin + took


def _free(core: list[float], need: int) -> float:
    """When ``need`` cores of a node are free: the heap's first, or its second smallest."""
    return core[0] if need == 1 else heapq.nsmallest(need, core)[-1]


@dataclass(frozen=True, slots=True)
class Word:
    """What a plan for ``asked`` of the nights (None: whatever it gives) states, and what was seen.

    ``loose`` is how much longer its replay is than single jobs take without any chance: the lanes of the replay pack
    some nodes worse.
    """

    asked: float | None
    stated: float
    seen: float
    loose: float


def held_against(plans: list[tuple[float | None, int, CapacityProblem, Plan]], times: int, shocks: Noise) -> list[Word]:
    """Each plan's chance with these shocks, on the judge's seed, and the share of ``times`` nights of single jobs."""
    words, quick, slow = [], 0.0, 0.0
    for asked, seed, problem, plan in plans:
        begun = time.perf_counter()
        stated = np.mean(judged(problem, plan, JUDGED_ON, TRIALS, shocks).ends <= plan.deadline_seconds)
        quick += (time.perf_counter() - begun) / TRIALS
        begun = time.perf_counter()
        rng = np.random.default_rng([77, seed, int((asked or 0) * 100)])
        seen = np.mean([night(problem, plan, shocks, rng) <= plan.deadline_seconds for _ in range(times)])
        slow += (time.perf_counter() - begun) / times
        words.append(Word(asked, float(stated), float(seen), plan.end_seconds / calm(problem, plan) - 1))
    print(f"a night takes the judge {quick / len(plans) * 1e6:.0f} us, and single jobs {slow / quick:.0f} times that")
    return words


def calm(problem: CapacityProblem, plan: Plan) -> float:
    """When single jobs end that take their mean, in a night like any other."""
    classes = tuple(
        replace(one, placements=tuple(replace(place, spread=0.0, error=0.0) for place in one.placements))
        for one in problem.classes
    )
    return night(replace(problem, classes=classes), plan, NONE, np.random.default_rng(0))


def show(words: list[Word], times: int, title: str) -> None:
    print(f"{title}: {times} nights an instance")
    print("asked   plans  stated    seen  stated - seen: mean, worst  within 5 points  seen >= asked - 2 points")
    for asked in ASKED:
        mine = [word for word in words if word.asked == asked]
        stated, seen = (np.array([getattr(word, name) for word in mine]) for name in ("stated", "seen"))
        gaps = stated - seen
        kept = "-" if asked is None else f"{np.mean(seen >= asked - 0.02):.0%}"
        name = "none" if asked is None else f"{asked:.0%}"
        print(f"{name:>5}  {len(mine):6d}  {stated.mean():6.1%}  {seen.mean():6.1%}"
              f"  {gaps.mean():+13.2%}, {gaps[np.argmax(np.abs(gaps))]:+6.2%}  {np.mean(np.abs(gaps) <= 0.05):15.0%}"
              f"  {kept:>24}")  # fmt: skip
    loose = [word for word in words if word.loose > LOOSE]
    tight = max(abs(word.stated - word.seen) for word in words if word.loose <= LOOSE)
    most = max((word.loose for word in loose), default=0.0)
    print(f"{len(loose)} plans end more than {LOOSE:.0%} later than single jobs without chance, up to {most:+.0%}; "
          f"of the others the worst gap is {tight:.2%}")  # fmt: skip
    p, f = np.array([word.stated for word in words]), np.array([word.seen for word in words])
    brier = np.mean(f * (1 - p) ** 2 + (1 - f) * p**2)
    flat, best = np.mean(f) * (1 - np.mean(f)), np.mean(f * (1 - f))
    print(f"Brier score {brier:.4f}; of always saying the mean {flat:.4f}; of knowing the frequencies {best:.4f}\n")


def main() -> None:
    overlap = "--overlap" in sys.argv
    given = [int(one) for one in sys.argv[1:] if one != "--overlap"]
    count, times = (*given, *(24, 400)[len(given) :])
    plans, tried = [], 0
    for asked in ASKED:
        held = 0
        for seed in range(MOST * count):
            if held == count:
                break
            tried += 1
            problem = replace(_waiting(instance(seed), seed) if overlap else instance(seed), on_time=asked)
            plan = make_plan(problem, HEADER)
            if plan.verdict == "feasible" and (plan.overlap is not None) == overlap:
                plans.append((asked, seed, problem, plan))
                held += 1
    kinds = Counter(KINDS[seed % len(KINDS)] for _, seed, _, _ in plans)
    bought = sum(any(line.purchase == "spot" and line.peak_nodes for line in plan.pools) for _, _, _, plan in plans)
    print(f"{len(plans)} plans of {tried} problems hold: " + ", ".join(f"{kinds[kind]} {kind}" for kind in KINDS)
          + f"; {bought} buy spot nodes\n")  # fmt: skip
    for shocks, title in ((USUAL, "with night shocks"), (QUIET, "without night shocks")):
        show(held_against(plans, times, shocks), times, title)


if __name__ == "__main__":
    main()
