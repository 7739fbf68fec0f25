"""What is estimated of correlations and what comes back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np
from msgspec import Struct

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

LikelihoodName = Literal["pairs", "neighbours", "full"]
"""``full``: Engle's (2002) of all series together, with a factorisation of every R_t. ``pairs``: the sum over all
pairs of series, a composite likelihood (Pakel, Shephard, Sheppard and Engle 2021), ``neighbours``: over each series
and the next. For two series the three are one. A full likelihood is the most precise one for a few series and drives
``a`` towards 0 for many; its time grows with N^3, that of pairs with N^2, of neighbours with N."""
Correction = Literal["none", "aielli"]


class DccFit(Struct, frozen=True, eq=False):
    """``target`` (N, N) is S, positive definite with ones on its diagonal; ``shrinkage`` is the weight of the
    identity in it, 0 where the sample's correlations are positive definite by themselves. ``last`` (N, N) is R for
    the bar after the sample. ``log_likelihood`` is that of the correlations: the mean over pairs where it is
    a composite one."""

    a: float
    b: float
    target: Floats
    shrinkage: float
    last: Floats
    log_likelihood: float
    evaluations: int
