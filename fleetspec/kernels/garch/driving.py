"""Which row is in which lane, for numba: what comes before and after an evaluation of all lanes.

Specifications share this, so it is compiled once. ``stage`` is what an evaluation sees: observations (length, lanes),
presamples (lanes,) and points (k, lanes). Functions are compiled into callers in other files, whose names have to tell
what is here; they call none of other files themselves, for numba would not see a change there.
"""

# mypy: disable-error-code="untyped-decorator, no-any-return"
from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from fleetspec.kernels.garch.optimiser import COUNTS, REALS, packed_size


def stage_of(length: int, parameters: int, width: int) -> tuple[Any, Any, Any]:
    """A stage on a register's boundary. What is in lanes without a row is finite."""
    room = np.zeros((length + 1) * width)
    begin = -room.ctypes.data // room.itemsize % width
    columns = room[begin : begin + length * width].reshape(length, width)
    return columns, np.zeros(width), np.zeros((parameters, width))


def state_of(width: int, parameters: int, scratch_rows: int) -> tuple[Any, ...]:
    """Which minimisation each lane has (-1: none) and last the next to begin; then what ``advance`` keeps of each."""
    n, m = parameters, packed_size(parameters)
    at = np.full(width + 1, -1)
    at[width] = 0
    return (
        at, np.zeros(width, np.int64), np.empty((width, n)), np.empty((width, n, n)), np.empty((width, m)),
        np.empty((width, n)), np.empty((width, n)), np.empty((width, REALS)), np.empty((width, COUNTS), np.int64),
        np.empty((width, n + 1), np.int64), np.empty(n), np.empty(m), np.empty((scratch_rows, n)),
    )  # fmt: skip


@njit(cache=True, nogil=True, error_model="numpy")
def seated(y: Any, presample: Any, row: int, lane: int, stage: Any) -> None:
    """Puts a row into a lane."""
    columns, before, _ = stage
    for t in range(len(columns)):
        columns[t, lane] = y[row, t]
    before[lane] = presample[row]


@njit(cache=True, nogil=True, error_model="numpy")
def seated_few(y: Any, presample: Any, rows: Any, first: int, stage: Any) -> int:
    """Puts the rows from ``first`` on into the lanes, and again where lanes are left; returns how many rows."""
    width = stage[0].shape[1]
    live = min(width, len(rows) - first)
    for lane in range(width):
        seated(y, presample, rows[first + lane % live], lane, stage)
    return live


@njit(cache=True, nogil=True, error_model="numpy")
def pointed(candidates: Any, shared: bool, first: int, live: int, k: int, x: Any) -> None:
    """Points of an evaluation, into ``x`` (parameters, lanes): candidate ``k`` of each row, and the ones after it where
    rows are in several lanes."""
    parameters, width = x.shape
    for lane in range(width):
        at = min(k + lane // live, candidates.shape[1] - 1)
        for i in range(parameters):
            x[i, lane] = candidates[0 if shared else first + lane % live, at, i]


@njit(cache=True, nogil=True, error_model="numpy")
def noted(found: Any, first: int, live: int, k: int, out: Any) -> int:
    """Values of an evaluation of ``pointed`` points, into ``out`` (rows, c); returns the next candidate."""
    abreast = min(len(found) // live, out.shape[1] - k)
    for lane in range(live * abreast):
        out[first + lane % live, k + lane // live] = found[lane]
    return k + abreast


@njit(cache=True, nogil=True, error_model="numpy")
def taken(jobs: Any, stage: Any, state: Any) -> bool:
    """Free lanes take the next minimisations; False where none is left or going."""
    y, presample, rows, starts, out, _, _, _ = jobs
    x = stage[2]
    at, spent, trial, reals, counts = state[0], state[1], state[6], state[7], state[8]
    parameters, width = x.shape
    going = False
    for lane in range(width):
        i = at[width]
        if at[lane] < 0 and i < len(rows):
            at[lane], spent[lane] = i, 0
            at[width] += 1
            seated(y, presample, rows[i], lane, stage)
            for j in range(parameters):
                x[j, lane] = trial[lane, j] = out[i, j] = starts[i, j]
            for j in range(len(reals[lane])):
                reals[lane, j] = np.inf
            for j in range(len(counts[lane])):
                counts[lane, j] = 0
        going = going or at[lane] >= 0
    return going
