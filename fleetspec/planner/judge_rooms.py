"""How long jobs take in one room of a plan, over many trials at once: list scheduling by classes, never by jobs.

A *room* is a number of equal lanes: the slots of one kind on GPU nodes, or the places for a class on CPU nodes. Arrays
are (trials, lanes). Above :data:`LANES` lanes, each stands for several; the last jobs on it then end when the slowest
of as many lanes would.

Jobs of a class go to the lane that is free first. All but the last of them are poured at once: since a lane that is
behind gets fewer jobs, what chance adds is shared by all lanes, and lanes differ by less than a job. The last two jobs
a lane are dealt out in small rounds, each with its own chance, so that a stage's tail is one of real jobs.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

LANES = 64
"""Lanes simulated of a room; more are stood for by these."""
FINE = 2e-4
"""Share of a stage's length below which a job counts as fluid: where exactly it ends does not matter."""
RESIDUAL = 0.29
"""Standard deviation, in jobs, of when lanes fall free that pull from one queue: that of a uniform, 1 / sqrt(12)."""
_QUANTILES = 4096


@dataclass(frozen=True, slots=True)
class Load:
    """``jobs`` of one class, ``width`` of which run at a time. ``seconds`` (trials,) is the mean of one job in each
    trial; ``spread`` is the standard deviation of log seconds of single jobs."""

    jobs: int
    width: int
    seconds: Floats
    spread: float
    planned: float
    """Seconds of one job as planned."""


def last_end(free: Floats, loads: list[Load], length: float, rng: np.random.Generator) -> Floats:
    """When the last job ends (trials,), where lanes are free from ``free`` on and the longest jobs go first.

    ``length`` is about how long all of it takes: what is far shorter counts as fluid.
    """
    trials, lanes = free.shape
    end = np.zeros(trials)
    for load in sorted((one for one in loads if one.planned > FINE * length), key=lambda one: -one.planned):
        free, last = _deal(np.sort(free, axis=1), load, rng)
        end = np.maximum(end, last)
    fluid = [one for one in loads if one.planned <= FINE * length]
    if fluid:
        work = np.zeros(trials)
        for one in fluid:
            work += one.jobs * lanes / one.width * one.seconds * _sum_of(np.float64(one.jobs), one.spread, rng, trials)
        end = np.maximum(end, _level(np.sort(free, axis=1), work))
    return end


def last_of(free: Floats, load: Load, fluid: bool, rng: np.random.Generator) -> tuple[Floats, Floats]:
    """When lanes (sorted) are free after one class, and when its last job ends."""
    if not fluid:
        return _deal(free, load, rng)
    trials, lanes = free.shape
    work = load.jobs * lanes / load.width * load.seconds * _sum_of(np.float64(load.jobs), load.spread, rng, trials)
    level = _level(free, work)
    return np.maximum(free, level[:, None]), level


def _sum_of(
    count: Floats | np.float64, spread: float, rng: np.random.Generator, shape: int | tuple[int, ...]
) -> Floats:
    """Sums of ``count`` lognormals over their mean: lognormals of the same mean and variance (Fenton, Wilkinson)."""
    if spread <= 0:
        return np.ones(shape)
    log_variance = np.log1p(np.expm1(spread**2) / np.maximum(count, 1))
    return np.asarray(np.exp(np.sqrt(log_variance) * rng.standard_normal(shape) - log_variance / 2))


def _level(free: Floats, work: Floats) -> Floats:
    """The level (trials,) to which ``work`` lane-seconds rise over lanes that fall free at ``free``, sorted."""
    level = (work[:, None] + np.cumsum(free, axis=1)) / np.arange(1, free.shape[1] + 1)
    above = np.concatenate([free[:, 1:], np.full((len(free), 1), np.inf)], axis=1)
    return np.asarray(np.take_along_axis(level, np.argmax(above >= level, axis=1)[:, None], axis=1)[:, 0])


def _deal(free: Floats, load: Load, rng: np.random.Generator) -> tuple[Floats, Floats]:
    """Run one class: when lanes (sorted) are free afterwards, and when its last job ends."""
    trials, lanes = free.shape
    seconds = load.seconds[:, None]
    jobs = max(round(load.jobs * lanes / load.width), 1)
    alike = load.jobs / jobs
    end = np.zeros(trials)
    bulk = jobs - 2 * lanes if lanes > 1 else jobs
    if bulk > 0:
        counts = _pour(free, bulk, seconds)
        free = np.sort(free + _together(counts, seconds, load.spread, alike, rng), axis=1)
        jobs -= bulk
        if not jobs:
            return free, free[:, -1]
    step = max(lanes // 4, 1)
    while jobs:
        now = min(step, jobs)
        jobs -= now
        factor = _sum_of(np.float64(1), load.spread, rng, (trials, now))
        last = factor if alike <= 1 else np.maximum(factor, _slowest_of(alike, load.spread, rng, (trials, now)))
        end = np.maximum(end, (free[:, :now] + seconds * last).max(axis=1))
        free[:, :now] += seconds * factor
        free = np.sort(free, axis=1)
    return free, end


def _pour(free: Floats, jobs: int, seconds: Floats) -> Floats:
    """How many of ``jobs`` jobs of equal length each lane (sorted) gets when the next goes to the lane free first."""
    level = _level(free, jobs * seconds[:, 0])[:, None]
    counts = np.floor(np.maximum(level - free, 0.0) / seconds + 1e-9)
    rest = jobs - counts.sum(axis=1, keepdims=True)
    order = np.argsort(free + counts * seconds, axis=1, kind="stable")
    extra = np.arange(free.shape[1])[None, :] < rest
    np.put_along_axis(counts, order, np.take_along_axis(counts, order, axis=1) + extra, axis=1)
    return np.asarray(counts)


def _together(counts: Floats, seconds: Floats, spread: float, alike: float, rng: np.random.Generator) -> Floats:
    """Seconds that each lane works on its jobs, when lanes that fall behind are given fewer."""
    planned = counts * seconds
    if spread <= 0:
        return planned
    chance = planned * (_sum_of(counts, spread, rng, counts.shape) - 1.0)
    shared = chance.mean(axis=1, keepdims=True)
    alone = chance - shared
    wide = np.maximum(np.std(alone, axis=1, keepdims=True), 1e-300)
    # A lane stands for several: their mean varies less than one of them does.
    shared = shared / math.sqrt(max(alike, 1.0))
    return np.asarray(planned + shared + alone * np.minimum(1.0, RESIDUAL * seconds / wide))


def _slowest_of(alike: float, spread: float, rng: np.random.Generator, shape: tuple[int, ...]) -> Floats:
    """The longest of ``alike`` jobs over their mean."""
    place = (rng.random(shape) ** (1.0 / alike) * _QUANTILES).astype(np.int64)
    return np.asarray(np.exp(spread * _normal_quantiles()[np.minimum(place, _QUANTILES - 1)] - spread**2 / 2))


@cache
def _normal_quantiles() -> Floats:
    normal = NormalDist()
    return np.array([normal.inv_cdf((i + 0.5) / _QUANTILES) for i in range(_QUANTILES)])
