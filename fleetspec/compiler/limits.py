"""How large a run is before it is spelled out, axis by axis, and whether that is within the spec's limits."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from fleetspec.compiler.demand import Demand
from fleetspec.compiler.jobgraph import RunKind
from fleetspec.compiler.judged import contested
from fleetspec.compiler.lock import panel_key
from fleetspec.compiler.lower import held_groups
from fleetspec.compiler.settings import common_start, group_order, group_settings
from fleetspec.compiler.windows import backtest_windows
from fleetspec.rules import changing

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fleetspec.compiler.demand import Horizons
    from fleetspec.compiler.jobgraph import GroupFamily
    from fleetspec.compiler.lock import Lock
    from fleetspec.compiler.spec import FleetSpec
    from fleetspec.diagnostics import Report
    from fleetspec.family import Registry

_SHOWN = 3


@dataclass(slots=True)
class GroupSize:
    """A group on a universe: how long each of its axes is, and the models and jobs they come to.

    ``windows`` are of one model, ``trials`` of one search; the largest where they differ.
    """

    universe: str
    group: str
    series: int = 0
    variants: set[str] = field(default_factory=set)
    families: set[str] = field(default_factory=set)
    horizons: int = 0
    windows: int = 0
    trials: int = 0
    models: int = 0
    jobs: int = 0

    def __str__(self) -> str:
        """``equities/alpha: 500 series × 50 variants × 10 horizons: 250,000 models, 500,000 jobs``."""
        axes = (
            (self.series, "series", "series"),
            (len(self.variants), "variant", "variants"),
            (len(self.families), "family", "families"),
            (self.horizons, "horizon", "horizons"),
            (self.windows, "window", "windows"),
            (self.trials, "trial", "trials"),
        )
        told = " × ".join(f"{count:,} {one if count == 1 else many}" for count, one, many in axes if count)
        return f"{self.universe}/{self.group}: {told}: {self.models:,} models, {self.jobs:,} jobs"


def sizes(spec: FleetSpec, lock: Lock, registry: Registry, run: RunKind) -> list[GroupSize]:
    """The groups of a run, the largest first. Nothing is built: a fleet too large to build is counted as well."""
    held = held_groups(spec, run)
    demand = Demand.of(spec, held)
    walks = _Walks(spec, run, max(demand.horizons, default=1), common_start(spec, held))
    settings = [
        setting
        for group in group_order(spec)
        if group in demand.groups
        for setting in group_settings(spec, group, registry)
    ]
    found: dict[tuple[str, str], GroupSize] = {}
    for universe in demand.universes:
        built: dict[tuple[str, str], list[Horizons | None]] = {}
        for setting in settings:
            bars = demand.horizons_of(universe, setting.group, setting.family.name)
            bar = setting.bar or str(spec.universes[universe].bar)
            if not bars or not lock.universes[universe]:
                continue
            members = [one for below in setting.over for one in built.get((below, bar), ())]
            if setting.over and not any(member is None or bars <= member for member in members):
                continue
            built.setdefault((setting.group, bar), []).append(None if setting.family.horizon_free else bars)
            size = found.setdefault((universe, setting.group), GroupSize(universe, setting.group))
            held_series = lock.data[panel_key(spec.universes[universe].data, bar)]
            lengths = np.array([held_series[name].bars for name in lock.universes[universe]], dtype=np.int64)
            _add(size, setting, len(bars), lengths, walks)
    return sorted(found.values(), key=lambda size: (-size.jobs, size.universe, size.group))


@dataclass(frozen=True, slots=True)
class _Walks:
    """How often a run fits, searches and judges."""

    spec: FleetSpec
    run: RunKind
    longest: int
    first_end: dict[str, int]

    def windows(self, setting: GroupFamily, bars: int) -> tuple[int, int]:
        """Windows of a series of so many bars, and the searches that serve them."""
        backtest = self.spec.backtest
        if self.run is not RunKind.BACKTEST or backtest is None:
            return 1, int(setting.search is not None)
        gap = 0 if backtest.purge == "horizon" else max(backtest.purge.count - self.longest, 0)
        walked = len(backtest_windows(bars, setting.train, backtest.step.count, self.first_end[setting.group], gap))
        if setting.search is None:
            return walked, 0
        return walked, len(np.unique(np.arange(walked) * backtest.step.count // setting.search.every))

    def evaluations(self, setting: GroupFamily) -> int:
        """Evaluations of one model."""
        backtest = self.spec.backtest
        if self.run is not RunKind.BACKTEST or backtest is None or setting.group not in backtest.models:
            return 0
        return max(len(setting.rebalance), 1) + contested(self.spec, setting.group)


def _add(size: GroupSize, setting: GroupFamily, horizons: int, lengths: NDArray[np.int64], walks: _Walks) -> None:
    if setting.per == "universe":
        lengths = lengths.max(keepdims=True)
    ahead = 1 if setting.family.horizon_free else horizons
    distinct, count = np.unique(lengths, return_counts=True)
    windows = [walks.windows(setting, int(bars)) for bars in distinct]
    per_search = 0 if setting.search is None else sum(rung.jobs for rung in setting.search.rungs)
    each, judged = 1 if setting.family.transforms else 2, walks.evaluations(setting)
    jobs = [walked * each + searches * per_search + judged for walked, searches in windows]
    size.series = max(size.series, len(lengths))
    size.variants.add("~".join(value for _, value in setting.variant))
    size.families.add(setting.family.name)
    size.horizons = max(size.horizons, ahead)
    size.windows = max(size.windows, *(walked for walked, _ in windows))
    size.trials = max(size.trials, 0 if setting.search is None else setting.search.trials)
    size.models += ahead * len(lengths)
    size.jobs += ahead * sum(int(n) * some for n, some in zip(count, jobs, strict=True))


def check_limits(spec: FleetSpec, lock: Lock, registry: Registry, run: RunKind, report: Report) -> None:
    """Add to the report (FS290) where a run has more jobs than ``limits.jobs`` allows."""
    if spec.limits.jobs is None:
        return
    found = sizes(spec, lock, registry, run)
    jobs = sum(size.jobs for size in found)
    if jobs > spec.limits.jobs.value:
        report.add(
            changing.TOO_MANY_JOBS,
            f"the {run} run has {jobs:,} jobs, and limits.jobs is {spec.limits.jobs}. {_largest(found)}",
            route=("limits", "jobs"),
            help="shorten one of these, or raise limits.jobs",
        )


def check_growth(spec: FleetSpec, lock: Lock, registry: Registry, run: RunKind, before: int, report: Report) -> None:
    """Add to the report (FS291) where a run has more models than ``limits.growth`` times those it had ``before``."""
    if spec.limits.growth is None or not before:
        return
    found = sizes(spec, lock, registry, run)
    models = sum(size.models for size in found)
    if models > spec.limits.growth.value * before:
        report.add(
            changing.GROWS_TOO_FAST,
            f"the {run} run grows from {before:,} to {models:,} models ({models / before:.1f}x), "
            f"and limits.growth is {spec.limits.growth}. {_largest(found)}",
            route=("limits", "growth"),
            help="shorten one of these, or raise limits.growth for this change",
        )


def _largest(found: list[GroupSize]) -> str:
    shown = "; ".join(map(str, found[:_SHOWN]))
    return shown if len(found) <= _SHOWN else f"The largest groups: {shown}"
