"""What every worker holds for a whole run: the graph, the series, and how to read one job out of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from fleetspec.compiler.jobgraph import NONE, Task
from fleetspec.compiler.lock import panel_key
from fleetspec.compiler.standards import standards
from fleetspec.runtime.store import Store

if TYPE_CHECKING:
    from fleetspec.compiler.jobgraph import GroupFamily, JobGraph
    from fleetspec.compiler.spec import FleetSpec
    from fleetspec.compiler.spec_models import Backtest
    from fleetspec.panel.quality import Standard
    from fleetspec.runtime.inputs import SeriesBlock


_TRIAL = int(Task.TRIAL)


@dataclass(frozen=True, slots=True, eq=False)
class Workload:
    """Sent to the workers once. ``sources`` and ``bars`` are the data source and the bar of each of the graph's
    universes; ``standards`` is what its quality gate asks, by universe and bar; ``backtest`` is what the spec says of
    one."""

    graph: JobGraph
    blocks: Mapping[str, SeriesBlock]
    sources: tuple[str, ...]
    bars: tuple[str, ...]
    standards: Mapping[tuple[str, str], Standard]
    backtest: Backtest | None
    root: Path
    run: str
    _found: dict[tuple[int, int], SeriesBlock] = field(default_factory=dict, repr=False)
    """Blocks by universe and setting, as they were asked for: a job asks several times."""

    @property
    def store(self) -> Store:
        return Store(self.root)

    def setting(self, job: int) -> GroupFamily:
        models = self.graph.models
        return models.settings[int(models.setting[self.graph.model[job]])]

    def universe(self, job: int) -> int:
        return int(self.graph.models.universe[self.graph.model[job]])

    def bar(self, job: int) -> str:
        """The bar a job counts in: the one its group's axis asks for, or its universe's own."""
        return self.setting(job).bar or self.bars[self.universe(job)]

    def block(self, job: int) -> SeriesBlock:
        models, model = self.graph.models, self.graph.model[job]
        key = int(models.universe[model]), int(models.setting[model])
        block = self._found.get(key)
        if block is None:
            bar = models.settings[key[1]].bar or self.bars[key[0]]
            block = self._found[key] = self.blocks[panel_key(self.sources[key[0]], bar)]
        return block

    def standard(self, job: int) -> Standard:
        """What the quality gate asks of the series that a job reads."""
        return self.standards[self.graph.models.universes[self.universe(job)], self.bar(job)]

    def members(self, job: int) -> tuple[str, ...]:
        """The series a job reads: one, or all of its universe."""
        models = self.graph.models
        model = int(self.graph.model[job])
        names = models.series_names[int(models.universe[model])]
        code = int(models.series[model])
        return names if code == NONE else (names[code],)

    def per_universe(self, job: int) -> bool:
        return bool(self.graph.models.series[self.graph.model[job]] == NONE)

    def horizons(self, job: int) -> tuple[int, ...]:
        """Bars ahead: the model's own horizon, or every one its rows ask for."""
        models = self.graph.models
        code = int(models.horizon[self.graph.model[job]])
        return models.horizons if code == NONE else (models.horizons[code],)

    def seed(self, job: int) -> int:
        """The first four bytes of the model's digest as a little-endian unsigned integer; for trials those of the
        job's, since a model's digest says how many are made and a trial does not depend on that."""
        if self.graph.task[job] == _TRIAL:
            return int.from_bytes(self.graph.digest[job, :4].tobytes(), "little")
        return int.from_bytes(self.graph.models.digest[self.graph.model[job], :4].tobytes(), "little")


def workload_of(spec: FleetSpec, graph: JobGraph, blocks: Mapping[str, SeriesBlock], root: Path, run: str) -> Workload:
    """The workload of a run of ``spec``, whose results go to the fleet's store at ``root``."""
    return Workload(
        graph=graph,
        blocks=blocks,
        sources=tuple(spec.universes[universe].data for universe in graph.models.universes),
        bars=tuple(str(spec.universes[universe].bar) for universe in graph.models.universes),
        standards=standards(spec, graph.models.universes, graph.run, graph.session),
        backtest=spec.backtest,
        root=root,
        run=run,
    )


@dataclass(frozen=True, slots=True)
class Station:
    """Where a bundle really runs. ``device`` is what its family is asked to use, ``label`` and ``slot`` what the
    ledger records; ``cores`` is how many threads a job may use; ``pool`` is '' where pools are not told apart."""

    device: Literal["cpu", "cuda"]
    label: str
    slot: str
    cores: int
    pool: str = ""
