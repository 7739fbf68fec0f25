"""The laws every plan keeps, on a few problems; ``bench/laws.py`` holds 500 to them."""

from __future__ import annotations

import pytest
from capacity_problems import drawn
from plan_laws import broken


@pytest.mark.parametrize("seed", range(20_000, 20_016))
def test_every_law(seed: int) -> None:
    assert broken(drawn(seed))[1] == []
