"""The laws of planning on a few specs, from their YAML to their plans; ``bench/spec_laws.py`` holds 500 to them."""

from __future__ import annotations

import pytest
from spec_laws import checked


@pytest.mark.parametrize("seed", range(8))
def test_every_law_from_the_yaml(seed: int) -> None:
    assert checked(seed).wrong == []


def test_a_budget_that_a_plan_just_keeps_is_kept_with_more_nodes() -> None:
    assert checked(205, ("more",)).wrong == []


@pytest.mark.parametrize(
    ("seed", "ways"),
    [
        # Minutes for data that may be late, beside seconds of work.
        (140, {"schedule.deadline"}),
        (199, {"schedule.deadline"}),
        # The plan made in a hurry costs more than the budget, the whole one does not.
        (346, {"backtest.within"}),
        (263, {"schedule.deadline and budget.nightly", "schedule.on_time and budget.nightly"}),
        (437, {"models.gpu"}),
    ],
)
def test_a_way_out_that_takes_a_longer_look(seed: int, ways: set[str]) -> None:
    told = checked(seed, ("way out", "suggestions"))
    assert told.wrong == []
    assert {words.removeprefix("way: ") for words in told.counts if words.startswith("way: ")} == ways


@pytest.mark.xfail(strict=True, reason="of universes with series in common the first by name makes the results of both")
def test_shared_results_follow_names_in_a_plan_that_does_not_hold() -> None:
    assert checked(288, ("names",)).wrong == []


@pytest.mark.xfail(strict=True, reason="plans are sought for the nodes there may be, and not also for fewer of them")
def test_more_nodes_are_never_dearer() -> None:
    assert checked(169, ("more",)).wrong == []
