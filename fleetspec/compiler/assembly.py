"""Columns of a job graph as they grow: classes of jobs appended one after the other, sealed once."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

import numpy as np
from msgspec.structs import replace

from fleetspec.compiler import identity
from fleetspec.compiler.jobgraph import JobGraph

if TYPE_CHECKING:
    import networkx as nx
    from numpy.typing import NDArray

    from fleetspec.compiler.jobgraph import JobClass, Models, RunKind

if TYPE_CHECKING:
    Ints = NDArray[np.int64]
_ALIKE = 0.05
"""Jobs whose work differs by less than this share are planned as one class."""


@dataclass(frozen=True, slots=True, eq=False)
class Jobs:
    """The n jobs of one class as columns (n,); ``digest`` is (n, 16).

    ``parents`` holds job numbers, (n, k) for k parents each, or flat with ``parent_count`` (n,) of them per job.
    ``feeds`` are the classes the parents belong to.
    """

    model: Ints
    window: Ints
    start: Ints
    end: Ints
    digest: identity.Bytes
    parents: Ints
    feeds: tuple[int, ...] = ()
    parent_count: Ints | None = None
    rung: int = 0
    part: Ints | None = None


class Assembly:
    """Jobs and classes are numbered as they are added; parents must have been added before.

    Jobs of several variants of a group that are alike in stage and work are one class.
    """

    def __init__(self) -> None:
        self.classes: list[JobClass] = []
        self.size = 0
        self._codes: dict[str, int] = {}
        self._parts: list[Jobs] = []
        self._part_class: list[int] = []

    def named(self, klass: JobClass, variant: str) -> JobClass:
        """The class as it is to be called: where its name is taken by jobs of another size, with its variant in it."""
        known = self._codes.get(klass.name)
        if known is None or _alike(self.classes[known], klass):
            return klass
        return replace(klass, mark=variant + klass.mark)

    def add(self, klass: JobClass, jobs: Jobs) -> tuple[int, Ints]:
        """Append a class and its jobs; returns the number of the class and those of the jobs (n,)."""
        code = self._codes.setdefault(klass.name, len(self.classes))
        if code == len(self.classes):
            self.classes.append(klass)
        self._parts.append(jobs)
        self._part_class.append(code)
        numbers = np.arange(self.size, self.size + len(jobs.model))
        self.size += len(numbers)
        return code, numbers

    def graph(
        self, fleet: str, run: RunKind, session: date, seed: int, models: Models, max_missing: float = 0.0
    ) -> JobGraph:
        """Everything added so far as one graph with its stage graph and content digest."""
        sizes = [len(part.model) for part in self._parts]
        ptr = np.concatenate([[0], np.cumsum(self._joined([_parent_count(p) for p in self._parts], np.int64))])
        parents = self._joined([part.parents.ravel() for part in self._parts], np.int32)
        digest = np.concatenate([p.digest for p in self._parts]) if sizes else np.zeros((0, identity.SIZE), np.uint8)
        task = np.repeat(np.array([self.classes[c].task for c in self._part_class], dtype=np.uint8), sizes)
        rung = np.repeat(np.array([part.rung for part in self._parts], dtype=np.int8), sizes)
        model = self._joined([part.model for part in self._parts], np.int32)
        content = identity.digest(
            "graph",
            identity.canonical(_outline(fleet, run, session, models, self.classes)),
            models.digest.tobytes(),
            task.tobytes(),
            model.astype("<i4").tobytes(),
            digest.tobytes(),
            rung.tobytes(),
            ptr.astype("<i8").tobytes(),
            parents.astype("<i4").tobytes(),
        )
        return JobGraph(
            fleet=fleet,
            run=run,
            session=session,
            seed=seed,
            models=models,
            classes=tuple(self.classes),
            task=task,
            model=model,
            window=self._joined([part.window for part in self._parts], np.int32),
            start=self._joined([part.start for part in self._parts], np.int32),
            end=self._joined([part.end for part in self._parts], np.int32),
            klass=np.repeat(np.array(self._part_class, dtype=np.int32), sizes),
            rung=rung,
            part=self._joined([_places(part) for part in self._parts], np.int32),
            digest=digest,
            parent_ptr=ptr.astype(np.int64),
            parent_index=parents,
            stages=self._stages(sizes),
            content=content.hex(),
            max_missing=max_missing,
        )

    def _joined(self, columns: list[NDArray[Any]], kind: Any) -> NDArray[Any]:
        return np.concatenate(columns).astype(kind) if columns else np.zeros(0, dtype=kind)

    def _stages(self, sizes: list[int]) -> nx.DiGraph[str]:
        import networkx as nx

        stages: nx.DiGraph[str] = nx.DiGraph()
        jobs = np.bincount(np.array(self._part_class, dtype=np.int64), weights=sizes, minlength=len(self.classes))
        for klass, count in zip(self.classes, jobs, strict=True):
            stages.add_node(klass.name, stage=klass.stage, jobs=int(count))
        for code, part in zip(self._part_class, self._parts, strict=True):
            stages.add_edges_from((self.classes[feed].name, self.classes[code].name) for feed in part.feeds)
        return stages


def _alike(one: JobClass, other: JobClass) -> bool:
    return one.stage == other.stage and math.isclose(one.work, other.work, rel_tol=_ALIKE)


def _places(jobs: Jobs) -> Ints:
    return jobs.part if jobs.part is not None else np.zeros(len(jobs.model), dtype=np.int64)


def _parent_count(jobs: Jobs) -> Ints:
    if jobs.parent_count is not None:
        return jobs.parent_count
    return np.full(len(jobs.model), jobs.parents.shape[1], dtype=np.int64)


def _outline(fleet: str, run: RunKind, session: date, models: Models, classes: list[JobClass]) -> dict[str, Any]:
    """What a graph is about, beside its jobs: everything that names a result."""
    return {
        "fleet": fleet,
        "run": str(run),
        "session": session.isoformat(),
        "universes": models.universes,
        "settings": [[s.label, s.family.name] for s in models.settings],
        "series": models.series_names,
        "horizons": models.horizons,
        "rows": identity.digest(
            "rows",
            *(c.astype("<i4").tobytes() for c in (models.universe, models.setting, models.series, models.horizon)),
        ).hex(),
        "classes": [[k.name, k.stage] for k in classes],
    }
