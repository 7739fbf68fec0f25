"""What changes between two compiled and planned specs: values, models by group, work, and the bill."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fleetspec.compiler.census import fits_of_trials
from fleetspec.compiler.changes import CLASSES, Changes, Side
from fleetspec.compiler.digests import contained, first_of_each
from fleetspec.compiler.jobgraph import GroupFamily, JobGraph, Task
from fleetspec.compiler.lock import Lock
from fleetspec.planner.plans import Plan
from fleetspec.review.reasons import Pair, Reasons
from fleetspec.review.ruling import Ruling
from fleetspec.review.settings import SettingChange

if TYPE_CHECKING:
    from fleetspec.compiler.identity import Bytes

Key = tuple[str, str, str]
"""Universe, group and family."""
_COUNTS = ("added", "removed", "renamed", *CLASSES)


@dataclass(frozen=True, slots=True)
class GroupChange:
    """Counts of models of one universe × group × family, the head's names where it has them, and why those changed
    that did. ``model``, ``upstream`` and ``data`` are the classes of the changed ones; ``was`` is what the group of
    renamed ones was called."""

    universe: str
    group: str
    family: str
    added: int
    removed: int
    renamed: int
    model: int
    upstream: int
    data: int
    was: str | None
    reasons: tuple[str, ...]

    @property
    def changed(self) -> int:
        return self.model + self.upstream + self.data


@dataclass(frozen=True, slots=True)
class TaskWork:
    """Jobs of the head by task, equal ones counted once: ``needed`` ones neither the base nor the store has. Trials are
    candidates tried, not jobs."""

    task: str
    needed: int
    reused: int
    stored: int


@dataclass(frozen=True, slots=True)
class PlanSide:
    """One side's answer in a few figures."""

    verdict: str
    models: int
    jobs: int
    cost_usd: float
    end_seconds: float
    slack_seconds: float
    left_out: int
    """Models that the plan does without, to keep what is worth most."""
    nodes: tuple[tuple[str, int], ...]
    budget_usd: float | None = None


@dataclass(frozen=True, slots=True)
class Review:
    """Two specs compared. ``groups`` holds only groups in which something changes, ``settings`` every value of the
    spec that means something else, whether or not it reaches a model of this run. A spec that only one side has is
    None on the other. ``policies`` is what they say of it, nothing where nothing changes."""

    run: str
    settings: tuple[SettingChange, ...]
    groups: tuple[GroupChange, ...]
    unchanged: int
    work: tuple[TaskWork, ...]
    base: PlanSide | None
    head: PlanSide | None
    policies: tuple[Ruling, ...] = ()

    @property
    def jobs_to_run(self) -> int:
        """Jobs of the head that neither the base nor the store has, trials by candidate."""
        return sum(one.needed for one in self.work)

    @property
    def is_empty(self) -> bool:
        return not self.groups and not self.settings and self.base == self.head

    def to_json(self) -> dict[str, Any]:
        return {
            "run": self.run,
            "unchanged": self.unchanged,
            "work": [asdict(one) for one in self.work],
            "base": None if self.base is None else asdict(self.base),
            "head": None if self.head is None else asdict(self.head),
            "policies": [ruling.to_json() for ruling in self.policies],
            "settings": [change.to_json() for change in self.settings],
            "groups": [asdict(group) | {"changed": group.changed} for group in self.groups],
            "jobs_to_run": self.jobs_to_run,
            "changes": not self.is_empty,
        }


@dataclass(frozen=True, slots=True, eq=False)
class Reviewed:
    """One side of a review: graph, spec, lock and plan."""

    side: Side
    lock: Lock
    plan: Plan


def review(
    base: Reviewed,
    head: Reviewed,
    changed: Changes,
    settings: tuple[SettingChange, ...],
    stored: NDArray[np.bool_] | None = None,
) -> Review:
    """What ``changed`` and ``settings`` come to. ``stored`` masks jobs of the head that a store has."""
    reasons = Reasons(base.side, head.side, base.lock, head.lock, settings)
    return Review(
        run=str(head.side.graph.run),
        settings=settings,
        groups=_groups(changed, reasons),
        unchanged=int(changed.state("unchanged").sum()),
        work=_work(base.side.graph.digest, head.side.graph, stored),
        base=_side(base.plan),
        head=_side(head.plan),
    )


def alone(side: Reviewed, *, added: bool) -> Review:
    """A spec that only one side has: all of its models are added, or removed."""
    graph = side.side.graph
    counted: dict[Key, dict[str, int]] = {}
    _count(graph, _blocks(graph), "added" if added else "removed", counted)
    groups = tuple(_group(key, counts, None, ()) for key, counts in sorted(counted.items()))
    own = _side(side.plan)
    nothing = np.zeros((0, 16), dtype=np.uint8)
    return Review(
        run=str(graph.run),
        settings=(),
        groups=groups,
        unchanged=0,
        work=_work(nothing, graph, None) if added else (),
        base=None if added else own,
        head=own if added else None,
    )


def counted(changed: Changes) -> tuple[GroupChange, ...]:
    """Models that came and went by group, without what became of the others and why."""
    found: dict[Key, dict[str, int]] = {}
    _count(changed.head, _blocks(changed.head)[changed.new], "added", found)
    _count(changed.base, _blocks(changed.base)[changed.gone], "removed", found)
    return tuple(_group(key, counts, None, ()) for key, counts in sorted(found.items()))


def _groups(changed: Changes, reasons: Reasons) -> tuple[GroupChange, ...]:
    counted: dict[Key, dict[str, int]] = {}
    blocks = _blocks(changed.head)
    masks = {"added": changed.new, "renamed": changed.state("renamed")}
    masks |= {name: changed.state(name) for name in CLASSES}
    for name, mask in masks.items():
        _count(changed.head, blocks[mask], name, counted)
    _count(changed.base, _blocks(changed.base)[changed.gone], "removed", counted)
    pairs = _pairs(changed, blocks)
    made = []
    for key, counts in sorted(counted.items()):
        classes = [name for name in CLASSES if counts[name]]
        pair = pairs.get(key)
        told = reasons.of(Pair(key[0], *pair[1:]), classes) if pair is not None and classes else ()
        was = None
        if pair is not None and (pair[0], pair[1].group) != key[:2]:
            was = pair[1].group if pair[0] == key[0] else f"{pair[0]}/{pair[1].group}"
        made.append(_group(key, counts, was, told))
    return tuple(made)


def _group(key: Key, counts: dict[str, int], was: str | None, reasons: tuple[str, ...]) -> GroupChange:
    universe, group, family = key
    return GroupChange(
        universe=universe,
        group=group,
        family=family,
        added=counts["added"],
        removed=counts["removed"],
        renamed=counts["renamed"],
        model=counts["model"],
        upstream=counts["upstream"],
        data=counts["data"],
        was=was,
        reasons=reasons,
    )


def _count(graph: JobGraph, blocks: NDArray[np.int64], name: str, counted: dict[Key, dict[str, int]]) -> None:
    """Add up blocks (universe × setting) by universe, group and family: the variants of a group are one row."""
    settings = graph.models.settings
    numbers = np.bincount(blocks, minlength=1)
    for block in np.flatnonzero(numbers).tolist():
        setting = settings[block % len(settings)]
        key = graph.models.universes[block // len(settings)], setting.group, setting.family.name
        counted.setdefault(key, dict.fromkeys(_COUNTS, 0))[name] += int(numbers[block])


def _blocks(graph: JobGraph) -> NDArray[np.int64]:
    return graph.models.universe.astype(np.int64) * max(len(graph.models.settings), 1) + graph.models.setting


def _pairs(changed: Changes, blocks: NDArray[np.int64]) -> dict[Key, tuple[str, GroupFamily, GroupFamily]]:
    """By the head's names, a changed model's (else any renamed one's) universe in the base, and both its settings."""
    found: dict[Key, tuple[str, GroupFamily, GroupFamily]] = {}
    models, before = changed.head.models, changed.base.models
    concerned = np.flatnonzero(changed.state("changed") | changed.state("renamed"))
    firsts = np.unique(blocks[concerned], return_index=True)[1] if len(concerned) else concerned
    for model in concerned[firsts].tolist():
        partner = int(changed.partner[model])
        after, was = models.settings[models.setting[model]], before.settings[before.setting[partner]]
        key = models.universes[models.universe[model]], after.group, after.family.name
        found.setdefault(key, (before.universes[before.universe[partner]], was, after))
    return found


def _work(base: Bytes, head: JobGraph, stored: NDArray[np.bool_] | None) -> tuple[TaskWork, ...]:
    """``base`` (k, 16) are the digests of what is there."""
    own = first_of_each(head.digest)
    reused = contained(head.digest, base)
    kept = ~reused & stored if stored is not None else np.zeros(len(head), dtype=bool)
    weight = fits_of_trials(head)
    made = []
    for task in (Task.TRIAL, Task.FIT, Task.FORECAST, Task.EVALUATE):
        here = own & (head.task == task)
        if here.any():
            needed, again, held = (int(weight[here & mask].sum()) for mask in (~reused & ~kept, reused, kept))
            made.append(TaskWork(task.label, needed, again, held))
    return tuple(made)


def _side(plan: Plan) -> PlanSide:
    return PlanSide(
        plan.verdict,
        plan.models,
        plan.jobs + plan.reused,
        plan.cost_usd,
        plan.end_seconds,
        plan.deadline_seconds - plan.end_seconds,
        sum(one.models for one in plan.left_out),
        tuple((pool.pool, pool.peak_nodes) for pool in plan.pools),
        plan.budget_usd,
    )
