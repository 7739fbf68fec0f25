"""What happens to every model between two graphs, in columns: the only place that knows how graphs are compared.

Models are joined by address, after the moves. One that both have is *changed* when its digest or any of its jobs is
another, in one class: ``model`` when its own settings differ, ``upstream`` when only what it is over changed, ``data``
when neither did.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from fleetspec.compiler.digests import halves
from fleetspec.compiler.jobgraph import RunKind
from fleetspec.compiler.judged import contest_content, evaluation_content
from fleetspec.compiler.lineage import edges
from fleetspec.compiler.lower import held_groups
from fleetspec.compiler.moves import Alphabet, backwards, follow
from fleetspec.compiler.settings import common_start
from fleetspec.panel.features import plugged_versions

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fleetspec.compiler.jobgraph import GroupFamily, JobGraph
    from fleetspec.compiler.lineage import Ints, Mask
    from fleetspec.compiler.spec import FleetSpec
    from fleetspec.diagnostics import Report

CLASSES = ("model", "upstream", "data")
"""Classes of a changed model, the first that applies."""
SAME, MODEL, UPSTREAM, DATA = range(4)
STATES = ("new", "changed", *CLASSES, "renamed", "unchanged")


@dataclass(frozen=True, slots=True, eq=False)
class Side:
    """A graph and the spec it was made from."""

    graph: JobGraph
    spec: FleetSpec


@dataclass(frozen=True, slots=True, eq=False)
class Changes:
    """Columns over the m models of the head and the b of the base.

    ``partner`` (m,) is the base's model of the same address, moves followed; -1 for a new one. ``gone`` (b,) marks
    models without a partner, ``moved`` (m,) those whose partner has another address. ``klass`` (m,) is :data:`SAME`, or
    the class of the change.
    """

    base: JobGraph
    head: JobGraph
    partner: Ints
    gone: Mask
    moved: Mask
    klass: NDArray[np.int8]

    @property
    def new(self) -> Mask:
        return self.partner < 0

    def state(self, name: str) -> Mask:
        """The head's models in one of :data:`STATES`."""
        if name in CLASSES:
            found: Mask = self.klass == 1 + CLASSES.index(name)
            return found
        same: Mask = (self.klass == SAME) & ~self.new
        states: dict[str, Callable[[], Mask]] = {
            "new": lambda: self.new,
            "changed": lambda: self.klass != SAME,
            "renamed": lambda: same & self.moved,
            "unchanged": lambda: same & ~self.moved,
        }
        return states[name]()


def changes(base: Side, head: Side, report: Report | None = None) -> Changes:
    """Compare two graphs of one kind of run. The report gets the moves that do nothing, at the head's lines.

    A move that only the base has is undone: the way back is the mirror of the way there.
    """
    alphabet = Alphabet()
    old, new = alphabet.columns(base.graph), alphabet.columns(head.graph)
    followed = follow(old, new, head.spec.moved, alphabet, report)
    followed = follow(followed, new, backwards([m for m in base.spec.moved if m not in head.spec.moved]), alphabet)
    then, there, now = alphabet.packed(old, followed, new)
    partner, clash = _joined(then, there, now)
    if report is not None and clash is not None:
        _tell_clash(base.graph, head, clash, report)
    met = partner >= 0
    gone = np.ones(len(then), dtype=bool)
    gone[partner[met]] = False
    moved = np.zeros(len(now), dtype=bool)
    moved[met] = then[partner[met]] != now[met]
    klass = _classes(base, head, partner)
    return Changes(base.graph, head.graph, partner, gone, moved, klass)


def _joined(then: Ints, there: Ints, now: Ints) -> tuple[Ints, tuple[int, int] | None]:
    """The base's model of each of the head's, and two of the base's that would be one, if any. Addresses as numbers: of
    the base, of the base after the moves, of the head.

    A model that has not moved goes before one that has, an earlier before a later one.
    """
    moved = then != there
    if len(then) == len(now) and not moved.any() and (then == now).all():
        return np.arange(len(now)), None
    # Addresses of one graph are nearly in order, which a stable sort makes use of.
    waiting = np.concatenate([np.flatnonzero(~moved), np.flatnonzero(moved)])
    order = waiting[np.argsort(there[waiting], kind="stable")]
    ordered = there[order]
    partner = np.full(len(now), -1, dtype=np.int64)
    if not len(ordered):
        return partner, None
    at = np.minimum(np.searchsorted(ordered, now), len(ordered) - 1)
    met = ordered[at] == now
    # Of equal ones the leftmost is found: the one that goes before the others.
    partner[met] = order[at[met]]
    twice = np.flatnonzero(ordered[1:] == ordered[:-1])
    return partner, (int(order[twice[0]]), int(order[twice[0] + 1])) if len(twice) else None


def _tell_clash(base: JobGraph, head: Side, clash: tuple[int, int], report: Report) -> None:
    from fleetspec.rules import changing

    one, other = (base.address(model).partition("/")[2] for model in clash)
    report.add(
        changing.MOVED_TOGETHER,
        f"'{one}' and '{other}' would have one address after the moves; the first one counts as moved",
        route=("moved", len(head.spec.moved) - 1),
        help="let each move go to an address of its own",
    )


def _classes(base: Side, head: Side, partner: Ints) -> NDArray[np.int8]:
    klass = np.zeros(len(partner), dtype=np.int8)
    met = np.flatnonzero(partner >= 0)
    with_ = partner[met]
    differs = np.zeros(len(met), dtype=bool)
    for then, now in zip(_contents(base.graph), _contents(head.graph), strict=True):
        differs |= then[with_] != now[met]
    changed, before = met[differs], with_[differs]
    klass[changed] = np.where(_own_differs(base, head, before, changed), MODEL, DATA)
    child, parent = edges(head.graph)
    others = _other_members(base.graph, (child, parent), partner)
    klass[others & (klass == DATA)] = UPSTREAM
    while True:
        hit = np.zeros(len(klass), dtype=bool)
        hit[child[np.isin(klass[parent], (MODEL, UPSTREAM))]] = True
        hit &= klass == DATA
        if not hit.any():
            return klass
        klass[hit] = UPSTREAM


def _contents(graph: JobGraph) -> list[NDArray[np.uint64]]:
    """Columns (m,) that are equal where a model's digest and all of its jobs' digests are, in whatever order."""
    split = halves(graph.digest)
    columns = list(halves(graph.models.digest).T)
    for half in (0, 1):
        total = np.zeros(len(graph.models), dtype=np.uint64)
        np.add.at(total, graph.model, np.ascontiguousarray(split[:, half]))
        columns.append(total)
    return columns


def _other_members(base: JobGraph, pairs: tuple[Ints, Ints], partner: Ints) -> Mask:
    """(m,) Head models that are over another set of models than their partner was."""
    child, parent = pairs
    old_child, old_parent = edges(base)
    now = np.zeros(len(partner), dtype=np.uint64)
    then = np.zeros(len(base.models), dtype=np.uint64)
    np.add.at(now, child, _mixed(partner[parent]))
    np.add.at(then, old_child, _mixed(old_parent))
    met = partner >= 0
    other = np.zeros(len(partner), dtype=bool)
    other[met] = now[met] != then[partner[met]]
    return other


def _mixed(numbers: Ints) -> NDArray[np.uint64]:
    """Numbers spread over 64 bits (splitmix64, Steele et al. 2014), so that sums of sets tell the sets apart."""
    mixed = numbers.astype(np.uint64) + np.uint64(0x9E3779B97F4A7C15)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return mixed ^ (mixed >> np.uint64(31))


def _own_differs(base: Side, head: Side, before: Ints, after: Ints) -> Mask:
    """For pairs of models whether their own settings differ. Settings belong to blocks, of which there are few."""
    old, new = _blocks(base.graph)[before], _blocks(head.graph)[after]
    width = max(len(head.graph.models.universes), 1) * max(len(head.graph.models.settings), 1)
    numbers = old * width + new
    distinct = np.sort(numbers)
    distinct = distinct[np.diff(distinct, prepend=-1) > 0]
    pairs = [divmod(number, width) for number in distinct.tolist()]
    then, now = Contents(base), Contents(head)
    groups: dict[str, set[str]] = {}
    for one, other in pairs:
        groups.setdefault(then.setting(one).group, set()).add(now.setting(other).group)
    verdicts = np.array([then.of(one, groups) != now.of(other, {}) for one, other in pairs], dtype=bool)
    return verdicts[np.searchsorted(distinct, numbers)] if len(verdicts) else np.zeros(0, dtype=bool)


def _blocks(graph: JobGraph) -> Ints:
    return graph.models.universe.astype(np.int64) * max(len(graph.models.settings), 1) + graph.models.setting


class Contents:
    """What of a side's settings decides the jobs of a block (universe x setting), beside its data and its members."""

    def __init__(self, side: Side) -> None:
        self.side = side
        spec, self.backtest = side.spec, side.spec.backtest if side.graph.run is RunKind.BACKTEST else None
        self.first_end = common_start(spec, held_groups(spec, side.graph.run)) if self.backtest is not None else {}

    def setting(self, block: int) -> GroupFamily:
        settings = self.side.graph.models.settings
        return settings[int(block) % len(settings)]

    def of(self, block: int, groups: dict[str, set[str]]) -> dict[str, Any]:
        """By name. ``groups`` says what the groups it is over are called on the other side."""
        graph, spec, setting = self.side.graph, self.side.spec, self.setting(block)
        universe = graph.models.universes[int(block) // len(graph.models.settings)]
        search = setting.search
        searched = {name for name, _ in search.space} if search is not None else set()
        content: dict[str, Any] = {
            "family": (setting.family.name, setting.family.version),
            "target": setting.target,
            "per": setting.per,
            "params": {name: value for name, value in setting.params.items() if name not in searched},
            "features": setting.features,
            "plugged": plugged_versions(setting.features),
            "over": {name for below in setting.over for name in groups.get(below, {below})},
            "train": setting.train,
            "refit": setting.refit,
            "forecast": setting.every,
            "levels": setting.levels,
            "measure": setting.measure,
            "side": setting.side,
            "search": search,
            "bar": setting.bar or str(spec.universes[universe].bar),
            "seed": graph.seed,
            "horizons": graph.models.horizons if setting.family.horizon_free else None,
        }
        if self.backtest is not None:
            judged = setting.group in self.backtest.models
            content["backtest"] = (
                self.backtest.step,
                self.backtest.purge,
                self.first_end[setting.group],
                (
                    evaluation_content(self.backtest, spec.models[setting.group]),
                    contest_content(self.backtest, spec.models[setting.group]),
                    setting.rebalance,
                )
                if judged
                else None,
            )
        return content
