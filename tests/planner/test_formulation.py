"""One small program per constraint, with the answer worked out by hand in the comment beside it."""

from __future__ import annotations

import pytest
from capacity_problems import cpu_pool, job_class, mig_pool, on_mig, problem, whole_gpu_pool

from fleetspec.planner.formulation import free_lengths, whole_nodes
from fleetspec.planner.problem import CapacityProblem
from fleetspec.planner.solver import Program
from fleetspec.planner.terrain import survey


def bound(posed: CapacityProblem, **options: object) -> float:
    land = survey(posed)
    found = free_lengths(land, time=land.time, **options)  # type: ignore[arg-type]
    assert found is not None
    return found.cost_usd


def fits(posed: CapacityProblem) -> bool:
    land = survey(posed)
    return free_lengths(land, time=land.time) is not None


def test_slots_of_a_layout() -> None:
    # 14 jobs of an hour in sevenths of a GPU: two GPU-hours at 10 USD. In a whole GPU they would take 14.
    pool = mig_pool(price=10.0, cap=2)
    jobs = job_class(jobs=14, gpu_memory=5000, gpu={"mig-1g.10gb": 3600.0, "mig-7g.80gb": 3600.0})
    assert bound(problem([jobs], [pool], 7200)) == pytest.approx(20.0)


def test_layouts_are_mixed_where_that_is_cheaper() -> None:
    # A job that needs four sevenths and three that take one: together on one GPU for an hour, 10 USD.
    pool = mig_pool(price=10.0, cap=4)
    big = job_class("u/g/big/fit", jobs=1, gpu_memory=40_000, gpu={"mig-4g.40gb": 3600.0})
    small = job_class("u/g/small/fit", jobs=3, gpu_memory=5000, gpu={"mig-1g.10gb": 3600.0})
    assert bound(problem([big, small], [pool], 7200)) == pytest.approx(10.0)


def test_whole_gpus() -> None:
    # 6 jobs of an hour on nodes of two GPUs at 5 USD: three node-hours.
    jobs = job_class(jobs=6, gpu_memory=5000, whole={"gpu": 3600.0})
    assert bound(problem([jobs], [whole_gpu_pool()], 8000)) == pytest.approx(15.0)


def test_cores() -> None:
    # 8 jobs of two cores and an hour on nodes of four: four node-hours at 1 USD.
    assert bound(problem([job_class(jobs=8, cores=2, cpu=3600.0)], [cpu_pool()], 8000)) == pytest.approx(4.0)


def test_memory() -> None:
    # 8 jobs of 8,000 MiB on nodes of 16,000 MiB: two at a time although there are four cores, four node-hours.
    assert bound(problem([job_class(jobs=8, memory=8000, cpu=3600.0)], [cpu_pool()], 8000)) == pytest.approx(4.0)


def test_caps_and_deadline() -> None:
    # 8 core-hours on two nodes of four cores take exactly an hour.
    jobs = job_class(jobs=800, cpu=36.0)
    assert fits(problem([jobs], [cpu_pool(cap=2)], 3600))
    assert not fits(problem([jobs], [cpu_pool(cap=2)], 3590))
    assert not fits(problem([jobs], [cpu_pool(cap=1)], 7190))
    assert not fits(problem([jobs], [cpu_pool(cap=2)], 3610, overhead=60))


def test_stages_follow_each_other() -> None:
    # Two stages of half an hour each, although the nodes could run both at once.
    jobs = [job_class("u/g/f/fit", 400, 0, cpu=36.0), job_class("u/g/f/forecast", 400, 1, cpu=36.0)]
    assert fits(problem(jobs, [cpu_pool(cap=2)], 3600))
    land = survey(problem(jobs, [cpu_pool(cap=2)], 3600))
    fastest = free_lengths(land, "time", time=None)
    assert fastest is not None
    assert fastest.lengths == pytest.approx({0: 1800.0, 1: 1800.0})


def test_no_job_is_cut() -> None:
    # One job of two hours does not end within one, however many nodes there are.
    jobs = job_class(jobs=1, cpu=7200.0)
    assert not fits(problem([jobs], [cpu_pool(cap=50)], 7100))
    assert fits(problem([jobs], [cpu_pool(cap=50)], 7200))


def test_a_slow_place_is_no_use_for_a_long_job() -> None:
    # Within 100 s a job of 200 s must run on the dear pool: 4 jobs x 50 s on four cores at 36 USD/h cost 0.5 USD.
    pools = [cpu_pool("cpu", price=0.36), cpu_pool("dear", price=36.0)]
    jobs = job_class(jobs=4, cpu=200.0, dear=50.0)
    assert bound(problem([jobs], pools, 100)) == pytest.approx(0.5)
    assert bound(problem([jobs], pools, 1000)) == pytest.approx(0.02)


def test_boots_are_paid() -> None:
    # 4 core-hours on one node of four cores and ten minutes of boot at 1 USD/h: at least one node boots.
    jobs = job_class(jobs=400, cpu=36.0)
    assert bound(problem([jobs], [cpu_pool(cap=9, boot=600)], 36_000)) == pytest.approx(1 + 1 / 6)
    # In 4,200 s a node works for 3,600: exactly one boot, 1 + 1/6 USD.
    assert bound(problem([jobs], [cpu_pool(cap=9, boot=600)], 4200)) == pytest.approx(1 + 1 / 6)
    # In 2,400 s a node works for half an hour: two boots.
    assert bound(problem([jobs], [cpu_pool(cap=9, boot=600)], 2400)) == pytest.approx(1 + 2 / 6)


def test_a_budget_makes_it_slower() -> None:
    # An hour of one node's work. Three nodes share it; with 1.9 USD a tenth of it can be done on the dear pool.
    pools = [cpu_pool("cpu", price=1.0, cap=1), cpu_pool("dear", price=10.0, cap=2)]
    land = survey(problem([job_class(jobs=400, cpu=36.0, dear=36.0)], pools, 7200))
    free = free_lengths(land, "time", time=None)
    tight = free_lengths(land, "time", time=None, budget=1.9)
    assert free is not None
    assert tight is not None
    assert free.lengths[0] == pytest.approx(1200.0)  # three nodes share an hour of one node
    assert tight.lengths[0] == pytest.approx(3600 * 0.9)  # 0.9 h at 1 USD + 0.1 h at 10 USD = 1.9 USD
    assert tight.cost_usd == pytest.approx(1.9)


def test_cores_of_a_slot_decide_where_a_class_fits() -> None:
    # 25 cores over seven slots are three each: a job of four cores runs on layouts with at most six slots.
    pool = mig_pool(price=10.0, cap=4)
    land = survey(
        problem([job_class(jobs=6, cores=4, gpu_memory=5000, gpu=on_mig(pool, 3600.0, 5000, 0.0))], [pool], 9000)
    )
    pieces = {pattern.name: sum(n for _, n in pattern.slots) for pattern in pool.patterns}
    assert max(pieces[name] for name in land.patterns[0]) == 6
    found = free_lengths(land, time=land.time)
    assert found is not None
    assert found.cost_usd == pytest.approx(10.0)


def test_whole_nodes_round_up_and_hold_whole_jobs() -> None:
    # Lanes of 1,000 s hold three jobs of 300 s each: 13 jobs need five lanes, so two nodes of four cores.
    land = survey(problem([job_class(jobs=13, cpu=300.0)], [cpu_pool(cap=5)], 2000))
    found = whole_nodes(land, {0: 1000.0}, None)
    assert found is not None
    assert found.nodes == {(0, "", 0): 2}
    # Twelve fit into one.
    land = survey(problem([job_class(jobs=12, cpu=300.0)], [cpu_pool(cap=5)], 2000))
    found = whole_nodes(land, {0: 1000.0}, None)
    assert found is not None
    assert found.nodes == {(0, "", 0): 1}


def test_nodes_keep_their_layout() -> None:
    # One node, and stages that would each like another layout: one layout that serves both is found.
    pool = mig_pool(cap=1)
    first = job_class("u/g/a/fit", 1, 0, gpu_memory=5000, gpu={"mig-3g.40gb": 100.0})
    second = job_class("u/g/b/fit", 4, 1, gpu_memory=5000, gpu={"mig-1g.10gb": 100.0})
    found = whole_nodes(survey(problem([first, second], [pool], 2000)), {0: 100.0, 1: 100.0}, None)
    assert found is not None
    assert {name for _, name, _ in found.nodes} == {"4x1g.10gb+1x3g.40gb"}


def test_no_work_is_too_small_for_a_node() -> None:
    # A millisecond beside hours is within the solver's tolerance; it still needs a node of its own pool.
    jobs = [job_class("u/g/a/fit", 1000, cpu=360.0), job_class("u/g/b/fit", 1, tiny=0.001)]
    posed = problem(jobs, [cpu_pool(cap=40), cpu_pool("tiny")], 36_000)
    found = whole_nodes(survey(posed), {0: 30_000.0}, None)
    assert found is not None
    assert found.nodes[1, "", 0] == 1


def test_nothing_fits_is_no_answer() -> None:
    assert free_lengths(survey(problem([job_class(jobs=1, cpu=1.0)], [cpu_pool(cap=0)], 100)), time=100.0) is None


def test_a_program_cut_short_is_not_called_optimal(monkeypatch: pytest.MonkeyPatch) -> None:
    # A covering problem that needs many nodes, with a limit of one: feasible, with a bound below its objective.
    from fleetspec.planner import solver

    monkeypatch.setitem(solver._OPTIONS, "mip_max_nodes", 1)
    monkeypatch.setitem(solver._OPTIONS, "mip_rel_gap", 0.0)
    program = Program()
    columns = [program.column(cost=float(50 + 37 * i % 51), high=5.0, integer=True) for i in range(40)]
    for row in range(20):
        program.at_most([(c, -float((i * 29 + row * 17) % 41)) for i, c in enumerate(columns)], -1000.0)
    answer = program.solve()
    assert answer.status == "feasible"
    assert answer.bound < answer.objective
    assert all(value == pytest.approx(round(value), abs=1e-6) for value in answer.values)


def test_an_empty_row_that_cannot_hold_is_infeasible() -> None:
    program = Program()
    program.column(cost=1.0)
    program.at_most([], -1.0)
    assert program.solve().status == "infeasible"


def test_the_solver_is_silent(capfd: pytest.CaptureFixture[str]) -> None:
    program = Program()
    program.at_most([(program.column(cost=1.0, integer=True), -1.0)], -2.5)
    assert program.solve().objective == 3.0
    assert capfd.readouterr() == ("", "")
