"""Is the loss beyond the value at risk as large as forecast? A loss that both forecasts minimise together, and tests.

Arrays are (n,): ``loss`` of the position (minus the log return of a long one), ``at_risk`` and ``shortfall`` the
forecasts of its value at risk and expected shortfall at ``level``, all fractions, positive where money is lost.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from fleetspec.evaluation.var_tests import Outcome

if TYPE_CHECKING:
    from fleetspec.evaluation.pairing import Floats

FEWEST = 2
"""Exceedances that have a variance."""


def pinball(loss: Floats, at_risk: Floats, level: float) -> Floats:
    """(n,) the quantile loss of a value at risk (Koenker and Bassett 1978), which the truth minimises on average."""
    beyond = loss - at_risk
    return np.where(beyond > 0, level, level - 1) * beyond


def joint_loss(loss: Floats, at_risk: Floats, shortfall: Floats, level: float) -> Floats:
    """(n,) the loss of Fissler and Ziegel (2016) that is homogeneous of degree 0 (Patton, Ziegel and Chen 2019,
    eq. 6): value at risk and expected shortfall minimise its mean together, and no loss does so for a shortfall alone.

    NaN where a forecast shortfall is not positive, for which it is not defined.
    """
    valid = np.where(shortfall > 0, shortfall, math.nan)
    beyond = np.maximum(loss - at_risk, 0.0) / (1 - level)
    found: Floats = (beyond + at_risk) / valid + np.log(valid) - 1
    return found


def exceedances(loss: Floats, at_risk: Floats, shortfall: Floats) -> Outcome:
    """Are losses beyond the value at risk larger than forecast (McNeil and Frey 2000, section 4)?

    Their relative excess over the shortfall, (loss - shortfall) / shortfall, has mean 0 if both forecasts are right.
    The statistic is Student's for a mean above 0, one-sided, with one degree of freedom fewer than exceedances; fewer
    than two, or equal ones, give NaN. Excesses are skewed to the right, so that with a few dozen of them the test
    rejects right models less often than its level says.
    """
    beyond = loss > at_risk
    excess = (loss[beyond] - shortfall[beyond]) / shortfall[beyond]
    if len(excess) < FEWEST or np.ptp(excess) == 0:
        return Outcome(math.nan, math.nan)
    from scipy.special import stdtr

    statistic = float(excess.mean() / excess.std(ddof=1) * math.sqrt(len(excess)))
    return Outcome(statistic, float(stdtr(len(excess) - 1, -statistic)))


def acerbi_szekely(loss: Floats, at_risk: Floats, shortfall: Floats, level: float) -> float:
    """The second statistic of Acerbi and Szekely (2014): 1 less the mean of loss / shortfall over the exceedances that
    were expected. 0 if both forecasts are right, below 0 where losses were more or larger; at 97.5 % and 250 days below
    -0.7 is significant at 5 % for all usual tails."""
    return float(1 - np.mean(np.where(loss > at_risk, loss / shortfall, 0.0)) / (1 - level))
