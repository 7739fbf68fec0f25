"""What changes between two compiled and planned specs: models by address, and the bill.

A model is *changed* when its address stays and its digest does not. The reason is read off the group: its own
settings differ (``model``), or only something it rests on does (``upstream`` for transforms, ``data`` for
the rest). The only module that knows how two graphs are compared.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from fleetspec.compiler.jobgraph import GroupFamily, JobGraph
from fleetspec.planner.plans import Plan

_SETTINGS = ("target", "per", "params", "features", "over", "train", "refit", "levels")


@dataclass(frozen=True, slots=True)
class GroupChange:
    """Counts of models of one universe × group × family, and why the changed ones changed."""

    universe: str
    group: str
    family: str
    added: int
    changed: int
    removed: int
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PlanSide:
    """One side's answer in a few figures."""

    verdict: str
    models: int
    jobs: int
    cost_usd: float
    end_seconds: float
    slack_seconds: float
    nodes: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class SettingChange:
    """A value of the spec that differs, by dotted route; None where one side does not have it."""

    route: str
    base: str | None
    head: str | None


@dataclass(frozen=True, slots=True)
class Review:
    """Two specs compared. ``groups`` holds only groups in which something changes, ``settings`` every value of the
    spec that differs, whether or not it reaches a model of this run."""

    run: str
    settings: tuple[SettingChange, ...]
    groups: tuple[GroupChange, ...]
    unchanged: int
    jobs_to_run: int
    """Jobs of the head whose digest the base does not have: what the change makes necessary."""
    base: PlanSide
    head: PlanSide

    @property
    def is_empty(self) -> bool:
        return not self.groups and not self.settings and self.base == self.head

    def to_json(self) -> dict[str, Any]:
        return asdict(self) | {"changes": not self.is_empty}


def compare(
    base: JobGraph, head: JobGraph, base_plan: Plan, head_plan: Plan, documents: tuple[Any, Any] = ({}, {})
) -> Review:
    """Compare two graphs of the same run kind, the plans made for them, and the plain values of the two specs."""
    old, new = _index(base), _index(head)
    groups: dict[tuple[str, str, str], list[int]] = {}
    changed_groups: set[tuple[str, str, str]] = set()
    unchanged = 0
    for address in old.keys() | new.keys():
        key = _group(address)
        before, after = old.get(address), new.get(address)
        if before == after:
            unchanged += 1
            continue
        counts = groups.setdefault(key, [0, 0, 0])
        if before is None:
            counts[0] += 1
        elif after is None:
            counts[2] += 1
        else:
            counts[1] += 1
            changed_groups.add(key)
    reasons = {key: _reasons(key, base, head) for key in changed_groups}
    known = set(base.keys.tolist())
    needed = sum(key not in known for key in set(head.keys.tolist()))
    changes = tuple(
        GroupChange(*key, added, changed, removed, reasons.get(key, ()))
        for key, (added, changed, removed) in sorted(groups.items())
    )
    settings = _settings(*documents)
    return Review(str(head.run), settings, changes, unchanged, needed, _side(base_plan), _side(head_plan))


def _settings(base: Any, head: Any) -> tuple[SettingChange, ...]:
    before, after = dict(_leaves(base, ())), dict(_leaves(head, ()))
    return tuple(
        SettingChange(route, before.get(route), after.get(route))
        for route in sorted(before.keys() | after.keys())
        if before.get(route) != after.get(route)
    )


def _leaves(value: Any, route: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    """Dotted routes and texts. A list of plain values is one leaf: its items have no names of their own."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _leaves(item, (*route, str(key)))
    elif isinstance(value, list) and any(isinstance(item, dict | list) for item in value):
        for number, item in enumerate(value, start=1):
            yield from _leaves(item, (*route, str(number)))
    elif isinstance(value, list):
        yield ".".join(route), "[" + ", ".join(map(str, value)) + "]"
    else:
        yield ".".join(route), str(value)


def _index(graph: JobGraph) -> dict[str, bytes]:
    # The fleet's own name is left out: a renamed fleet has the same models.
    digests = graph.models.digest
    return {graph.address(m).split("/", 1)[1]: digests[m].tobytes() for m in range(len(graph.models))}


def _group(address: str) -> tuple[str, str, str]:
    universe, group, family, *_ = address.split("/")
    return universe, group, family


def _reasons(key: tuple[str, str, str], base: JobGraph, head: JobGraph) -> tuple[str, ...]:
    before, after = _setting(base, key), _setting(head, key)
    found = [
        f"model: {name} {_show(getattr(before, name))} → {_show(getattr(after, name))}"
        for name in _SETTINGS
        if getattr(before, name) != getattr(after, name)
    ]
    if before.family.version != after.family.version:
        found.append(f"model: family version {before.family.version} → {after.family.version}")
    if base.seed != head.seed:
        found.append(f"model: seed {base.seed} → {head.seed}")
    if found:
        return tuple(found)
    if after.over:
        return (f"upstream: {' '.join(after.over)} changed",)
    return ("data: the series or their source changed",)


def _setting(graph: JobGraph, key: tuple[str, str, str]) -> GroupFamily:
    _, group, family = key
    return next(s for s in graph.models.settings if s.group == group and s.family.name == family)


def _show(value: Any) -> str:
    if isinstance(value, dict):
        return " ".join(f"{name}={item}" for name, item in sorted(value.items())) or "none"
    if isinstance(value, tuple | list):
        return " ".join(str(item) for item in value) or "none"
    return "none" if value is None else str(value)


def _side(plan: Plan) -> PlanSide:
    return PlanSide(
        plan.verdict,
        plan.models,
        plan.jobs + plan.reused,
        plan.cost_usd,
        plan.end_seconds,
        plan.deadline_seconds - plan.end_seconds,
        tuple((pool.pool, pool.peak_nodes) for pool in plan.pools),
    )
