"""Run with pytest: the whole contract in one call."""

from fleetspec_hit_rate import METRIC

from fleetspec.testing import check_metric


def test_conformance() -> None:
    check_metric(METRIC)
