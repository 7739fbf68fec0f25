"""Run with pytest: the whole contract in one call."""

from fleetspec_ewma import FAMILY

from fleetspec.testing import check_family


def test_conformance() -> None:
    check_family(FAMILY)
