"""The job graph: a fleet as columns, one row per job, a million rows without a million objects.

A *model* is one address (``fleet/universe/group/family/series-or-_/horizon-or-_``); a *job* is a unit the
runtime schedules: a ``fit`` of a model on one window, a ``forecast`` batch, or an ``evaluate`` over all
windows of a model. Parents are compressed sparse rows and always come before their children.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from enum import IntEnum, StrEnum
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fleetspec.family import Family

if TYPE_CHECKING:
    import networkx as nx


class RunKind(StrEnum):
    """What a run holds: what is due this session, or every window of the walk-forward."""

    NIGHTLY = "nightly"
    BACKTEST = "backtest"


class Task(IntEnum):
    FIT = 0
    FORECAST = 1
    EVALUATE = 2

    @property
    def label(self) -> str:
        return self.name.lower()


NONE = -1
"""Code of an absent series (a model per universe) or horizon (a horizon-free model)."""


@dataclass(frozen=True, slots=True)
class GroupFamily:
    """What every model of one family in one group shares. ``params`` is canonical JSON data."""

    group: str
    family: Family
    target: str
    per: str
    params: dict[str, Any]
    features: tuple[str, ...]
    over: str | None
    train: int
    refit: int
    levels: tuple[float, ...]
    gpu_memory_mib: int | None


@dataclass(frozen=True, eq=False)
class Models:
    """One row per address. Codes index the tuples; ``digest`` is (m, 16) uint8."""

    universes: tuple[str, ...]
    settings: tuple[GroupFamily, ...]
    series_names: tuple[tuple[str, ...], ...]
    """Per universe: its members, in lock order. ``series`` indexes the tuple of the model's universe."""
    horizons: tuple[int, ...]
    universe: NDArray[np.int32]
    setting: NDArray[np.int32]
    series: NDArray[np.int32]
    horizon: NDArray[np.int32]
    digest: NDArray[np.uint8]

    def __len__(self) -> int:
        return len(self.universe)


@dataclass(frozen=True, slots=True)
class JobClass:
    """Jobs alike in family, task, stage and size: the unit the planner sees."""

    universe: str
    group: str
    family: str
    task: Task
    stage: int
    work: float
    """Work units of one job: observations seen (bars x series), the class's median, times the fit's effort."""

    @property
    def name(self) -> str:
        return f"{self.universe}/{self.group}/{self.family}/{self.task.label}"


@dataclass(frozen=True, eq=False)
class JobGraph:
    """Columns over jobs. ``start`` and ``end`` bound the window in bars of the series, half-open.

    ``parent_ptr`` (n + 1) and ``parent_index`` are CSR; every parent index is below its child's.
    """

    fleet: str
    run: RunKind
    session: date
    seed: int
    models: Models
    classes: tuple[JobClass, ...]
    task: NDArray[np.uint8]
    model: NDArray[np.int32]
    window: NDArray[np.int32]
    start: NDArray[np.int32]
    end: NDArray[np.int32]
    klass: NDArray[np.int32]
    digest: NDArray[np.uint8]
    parent_ptr: NDArray[np.int64]
    parent_index: NDArray[np.int32]
    stages: nx.DiGraph[str]
    """Stage graph: nodes are class names with attributes ``stage``, ``jobs``; edges are data flow."""
    content: str
    """128-bit hex digest of the whole graph: what a pod compares after it has recompiled."""

    def __len__(self) -> int:
        return len(self.task)

    @cached_property
    def keys(self) -> NDArray[np.bytes_]:
        """The digests as an (n,) array of 16-byte strings, for set operations (``np.isin``)."""
        return np.ascontiguousarray(self.digest).view("V16").ravel()

    def hex(self, job: int) -> str:
        return bytes(self.digest[job]).hex()

    def parents(self, job: int) -> NDArray[np.int32]:
        return self.parent_index[self.parent_ptr[job] : self.parent_ptr[job + 1]]

    def address(self, model: int) -> str:
        """``fleet/universe/group/family/series-or-_/horizon-or-_`` of a model."""
        m = self.models
        setting = m.settings[m.setting[model]]
        universe = int(m.universe[model])
        series, horizon = int(m.series[model]), int(m.horizon[model])
        return "/".join(
            (
                self.fleet,
                m.universes[universe],
                setting.group,
                setting.family.name,
                "_" if series == NONE else slug(m.series_names[universe][series]),
                "_" if horizon == NONE else str(m.horizons[horizon]),
            )
        )


def slug(series: str) -> str:
    """A series name as it stands in an address: ``BRK.B`` is ``brk-b``."""
    kept = "".join(c if c.isalnum() and c.isascii() else "-" for c in series.casefold())
    return kept.strip("-") or "-"
