"""The replay: the same schedule as a queue would give, nothing used twice, every job once, stages in order."""

from __future__ import annotations

import heapq
import itertools
from collections import Counter

import numpy as np
import pytest
from capacity_problems import cpu_pool, drawn, job_class, mig_pool, on_mig, problem, production
from hypothesis import given
from hypothesis import strategies as st

from fleetspec.planner.formulation import IDLE_SECONDS, Allocation
from fleetspec.planner.planning import solve
from fleetspec.planner.problem import CapacityProblem
from fleetspec.planner.simulate import Replay, pour, replay
from fleetspec.planner.terrain import NODE, Terrain, survey


def check(land: Terrain, done: Replay) -> None:
    """Every law of a schedule, from its segments alone."""
    clock, ran = float(land.problem.overhead_seconds), Counter[int]()
    for stage in done.stages:
        assert stage.start == pytest.approx(clock)
        lanes: dict[tuple[int, str, int, int, int], list[tuple[float, float]]] = {}
        running: dict[tuple[int, int], list[tuple[float, int, int]]] = {}
        for segment in stage.segments:
            one, kind = land.classes[segment.row], land.kinds[segment.kind]
            assert one.stage == stage.stage
            ran[segment.row] += int(segment.count.sum())
            assert (segment.start >= stage.start - 1e-9).all()
            assert (segment.end <= stage.end + 1e-6).all()
            assert segment.node.max() < stage.nodes[kind.pool, segment.pattern]
            for at in range(len(segment.node)):
                begin, end = float(segment.start[at]), float(segment.end[at])
                slot = -1 if segment.pattern == NODE else segment.kind
                for lane in segment.lanes[at]:
                    key = (kind.pool, segment.pattern, slot, int(segment.node[at]), int(lane))
                    lanes.setdefault(key, []).append((begin, end))
                if segment.pattern == NODE:
                    node = running.setdefault((kind.pool, int(segment.node[at])), [])
                    node += [(begin, one.cores, one.memory_mib), (end, -one.cores, -one.memory_mib)]
                else:
                    assert segment.lanes[at, 0] < dict(kind.count)[segment.pattern]
        for used in lanes.values():
            used.sort()
            assert all(end <= begin + 1e-6 for (_, end), (begin, _) in itertools.pairwise(used))
        for (pool, _), events in running.items():
            cores = memory = 0
            for _, plus_cores, plus_memory in sorted((round(t, 6), c, m) for t, c, m in events):
                cores, memory = cores + plus_cores, memory + plus_memory
                assert cores <= land.pools[pool].cpu
                assert memory <= land.pools[pool].memory_mib
        for key, nodes in stage.nodes.items():
            assert stage.paid[key] <= nodes * (stage.end - stage.start) + 1e-6
            assert sum(n for (k, _), n in stage.nodes.items() if k == key[0]) <= land.pools[key[0]].cap
        clock = stage.end
    assert ran == Counter({row: one.jobs for row, one in enumerate(land.classes)})
    assert done.end == pytest.approx(clock)


def replayed(posed: CapacityProblem) -> tuple[Terrain, Replay]:
    outcome = solve(posed)
    assert outcome.replay is not None
    return outcome.land, outcome.replay


@given(
    ready=st.lists(st.integers(0, 50), min_size=1, max_size=8),
    jobs=st.integers(0, 60),
    seconds=st.sampled_from([1.0, 3.0, 7.5, 40.0]),
)
def test_pour_is_list_scheduling(ready: list[int], jobs: int, seconds: float) -> None:
    # The oracle: a queue of free lanes; the next job goes to the one that is free first.
    queue = [(float(at), lane) for lane, at in enumerate(ready)]
    heapq.heapify(queue)
    ends = []
    for _ in range(jobs):
        free, lane = heapq.heappop(queue)
        ends.append(free + seconds)
        heapq.heappush(queue, (free + seconds, lane))
    counts = pour(np.array(ready, dtype=float), jobs, seconds)
    assert counts.sum() == jobs
    assert (counts >= 0).all()
    made = [at + seconds * (i + 1) for at, n in zip(ready, counts, strict=True) for i in range(int(n))]
    assert sorted(made) == pytest.approx(sorted(ends))


@pytest.mark.parametrize("seed", range(60))
def test_laws_hold_on_small_problems(seed: int) -> None:
    outcome = solve(drawn(seed))
    if outcome.replay is not None:
        check(outcome.land, outcome.replay)


def test_laws_hold_on_a_large_problem() -> None:
    land, done = replayed(production(scale=3))
    check(land, done)


def test_a_schedule_worked_out_by_hand() -> None:
    # Two lanes that are free at 30 s: jobs of 50, 50, 20, 20, 20 s, longest first. 50|20 and 50|20|20 -> ends at 120.
    posed = problem(
        [job_class("u/g/long/fit", 2, cpu=50.0), job_class("u/g/short/fit", 3, cpu=20.0)],
        [cpu_pool(cpu=2, cap=1, boot=30, price=3600.0)],
        deadline=1000,
        overhead=100,
    )
    land, done = replayed(posed)
    assert done.end == pytest.approx(100 + 30 + 90)
    # A node-second costs 1 USD here: 30 s of boot and 90 s of work.
    assert done.cost_usd == pytest.approx(120.0)
    check(land, done)


def test_memory_limits_what_runs_at_once() -> None:
    # 900 MiB hold two jobs of 400 MiB on eight cores: 6 jobs of 10 s take 30 s.
    land, done = replayed(problem([job_class(jobs=6, memory=400, cpu=10.0)], [cpu_pool(cpu=8, cap=1, memory=900)]))
    assert done.end == pytest.approx(30.0)
    check(land, done)


def test_wide_jobs_share_a_node() -> None:
    # Three jobs of two cores on five cores: two at a time.
    land, done = replayed(problem([job_class(jobs=3, cores=2, cpu=10.0)], [cpu_pool(cpu=5, cap=1)]))
    assert done.end == pytest.approx(20.0)
    check(land, done)


def two_stages(gap: float, boot: int) -> tuple[Terrain, Allocation]:
    """Pool ``a`` works a second in stages 0 and 2; in stage 1 pool ``b`` works for ``gap`` seconds."""
    posed = problem(
        [
            job_class("u/g/x/fit", 1, 0, a=1.0),
            job_class("u/g/y/fit", 1, 1, b=gap),
            job_class("u/g/z/fit", 1, 2, a=1.0),
        ],
        [cpu_pool("a", price=3600.0, boot=boot), cpu_pool("b", price=0.0)],
    )
    land = survey(posed)
    nodes = {(0, NODE, 0): 1, (1, NODE, 1): 1, (0, NODE, 2): 1}
    return land, Allocation({0: 1.0, 1: gap, 2: 1.0}, nodes, {(0, 0): 1.0, (1, 1): 1.0, (2, 0): 1.0}, "optimal")


def test_a_node_waits_for_the_next_stage() -> None:
    # Ten idle seconds are shorter than the idle timeout: one boot of 50 s, 1 + 10 + 1 s; a second costs 1 USD.
    done = replay(*two_stages(10.0, 50))
    assert [stage.booted.get((0, NODE)) for stage in done.stages] == [1, None, 0]
    assert done.end == pytest.approx(50 + 1 + 10 + 1)
    assert done.cost_usd == pytest.approx(50 + 1 + 10 + 1)


def test_an_idle_node_is_given_back_and_boots_again() -> None:
    gap = IDLE_SECONDS + 500.0
    done = replay(*two_stages(gap, 50))
    assert [stage.booted.get((0, NODE)) for stage in done.stages] == [1, None, 1]
    assert done.end == pytest.approx(50 + 1 + gap + 50 + 1)
    assert done.cost_usd == pytest.approx(50 + 1 + IDLE_SECONDS + 50 + 1)


def test_a_pool_is_not_paid_for_another_ones_long_stage() -> None:
    # CPU work of a minute beside a GPU's two hours: the CPU node is paid for its work and the idle timeout.
    gpu = mig_pool(cap=1, price=10.0)
    posed = problem(
        [
            job_class("u/g/a/fit", 60, cpu=4.0),
            job_class("u/g/b/fit", 1, gpu_memory=9000, gpu=on_mig(gpu, 7200.0, 70_000)),
        ],
        [cpu_pool(cap=1, cpu=4, price=3600.0), gpu],
        deadline=9000,
    )
    land, done = replayed(posed)
    assert done.stages[0].paid[0, NODE] == pytest.approx(60.0 + IDLE_SECONDS)
    check(land, done)
