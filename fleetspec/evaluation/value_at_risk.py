"""Scores of one model's value at risk, and of the expected shortfall beside it, at one level."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from fleetspec.evaluation.shortfall import acerbi_szekely, exceedances, joint_loss, pinball
from fleetspec.evaluation.var_tests import BASEL_LEVEL, basel, christoffersen, dynamic_quantile, kupiec

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fleetspec.evaluation.cases import Case
    from fleetspec.evaluation.judging import Judging
    from fleetspec.evaluation.pairing import Floats


def value_at_risk_scores(judging: Judging, case: Case, series: int) -> dict[str, float]:
    """``violations``, ``expected_violations``, ``pinball``, with a shortfall forecast ``joint_loss``, and at 1 bar on
    one series the scores of the judging's ``tests``: ``kupiec``, ``christoffersen``, ``dynamic_quantile``,
    ``shortfall`` and, at 99 % with 250 forecasts or more, ``basel``.

    Longer horizons overlap, so their violations are not independent: their expectation and losses stand, the tests
    would not.
    """
    loss, at_risk, level, n = case.observed, case.pairs.predicted, case.level, len(case)
    hits = loss > at_risk
    named = {"violations": float(hits.sum()), "expected_violations": n * (1 - level)}
    named["pinball"] = float(pinball(loss, at_risk, level).mean())
    beside = case.beside.get("expected_shortfall")
    if beside is not None:
        named["joint_loss"] = float(joint_loss(loss, at_risk, beside, level).mean())
    if case.horizon == 1 and series == 1:
        # Windows may lack a forecast, and a series may leave its universe: what lies beyond is no neighbour.
        follows = np.diff(case.pairs.bar) == max(judging.every, 1)
        named |= _violations(judging, level, hits, at_risk, follows)
        if "shortfall" in judging.tests and beside is not None:
            test = exceedances(loss, at_risk, beside)
            named |= {"shortfall_statistic": test.statistic, "shortfall_p_value": test.p_value}
            named["shortfall_z2"] = acerbi_szekely(loss, at_risk, beside, level)
    return named


def _violations(
    judging: Judging, level: float, hits: NDArray[np.bool_], at_risk: Floats, follows: NDArray[np.bool_]
) -> dict[str, float]:
    named: dict[str, float] = {}
    if "kupiec" in judging.tests:
        test = kupiec(int(hits.sum()), len(hits), level)
        named |= {"kupiec_statistic": test.statistic, "kupiec_p_value": test.p_value}
    if "christoffersen" in judging.tests and follows.any():
        independence, coverage = christoffersen(hits, level, follows)
        named |= {"independence_statistic": independence.statistic, "independence_p_value": independence.p_value}
        named |= {"christoffersen_statistic": coverage.statistic, "christoffersen_p_value": coverage.p_value}
    if "dynamic_quantile" in judging.tests:
        test = dynamic_quantile(hits, at_risk, level, follows=follows)
        named |= {"dynamic_quantile_statistic": test.statistic, "dynamic_quantile_p_value": test.p_value}
    if "basel" in judging.tests and round(level, 9) == BASEL_LEVEL:
        light = basel(hits)
        if light is not None:
            named |= {"basel_exceptions": float(light.exceptions), "basel_zone": float(light.zone)}
            named["basel_plus"] = light.plus
    return named
