"""The engine of the plain install: each specification's likelihood compiled by numba, one series at a time.

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

from fleetspec.kernels.garch.dialects import Python
from fleetspec.kernels.garch.preparation import Known
from fleetspec.kernels.garch.writing import written
from fleetspec.kernels.keeping import kept

if TYPE_CHECKING:
    from fleetspec.kernels.garch.preparation import Batch, Effort
    from fleetspec.kernels.garch.statements import Mode
    from fleetspec.kernels.garch.types import Floats, Integers, Specification

_HEAD = '''\
"""{specification}: written by fleetspec.kernels.garch.on_numba; it is compiled on first use."""

import math

import numpy as np
from numba import njit

from fleetspec.kernels.garch.optimiser import BEGUN, COUNTS, OUT_OF_ITERATIONS, OUTCOME, REALS, VALUE, advance, leads
from fleetspec.kernels.garch.special import digamma, powers, small_exp, sum_of_powers, trigamma

CALLEES = "{callees}"
MATHS = {{"contract", "arcp", "nsz", "reassoc"}}


'''
_FAST = '@njit(nogil=True, error_model="numpy", fastmath=MATHS)\n'
_DRIVERS = """\
@njit(cache=True, nogil=True, error_model="numpy")
def values(y, count, presample, rows, candidates, shared, out):
    for i in range(len(rows)):
        row = rows[i]
        for k in range(out.shape[1]):
            x = candidates[0 if shared else i, k]
            out[i, k] = value(x, y[row], count, presample[row])


@njit(cache=True, nogil=True, error_model="numpy")
def minimise(y, count, presample, rows, starts, terms, region, known, out, reached, outcomes, evaluations):
    normals, bounds, work_rows = region
    n = out.shape[1]
    g, new, d, trial, active = np.empty(n), np.empty(n), np.empty(n), np.empty(n), np.empty(n + 1, np.int64)
    hessian, packed, kept = np.empty((n, n)), np.empty(n * (n + 1) // 2), np.empty(n * (n + 1) // 2)
    work, reals, counts = np.empty((work_rows, n)), np.empty(REALS), np.empty(COUNTS, np.int64)
    for i in range(len(rows)):
        row = rows[i]
        reals[:] = np.inf
        counts[:] = 0
        trial[:] = starts[i]
        out[i] = starts[i]
        spent, going = 0, True
        while going:
            found = score(trial, y[row], count, presample[row], new, packed)
            spent += 1
            going = advance(
                found, new, packed, terms, out[i], g, hessian, kept, d, trial, normals, bounds,
                reals, counts, active, work,
            )
            if going and spent > BEGUN and leads(out[i], reals[VALUE], i, known):
                going, counts[OUTCOME] = False, OUT_OF_ITERATIONS
        reached[i] = reals[VALUE]
        outcomes[i] = counts[OUTCOME]
        evaluations[i] = spent


@njit(cache=True, nogil=True, error_model="numpy")
def checks(y, count, presample, rows, points, limits, margins, growths):
    for i in range(len(rows)):
        row = rows[i]
        growths[i] = check(points[i], y[row], count, presample[row], limits[row], margins[i : i + 1])
"""


class NumbaEngine:
    """Runs any specification; see ``preparation.Engine``."""

    name = "numba"

    def supports(self, specification: Specification) -> bool:
        return True

    def values(self, batch: Batch, rows: Integers, candidates: Floats) -> Floats:
        shared = candidates.ndim == 2
        out = np.empty((len(rows), candidates.shape[-2]))
        given = np.ascontiguousarray(candidates[None] if shared else candidates)
        _compiled(batch.specification).values(batch.y, batch.count, batch.presample, rows, given, shared, out)
        return out

    def minimise(
        self, batch: Batch, rows: Integers, starts: Floats, frozen: int, effort: Effort, known: Known | None = None
    ) -> tuple[Floats, Floats, Integers, Integers]:
        from fleetspec.kernels.garch.optimiser import scratch_rows

        found, reached = np.empty(starts.shape), np.empty(len(rows))
        outcomes, evaluations = np.empty(len(rows), np.int64), np.empty(len(rows), np.int64)
        normals, bounds = batch.constraints
        region = (normals, bounds, scratch_rows(starts.shape[1], len(bounds)))
        terms = (frozen, batch.restarts(frozen), *effort)
        _compiled(batch.specification).minimise(
            batch.y, batch.count, batch.presample, rows, np.ascontiguousarray(starts), terms, region,
            tuple(known or Known(np.empty((0, 0)), np.empty(0), 0, 0, 0.0)), found, reached, outcomes, evaluations,
        )  # fmt: skip
        return found, reached, outcomes, evaluations

    def checks(self, batch: Batch, rows: Integers, points: Floats) -> tuple[Floats, Floats]:
        margins, growths = np.empty(len(rows)), np.empty(len(rows))
        _compiled(batch.specification).checks(
            batch.y, batch.count, batch.presample, rows, np.ascontiguousarray(points), batch.limits, margins, growths
        )
        return margins, growths


@cache
def _compiled(specification: Specification) -> ModuleType:
    return kept("garch", _text(specification))


def _text(specification: Specification) -> str:
    # numba does not see changes of what a cached function calls, so the callee's text is part of the caller's name.
    from fleetspec.kernels.garch import optimiser, special

    callees = hashlib.sha256()
    for module in (optimiser, special):
        callees.update(Path(str(module.__file__)).read_bytes())
    modes: tuple[Mode, ...] = ("value", "score", "check")
    functions = [_FAST + written(specification, Python(), mode, mode) + "\n\n" for mode in modes]
    return _HEAD.format(specification=specification, callees=callees.hexdigest()) + "".join(functions) + _DRIVERS
