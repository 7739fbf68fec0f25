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


def test_shared_results_do_not_follow_names() -> None:
    assert checked(288, ("names",)).wrong == []


@pytest.mark.parametrize("seed", [135, 169, 256, 261, 442])
def test_more_nodes_are_never_dearer(seed: int) -> None:
    assert checked(seed, ("more",)).wrong == []


def test_plans_that_differ_by_a_rounding_do_so_at_twice_the_price() -> None:
    assert checked(384, ("prices",)).wrong == []
