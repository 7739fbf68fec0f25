"""The engine of the plain install: each specification's likelihood compiled by numba, with a series in each lane.

The text of a specification is kept in the user's cache folder with its compiled code (``kernels/keeping.py``): the
first use of a specification compiles for seconds, later processes load it.
"""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

import numpy as np

from fleetspec.kernels.garch.dialects import Vectors
from fleetspec.kernels.garch.preparation import Known
from fleetspec.kernels.garch.writing import written
from fleetspec.kernels.keeping import kept

if TYPE_CHECKING:
    from fleetspec.kernels.garch.preparation import Batch, Effort
    from fleetspec.kernels.garch.statements import Mode
    from fleetspec.kernels.garch.types import Floats, Integers, Specification

_HEAD = '''\
"""{specification}: written by fleetspec.kernels.garch.on_numba; it is compiled on first use."""

from numba import njit

from fleetspec.kernels.garch.driving import noted, pointed, seated_few, taken
from fleetspec.kernels.garch.lanes import (
    absolute, digamma, exp, lanes, log, log_gamma, maximum, minimum, quick_log, row_of, scratch, select, small_exp,
    square_root, trigamma,
)
from fleetspec.kernels.garch.optimiser import BEGUN, OUT_OF_ITERATIONS, OUTCOME, VALUE, advance, leads

CALLEES = "{callees}"
LANES = {width}
MATHS = {{"contract", "arcp", "nsz", "reassoc"}}


'''
_FAST = '@njit(nogil=True, no_cpython_wrapper=True, no_cfunc_wrapper=True, error_model="numpy", fastmath=MATHS)\n'
_DRIVERS = """\
@njit(cache=True, nogil=True, error_model="numpy")
def values(y, count, presample, rows, candidates, shared, stage, found, out):
    columns, before, x = row_of(stage[0]), row_of(stage[1]), row_of(stage[2])
    for first in range(0, len(rows), LANES):
        live, k = seated_few(y, presample, rows, first, stage), 0
        while k < out.shape[1]:
            pointed(candidates, shared, first, live, k, stage[2])
            row_of(found)[0] = value(x, columns, count, before[0])
            k = noted(found, first, live, k, out)


@njit(cache=True, nogil=True, error_model="numpy")
def minimise(count, terms, region, known, jobs, stage, state, found, gradient, information):
    columns, before, x = row_of(stage[0]), row_of(stage[1]), row_of(stage[2])
    points, (normals, bounds), (_, _, _, _, out, reached, outcomes, evaluations) = stage[2], region, jobs
    at, spent, g, hessian, kept, d, trial, reals, counts, active, new, packed, work = state
    while taken(jobs, stage, state):
        row_of(found)[0] = score(x, columns, count, before[0], row_of(gradient), row_of(information))
        for lane in range(LANES):
            i = at[lane]
            if i < 0:
                continue
            spent[lane] += 1
            for j in range(len(new)):
                new[j] = gradient[j, lane]
            for j in range(len(packed)):
                packed[j] = information[j, lane]
            going = advance(
                found[lane], new, packed, terms, out[i], g[lane], hessian[lane], kept[lane], d[lane], trial[lane],
                normals, bounds, reals[lane], counts[lane], active[lane], work,
            )
            if going and spent[lane] > BEGUN and leads(out[i], reals[lane, VALUE], i, known):
                going, counts[lane, OUTCOME] = False, OUT_OF_ITERATIONS
            # A free lane goes on at zero, where no exponential is large.
            for j in range(len(new)):
                points[j, lane] = trial[lane, j] if going else 0.0
            if not going:
                reached[i], outcomes[i], evaluations[i] = reals[lane, VALUE], counts[lane, OUTCOME], spent[lane]
                at[lane] = -1


@njit(cache=True, nogil=True, error_model="numpy")
def checks(y, count, presample, rows, points, limits, stage, given, margin, growth, margins, growths):
    columns, before, x = row_of(stage[0]), row_of(stage[1]), row_of(stage[2])
    for first in range(0, len(rows), LANES):
        live = seated_few(y, presample, rows, first, stage)
        pointed(points, False, first, live, 0, stage[2])
        pointed(limits, False, first, live, 0, given)
        row_of(growth)[0] = check(x, columns, count, before[0], row_of(given), row_of(margin))
        noted(margin, first, live, 0, margins)
        noted(growth, first, live, 0, growths)
"""


_NOTHING = Known(np.empty((0, 0)), np.empty(0), 0, 0, 0.0)


class NumbaEngine:
    """Runs any specification; see ``preparation.Engine``."""

    name = "numba"

    def supports(self, specification: Specification) -> bool:
        return True

    def values(self, batch: Batch, rows: Integers, candidates: Floats) -> Floats:
        from fleetspec.kernels.garch.driving import stage_of
        from fleetspec.kernels.garch.lanes import WIDTH

        shared = candidates.ndim == 2
        out = np.empty((len(rows), candidates.shape[-2]))
        stage = stage_of(batch.y.shape[1], candidates.shape[-1], WIDTH)
        _compiled(batch.specification).values(
            batch.y, batch.count, batch.presample, rows, _plain(candidates[None] if shared else candidates), shared,
            stage, np.empty(WIDTH), out,
        )  # fmt: skip
        return out

    def minimise(
        self, batch: Batch, rows: Integers, starts: Floats, frozen: int, effort: Effort, known: Known | None = None
    ) -> tuple[Floats, Floats, Integers, Integers]:
        from fleetspec.kernels.garch.driving import stage_of, state_of
        from fleetspec.kernels.garch.lanes import WIDTH
        from fleetspec.kernels.garch.optimiser import packed_size, scratch_rows

        k, (normals, bounds) = starts.shape[1], batch.constraints
        found, reached = np.empty(starts.shape), np.empty(len(rows))
        outcomes, evaluations = np.empty(len(rows), np.int64), np.empty(len(rows), np.int64)
        jobs = (batch.y, batch.presample, rows, _plain(starts), found, reached, outcomes, evaluations)
        terms = (frozen, batch.restarts(frozen), *effort)
        _compiled(batch.specification).minimise(
            batch.count, terms, (normals, bounds), tuple(known or _NOTHING), jobs,
            stage_of(batch.y.shape[1], k, WIDTH), state_of(WIDTH, k, scratch_rows(k, len(bounds))), np.empty(WIDTH),
            np.empty((k, WIDTH)), np.empty((packed_size(k), WIDTH)),
        )  # fmt: skip
        return found, reached, outcomes, evaluations

    def checks(self, batch: Batch, rows: Integers, points: Floats) -> tuple[Floats, Floats]:
        from fleetspec.kernels.garch.driving import stage_of
        from fleetspec.kernels.garch.lanes import WIDTH

        margins, growths = np.empty((len(rows), 1)), np.empty((len(rows), 1))
        limits = batch.limits[rows][:, None]
        _compiled(batch.specification).checks(
            batch.y, batch.count, batch.presample, rows, _plain(points[:, None]), limits,
            stage_of(batch.y.shape[1], points.shape[1], WIDTH), np.empty((limits.shape[2], WIDTH)), np.empty(WIDTH),
            np.empty(WIDTH), margins, growths,
        )  # fmt: skip
        return margins[:, 0], growths[:, 0]


def _plain(numbers: Floats) -> Floats:
    """In order and not write-protected: numba would compile another function for an array that is."""
    return np.require(numbers, np.float64, ("C", "W"))


@cache
def _compiled(specification: Specification) -> ModuleType:
    return kept("garch", _text(specification))


def _text(specification: Specification) -> str:
    # numba does not see changes of what a cached function calls, so the callees' text is part of the caller's name.
    from fleetspec.kernels.garch import driving, lanes, optimiser

    callees = hashlib.sha256()
    for module in (driving, lanes, optimiser):
        callees.update(Path(str(module.__file__)).read_bytes())
    modes: tuple[Mode, ...] = ("value", "score", "check")
    functions = [_FAST + written(specification, Vectors(), mode, mode) + "\n\n" for mode in modes]
    head = _HEAD.format(specification=specification, callees=callees.hexdigest(), width=lanes.WIDTH)
    return head + "".join(functions) + _DRIVERS
