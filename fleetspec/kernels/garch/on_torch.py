"""The engine for a GPU: the same written-out likelihood in torch, float64, a series an element.

Statements of the text become operations on all series at once, bar after bar; the optimiser's decisions stay on the
CPU, the same ones as everywhere. Evaluations are bound by kernel launches, a hundred or so a bar, so a GPU is worth its
while from tens of thousands of series in one call on. Its speed has been measured on no GPU yet; that it gives the
other engines' results is tested on the CPU.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from fleetspec.kernels.garch.dialects import Python
from fleetspec.kernels.garch.writing import written

if TYPE_CHECKING:
    from fleetspec.kernels.garch.preparation import Batch, Effort, Known
    from fleetspec.kernels.garch.statements import Mode
    from fleetspec.kernels.garch.types import Floats, Integers, Specification

Tensor = Any
"""``torch.Tensor``; the type checker does not read torch."""


class Tensors(Python):
    """Python in which a name stands for a tensor of series (or for a number that all of them share)."""

    log_gamma, digamma, trigamma = "maths.log_gamma", "maths.digamma", "maths.trigamma"
    log, quick_log, exp, sqrt, absolute = "maths.log", "maths.log", "maths.exp", "maths.sqrt", "maths.absolute"
    small_exp, quick_exp, maximum, minimum = "maths.exp", "maths.exp", "maths.maximum", "maths.minimum"

    def scratch(self, name: str, rows: int, width: int) -> str:
        return f"{name} = {{}}"

    def select(self, condition: str, yes: str, no: str) -> str:
        return f"maths.select({condition}, {yes}, {no})"


class TorchEngine:
    """Runs any specification on the first GPU, or on the CPU where there is none; see ``preparation.Engine``."""

    def __init__(self, device: str | None = None) -> None:
        self.device = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
        self.name = f"torch on {self.device.type}"

    def supports(self, specification: Specification) -> bool:
        return True

    def values(self, batch: Batch, rows: Integers, candidates: Floats) -> Floats:
        value, y, presample = self._loaded(batch, rows, "value")
        out = np.empty((len(rows), candidates.shape[-2]))
        for c in range(out.shape[1]):
            points = np.broadcast_to(candidates[..., c, :], (len(rows), candidates.shape[-1]))
            out[:, c] = self._back(value(self._tensor(points.T), y, batch.count, presample), len(rows))
        return out

    def minimise(
        self, batch: Batch, rows: Integers, starts: Floats, frozen: int, effort: Effort, known: Known | None = None
    ) -> tuple[Floats, Floats, Integers, Integers]:
        from fleetspec.kernels.garch.optimiser import (
            BEGUN,
            COUNTS,
            OUT_OF_ITERATIONS,
            OUTCOME,
            REALS,
            VALUE,
            leads,
            packed_size,
            scratch_rows,
        )

        n, k = starts.shape
        score, y, presample = self._loaded(batch, rows, "score")
        state = SimpleNamespace(
            x=starts.copy(), trial=starts.copy(), g=np.empty((n, k)), d=np.empty((n, k)), b=np.empty((n, k, k)),
            kept=np.empty((n, packed_size(k))), reals=np.full((n, REALS), np.inf),
            counts=np.zeros((n, COUNTS), np.int64), active=np.empty((n, k + 1), np.int64),
        )  # fmt: skip
        loads, least = batch.constraints
        terms = (frozen, batch.restarts(frozen), *effort)
        work = np.empty((scratch_rows(k, len(least)), k))
        evaluations, going, held = np.zeros(n, np.int64), np.arange(n), np.arange(n)
        while len(going):
            if len(going) < len(held) // 2:
                # Columns of finished series are dropped once they are the larger part.
                at = torch.as_tensor(np.searchsorted(held, going), device=self.device)
                y, presample, held = y[:, at], presample[at], going
            columns = np.searchsorted(held, going)
            gradient = torch.empty((k, len(held)), dtype=torch.float64, device=self.device)
            information = torch.empty((packed_size(k), len(held)), dtype=torch.float64, device=self.device)
            found = self._back(
                score(self._tensor(state.trial[held].T), y, batch.count, presample, gradient, information), len(held)
            )
            new, packed = (np.ascontiguousarray(t.cpu().numpy().T[columns]) for t in (gradient, information))
            evaluations[going] += 1
            going = _advanced(going, found[columns], new, packed, terms, state, loads, least, work)
            if known is not None:
                there = [
                    evaluations[row] > BEGUN and leads(state.x[row], state.reals[row, VALUE], row, known)
                    for row in going
                ]
                state.counts[going[there], OUTCOME] = OUT_OF_ITERATIONS
                going = going[~np.array(there, dtype=bool)]
        return state.x, state.reals[:, VALUE].copy(), state.counts[:, OUTCOME].copy(), evaluations

    def checks(self, batch: Batch, rows: Integers, points: Floats) -> tuple[Floats, Floats]:
        check, y, presample = self._loaded(batch, rows, "check")
        margin = torch.empty((1, len(rows)), dtype=torch.float64, device=self.device)
        growth = check(self._tensor(points.T), y, batch.count, presample, self._tensor(batch.limits[rows].T), margin)
        return margin[0].cpu().numpy(), self._back(growth, len(rows))

    def _loaded(self, batch: Batch, rows: Integers, mode: Mode) -> tuple[Callable[..., Any], Tensor, Tensor]:
        return (
            _function(batch.specification, mode),
            self._tensor(batch.y[rows].T),
            self._tensor(batch.presample[rows]),
        )

    def _tensor(self, array: Floats) -> Tensor:
        return torch.from_numpy(np.array(array, dtype=np.float64, order="C")).to(self.device)

    def _back(self, value: Any, n: int) -> Floats:
        """A tensor, or a number that stands for all rows, (n,)."""
        array = value.cpu().numpy() if isinstance(value, torch.Tensor) else value
        return np.array(np.broadcast_to(array, (n,)), dtype=np.float64)


def _advanced(
    going: Integers, values: Floats, new: Floats, packed: Floats, terms: tuple[Any, ...], state: Any,
    loads: Floats, least: Floats, work: Floats,
) -> Integers:  # fmt: skip
    """The rows that go on, after each has taken its evaluation."""
    from fleetspec.kernels.garch.optimiser import advance

    on = [
        advance(
            values[i], new[i], packed[i], terms, state.x[row], state.g[row], state.b[row], state.kept[row],
            state.d[row], state.trial[row], loads, least, state.reals[row], state.counts[row], state.active[row], work,
        )
        for i, row in enumerate(going)
    ]  # fmt: skip
    return np.asarray(going[np.array(on, dtype=bool)])


@cache
def _function(specification: Specification, mode: Mode) -> Callable[..., Any]:
    space: dict[str, Any] = {"maths": _maths()}
    exec(compile(written(specification, Tensors(), mode, mode), f"<{mode} of {specification}>", "exec"), space)
    function: Callable[..., Any] = space[mode]
    return function


def _maths() -> SimpleNamespace:
    """Functions of tensors and plain numbers alike."""

    def tensor(value: Any, like: Any = None) -> Tensor:
        if isinstance(value, torch.Tensor):
            return value
        device = like.device if isinstance(like, torch.Tensor) else None
        return torch.tensor(value, dtype=torch.float64, device=device)

    def unary(function: Callable[[Tensor], Tensor]) -> Callable[[Any], Tensor]:
        return lambda value: function(tensor(value))

    def select(condition: Any, yes: Any, no: Any) -> Any:
        if isinstance(condition, bool):
            # Before the sample a state is a plain number.
            return yes if condition else no
        return torch.where(condition, tensor(yes, condition), tensor(no, condition))

    return SimpleNamespace(
        log=unary(torch.log), exp=unary(torch.exp), sqrt=unary(torch.sqrt), absolute=unary(torch.abs),
        log_gamma=unary(torch.lgamma), digamma=unary(torch.digamma),
        trigamma=unary(lambda value: torch.special.polygamma(1, value)),
        maximum=lambda a, b: torch.maximum(tensor(a, b), tensor(b, a)),
        minimum=lambda a, b: torch.minimum(tensor(a, b), tensor(b, a)),
        select=select,
    )  # fmt: skip
