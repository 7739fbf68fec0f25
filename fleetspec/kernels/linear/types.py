"""What is estimated and what comes back: the boundary of the linear solver.

With n rows, features x (p,), target y and penalty ``alpha`` of which a share ``l1_ratio`` is on absolute values,

    minimise over w, b:  1/(2n) sum (y - b - x'w)^2  +  alpha l1_ratio |w|_1  +  alpha (1 - l1_ratio)/2 |w|^2

which is the objective of scikit-learn's ``ElasticNet`` (``l1_ratio`` 1: ``Lasso``). Ridge is the case ``l1_ratio`` 0 of
the same objective, so that the penalty does not depend on the number of rows: scikit-learn's ``Ridge``, whose squares
are not divided by n, has ``n * alpha`` in its place. With ``standardise`` features and target are first scaled to
variance 1 (divisor n), and ``alpha`` then does not depend on their units either.
"""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING

import numpy as np
from msgspec import Struct

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Integers = NDArray[np.int64]
    Flags = NDArray[np.bool_]

TOLERANCE, MAX_ITERATIONS = 1e-4, 10_000
"""scikit-learn's tolerance, and ten times its number of passes. At this tolerance coefficients are scikit-learn's to
rounding because every step is; below 1e-8 they are because both are at the minimum, to which there is a shorter way."""


class Status(IntEnum):
    """What became of one fit; anything but OK has no coefficients."""

    OK = 0
    NOT_CONVERGED = 1
    TOO_FEW_ROWS = 2
    NOT_FINITE = 3
    CONSTANT_TARGET = 4
    SINGULAR = 5

    @property
    def reason(self) -> str:
        """In words, why there is no result; empty for OK."""
        return _REASONS[self]


_REASONS = {
    Status.OK: "",
    Status.NOT_CONVERGED: "the optimiser did not converge",
    Status.TOO_FEW_ROWS: "there are fewer than two rows",
    Status.NOT_FINITE: "a feature or the target is not a finite number",
    Status.CONSTANT_TARGET: "the target is constant: it has no variance",
    Status.SINGULAR: "features depend on each other and the penalty is too small to tell them apart",
}


class Options(Struct, frozen=True):
    """``tol`` is the duality gap over the target's sum of squares at which coordinate descent ends; ridge has none."""

    standardise: bool = False
    fit_intercept: bool = True
    tol: float = TOLERANCE
    max_iter: int = MAX_ITERATIONS


class Problems(Struct, frozen=True, eq=False):
    """Fits to be made, one an entry (m,): rows ``begin`` to ``end`` (exclusive) of the features, the row ``column`` of
    the targets, and the penalty. NaN in ``l1_ratio`` asks for ridge in closed form."""

    begin: Integers
    end: Integers
    column: Integers
    alpha: Floats
    l1_ratio: Floats

    def __len__(self) -> int:
        return len(self.begin)


class Fits(Struct, frozen=True, eq=False):
    """Fits of any shape (..., ): the axes are those asked for, windows, targets and penalties.

    ``weights`` (..., p) are the coefficients of the problem as it was solved: of centred features divided by ``scale``
    (..., p), for a centred target divided by ``spread`` (...). ``mean`` (..., p) and ``centre`` (...) were taken off.
    ``scale`` of a feature that does not vary is 1 and its weight 0. ``gap`` is the duality gap over the target's
    mean square, ``passes`` the number of sweeps; both 0 for ridge. Where ``status`` is not OK all weights are NaN.
    """

    weights: Floats
    mean: Floats
    scale: Floats
    centre: Floats
    spread: Floats
    rows: Integers
    passes: Integers
    gap: Floats
    status: Integers

    @property
    def coef(self) -> Floats:
        """(..., p) change of the target per unit of a feature."""
        coefficients: Floats = self.weights * (self.spread[..., None] / self.scale)
        return coefficients

    @property
    def intercept(self) -> Floats:
        """(...,) the target expected where every feature is 0."""
        constant: Floats = self.centre - (self.coef * self.mean).sum(axis=-1)
        return constant

    @property
    def ok(self) -> Flags:
        return np.asarray(self.status == Status.OK)

    def reason(self, *place: int) -> str:
        """In words, why the fit at ``place`` has no result; empty where it has one."""
        return Status(int(self.status[place])).reason

    def reshaped(self, shape: tuple[int, ...]) -> Fits:
        return Fits(
            *(getattr(self, part).reshape(shape + getattr(self, part).shape[1:]) for part in self.__struct_fields__)
        )
