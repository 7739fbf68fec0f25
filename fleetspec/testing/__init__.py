"""Does a plug-in keep its contract? One call each, for the tests of those who write one, shipped or not.

    from fleetspec.testing import check_family

    def test_conformance():
        check_family(FAMILY)

:func:`check_family` is for model families, :func:`check_feature`, :func:`check_metric` and :func:`check_target` for
what may stand beside them. All raise :class:`NonConformance` with everything that is wrong.
"""

from fleetspec.testing.breaches import NonConformance
from fleetspec.testing.families import CHECKS, Trial, check_family
from fleetspec.testing.plugins import check_feature, check_metric, check_target

__all__ = ["CHECKS", "NonConformance", "Trial", "check_family", "check_feature", "check_metric", "check_target"]
