"""Observed seconds shrunk to the catalog's figures: Normal-Inverse-Gamma on log seconds of a family's task on a device.

A row of the catalog is a prior. Log seconds of single jobs at the row's work are normal with unknown mean and variance,

    mean | variance ~ N(mu0, variance / k0),    variance ~ Inverse-Gamma(a0, a0 * spread^2),

where mu0 is the log of the row's seconds and k0 = (spread / level)^2: ``level`` is how far off the figure may be on a
machine that nobody has measured, as a standard deviation of log seconds. After n observations with mean y and variance
s^2 (Murphy 2007, *Conjugate Bayesian analysis of the Gaussian distribution*, section 6)

    k = k0 + n,    mu = (k0 mu0 + n y) / k,    a = a0 + n / 2,
    b = a0 spread^2 + n s^2 / 2 + k0 n (y - mu0)^2 / (2 k).

A figure that observations contradict by more than two of its levels counts for less: ``level`` is then half the
distance, or the surprise would pass for spread between jobs.

The seconds of the next job are log-t with 2 a degrees of freedom, location mu and scale^2 = b / a * (1 + 1 / k):
``spread``^2 = b / a is that of jobs, ``error``^2 = b / (a k) that of the figure.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from statistics import NormalDist

from msgspec.structs import replace

from fleetspec.catalog.types import Runtime

LEVELS = {"measured": 0.25, "assumed": 0.5}
"""ASSUMED: ``level`` of a shipped row: measured on one machine, for use on others; or not measured at all."""
UNKNOWN_LEVEL = 1.5
"""ASSUMED: ``level`` of the rows that stand for families without a row of their own."""
SPREAD_STRENGTH = 3.0
"""a0: a shipped spread counts as much as six jobs."""
SURPRISE = 2.0
"""Levels by which observations may miss a figure before it counts for less."""
LONE_SPREAD = 0.5
LONE_STRENGTH = 1.0
"""Spread and a0 where the catalog has no row at all: two jobs' worth, so that three of them are not trusted blindly."""


@dataclass(frozen=True, slots=True)
class Belief:
    """Normal-Inverse-Gamma over log seconds: ``mu``, ``k``, ``a`` and ``b`` as in the module's text."""

    mu: float
    k: float
    a: float
    b: float

    def after(self, n: int, mean: float, variance: float) -> Belief:
        """The belief after ``n`` more observations with this mean and (population) variance of log seconds."""
        k = self.k + n
        b = self.b + n * variance / 2 + self.k * n * (mean - self.mu) ** 2 / (2 * k)
        return Belief((self.k * self.mu + n * mean) / k, k, self.a + n / 2, b)

    @property
    def spread(self) -> float:
        return math.sqrt(self.b / self.a)

    @property
    def error(self) -> float:
        return math.sqrt(self.b / (self.a * self.k)) if self.k > 0 else math.inf

    @property
    def freedom(self) -> float:
        return 2 * self.a


def prior_error(row: Runtime, unknown: bool) -> float:
    """How far off a shipped row may be; ``unknown`` for rows that stand for any family."""
    return UNKNOWN_LEVEL if unknown else LEVELS[row.basis]


def prior_of(row: Runtime, log_seconds: float, mean: float) -> Belief:
    """What a row of the catalog says, its seconds moved to another work, where the mean of log seconds is ``mean``."""
    level = max(row.error, abs(mean - log_seconds) / SURPRISE)
    return Belief(log_seconds, (row.spread / level) ** 2, SPREAD_STRENGTH, SPREAD_STRENGTH * row.spread**2)


def shrunk(prior: Runtime | None, observed: Iterable[Runtime]) -> Runtime:
    """One row from a catalog's row and what was observed of the same family, task and device (n >= 1 each).

    Observations are moved to one work, their geometric mean, by the exponent of the catalog's row; without one, by
    their own.
    """
    rows = [row for row in observed if row.n > 0]
    counts = [row.independent or row.n for row in rows]
    n = sum(counts)
    exponent = rows[0].exponent if prior is None else prior.exponent
    work = math.exp(sum(c * math.log(max(row.work, 1.0)) for row, c in zip(rows, counts, strict=True)) / n)
    logs = [math.log(row.seconds) - exponent * math.log(max(row.work, 1.0) / work) for row in rows]
    mean = sum(c * y for c, y in zip(counts, logs, strict=True)) / n
    variance = sum(c * (row.spread**2 + (y - mean) ** 2) for row, c, y in zip(rows, counts, logs, strict=True)) / n
    if prior is None:
        before = Belief(mean, 0.0, LONE_STRENGTH, LONE_STRENGTH * LONE_SPREAD**2)
    else:
        before = prior_of(prior, math.log(prior.seconds_for(work)), mean)
    belief = before.after(n, mean, variance)
    return replace(
        rows[0],
        seconds=math.exp(belief.mu),
        work=work,
        exponent=exponent,
        share_exponent=rows[0].share_exponent if prior is None else prior.share_exponent,
        spread=belief.spread,
        n=sum(row.n for row in rows),
        independent=n,
        error=belief.error,
        freedom=belief.freedom,
    )


def tail(freedom: float, level: float = 0.95) -> float:
    """The quantile of Student's t by Fisher's expansion (Abramowitz & Stegun 26.7.5): to 0.1 % from 6 degrees on."""
    z = NormalDist().inv_cdf(level)
    terms = (
        (z**3 + z) / 4,
        (5 * z**5 + 16 * z**3 + 3 * z) / 96,
        (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384,
        (79 * z**9 + 776 * z**7 + 1482 * z**5 - 1920 * z**3 - 945 * z) / 92160,
    )
    return z + sum(term / freedom**power for power, term in enumerate(terms, start=1))
