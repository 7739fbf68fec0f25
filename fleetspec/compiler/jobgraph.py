"""The job graph: a fleet as columns, one row per job, a million rows without a million objects.

A *model* is one address (``fleet/universe/group/family/series-or-_/horizon-or-_``, where ``group`` is
``group~value~value`` for a group with axes); a *job* is a unit the runtime schedules: a ``fit`` of a model on one
window, a rung of ``trial`` fits that choose its parameters, a ``forecast`` batch, or an ``evaluate`` over all windows
of a model. Parents are compressed sparse rows and always come before their children.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from enum import IntEnum, StrEnum
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from msgspec import Struct

from fleetspec.compiler.addresses import slug
from fleetspec.compiler.digests import first_equal, halves

if TYPE_CHECKING:
    import networkx as nx
    from numpy.typing import NDArray

    from fleetspec.family import Family


class RunKind(StrEnum):
    """What a run holds: what is due this session, what an edit makes necessary, or every window of the walk-forward.

    A change has the jobs of a night on the data of the fleet it changes; those that fleet has are done.
    """

    NIGHTLY = "nightly"
    CHANGE = "change"
    BACKTEST = "backtest"


class Task(IntEnum):
    FIT = 0
    FORECAST = 1
    EVALUATE = 2
    TRIAL = 3

    @property
    def label(self) -> str:
        return self.name.lower()


NONE = -1
"""Code of an absent series (a model per universe) or horizon (a horizon-free model)."""


class Rung(Struct, frozen=True):
    """A step of a search: how many ``trials``, on which ``share`` of the training window, in how many ``jobs``
    (one for all of them, or one each)."""

    trials: int
    share: float
    jobs: int


class SearchSetting(Struct, frozen=True):
    """How a group's parameters are chosen. ``every`` is in bars; ``space`` holds a parameter's name and the canonical
    text of its range, by name. The first rung tries candidates 0, 1, … of the space, each later one the best of the
    rung before."""

    every: int
    metric: str
    validation: float
    space: tuple[tuple[str, str], ...]
    rungs: tuple[Rung, ...]

    @property
    def trials(self) -> int:
        return sum(rung.trials for rung in self.rungs)


class GroupFamily(Struct, frozen=True):
    """What every model of one family in one variant of a group shares. ``params`` is canonical JSON data.

    ``variant`` holds axis and value (as in addresses), by axis; ``train``, ``refit`` and ``every`` (how often a
    forecast is due) are in bars of ``bar``; ``rebalance`` are the cadences in bars that an evaluation is made for.
    """

    group: str
    family: Family
    target: str
    per: str
    params: dict[str, Any]
    features: tuple[str, ...]
    over: tuple[str, ...]
    train: int
    refit: int
    levels: tuple[float, ...]
    gpu_memory_mib: int | None
    variant: tuple[tuple[str, str], ...] = ()
    bar: str | None = None
    """The bar an axis asks for; None for the universe's own."""
    measure: str = "returns"
    every: int = 1
    side: str = "long"
    search: SearchSetting | None = None
    rebalance: tuple[int, ...] = ()
    gpu: Literal["required", "optional", "never"] | None = None
    """Whether its jobs must, may or may not use a GPU; None: as the family says."""

    @property
    def label(self) -> str:
        """The group as it stands in addresses: ``vol``, or ``vol~5m~realised`` with axes."""
        return "~".join((self.group, *(value for _, value in self.variant)))


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

    def ranks(self) -> NDArray[np.int64]:
        """By model the rank of its line, (m,): the one with most models first, of as many the one whose contents sum up
        to less, then the one of whose universe they do.

        What lines and universes are called decides only where all models of both are the same.
        """
        line = self.universe.astype(np.int64) * len(self.settings) + self.setting
        codes, member, counts = np.unique(line, return_inverse=True, return_counts=True)
        mine, all_of_it = (_sums(self.digest, of) for of in (member, self.universe))
        all_of_it = all_of_it[codes // len(self.settings)]
        order = np.lexsort((codes, all_of_it[:, 1], all_of_it[:, 0], mine[:, 1], mine[:, 0], -counts))
        rank = np.empty(len(codes), dtype=np.int64)
        rank[order] = np.arange(len(codes))
        return rank[member]


class JobClass(Struct, frozen=True):
    """Jobs alike in family, task, stage and size: the unit the planner sees."""

    universe: str
    group: str
    family: str
    task: Task
    stage: int
    work: float
    """Work units of one job: observations seen (bars x series), the class's median, times the fit's effort; for a
    trial, times the fits it makes."""
    mark: str = ""
    """What tells classes of one task apart: a variant of the group, a rung."""

    @property
    def line(self) -> str:
        """universe/group/family: what a plan keeps or leaves out as a whole."""
        return f"{self.universe}/{self.group}/{self.family}"

    @property
    def name(self) -> str:
        return f"{self.universe}/{self.group}{self.mark}/{self.family}/{self.task.label}"


@dataclass(frozen=True, eq=False)
class JobGraph:
    """Columns over jobs. ``start`` and ``end`` bound the window in bars of the series, half-open; for a model over a
    whole universe, in bars of its longest series.

    ``rung`` numbers the steps of a search; ``part`` is a trial's place in its rung, or which of its group's rebalancing
    cadences an evaluation is for. ``parent_ptr`` (n + 1) and ``parent_index`` are CSR; every parent index is below its
    child's.
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
    rung: NDArray[np.int8]
    part: NDArray[np.int32]
    digest: NDArray[np.uint8]
    parent_ptr: NDArray[np.int64]
    parent_index: NDArray[np.int32]
    stages: nx.DiGraph[str]
    """Stage graph: nodes are class names with attributes ``stage``, ``jobs``; edges are data flow."""
    content: str
    """128-bit hex digest of the whole graph: what a pod compares after it has recompiled."""
    max_missing: float = 0.0
    """In a backtest the share of a model's windows that may lack a forecast and leave it judged by the others."""

    def __len__(self) -> int:
        return len(self.task)

    @cached_property
    def keys(self) -> NDArray[np.bytes_]:
        """The digests as an (n,) array of 16-byte strings, for set operations (``np.isin``)."""
        return np.ascontiguousarray(self.digest).view("V16").ravel()

    @cached_property
    def first(self) -> NDArray[np.int64]:
        """By job the first job of the same digest, (n,): the one that runs for all of them. Those of larger lines
        (:meth:`Models.ranks`) come before those of smaller ones."""
        return first_equal(self.digest, lambda: self.models.ranks()[self.model])

    @cached_property
    def reads(self) -> tuple[tuple[int, ...], ...]:
        """By class the classes of earlier stages that its jobs read from, in order. A result that several ask for is of
        the class whose job is the first."""
        child = np.repeat(self.klass.astype(np.int64), np.diff(self.parent_ptr))
        parent = self.klass[self.first[self.parent_index]].astype(np.int64)
        size = max(len(self.classes), 1)
        found: list[list[int]] = [[] for _ in self.classes]
        for pair in np.flatnonzero(np.bincount(child * size + parent, minlength=1)).tolist():
            reader, read = divmod(pair, size)
            if self.classes[read].stage < self.classes[reader].stage:
                found[reader].append(read)
        return tuple(map(tuple, found))

    def hex(self, job: int) -> str:
        return bytes(self.digest[job]).hex()

    def parents(self, job: int) -> NDArray[np.int32]:
        return self.parent_index[self.parent_ptr[job] : self.parent_ptr[job + 1]]

    def addresses(self, models: NDArray[np.integer]) -> list[str]:
        """:meth:`address` of many models: what they share is spelt once."""
        m, slugs = self.models, self._slugs
        heads = [f"{setting.label}/{setting.family.name}" for setting in m.settings]
        tails = [str(horizon) for horizon in m.horizons]
        columns = (m.universe[models].tolist(), m.setting[models].tolist(), m.series[models].tolist())
        return [
            f"{self.fleet}/{m.universes[universe]}/{heads[setting]}/"
            f"{'_' if series == NONE else slugs[universe][series]}/{'_' if horizon == NONE else tails[horizon]}"
            for universe, setting, series, horizon in zip(*columns, m.horizon[models].tolist(), strict=True)
        ]

    @cached_property
    def _slugs(self) -> tuple[tuple[str, ...], ...]:
        return tuple(tuple(map(slug, names)) for names in self.models.series_names)

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
                setting.label,
                setting.family.name,
                "_" if series == NONE else slug(m.series_names[universe][series]),
                "_" if horizon == NONE else str(m.horizons[horizon]),
            )
        )


def _sums(keys: NDArray[np.uint8], of: NDArray[np.integer]) -> NDArray[np.uint64]:
    """Sums of digests (n, 16) by group (n,), modulo 2^64, (groups, 2): the same in whatever order they come."""
    found = np.zeros((int(of.max(initial=-1)) + 1, 2), dtype=np.uint64)
    np.add.at(found, of, halves(keys))
    return found
