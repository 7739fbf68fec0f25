"""Metrics and targets of others: one module and one entry-point line each.

``backtest: {metrics: [hit-rate]}`` asks for a metric beside the shipped ones; a group's ``target`` may be one that a
package brings, with a family that forecasts it. :func:`fleetspec.testing.check_metric` and ``check_target`` hold them
to the contract.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from msgspec import Struct

from fleetspec.plugins import Plugged

if TYPE_CHECKING:
    from fleetspec.evaluation.pairing import Floats

SHIPPED_TARGETS = ("variance", "return", "value_at_risk", "covariance")


class Metric(Struct, frozen=True):
    """A score of forecasts. ``compute`` takes what was forecast and what came, (n,) each, n of 1 or more, to a number;
    the order of forecasts is that of time.

    What came is the log return over the horizon for ``return``, its square for ``variance``, the loss of the position
    for ``value_at_risk``, and what a target of others observes. NaN says that there is no score. ``version`` changes
    whenever scores may: it is part of the digests of evaluations.
    """

    name: str
    version: str
    summary: str
    targets: frozenset[str]
    compute: Callable[[Floats, Floats], float]


class Target(Struct, frozen=True):
    """A quantity that families forecast and backtests judge, by the name of the forecasts' ``quantity``.

    ``observe`` takes the log returns of the h bars after each origin, (n, h), to what came of it, (n,): from those bars
    alone. ``loss`` takes what was forecast and what came to a loss for each, (n,), lower is better: its mean is the
    metric ``loss``, and contests compare it.
    """

    name: str
    version: str
    summary: str
    observe: Callable[[Floats], Floats]
    loss: Callable[[Floats, Floats], Floats]


METRICS: Plugged[Metric] = Plugged("fleetspec.metrics", "METRIC", Metric)
TARGETS: Plugged[Target] = Plugged("fleetspec.targets", "TARGET", Target)
