"""The choice among minima: first starts, other starts where they may matter, and what counts as a fit.

A candidate counts if it is finite, inside the constraints, an end of a converged minimisation and, for ``egarch``, an
invertible filter: likelihood alone would choose filters that never forget, whose likelihood means nothing (Wintenberger
2013). Among those the likeliest is taken. Other starts go only to rows whose first minimum leaves doubt.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from fleetspec.kernels.garch import starts
from fleetspec.kernels.garch.preparation import Effort, Known
from fleetspec.kernels.garch.types import Status

if TYPE_CHECKING:
    from fleetspec.kernels.garch.preparation import Batch, Engine
    from fleetspec.kernels.garch.types import Flags, Floats, Integers, Specification

CONVERGED, STALLED, OUT_OF_ITERATIONS = 0, 1, 2
"""The outcomes of ``optimiser`` that this module tells apart; that module needs numba."""

FULL = Effort(1e-9, 60)
ROUGH = Effort(1e-3, 50)
LAST = Effort(1e-9, 25)
"""For rows that have no fit from all starts together: few of them ever get one."""
FEASIBLE_SLIP = 1e-9
NEAR, APART, FINALISTS = 0.5, 0.02, 4
"""What a rough end must be to be finished: less than this above the least, and this far from others in a parameter."""
LEADS = 0.01
"""A rough minimisation this near the row's minimum in every alpha, gamma and beta, and not below it, ends there too."""
TWIN = 0.5
"""In log-likelihood: how far below a minimum a twin of it (``starts.twins``) may lie and still be begun from."""
FAR = 25.0
"""In log-likelihood: another start this far below a minimum that is in some doubt is not begun from."""
SHORT = 400
"""Fewer observations than this leave every first minimum in doubt: no memory at all is then often as likely as much."""
SCAN = np.array([-0.02, -0.012, -0.008, -0.005, -0.003, -0.0015])
SCAN_OFFSETS = np.concatenate([SCAN, -SCAN[::-1]])
WORTH_A_LOOK = 0.002
"""In log-likelihood: how far below the minimum a point of the scan may lie and still lead to a better one."""


@dataclass
class Search:
    """The best candidate so far for every row that can be fitted; arrays run along ``rows``."""

    batch: Batch
    engine: Engine
    rows: Integers
    x: Floats = field(init=False)
    value: Floats = field(init=False)
    fault: Integers = field(init=False)
    evaluations: Integers = field(init=False)

    def __post_init__(self) -> None:
        count, width = len(self.rows), len(self.batch.specification.names)
        self.x, self.value = np.full((count, width), np.nan), np.full(count, np.inf)
        self.fault = np.full(count, int(Status.NOT_CONVERGED), np.int64)
        self.evaluations = np.zeros(count, np.int64)

    @property
    def specification(self) -> Specification:
        return self.batch.specification

    @property
    def memory(self) -> slice:
        """The places of alpha, gamma and beta."""
        names = self.specification
        return slice(len(names.mean_names) + 1, len(names.names) - len(names.shape_names))

    def run(self, given: Floats | None) -> None:
        """All of it; ``given`` (rows, k) are starts inside, with NaN where there is none."""
        everyone = np.arange(len(self.rows))
        if not len(everyone):
            return
        self.offer(everyone, self.first_starts(given))
        self.offer_others()
        self.offer_twins()
        if self.batch.kinked:
            self.scan_mean(everyone)

    def offer_others(self) -> None:
        """The other starts, to rows in doubt; to those in some doubt only starts that are not far less likely.

        They are raced; rows that have no fit even then are minimised from each of them to the end.
        """
        some, much = self.doubts()
        doubted = np.flatnonzero(some)
        others = starts.others(self.specification)
        if not len(doubted):
            return
        begins = np.stack(
            [self.with_mean(doubted, np.repeat(point[None], len(doubted), axis=0)) for point in others], 1
        )
        worth = np.ones(begins.shape[:2], dtype=bool)
        little = np.flatnonzero(~much[doubted])
        if len(little):
            values = self.engine.values(self.batch, self.rows[doubted[little]], begins[little])
            with np.errstate(invalid="ignore"):
                worth[little] = values < self.value[doubted[little], None] + FAR
        self.race(doubted, begins.copy(), worth)
        lost = np.flatnonzero(self.fault[doubted] != 0)
        if len(lost):
            on, number = np.nonzero(worth[lost])
            self.offer(doubted[lost[on]], begins[lost[on], number], LAST)

    def offer_twins(self) -> None:
        """What is as slow as the best minimum so far and shares it between lags otherwise, raced like other starts."""
        at = np.flatnonzero(self.fault == 0)
        spec = self.specification
        if spec.q != 2 or not spec.p or spec.process == "egarch" or not len(at):
            return
        begins = starts.twins(spec, self.x[at])
        values = self.engine.values(self.batch, self.rows[at], begins)
        memory = self.memory
        with np.errstate(invalid="ignore"):
            apart = np.abs(begins[:, :, memory] - self.x[at][:, None, memory]).max(axis=2) > APART
            self.race(at, begins, apart & (values < self.value[at][:, None] + TWIN))

    def race(self, at: Integers, begins: Floats, worth: Flags) -> None:
        """Minimises roughly from ``begins`` (rows, c, k) where ``worth`` (rows, c), and from what leads to the end.

        Of what ends near the least value of its row the likeliest are finished, at most ``FINALISTS`` and each in a
        place of its own. A mean with kinks is held until then, at that of the best minimum so far: it hardly matters
        to the others, and twice as many steps are needed with it.
        """
        frozen = len(self.specification.mean_names) if self.batch.kinked else 0
        if frozen:
            found = self.fault[at] == 0
            begins[found, :, :frozen] = self.x[at[found], None, :frozen]
        reached = np.full(worth.shape, np.inf)
        on, number = np.nonzero(worth)
        memory = self.memory
        known = Known(self.x[at[on]], self.value[at[on]], memory.start, memory.stop, LEADS)
        x, value, _, spent = self.engine.minimise(
            self.batch, self.rows[at[on]], begins[on, number], frozen, ROUGH, known
        )
        begins[on, number], reached[on, number] = x, np.where(np.isfinite(value) & self.feasible(x), value, np.inf)
        np.add.at(self.evaluations, at[on], spent)
        if self.specification.process == "egarch":
            self.strike_unforgetting(at, reached, begins)
        limit = np.minimum(self.value[at], reached.min(axis=1)) + NEAR
        reached[reached >= limit[:, None]] = np.inf
        self.strike(reached, begins, self.x[at], self.value[at])
        everyone = np.arange(len(at))
        for _ in range(FINALISTS):
            best = np.argmin(reached, axis=1)
            on = np.flatnonzero(np.isfinite(reached[everyone, best]))
            if not len(on):
                return
            chosen = begins[everyone, best]
            self.offer(at[on], chosen[on])
            reached[on, best[on]] = np.inf
            self.strike(reached, begins, chosen, self.value[at])

    def strike_unforgetting(self, at: Integers, reached: Floats, points: Floats) -> None:
        """Makes infinite what of ``reached`` (rows, c) is no invertible filter at its point (rows, c, k)."""
        on, number = np.nonzero(np.isfinite(reached))
        _, growth = self.engine.checks(self.batch, self.rows[at[on]], points[on, number])
        keeps = ~(growth < 0.0)
        reached[on[keeps], number[keeps]] = np.inf

    def strike(self, reached: Floats, points: Floats, known: Floats, least: Floats) -> None:
        """Makes infinite what of ``reached`` (rows, c) lies at a place that is known already (rows, k), or near it."""
        memory = self.memory
        with np.errstate(invalid="ignore"):
            apart = np.abs(points[:, :, memory] - known[:, None, memory]).max(axis=2)
            reached[(apart <= APART) & (reached >= least[:, None])] = np.inf

    def first_starts(self, given: Floats | None) -> Floats:
        grid = starts.grid(self.specification)
        chosen = np.repeat(grid[0, :1], len(self.rows), axis=0)
        missing = np.arange(len(self.rows))
        if given is not None:
            missing = np.flatnonzero(~self.feasible(given))
            chosen = given.copy()
        if len(missing):
            level, _ = self.likeliest(missing, grid[None, :, 0])
            way = np.zeros_like(level)
            if grid.shape[1] > 1:
                way, _ = self.likeliest(missing, grid[level])
            chosen[missing] = self.with_mean(missing, grid[level, way])
        return chosen

    def likeliest(self, at: Integers, points: Floats) -> tuple[Integers, Floats]:
        """Which of points (rows, c, k), or (1, c, k) for all rows, has the least value, and all values (rows, c)."""
        if self.specification.lags:
            shape = (len(at), points.shape[1], points.shape[2])
            points = np.stack([self.with_mean(at, p) for p in np.broadcast_to(points, shape).transpose(1, 0, 2)], 1)
        values = self.engine.values(self.batch, self.rows[at], points[0] if len(points) == 1 else points)
        values = np.where(np.isnan(values), np.inf, values)
        return np.argmin(values, axis=1), values

    def with_mean(self, at: Integers, points: Floats) -> Floats:
        """The least-squares mean where a start has none of its own; without lags that is zero already."""
        lags = self.specification.lags
        if lags:
            points = points.copy()
            points[:, : 1 + lags] = self.batch.mean_starts[self.rows[at]]
        return points

    def offer(self, at: Integers, begin: Floats, effort: Effort = FULL) -> None:
        """Minimises rows ``at``, each as often as it is named, from ``begin``; keeps what counts and is better."""
        x, value, outcome, spent = self.engine.minimise(self.batch, self.rows[at], begin, 0, effort)
        np.add.at(self.evaluations, at, spent)
        if self.batch.kinked:
            stalled = np.flatnonzero(outcome == STALLED)
            if len(stalled):
                x[stalled], value[stalled], outcome[stalled] = self.settled(at[stalled], x[stalled])
        # One that has not ended and is the lowest so far is not given up.
        going = np.flatnonzero((outcome == OUT_OF_ITERATIONS) & (value < self.value[at]))
        if len(going):
            x[going], value[going], outcome[going], more = self.engine.minimise(
                self.batch, self.rows[at[going]], x[going], 0, effort
            )
            np.add.at(self.evaluations, at[going], more)
        rest = np.arange(len(at))
        while len(rest):
            _, first = np.unique(at[rest], return_index=True)
            once = rest[first]
            self.keep(at[once], x[once], value[once], outcome[once])
            rest = np.delete(rest, first)

    def settled(self, at: Integers, x: Floats) -> tuple[Floats, Floats, Integers]:
        """From points where no step descends: on the nearest kink of the mean, the smooth rest is minimised."""
        means = len(self.specification.mean_names)
        candidates = x[:, None, :].repeat(3, axis=1)
        if means == 1:
            y, middle = self.batch.y[self.rows[at]], x[:, :1]
            candidates[:, 1, 0] = np.where(y <= middle, y, -np.inf).max(axis=1)
            candidates[:, 2, 0] = np.where(y >= middle, y, np.inf).min(axis=1)
            candidates[~np.isfinite(candidates)] = 0.0
        values = self.engine.values(self.batch, self.rows[at], candidates)
        best = np.argmin(np.where(np.isnan(values), np.inf, values), axis=1)
        begin = candidates[np.arange(len(at)), best]
        found, value, outcome, spent = self.engine.minimise(self.batch, self.rows[at], begin, means, FULL)
        np.add.at(self.evaluations, at, spent)
        return found, value, outcome

    def scan_mean(self, at: Integers) -> None:
        """Among the kinks of the mean are many minima: the likeliest points around the best are minimised from."""
        at = at[self.fault[at] == 0]
        if not len(at):
            return
        candidates = self.x[at][:, None, :].repeat(len(SCAN_OFFSETS), axis=1)
        candidates[:, :, 0] += SCAN_OFFSETS
        values = self.engine.values(self.batch, self.rows[at], candidates)
        values = np.where(np.isnan(values), np.inf, values)
        half = len(SCAN)
        for side in (slice(0, half), slice(half, None)):
            best = np.argmin(values[:, side], axis=1) + (side.start or 0)
            near = values[np.arange(len(at)), best] < self.value[at] + WORTH_A_LOOK
            if near.any():
                self.offer(at[near], candidates[near, best[near]])

    def keep(self, at: Integers, x: Floats, value: Floats, outcome: Integers) -> None:
        fault = self.faults(at, x, value, outcome)
        better = np.where(self.fault[at] == 0, (fault == 0) & (value < self.value[at]), fault == 0)
        # Without any sound candidate the first fault is the reason that is told.
        first = np.isinf(self.value[at]) & ~better & (self.fault[at] != 0)
        self.fault[at[first]] = fault[first]
        chosen = at[better]
        self.x[chosen], self.value[chosen], self.fault[chosen] = x[better], value[better], 0

    def faults(self, at: Integers, x: Floats, value: Floats, outcome: Integers) -> Integers:
        fault = np.zeros(len(at), np.int64)
        finite = np.isfinite(value) & np.isfinite(x).all(axis=1)
        fault[~finite | (outcome != CONVERGED) | ~self.feasible(x)] = Status.NOT_CONVERGED
        if self.specification.process == "egarch":
            asked = np.flatnonzero(fault == 0)
            _, growth = self.engine.checks(self.batch, self.rows[at[asked]], x[asked])
            fault[asked[~(growth < 0.0)]] = Status.NOT_INVERTIBLE
        return fault

    def feasible(self, x: Floats) -> Flags:
        normals, least = self.batch.constraints
        with np.errstate(invalid="ignore"):
            return np.asarray(((x[:, None, :] * normals).sum(axis=2) >= least - FEASIBLE_SLIP).all(axis=1))

    def doubts(self) -> tuple[Flags, Flags]:
        """Rows whose first minimum may not be the lowest: those in some doubt, and among them those in much."""
        spec, means = self.specification, len(self.specification.mean_names)
        everyone = np.ones(len(self.rows), bool)
        if max(spec.p, spec.o, spec.q) > 1:
            return everyone, everyone
        sums = np.split(self.x[:, means + 1 :], np.cumsum([spec.p, spec.o, spec.q]), axis=1)[:3]
        alpha, gamma, beta = (part.sum(axis=1) for part in sums)
        with np.errstate(invalid="ignore"):
            if spec.process == "egarch":
                clear = (beta > 0.9) & (beta < 0.998) & (alpha > 0.07) & (self.fault == 0)
                likely = (beta > 0.85) & (beta < 0.9995) & (alpha > 0.04) & (self.fault == 0)
                return ~clear, ~likely
            news = alpha + gamma / 2
            total = news + beta
            clear = (total > 0.94) & (total < 0.9995) & (news > 0.045) & (self.fault == 0) & (self.batch.count >= SHORT)
            likely = (total > 0.8) & (total < 0.9998) & (news > 0.02) & (self.fault == 0)
        if spec.process == "tgarch":
            return ~clear, ~clear
        return ~clear, ~likely
