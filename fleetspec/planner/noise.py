"""What the judge supposes of a night, and the seeds of its trials.

Nothing here is used to size a plan: :mod:`headroom` has figures of its own, and the seeds that plans are tightened on
are never those on which a plan is judged.
"""

from __future__ import annotations

from dataclasses import dataclass

JUDGED_ON = 7_001
"""Seed of the trials that a plan's chance is stated from."""
TIGHTENED_ON = range(101, 133)
"""Seeds of the trials while a plan is made, one a round."""
TRIALS = 2000
"""Nights replayed for a stated chance: a share of 99 % is known to 0.5 points."""
TRIALS_TIGHTENING = 2000


@dataclass(frozen=True, slots=True)
class Noise:
    """How nights differ from the plan. Spreads are standard deviations of log seconds.

    ``night`` slows or speeds a whole night up; ``boot`` is a node's. Data come late in a share ``late`` of the nights,
    by ``late_seconds`` in the mean, and a pool has no nodes to give when asked in a share ``stock_out`` of the times,
    for ``stock_out_seconds`` in the mean; both delays are exponential. ``jobs`` and ``errors`` scale what the runtime
    model says of single jobs and of its own figures.
    """

    night: float = 0.05
    boot: float = 0.25
    late: float = 0.02
    late_seconds: float = 900.0
    stock_out: float = 0.01
    stock_out_seconds: float = 900.0
    jobs: float = 1.0
    errors: float = 1.0
    taken: float = 1.0
    """Scales by how much what spot nodes lose differs from its mean."""


USUAL = Noise()
"""ASSUMED: nobody has recorded enough nights of one cluster yet."""
NONE = Noise(0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0)
"""Every night as planned."""


def described(noise: Noise, nightly: bool, spot: bool = False) -> tuple[str, ...]:
    """The figures of a noise in words, each with unit and period. Data can be late for a night alone."""
    lines = [
        f"ASSUMED a night is slower or faster as a whole: spread {noise.night:g} of log seconds",
        f"ASSUMED a node boots in its time with spread {noise.boot:g} of log seconds",
        f"ASSUMED a pool has no nodes to give in {noise.stock_out:.0%} of the times it is asked, "
        f"then for {noise.stock_out_seconds / 60:g} min in the mean",
    ]
    if nightly:
        lines.append(
            f"ASSUMED data are late in {noise.late:.0%} of nights, then by {noise.late_seconds / 60:g} min in the mean"
        )
    if spot:
        lines.append("ASSUMED spot nodes are taken back independently of each other, at the same rate all night")
    lines.append("single jobs vary by the spread of their class, and a class as a whole by the error of its figure")
    return tuple(lines)
