"""One family of one group on one universe: its models and its jobs, as arrays.

Models are series × horizons, row by row. Each model has a window (nightly) or several (backtest), and per window a
fit and a forecast; in a backtest an evaluation follows. Nothing here loops over jobs but the hashing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fleetspec.compiler import identity
from fleetspec.compiler.assembly import Assembly, Ints, Jobs
from fleetspec.compiler.jobgraph import NONE, GroupFamily, JobClass, Task
from fleetspec.compiler.lock import LockedSeries, cadence
from fleetspec.compiler.windows import Walk, backtest_windows, nightly_windows


@dataclass(frozen=True, slots=True, eq=False)
class Panel:
    """The locked series of a universe as columns (n,). ``gated`` marks those with too many missing values to be
    fitted; ``source`` is the identity of the data source."""

    name: str
    code: int
    series: tuple[LockedSeries, ...]
    bars: Ints
    gated: NDArray[np.bool_]
    digest: identity.Bytes
    source: dict[str, Any]

    @classmethod
    def of(
        cls, name: str, code: int, series: tuple[LockedSeries, ...], source: dict[str, Any], max_missing: float
    ) -> Panel:
        bars = np.array([s.bars for s in series], dtype=np.int64)
        missing = np.array([s.missing for s in series], dtype=np.int64)
        # A share, as the runtime's gate computes it: a product could round to the other side.
        gated = missing / np.maximum(bars + missing, 1) > max_missing
        return cls(name, code, series, bars, gated, identity.from_hex([s.digest for s in series]), source)

    def __len__(self) -> int:
        return len(self.series)


@dataclass(frozen=True, slots=True, eq=False)
class Schedule:
    """Windows of every row of a block: ``count`` (rows,) of them each, their bounds flattened in ``walk``.

    ``data`` (rows, 16) is the digest of what the fits of a row read, beside their bounds.
    """

    count: Ints
    walk: Walk
    data: identity.Bytes


def nightly(panel: Panel, setting: GroupFamily) -> Schedule:
    """Tonight's window of each series; a model over the whole universe has one row, with the first member's bounds."""
    start, end = nightly_windows(panel.bars, setting.train, setting.refit)
    walk = Walk(start, end, np.maximum(panel.bars - 1, 0), panel.bars)
    data = panel.digest
    if not setting.family.transforms:
        data = identity.from_hex([s.windows[cadence(setting.train, setting.refit)] for s in panel.series])
    if setting.per == "universe":
        every = np.concatenate([data, identity.integers(start, end, panel.gated)], axis=1)
        data = identity.single("pool", every.tobytes())
        walk = Walk(start[:1], end[:1], walk.first_origin[:1], walk.origin_end[:1])
    return Schedule(np.ones(len(walk), dtype=np.int64), walk, data)


def backtest(panel: Panel, setting: GroupFamily, step: int) -> Schedule:
    """Every walk-forward window of each series. The data of a window are those of the whole locked series."""
    lengths, which = np.unique(panel.bars, return_inverse=True)
    walks = [backtest_windows(int(bars), setting.train, step) for bars in lengths]
    each = [walks[i] for i in which]
    columns = [np.concatenate([getattr(w, c) for w in each]) for c in ("start", "end", "first_origin", "origin_end")]
    return Schedule(np.array([len(w) for w in each], dtype=np.int64), Walk(*columns), panel.digest)


class Block:
    """Models and jobs of a group's family on a universe. ``codes`` are its horizons' codes, or ``[NONE]``;
    ``members`` are the blocks it is over, with the same windows."""

    def __init__(
        self,
        panel: Panel,
        number: int,
        setting: GroupFamily,
        codes: list[int],
        horizons: tuple[int, ...],
        members: list[Block],
        seed: int,
        first_model: int,
    ) -> None:
        self.panel, self.number, self.setting, self.members = panel, number, setting, members
        self.codes, self.horizons, self.first_model = np.array(codes, dtype=np.int64), horizons, first_model
        self.pooled = setting.per == "universe"
        rows = 1 if self.pooled else len(panel)
        self.row = np.repeat(np.arange(rows), len(codes))
        """(models,) series of each model; zeros for models over the whole universe."""
        self.code = np.tile(self.codes, rows)
        self.digest = self._identities(seed)

    def __len__(self) -> int:
        return len(self.row)

    @property
    def series(self) -> Ints:
        """(models,) series codes as the graph has them."""
        return np.full(len(self), NONE) if self.pooled else self.row

    def _identities(self, seed: int) -> identity.Bytes:
        setting = self.setting
        content = {
            "family": setting.family.name,
            "version": setting.family.version,
            "params": setting.params,
            "target": setting.target,
            "per": setting.per,
            "features": setting.features,
            "levels": setting.levels,
            "train": setting.train,
            "source": self.panel.source,
            "seed": seed,
        }
        names = [s.name for s in self.panel.series]
        read = [identity.canonical(name) for name in ([names] if self.pooled else names)]
        series = np.concatenate([identity.single("series", text) for text in read])
        ahead = np.array([NONE if code == NONE else self.horizons[code] for code in self.codes], dtype=np.int64)
        return identity.digest_rows(
            "model",
            identity.repeated(identity.single("setting", identity.canonical(content)), len(self)),
            series[self.row],
            identity.integers(np.tile(ahead, len(read))),
            *(member.digest[member.models_for(self.row, self.code)] for member in self.members),
        )

    def models_for(self, row: Ints, code: Ints) -> Ints:
        """Which of this block's models give forecasts for series ``row`` at horizon ``code``."""
        place = np.zeros(len(code), dtype=np.int64)
        if self.codes[0] != NONE:
            place = np.searchsorted(self.codes, code)
        return (np.zeros_like(row) if self.pooled else row) * len(self.codes) + place

    def emit(self, assembly: Assembly, schedule: Schedule, tests: bytes | None) -> None:
        """Append fits, forecasts, and with ``tests`` (canonical) evaluations."""
        count = schedule.count[self.row]
        model = np.repeat(np.arange(len(self)), count)
        self.begin = np.concatenate([[0], np.cumsum(count)])
        window = np.arange(len(model)) - self.begin[model]
        row = self.row[model]
        at = (np.cumsum(schedule.count) - schedule.count)[row] + window
        walk = Walk(*(getattr(schedule.walk, c)[at] for c in ("start", "end", "first_origin", "origin_end")))
        if self.setting.family.transforms:
            feeds = tuple(member.forecast_class for member in self.members)
            local = [m.begin[m.models_for(row, self.code[model])] + window for m in self.members]
            parents = [m.forecasts[jobs] for m, jobs in zip(self.members, local, strict=True)]
            inputs = [m.forecast_digest[jobs] for m, jobs in zip(self.members, local, strict=True)]
            seen = walk.origin_end - walk.first_origin
        else:
            fit_class, fits, made = self._fits(assembly, schedule, model, window, row, walk)
            feeds, parents, inputs, seen = (fit_class,), [fits], [made], walk.origin_end - walk.start
        self._forecasts(assembly, model, window, row, walk, feeds, np.stack(parents, axis=1), inputs, seen)
        if tests is not None:
            self._evaluations(assembly, walk, tests)

    def _class(self, assembly: Assembly, task: Task, feeds: tuple[int, ...], seen: Ints) -> JobClass:
        """``seen`` (jobs,) bars a job looks at, in each of its series."""
        stage = 1 + max((assembly.classes[feed].stage for feed in feeds), default=-1)
        work = float(np.median(seen)) * (len(self.panel) if self.pooled else 1)
        family = self.setting.family
        if task is Task.FIT and family.effort is not None:
            work *= family.effort(family.params.model_validate(self.setting.params))
        return JobClass(self.panel.name, self.setting.group, self.setting.family.name, task, stage, work)

    def _fits(
        self, assembly: Assembly, schedule: Schedule, model: Ints, window: Ints, row: Ints, walk: Walk
    ) -> tuple[int, Ints, identity.Bytes]:
        # Whether a series passes the quality gate decides what its fit gives: another gate, another job.
        gated = np.zeros(len(row), dtype=np.int64) if self.pooled else self.panel.gated[row]
        made = identity.digest_rows(
            "fit", self.digest[model], identity.integers(walk.start, walk.end, gated), schedule.data[row]
        )
        jobs = Jobs(self.first_model + model, window, walk.start, walk.end, made, np.zeros((len(model), 0), np.int64))
        code, numbers = assembly.add(self._class(assembly, Task.FIT, (), walk.end - walk.start), jobs)
        return code, numbers, made

    def _forecasts(
        self,
        assembly: Assembly,
        model: Ints,
        window: Ints,
        row: Ints,
        walk: Walk,
        feeds: tuple[int, ...],
        parents: Ints,
        inputs: list[identity.Bytes],
        seen: Ints,
    ) -> None:
        whole = identity.single("pool", self.panel.digest.tobytes()) if self.pooled else self.panel.digest
        ahead = identity.single("ahead", identity.canonical(self.horizons if self.codes[0] == NONE else ()))
        self.forecast_digest = identity.digest_rows(
            "forecast",
            self.digest[model],
            identity.integers(walk.first_origin, walk.origin_end),
            whole[row],
            identity.repeated(ahead, len(model)),
            *inputs,
        )
        jobs = Jobs(
            self.first_model + model, window, walk.first_origin, walk.origin_end, self.forecast_digest, parents, feeds
        )
        self.forecast_class, self.forecasts = assembly.add(self._class(assembly, Task.FORECAST, feeds, seen), jobs)

    def _evaluations(self, assembly: Assembly, walk: Walk, tests: bytes) -> None:
        """One job per model over the forecasts of all its windows."""
        begin, end = self.begin[:-1], self.begin[1:]
        made = [
            identity.single("evaluate", self.digest[m].tobytes(), tests, self.forecast_digest[b:e].tobytes())
            for m, (b, e) in enumerate(zip(begin, end, strict=True))
        ]
        start, stop = walk.first_origin[begin], walk.origin_end[end - 1]
        feeds = (self.forecast_class,)
        numbers = self.first_model + np.arange(len(self))
        jobs = Jobs(
            numbers, np.zeros_like(numbers), start, stop, np.concatenate(made), self.forecasts, feeds, end - begin
        )
        assembly.add(self._class(assembly, Task.EVALUATE, feeds, stop - start), jobs)
