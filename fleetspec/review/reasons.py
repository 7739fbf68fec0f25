"""Why the models of a group changed: the values of the spec at fault with their lines, else what else differs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from fleetspec.compiler.changes import Side
from fleetspec.compiler.jobgraph import GroupFamily, RunKind
from fleetspec.compiler.lock import Lock, panel_key
from fleetspec.compiler.settings import lineage
from fleetspec.review.settings import SettingChange

_SHOWN = 4


@dataclass(frozen=True, slots=True)
class Pair:
    """A universe × group × family that both sides have, by the head's names, with the settings of one model on each."""

    universe: str
    before: GroupFamily
    after: GroupFamily


@dataclass(frozen=True, slots=True)
class Reasons:
    """What both sides are, and every value that differs between them."""

    base: Side
    head: Side
    base_lock: Lock
    head_lock: Lock
    settings: Sequence[SettingChange]

    def of(self, pair: Pair, classes: Iterable[str]) -> tuple[str, ...]:
        """One text per cause, those of the first class first: ``model: models.vol.train 1000 bars → 750 bars (…)``."""
        told = {"model": self._model, "upstream": self._upstream, "data": self._data}
        return tuple(f"{name}: {text}" for name in classes for text in told[name](pair))

    def _model(self, pair: Pair) -> list[str]:
        found = self._own(pair.after.group, pair)
        before, after = pair.before.family, pair.after.family
        if before.name == after.name and before.version != after.version:
            found.append(f"{after.name} version {before.version} → {after.version}")
        return _cut(found) or ["the windows of the groups that it is combined with"]

    def _own(self, group: str, pair: Pair) -> list[str]:
        """Values that reach a group on a universe by itself."""
        model = self.head.spec.models.get(group)
        features = {model.features} if model is not None else set()
        routes = [f"models.{group}.", "seed", f"universes.{pair.universe}.", *(f"features.{name}" for name in features)]
        if pair.after.family.horizon_free and group == pair.after.group:
            routes += ["horizons", "fleet."]
        if self.head.graph.run is RunKind.BACKTEST:
            routes.append("backtest.")
        return [change.text for change in self.settings if change.klass == "model" and _under(change.route, routes)]

    def _upstream(self, pair: Pair) -> list[str]:
        found = []
        for group in lineage(self.head.spec, pair.after.group)[1:]:
            causes = self._own(group, pair) or [f"{group} changed"]
            found += [f"{group} changed: {cause}" if cause != f"{group} changed" else cause for cause in causes]
        return _cut([text for text in found if ": " in text] or found)

    def _data(self, pair: Pair) -> list[str]:
        spec = self.head.spec
        universe = spec.universes[pair.universe]
        routes = [f"data.{universe.data}", f"universes.{pair.universe}.", "quality."]
        found = [change.text for change in self.settings if change.klass == "data" and _under(change.route, routes)]
        key = panel_key(universe.data, pair.after.bar or str(universe.bar))
        return _cut([*found, *self._series(key, pair.universe)]) or ["the series or their source changed"]

    def _series(self, key: str, universe: str) -> list[str]:
        """How the locked series of a universe differ."""
        before, after = self.base_lock.data.get(key, {}), self.head_lock.data.get(key, {})
        members = [name for name in self.head_lock.universes[universe] if name in before and name in after]
        longer = sum(after[name].bars > before[name].bars for name in members)
        other = sum(after[name].digest != before[name].digest for name in members) - longer
        joined = set(self.head_lock.universes[universe]) - set(self.base_lock.universes.get(universe, ()))
        left = set(self.base_lock.universes.get(universe, ())) - set(self.head_lock.universes[universe])
        counted = (
            (longer, "with more bars"),
            (other, "with other bars"),
            (len(joined), "joined"),
            (len(left), "left"),
        )
        return [f"{count:,} series {what} in '{universe}'" for count, what in counted if count]


def _under(route: str, prefixes: Iterable[str]) -> bool:
    return any(route == prefix.rstrip(".") or route.startswith(prefix.rstrip(".") + ".") for prefix in prefixes)


def _cut(texts: list[str]) -> list[str]:
    distinct = list(dict.fromkeys(texts))
    more = len(distinct) - _SHOWN
    return distinct if more <= 1 else [*distinct[:_SHOWN], f"and {more} more"]
