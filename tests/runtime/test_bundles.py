"""Cutting jobs into bundles, and what a worker's death makes of one."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import toy_fleet
from hypothesis import given, settings
from hypothesis import strategies as st

from fleetspec.compiler.lock import LockedSeries
from fleetspec.planner.plans import Lane
from fleetspec.runtime.bundles import LARGEST_BUNDLE, cut, makespan, sizes
from fleetspec.runtime.ledger import Ledger
from fleetspec.runtime.store import Store
from fleetspec.runtime.strikes import Strikes


def ledger_of(root: Path, series: int) -> Ledger:
    names = tuple(f"S{i:04d}" for i in range(series))
    lock = toy_fleet.lock_of({name: LockedSeries(name, 60, 0, None, None, "") for name in names})
    return Ledger.load(Store.of(root, "toys"), toy_fleet.toy_graph(lock, root))


def fits(ledger: Ledger) -> Any:
    return np.flatnonzero(ledger.graph.task == 0)


@settings(max_examples=30, deadline=None)
@given(seconds=st.floats(1e-5, 20), workers=st.integers(1, 64), series=st.integers(1, 150))
def test_bundles_hold_every_job_once_at_about_a_second_each(
    tmp_path_factory: pytest.TempPathFactory, seconds: float, workers: int, series: int
) -> None:
    ledger = ledger_of(tmp_path_factory.getbasetemp() / "none", series)
    jobs = fits(ledger)
    bundles = cut(ledger, toy_fleet.toy_plan(ledger.graph, seconds), jobs, lambda need: workers)
    assert sorted(np.concatenate([b.jobs for b in bundles])) == sorted(jobs)
    assert len({b.name for b in bundles}) == len(bundles)
    for bundle in bundles:
        assert len(bundle) == 1 or bundle.seconds <= (4 if series * seconds > 100 * workers else 1) + seconds
        assert len(bundle) <= LARGEST_BUNDLE
    if series * seconds > 1 and seconds < 0.05:
        # Never so small that handing them out costs more than running them, unless all workers need one.
        assert max(b.seconds for b in bundles) > 0.02


@pytest.mark.parametrize("workers", [2, 16, 64, 256])
@pytest.mark.parametrize("seconds", [0.008, 0.03, 0.7])
def test_workers_end_within_three_percent_of_the_least_there_could_be(workers: int, seconds: float) -> None:
    jobs = int(20 * workers / min(seconds, 0.2))
    (counts,) = sizes([(jobs, seconds)], workers)
    assert sum(counts) == jobs
    bound = max(jobs * seconds / workers, seconds)
    assert makespan([count * seconds for count in counts], workers) <= 1.03 * bound


@settings(max_examples=40, deadline=None)
@given(
    parts=st.lists(st.tuples(st.integers(200, 20000), st.floats(1e-4, 0.05)), min_size=1, max_size=5),
    workers=st.sampled_from([2, 16, 64, 256]),
)
def test_a_stage_of_several_classes_ends_within_a_job_of_an_even_share(
    parts: list[tuple[int, float]], workers: int
) -> None:
    parts.sort(key=lambda part: -part[1])
    dealt = sizes(parts, workers)
    assert [sum(counts) for counts in dealt] == [jobs for jobs, _ in parts]
    seconds = [count * each for (_, each), counts in zip(parts, dealt, strict=True) for count in counts]
    least = max(sum(seconds) / workers, parts[0][1])
    # As near as a list of single jobs could be sure to come (Graham 1966), in bundles of many.
    assert makespan(seconds, workers) <= least + parts[0][1] + 1e-9


def test_work_for_hours_goes_out_in_bundles_of_seconds() -> None:
    (counts,) = sizes([(100_000, 0.02)], 2)
    assert max(counts) == 200
    assert counts[-1] * 0.02 < 0.1
    (short,) = sizes([(1000, 0.02)], 2)
    assert max(short) == 50


def test_the_end_of_a_list_is_that_of_a_simulation_by_hand() -> None:
    # Two workers: 3 and 1, then 1 at 1, 2 at 2, and the last 4 at 3.
    assert makespan([3, 1, 1, 2, 4], 2) == 7
    assert makespan([3, 1, 1, 2, 4], 1) == 11
    assert makespan([], 3) == 0


def test_name_of_a_bundle_depends_on_its_jobs_alone(tmp_path: Path) -> None:
    ledger = ledger_of(tmp_path, 40)
    plan = toy_fleet.toy_plan(ledger.graph, 0.1)
    once = [b.name for b in cut(ledger, plan, fits(ledger), lambda need: 2)]
    assert once == [b.name for b in cut(ledger, plan, fits(ledger), lambda need: 2)]
    fewer = [b.name for b in cut(ledger, plan, fits(ledger)[1:], lambda need: 2)]
    assert once[0] != fewer[0]


def test_heavy_classes_come_first(tmp_path: Path) -> None:
    ledger = ledger_of(tmp_path, 6)
    plan = toy_fleet.toy_plan(ledger.graph)
    heavy = {"main/double/toy-double/forecast": 3.0, "main/mean/toy-mean/forecast": 0.2}
    lanes = tuple(
        Lane(lane.stage, lane.klass, lane.pool, lane.slot, lane.jobs, lane.width, heavy.get(lane.klass, 0.01))
        for lane in plan.lanes
    )
    object.__setattr__(plan, "lanes", lanes)
    bundles = cut(ledger, plan, np.arange(len(ledger.graph)), lambda need: 1)
    order = list(dict.fromkeys(ledger.graph.classes[b.klass].name for b in bundles))
    assert order == [*heavy, "main/mean/toy-mean/fit"]


def test_lanes_go_out_in_the_turns_of_the_plan(tmp_path: Path) -> None:
    ledger = ledger_of(tmp_path, 6)
    plan = toy_fleet.toy_plan(ledger.graph)
    turns = {"main/mean/toy-mean/fit": 0, "main/double/toy-double/forecast": 2, "main/mean/toy-mean/forecast": 1}
    lanes = tuple(replace(lane, seconds_per_job=0.1 + turns[lane.klass], turn=turns[lane.klass]) for lane in plan.lanes)
    object.__setattr__(plan, "lanes", lanes)
    bundles = cut(ledger, plan, np.arange(len(ledger.graph)), lambda need: 1)
    order = list(dict.fromkeys(ledger.graph.classes[b.klass].name for b in bundles))
    assert order == sorted(turns, key=turns.__getitem__)


def test_class_on_two_lanes_is_split_as_planned(tmp_path: Path) -> None:
    ledger = ledger_of(tmp_path, 10)
    plan = toy_fleet.toy_plan(ledger.graph)
    name = "main/mean/toy-mean/fit"
    lanes = (Lane(0, name, "gpus", "gpu", 7, 1, 0.1), Lane(0, name, "laptop", "cpu", 3, 1, 0.5))
    object.__setattr__(plan, "lanes", lanes)
    bundles = cut(ledger, plan, fits(ledger), lambda need: 1)
    assert sum(len(b) for b in bundles if b.need.slot == "gpu") == 7
    assert sum(len(b) for b in bundles if b.need.slot == "cpu") == 3


def test_only_the_job_a_worker_died_at_is_suspect(tmp_path: Path) -> None:
    ledger = ledger_of(tmp_path, 5)
    (bundle,) = cut(ledger, toy_fleet.toy_plan(ledger.graph, 0.01), fits(ledger), lambda need: 1)
    strikes = Strikes(ledger)
    suspect = int(bundle.jobs[2])
    first = strikes.after_death(bundle, 2)
    rest, alone = first.again
    assert [len(rest), alone.jobs.tolist()] == [4, [suspect]]
    assert suspect not in rest.jobs
    second = strikes.after_death(alone, 0)
    assert second.quarantine == (suspect,)
    assert second.again == ()


def test_death_outside_any_job_is_given_up_after_three_attempts(tmp_path: Path) -> None:
    ledger = ledger_of(tmp_path, 2)
    (bundle,) = cut(ledger, toy_fleet.toy_plan(ledger.graph, 0.01), fits(ledger), lambda need: 1)
    strikes = Strikes(ledger)
    assert [strikes.after_death(bundle, None).again for _ in range(2)] == [(bundle,)] * 2
    assert strikes.after_fault(bundle).give_up == (bundle,)
