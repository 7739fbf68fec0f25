"""The native engine: the same likelihoods as numba's with a series in each lane of a vector, loaded by ctypes.

It is there after ``make native`` (or in a wheel that was built after it). Nothing needs it.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from msgspec.structs import replace

from fleetspec.kernels.garch.building import folders, key, library, runnable

if TYPE_CHECKING:
    from fleetspec.kernels.garch.preparation import Batch, Effort, Known
    from fleetspec.kernels.garch.types import Floats, Integers, Specification


class NativeEngine:
    """Runs the specifications that were built; see ``preparation.Engine``."""

    name = "native"

    def __init__(self, functions: ctypes.CDLL) -> None:
        self._functions = functions

    def supports(self, specification: Specification) -> bool:
        return self._number(specification) >= 0

    def values(self, batch: Batch, rows: Integers, candidates: Floats) -> Floats:
        shared = candidates.ndim == 2
        given = np.ascontiguousarray(candidates, dtype=np.float64)
        out = np.empty((len(rows), candidates.shape[-2]))
        self._call(
            self._functions.garch_values, self._number(batch.specification), batch, rows, _floats(given),
            _long(given.shape[-2]), int(shared), _floats(out),
        )  # fmt: skip
        return out

    def minimise(
        self, batch: Batch, rows: Integers, starts: Floats, frozen: int, effort: Effort, known: Known | None = None
    ) -> tuple[Floats, Floats, Integers, Integers]:
        means = self._held(batch.specification, frozen)
        number = self._number(_without_mean(batch.specification) if means else batch.specification)
        held = np.ascontiguousarray(starts[:, :means], dtype=np.float64)
        given = np.ascontiguousarray(starts[:, means:], dtype=np.float64)
        found, reached = np.empty(given.shape), np.empty(len(rows))
        outcomes, evaluations = np.empty(len(rows), np.int64), np.empty(len(rows), np.int64)
        normals, bounds = batch.constraints
        normals = np.ascontiguousarray(normals[:, means:])
        if known is not None:
            points = np.ascontiguousarray(known.points[:, means:])
            known = known._replace(points=points, first=known.first - means, last=known.last - means)
        self._call(
            self._functions.garch_minimise, number, batch, rows, _floats(given), _floats(normals), _floats(bounds),
            len(bounds), frozen - means, batch.restarts(frozen), ctypes.c_double(effort.tolerance), effort.iterations,
            *_known(known), _floats(held) if means else None, means,
            _floats(found), _floats(reached), _integers(outcomes), _integers(evaluations),
        )  # fmt: skip
        return np.hstack([held, found]), reached, outcomes, evaluations

    def _held(self, specification: Specification, frozen: int) -> int:
        """How many parameters are a mean that does not move: then residuals are taken once, and the likelihood without
        a mean, which has fewer derivatives, is minimised. A presample that follows the mean needs it."""
        means = len(specification.mean_names)
        alone = specification.presample == "backcast" and self.supports(_without_mean(specification))
        return means if frozen == means and alone else 0

    def checks(self, batch: Batch, rows: Integers, points: Floats) -> tuple[Floats, Floats]:
        given = np.ascontiguousarray(points, dtype=np.float64)
        margins, growths = np.empty(len(rows)), np.empty(len(rows))
        self._call(
            self._functions.garch_checks, self._number(batch.specification), batch, rows, _floats(given),
            _floats(batch.limits), batch.limits.shape[1], _floats(margins), _floats(growths),
        )  # fmt: skip
        return margins, growths

    def _number(self, specification: Specification) -> int:
        return int(self._functions.garch_find(key(specification).encode()))

    def _call(self, function: Callable[..., int], number: int, batch: Batch, rows: Integers, *arguments: Any) -> None:
        listed = np.ascontiguousarray(rows, dtype=np.int64)
        failed = function(
            number, _floats(batch.y), _long(batch.y.shape[1]), _long(batch.count),
            _floats(batch.presample), _integers(listed), _long(len(listed)), *arguments,
        )  # fmt: skip
        if failed:
            raise MemoryError("the native engine has no memory for a batch")


@cache
def native_engine() -> NativeEngine | None:
    """The engine for this processor, or None where none is built."""
    return next(filter(None, map(loaded, folders())), None)


def loaded(folder: Path) -> NativeEngine | None:
    """The fastest library in ``folder`` that this processor runs and that is of this version's sources."""
    cpu = folder / library("cpu")
    if not cpu.is_file():
        return None
    paths = (folder / library(target) for target in runnable(cpu))
    return next((NativeEngine(ctypes.CDLL(str(path))) for path in paths if path.is_file()), None)


def _without_mean(specification: Specification) -> Specification:
    return replace(specification, mean="zero", lags=0)


def _known(known: Known | None) -> tuple[Any, ...]:
    if known is None:
        return None, None, 0, 0, ctypes.c_double(0.0)
    return _floats(known.points), _floats(known.values), known.first, known.last, ctypes.c_double(known.radius)


def _floats(array: Floats) -> Any:
    return array.ctypes.data_as(ctypes.POINTER(ctypes.c_double))


def _integers(array: Integers) -> Any:
    return array.ctypes.data_as(ctypes.POINTER(ctypes.c_int64))


def _long(value: int) -> ctypes.c_int64:
    return ctypes.c_int64(value)
