"""Run with pytest: the whole contract in one call."""

from fleetspec_drawdown import FEATURE

from fleetspec.testing import check_feature


def test_conformance() -> None:
    check_feature(FEATURE)
