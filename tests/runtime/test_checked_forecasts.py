"""What a family may not forecast: the job is set aside with the place of what is wrong."""

from __future__ import annotations

import numpy as np
import pytest

from fleetspec.family import Forecasts, Rejection
from fleetspec.runtime.tasks import _check

ORIGINS = np.array(["2024-02-01", "2024-02-02"], dtype="datetime64[s]")


@pytest.mark.parametrize(
    ("quantity", "value", "wrong"),
    [
        ("variance", 1e-300, None),
        ("variance", 0.0, "the variance forecast over 5 bars from 2024-02-02 is 0.0"),
        ("variance", -1e-9, "is -1e-09"),
        ("variance", float("inf"), "is inf"),
        ("return", 0.0, None),
        ("return", float("nan"), "the return forecast over 5 bars from 2024-02-02 is nan"),
        ("nu", float("inf"), None),
        ("mean", float("-inf"), "is -inf"),
        ("value_at_risk", -0.01, None),
        ("covariance", -1e-5, None),
    ],
)
def test_what_is_stored_means_something(quantity: str, value: float, wrong: str | None) -> None:
    made = Forecasts.block("A", ORIGINS, 5, quantity, np.array([0.5, value]))
    if wrong is None:
        _check(made)
        return
    with pytest.raises(Rejection) as caught:
        _check(made)
    assert wrong in caught.value.reason


def test_no_forecast_is_no_result() -> None:
    with pytest.raises(Rejection, match="gave no forecast"):
        _check(Forecasts.block("A", ORIGINS[:0], 5, "return", 0.0))
