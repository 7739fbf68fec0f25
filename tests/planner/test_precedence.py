"""Who waits for whom, by hand, and milestones as what they are said to be."""

from __future__ import annotations

from dataclasses import replace

import pytest
from capacity_problems import cpu_pool, job_class, problem
from hypothesis import given, settings
from hypothesis import strategies as st
from waiting import waiting, with_barriers

from fleetspec.diagnostics import Rejected
from fleetspec.planner.precedence import Precedence, precedence
from fleetspec.planner.soundness import require_sound


def order(*waits: tuple[int, tuple[int, ...]]) -> Precedence:
    """Stage and direct predecessors of each class, all with jobs."""
    classes = [
        replace(job_class(f"u/g/f{at}/fit", 1, stage, cpu=1.0), after=tuple(f"u/g/f{i}/fit" for i in before))
        for at, (stage, before) in enumerate(waits)
    ]
    return precedence(tuple(classes))


def test_two_chains_overlap_and_each_has_phases_of_its_own() -> None:
    found = order((0, ()), (0, ()), (1, (0,)), (1, (1,)))
    assert found.before == (0, 0, 0b1, 0b10)
    assert found.blocks == ((0, 1),)
    assert found.overlaps
    assert found.sets == (0b1, 0b10)
    # The milestone "0 has ended": 0 runs before it, 2 after it, 1 and 3 on both sides.
    assert found.windows((0b1,)) == ((0, 0), (0, 1), (1, 1), (0, 1))


def test_barriers_are_blocks_of_one_stage() -> None:
    found = order((0, ()), (0, ()), (1, (0, 1)), (2, (2,)))
    assert found.blocks == ((0,), (1,), (2,))
    assert not found.overlaps
    (chain, *_) = found.chains((1.0, 1.0, 1.0, 1.0))
    assert found.windows(chain) == ((0, 0), (0, 0), (1, 1), (2, 2))


def test_what_all_later_stages_wait_for_is_a_block() -> None:
    # 0 and 1 before everything; 2 -> 4 and 3 -> 5 are chains side by side.
    found = order((0, ()), (0, ()), (1, (0, 1)), (1, (0, 1)), (2, (2,)), (2, (3,)))
    assert found.blocks == ((0,), (1, 2))


def test_a_class_without_jobs_has_its_results_and_holds_nobody_up() -> None:
    classes = [
        job_class("u/g/f/fit", 3, 0, cpu=1.0),
        replace(job_class("u/g/f/forecast", 0, 1, cpu=1.0), after=("u/g/f/fit",)),
        replace(job_class("u/g/v/forecast", 2, 2, cpu=1.0), after=("u/g/f/forecast",)),
    ]
    assert precedence(tuple(classes)).before == (0, 0)


def test_what_classes_wait_for_in_common_is_a_milestone() -> None:
    # 3 waits for 0 and 1, 4 for 0 and 2: both begin after 0.
    found = order((0, ()), (0, ()), (0, ()), (1, (0, 1)), (1, (0, 2)))
    assert found.sets == (0b1, 0b11, 0b101)


def test_the_row_of_milestones_with_the_longest_classes_comes_first() -> None:
    found = order((0, ()), (0, ()), (1, (0,)), (1, (1,)))
    assert found.chains((1.0, 9.0, 1.0, 9.0))[0] == (0b10,)
    assert found.chains((9.0, 1.0, 9.0, 1.0))[0] == (0b1,)


@settings(max_examples=80, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_windows_allow_what_waits_demand(seed: int) -> None:
    """Whoever waits for a class begins in a phase after all of the milestones that end it, or shares its last phase."""
    found = precedence(waiting(seed).classes)
    assert precedence(with_barriers(waiting(seed)).classes).overlaps is False
    for chain in found.chains(tuple(1.0 for _ in found.before)):
        windows = found.windows(chain)
        assert all(0 <= low <= high <= len(chain) for low, high in windows)
        for row, before in enumerate(found.before):
            for other in range(len(windows)):
                if before >> other & 1:
                    assert windows[other][1] <= windows[row][1]
                    assert windows[other][0] <= windows[row][0]


@pytest.mark.parametrize(
    ("name", "words"), [("u/g/f/forecast", "is of no earlier stage"), ("u/g/x/fit", "is no class")]
)
def test_a_class_waits_for_earlier_stages_alone(name: str, words: str) -> None:
    classes = [
        replace(job_class("u/g/f/fit", 3, 0, cpu=1.0), after=(name,)),
        job_class("u/g/f/forecast", 3, 0, cpu=1.0),
    ]
    with pytest.raises(Rejected) as caught:
        require_sound(problem(classes, [cpu_pool()]))
    (finding,) = caught.value.report
    assert finding.rule.code == "FS322"
    assert words in finding.message
