"""Shrinkage against the closed form by brute force over a grid, scipy's t, and coverage on classes made up."""

from __future__ import annotations

import math

import numpy as np
import pytest

from fleetspec.catalog.loading import CPU, shipped, with_measured
from fleetspec.catalog.shrinkage import LEVELS, UNKNOWN_LEVEL, Belief, prior_of, shrunk, tail
from fleetspec.catalog.types import Runtime


def row(seconds: float = 1.0, n: int = 0, spread: float = 0.3, **given: object) -> Runtime:
    fields = {"work": 1000.0, "exponent": 1.0, "share_exponent": 0.0, "basis": "measured", "source": "made up"}
    return Runtime("f", "fit", CPU, seconds, spread=spread, n=n, **(fields | given))  # type: ignore[arg-type]


def test_a_belief_is_the_posterior_on_a_grid() -> None:
    """Bayes' rule by sums over mean and variance, nothing conjugate in it."""
    before, seen = Belief(0.2, 0.7, 3.0, 0.4), np.array([0.9, 0.4, 1.1, 0.6])
    after = before.after(len(seen), float(seen.mean()), float(seen.var()))
    mean, variance = np.meshgrid(np.linspace(-4, 5, 1201), np.exp(np.linspace(-6, 4, 1200)), indexing="ij")
    logs = -(before.a + 1) * np.log(variance) - before.b / variance
    logs += -0.5 * np.log(variance) - before.k * (mean - before.mu) ** 2 / (2 * variance)
    for y in seen:
        logs += -0.5 * np.log(variance) - (y - mean) ** 2 / (2 * variance)
    weight = np.exp(logs - logs.max()) * variance  # the grid of the variance is one of its logarithm
    weight /= weight.sum()
    assert (weight * mean).sum() == pytest.approx(after.mu, abs=1e-3)
    assert (weight * variance).sum() == pytest.approx(after.b / (after.a - 1), rel=1e-2)


def test_tails_are_students() -> None:
    stats = pytest.importorskip("scipy.stats")
    for freedom in (6.0, 8.0, 13.0, 50.0, 2000.0):
        for level in (0.9, 0.95, 0.99):
            assert tail(freedom, level) == pytest.approx(stats.t.ppf(level, freedom), rel=2e-3)


def test_observations_are_shrunk_to_the_prior_by_their_number() -> None:
    prior = row(1.0, spread=0.3, error=0.3)
    few, many = (shrunk(prior, [row(1.5, n)]) for n in (1, 1000))
    # A figure as unsure as one job is counts as one job.
    assert few.seconds == pytest.approx(math.sqrt(1.5))
    assert many.seconds == pytest.approx(1.5, rel=2e-3)
    assert many.error < few.error < prior.error
    assert (few.n, many.n) == (1, 1000)


def test_a_contradicted_figure_does_not_pass_for_spread() -> None:
    found = shrunk(row(1.0, spread=0.2, error=0.25), [row(100.0, 5, spread=0.2)])
    assert found.spread < 0.4
    assert found.seconds == pytest.approx(100.0, rel=0.05)


def test_observations_at_several_works_meet_by_the_catalogs_exponent() -> None:
    prior = row(1.0, exponent=0.5, error=0.5)
    listed = [row(2.0, 10, work=1000.0), row(4.0, 10, work=4000.0)]
    found = shrunk(prior, listed)
    assert (found.n, found.exponent) == (20, 0.5)
    # Both are twice the figure: at the square root of the two works it is twice the figure, too.
    assert found.work == pytest.approx(2000.0)
    assert found.seconds == pytest.approx(2.0 * math.sqrt(2), rel=0.1)
    assert found.spread < 0.35


def test_a_family_without_a_row_is_taken_as_observed() -> None:
    found = shrunk(None, [row(3.0, 4, spread=0.1, exponent=0.9)])
    assert (found.seconds, found.exponent, found.n) == (pytest.approx(3.0), 0.9, 4)
    assert found.error < 0.3


def test_shipped_rows_say_how_far_off_they_may_be() -> None:
    for (family, _, _), known in shipped().runtimes.items():
        assert known.error == (UNKNOWN_LEVEL if family == "*" else LEVELS[known.basis])
        assert prior_of(known, 0.0, 0.0).error == pytest.approx(known.error)
        assert prior_of(known, 0.0, 0.0).spread == pytest.approx(known.spread)


@pytest.mark.parametrize("jobs", [1, 3, 30])
def test_the_next_job_is_below_the_predicted_p95_nineteen_times_of_twenty(jobs: int) -> None:
    """Classes drawn as the prior says: a level around the figure, a spread of their own, then a pilot of ``jobs``."""
    rng, prior, below = np.random.default_rng(11), row(1.0, spread=0.3, error=0.25), 0
    classes = 4000
    for _ in range(classes):
        variance = 3.0 * 0.3**2 / rng.gamma(3.0)
        level = rng.normal(0.0, math.sqrt(variance) * 0.25 / 0.3)
        seen = level + math.sqrt(variance) * rng.standard_normal(jobs)
        observed = row(float(np.exp(np.mean(seen))), jobs, spread=float(np.std(seen)))
        found = shrunk(prior, [observed])
        p95 = math.log(found.seconds) + tail(found.freedom) * math.hypot(found.spread, found.error)
        below += level + math.sqrt(variance) * rng.standard_normal() <= p95
    assert below / classes == pytest.approx(0.95, abs=0.012)


def test_a_pilot_takes_most_of_the_risk_out_of_an_assumed_figure() -> None:
    before = shipped().runtimes["nbeats", "evaluate", CPU]
    pilot = Runtime(
        "nbeats", "evaluate", CPU, before.seconds * 1.6, 1000.0, 1.0, 0.0, 0.2, "measured", 3, "3 jobs of fleet x"
    )
    after = with_measured(shipped(), [pilot]).runtimes["nbeats", "evaluate", CPU]
    assert (before.basis, after.basis, after.n) == ("assumed", "measured", 3)
    assert after.error < before.error / 3
    assert abs(math.log(after.seconds / pilot.seconds)) < 0.1
