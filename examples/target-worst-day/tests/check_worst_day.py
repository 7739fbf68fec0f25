"""Run with pytest: both contracts in one call each."""

from fleetspec_worst_day import FAMILY, TARGET

from fleetspec.testing import check_family, check_target


def test_conformance() -> None:
    check_target(TARGET)
    check_family(FAMILY)
