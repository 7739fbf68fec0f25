"""The laws of planning on a few specs, from their YAML to their plans; ``bench/spec_laws.py`` holds 500 to them."""

from __future__ import annotations

import pytest
from spec_laws import checked


@pytest.mark.parametrize("seed", range(8))
def test_every_law_from_the_yaml(seed: int) -> None:
    assert checked(seed).wrong == []


def test_a_budget_that_a_plan_just_keeps_is_kept_with_more_nodes() -> None:
    assert checked(205, ("more",)).wrong == []


def test_shared_results_do_not_follow_names() -> None:
    assert checked(288, ("names",)).wrong == []


@pytest.mark.parametrize("seed", [135, 169, 256, 261, 442])
def test_more_nodes_are_never_dearer(seed: int) -> None:
    assert checked(seed, ("more",)).wrong == []
