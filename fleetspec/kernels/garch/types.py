"""What is estimated and what comes back: the boundary of the batched GARCH engine.

Conventions are those of the ``arch`` package (Sheppard), so that a fit of either is a fit of both:

* Parameters carry arch's names in arch's order, in the units of the returns that were given: ``mu`` in their units,
  ``omega`` in their square (``tgarch``: in their units; ``egarch``: the intercept of the log variance of those units).
* The log-likelihood is arch's, of the numbers as given (``rescale=False``). Engines work on centred rows of unit mean
  square inside; results are put back, so a fit does not depend on the scale of its row.
* Before the sample, squared and absolute residuals and variances stand at arch's backcast: a mean of the first 75
  residuals of the least-squares mean equation, with weights 0.94^t. ``egarch`` starts at its logarithm and at zero
  innovations.
* Variances are bounded below by 1e-8 of the row's. arch's bounds also move with an exponential average of squared
  returns; they bind in outlandish fits only, and such a fit is not vouched for: ``Status.BOUNDS_BIND``.
* An AR mean gives up its first ``lags`` observations, as arch's does.
"""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING, Literal

import numpy as np
from msgspec import Struct

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Integers = NDArray[np.int64]
    Flags = NDArray[np.bool_]

ProcessName = Literal["garch", "gjr", "tgarch", "egarch"]
DistributionName = Literal["normal", "t", "skewt", "ged"]
MeanName = Literal["zero", "constant", "ar"]
EngineName = Literal["auto", "native", "numba", "torch"]
ErrorKind = Literal["robust", "classic"]

PROCESSES: tuple[ProcessName, ...] = ("garch", "gjr", "tgarch", "egarch")
DISTRIBUTIONS: tuple[DistributionName, ...] = ("normal", "t", "skewt", "ged")
MEANS: tuple[MeanName, ...] = ("zero", "constant", "ar")
SHAPE_NAMES: dict[DistributionName, tuple[str, ...]] = {
    "normal": (),
    "t": ("nu",),
    "skewt": ("eta", "lambda"),
    "ged": ("nu",),
}


class Specification(Struct, frozen=True):
    """One model for every row.

    ``garch``: Bollerslev (1986); ``gjr``: Glosten, Jagannathan and Runkle (1993); ``tgarch``: Zakoian (1994), arch's
    ``power=1``; ``egarch``: Nelson (1991). ``p`` lags of the symmetric, ``o`` of the asymmetric innovation, ``q`` of
    the variance (or deviation, or log variance). ``garch`` has ``o`` = 0 and ``gjr`` has ``o`` >= 1.

    Innovations have unit variance: ``normal``; ``t`` (``nu``); ``skewt`` (``eta``, ``lambda``: Hansen 1994); ``ged``
    (``nu``: Nelson 1991). ``lags`` is the order of an ``ar`` mean and 0 otherwise.

    ``presample`` is the variance before the sample: arch's ``backcast``, or ``sample``, the mean squared residual at
    the current mean (Fiorentini, Calzolari and Panattoni 1996), for ``garch`` and ``gjr`` without an AR mean.

    Raises ValueError for an order, a name or a combination that means no model.
    """

    process: ProcessName = "garch"
    p: int = 1
    o: int = 0
    q: int = 1
    distribution: DistributionName = "normal"
    mean: MeanName = "constant"
    lags: int = 0
    presample: Literal["backcast", "sample"] = "backcast"

    def __post_init__(self) -> None:
        for name, value, known in (
            ("process", self.process, PROCESSES),
            ("distribution", self.distribution, DISTRIBUTIONS),
            ("mean", self.mean, MEANS),
            ("presample", self.presample, ("backcast", "sample")),
        ):
            if value not in known:
                raise ValueError(f"{name} is {value!r}; it is one of {', '.join(known)}")
        if min(self.p, self.o, self.q, self.lags) < 0 or self.p + self.o == 0:
            raise ValueError(f"orders p={self.p}, o={self.o}, q={self.q}: none is negative, and p + o is at least 1")
        if (self.process == "garch" and self.o) or (self.process == "gjr" and not self.o):
            raise ValueError(f"{self.process} with o={self.o}: garch has no asymmetric lag, gjr has at least one")
        if (self.mean == "ar") != (self.lags > 0):
            raise ValueError(f"mean {self.mean!r} with lags={self.lags}: an ar mean has lags, and no other has")
        if self.presample == "sample" and (self.process not in ("garch", "gjr") or self.mean == "ar"):
            raise ValueError("presample 'sample' is for garch and gjr with a zero or constant mean")

    @property
    def mean_names(self) -> tuple[str, ...]:
        if self.mean == "ar":
            return ("Const", *(f"y[{lag}]" for lag in range(1, self.lags + 1)))
        return ("mu",) if self.mean == "constant" else ()

    @property
    def variance_names(self) -> tuple[str, ...]:
        orders = (("alpha", self.p), ("gamma", self.o), ("beta", self.q))
        return ("omega", *(f"{name}[{lag}]" for name, order in orders for lag in range(1, order + 1)))

    @property
    def shape_names(self) -> tuple[str, ...]:
        return SHAPE_NAMES[self.distribution]

    @property
    def names(self) -> tuple[str, ...]:
        """Arch's parameter names in arch's order: mean, variance, distribution."""
        return self.mean_names + self.variance_names + self.shape_names


class Status(IntEnum):
    """Why a row has its result, or has none."""

    OK = 0
    TOO_SHORT = 1
    NOT_FINITE = 2
    CONSTANT = 3
    MOSTLY_CONSTANT = 4
    NOT_CONVERGED = 5
    NOT_INVERTIBLE = 6
    WORSE_THAN_CONSTANT_VARIANCE = 7
    BOUNDS_BIND = 8

    @property
    def reason(self) -> str:
        return _REASONS[self]

    @property
    def for_fallback(self) -> bool:
        """Whether a slower estimator may still find a fit: the data are sound, this engine's result was not."""
        return self >= Status.NOT_CONVERGED


_REASONS = {
    Status.OK: "",
    Status.TOO_SHORT: "too few observations for the parameters",
    Status.NOT_FINITE: "a return is missing or infinite",
    Status.CONSTANT: "the returns do not vary",
    Status.MOSTLY_CONSTANT: "more than half of the returns are the same",
    Status.NOT_CONVERGED: "the optimiser did not converge",
    Status.NOT_INVERTIBLE: "the variance filter does not forget its first value",
    Status.WORSE_THAN_CONSTANT_VARIANCE: "a constant variance is more likely",
    Status.BOUNDS_BIND: "the variance runs into its bounds",
}


class Fits(Struct, frozen=True):
    """Estimates of many rows, a column per parameter.

    ``parameters`` (n, k) and ``log_likelihood`` (n,) are NaN where ``status`` (n,) is not ``Status.OK``.
    ``evaluations`` (n,) counts likelihoods with their gradients over all starts. ``flagged`` (n,) marks rows that a
    slower estimator may still fit; the other rows without a result have data that no estimator can use.
    ``standard_errors`` (n, k) where they were asked for.
    """

    specification: Specification
    parameters: Floats
    log_likelihood: Floats
    status: Integers
    evaluations: Integers
    engine: str
    standard_errors: Floats | None = None

    @property
    def names(self) -> tuple[str, ...]:
        return self.specification.names

    def __len__(self) -> int:
        return len(self.status)

    @property
    def ok(self) -> Flags:
        return np.asarray(self.status == Status.OK)

    @property
    def flagged(self) -> Flags:
        return np.asarray(self.status >= Status.NOT_CONVERGED)

    def reason(self, row: int) -> str:
        """In words, why ``row`` has no result; empty where it has one."""
        return Status(int(self.status[row])).reason

    def column(self, name: str) -> Floats:
        """One parameter of every row, by arch's name. Raises ValueError for an unknown name."""
        column: Floats = self.parameters[:, self.names.index(name)]
        return column
