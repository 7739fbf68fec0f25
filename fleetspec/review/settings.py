"""Values of two specs that mean something else, each with its class, both texts, and the line that says it.

Specs are compared by what they mean: a spelling (``60m`` for ``1h``), a default written out, the order of a list that
is a set, or a comment is no change.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from posixpath import normpath
from typing import Any

from fleetspec.compiler.changes import Side
from fleetspec.compiler.demand import Demand
from fleetspec.compiler.document import Document
from fleetspec.compiler.moves import Renames
from fleetspec.compiler.shape import Shape, listed
from fleetspec.compiler.spaces import parse_space
from fleetspec.compiler.spec import DataSource, FleetSpec
from fleetspec.compiler.spec_models import ModelGroup
from fleetspec.diagnostics import Place, Route
from fleetspec.family import Family
from fleetspec.panel.features import canonical as canonical_feature

CLASSES = ("model", "data", "capacity", "metadata")
_SETS = frozenset(
    {"families", "levels", "horizons", "tests", "universes", "models", "tiers", "pools", "over", "every", "by"}
)
_NAMES = {"universes": "universes", "models": "models", "over": "models"}
"""Keys whose values are names of universes or groups."""
_CAPACITY = frozenset(
    {"name", "schedule", "budget", "hardware", "cluster", "queue", "limits", "objective", "change", "publish", "prices"}
)
_METADATA = frozenset({"apiVersion", "kind", "owner", "tier", "policies", "gates", "moved", "vars", "extends"})
_DATA = frozenset({"data", "quality"})
_MEMBERS = frozenset({"data", "series", "where", "as_of"})
_CUT = 72
"""Characters of a value that are shown."""


@dataclass(frozen=True, slots=True)
class SettingChange:
    """A value of the spec that differs, by dotted route; None where one side does not have it.

    ``klass`` is one of :data:`CLASSES`, ``place`` the file and line in the head, or in the base for what is gone.
    """

    route: str
    base: str | None
    head: str | None
    klass: str
    place: str | None

    @property
    def text(self) -> str:
        """``models.vol.train 1000 bars → 750 bars (fleet.yaml:23)``."""
        where = f" ({self.place})" if self.place else ""
        return f"{self.route} {self.base or 'none'} → {self.head or 'none'}{where}"

    def to_json(self) -> dict[str, Any]:
        return {
            "route": self.route,
            "base": self.base,
            "head": self.head,
            "class": self.klass,
            "place": self.place,
        }


@dataclass(frozen=True, slots=True)
class Said:
    """A spec with its document, and the families of its groups."""

    spec: FleetSpec
    document: Document
    families: Mapping[str, tuple[Family, ...]]

    @classmethod
    def of(cls, side: Side, document: Document) -> Said:
        """The families are those of the groups in the graph."""
        families: dict[str, dict[str, Family]] = {}
        for setting in side.graph.models.settings:
            families.setdefault(setting.group, {})[setting.family.name] = setting.family
        return cls(side.spec, document, {group: tuple(some.values()) for group, some in families.items()})


@dataclass(slots=True)
class _Leaves:
    """``values`` by route, as the head calls things; ``origin`` is the route in the spec's own words. ``rows`` holds
    the items of lists of maps, each as values by route below it."""

    values: dict[Route, Any] = field(default_factory=dict)
    rows: dict[Route, list[dict[Route, Any]]] = field(default_factory=dict)
    origin: dict[Route, Route] = field(default_factory=dict)


def setting_changes(base: Said, head: Said, renames: Renames) -> tuple[SettingChange, ...]:
    """Every value that means something else, by class and route."""
    old, new = _Reading(base, renames).leaves(), _Reading(head, Renames()).leaves()
    idle = _idle(base.spec, head.spec, renames)
    found: list[SettingChange] = []
    seen: set[Route] = set()
    for route in [*new.values, *(route for route in old.values if route not in new.values)]:
        if route in old.values and route in new.values and old.values[route] == new.values[route]:
            continue
        whole = _whole(route, old.values, new.values)
        if whole not in seen:
            seen.add(whole)
            there = route in old.values or (whole != route and _has(old.values, whole))
            here = route in new.values or (whole != route and _has(new.values, whole))
            text = _text(base, _origin(old, whole), old.values.get(route)) if there else None
            other = _text(head, whole, new.values.get(route)) if here else None
            place = _place(head, whole) if here else _place(base, _origin(old, whole))
            found.append(SettingChange(dotted(whole), text, other, class_of(whole, idle), place))
    for route in sorted(old.rows.keys() | new.rows.keys()):
        same = route in (("fleet",), ("except",)) and _demanded(base, renames) == _demanded(head, Renames())
        found += _row_changes(base, head, old.rows.get(route, []), new.rows.get(route, []), route, same)
    found += [
        SettingChange(f"{key}.{after}", before, after, "metadata", _place(head, (key, after)))
        for key, names in (("universes", renames.universes), ("models", renames.groups))
        for before, after in sorted(names.items())
    ]
    return tuple(sorted(found, key=lambda change: (CLASSES.index(change.klass), change.route)))


def class_of(route: Route, idle: frozenset[Route] = frozenset()) -> str:
    """The class of a changed value. ``idle`` are the things of either spec that nothing in its fleet uses."""
    top, last = route[0], route[-1]
    if top in _METADATA or route[:2] in idle or route == ("quality", "max_quarantined"):
        return "metadata"
    if top in _CAPACITY or route == ("backtest", "within") or (top == "models" and last in ("gpu", "gpu_memory")):
        return "capacity"
    if top == "data" and len(route) > 2 and route[2] == "options":
        return "metadata"
    if top in _DATA or (top == "universes" and len(route) > 2 and route[2] in _MEMBERS):
        return "data"
    return "model"


def dotted(route: Route) -> str:
    """``fleet.1.models``: items of lists are counted from 1, as a person counts."""
    return ".".join(str(part + 1) if isinstance(part, int) else part for part in route)


class _Reading:
    """One walk over a spec."""

    def __init__(self, said: Said, renames: Renames) -> None:
        self.said, self.renames, self.found = said, renames, _Leaves()

    def leaves(self) -> _Leaves:
        self.walk(self.said.spec, (), ())
        return self.found

    def walk(self, value: Any, route: Route, origin: Route) -> None:
        if isinstance(value, Shape):
            for key, item in self.fields(value, route):
                self.walk(item, (*route, key), (*origin, key))
        elif isinstance(value, dict):
            for key, item in value.items():
                self.walk(item, (*route, self.called(route, key)), (*origin, key))
        elif isinstance(value, tuple) and any(isinstance(item, Shape) for item in value):
            self.found.rows[route] = [dict(self.below(item)) for item in value]
        else:
            # The values of an axis are a set; what one of them changes may be a list in order.
            axis = isinstance(value, tuple) and len(route) == 4 and route[2] == "axes"
            self.found.values[route] = frozenset(value) if axis else value
            self.found.origin[route] = origin

    def below(self, item: Shape) -> Iterator[tuple[Route, Any]]:
        inner = _Reading(self.said, self.renames)
        inner.walk(item, (), ())
        yield from inner.found.values.items()

    def called(self, route: Route, key: str) -> str:
        known = {"universes": self.renames.universes, "models": self.renames.groups}
        return known.get(str(route[0]), {}).get(key, key) if len(route) == 1 else key

    def fields(self, value: Shape, route: Route) -> Iterator[tuple[str, Any]]:
        """Keys and values in their one meaning, without those that say nothing."""
        for name, info in type(value).model_fields.items():
            key, item = info.alias or name, getattr(value, name)
            if key == "family" and isinstance(value, ModelGroup):
                continue
            if key == "families" and isinstance(value, ModelGroup):
                item = value.family_names or None
            elif key == "params" and isinstance(value, ModelGroup):
                item = self.params(value, route)
            elif key == "space":
                item = {name: parse_space(written) for name, written in item.items()}
            elif key == "features" and isinstance(value, FleetSpec):
                item = {name: tuple(map(canonical_feature, texts)) for name, texts in item.items()}
            elif isinstance(value, DataSource) and key in ("from", "seed"):
                item = (item if ":" in item else normpath(item)) if key == "from" else item or None
            if item is None or item in ({}, ()):
                continue
            if key in _NAMES and not isinstance(item, dict):
                item = self.named(listed(item), _NAMES[key])
            elif key in _SETS and not isinstance(item, dict) and not _has_maps(item):
                item = frozenset(listed(item))
            yield key, item

    def named(self, names: tuple[str, ...], of: str) -> frozenset[str]:
        known = self.renames.universes if of == "universes" else self.renames.groups
        return frozenset(known.get(name, name) for name in names)

    def params(self, group: ModelGroup, route: Route) -> dict[str, Any] | None:
        """Parameters that differ from the defaults of the group's families, as the families read them."""
        families = self.said.families.get(str(route[-1]), ())
        read: dict[str, Any] = {}
        for name, written in group.params.items():
            known = [family for family in families if name in family.params.model_fields]
            meant = [getattr(family.params.model_validate({name: written}), name) for family in known]
            if not known or any(m != f.params.model_fields[name].default for m, f in zip(meant, known, strict=True)):
                read[name] = meant[0] if meant else _frozen(written)
        return read or None


def _frozen(value: Any) -> Any:
    return tuple(map(_frozen, value)) if isinstance(value, list | tuple) else value


def _has_maps(item: Any) -> bool:
    return isinstance(item, tuple) and any(isinstance(one, Shape) for one in item)


def _has(values: dict[Route, Any], prefix: Route) -> bool:
    return any(route[: len(prefix)] == prefix for route in values)


def _whole(route: Route, old: dict[Route, Any], new: dict[Route, Any]) -> Route:
    """What is new or gone as a whole: the highest thing above a value that the other side has nothing of, unless the
    value is all there is in it."""
    if route in old and route in new:
        return route
    own, other = (new, old) if route in new else (old, new)
    for size in range(1, len(route)):
        above = route[:size]
        if not _has(other, above) and sum(one[:size] == above for one in own) > 1:
            return above
    return route


def _origin(leaves: _Leaves, route: Route) -> Route:
    for known, origin in leaves.origin.items():
        if known[: len(route)] == route:
            return origin[: len(route)]
    return route


def _idle(base: FleetSpec, head: FleetSpec, renames: Renames) -> frozenset[Route]:
    """Groups, universes, features and sources that neither fleet uses: what changes in them changes nothing."""
    used: set[Route] = set()
    defined: set[Route] = set()
    for spec, names in ((base, renames), (head, Renames())):
        demand = Demand.of(spec)
        for universe in demand.universes:
            used |= {("universes", names.universes.get(universe, universe)), ("data", spec.universes[universe].data)}
        for group in demand.groups:
            used.add(("models", names.groups.get(group, group)))
            used |= {("features", name) for name in _feature_names(spec.models[group])}
        defined |= {("universes", names.universes.get(name, name)) for name in spec.universes}
        defined |= {("models", names.groups.get(name, name)) for name in spec.models}
        defined |= {("features", name) for name in spec.features} | {("data", name) for name in spec.data}
    return frozenset(defined - used)


def _feature_names(group: ModelGroup) -> set[str]:
    """The feature lists a group names, its axes among them; axes may name them without saying what they are."""
    names = {group.features} if group.features is not None else set()
    for axis in group.axes.values():
        values = axis.values() if isinstance(axis, dict) else axis if isinstance(axis, tuple) else ()
        for value in values:
            names |= {value} if isinstance(value, str) else set()
            features = getattr(value, "features", None)
            names |= {features} if isinstance(features, str) else set()
    return names


def _demanded(said: Said, names: Renames) -> dict[tuple[str, str, str], frozenset[int]]:
    """What the rows of a fleet come to, its exceptions taken out."""
    demand = Demand.of(said.spec)
    found = {
        (names.universes.get(universe, universe), names.groups.get(group, group), family.name): demand.horizons_of(
            universe, group, family.name
        )
        for universe, group in demand.rows
        for family in said.families.get(group, ())
    }
    return {key: horizons for key, horizons in found.items() if horizons}


def _row_changes(
    base: Said, head: Said, old: list[dict[Route, Any]], new: list[dict[Route, Any]], route: Route, same: bool
) -> Iterator[SettingChange]:
    """Items of a list of maps: equal ones belong together wherever they stand, the others in order."""
    left, right = list(range(len(old))), list(range(len(new)))
    for number in list(right):
        match = next((other for other in left if old[other] == new[number]), None)
        if match is not None:
            left.remove(match)
            right.remove(number)

    def klass(here: Route) -> str:
        return "metadata" if same else class_of(here)

    for before, after in zip(left, right, strict=False):
        for key in sorted(old[before].keys() | new[after].keys(), key=str):
            was, now = old[before].get(key), new[after].get(key)
            if was != now:
                here, there = (*route, after, *key), (*route, before, *key)
                text = None if was is None else _text(base, there, was)
                other = None if now is None else _text(head, here, now)
                yield SettingChange(dotted(here), text, other, klass(here), _place(head, here))
    paired = min(len(left), len(right))
    for number in left[paired:]:
        here = (*route, number)
        yield SettingChange(dotted(here), _text(base, here, None), None, klass(here), _place(base, here))
    for number in right[paired:]:
        here = (*route, number)
        yield SettingChange(dotted(here), None, _text(head, here, None), klass(here), _place(head, here))


def _written(said: Said, route: Route) -> Route:
    """The route at which a value stands: one family is written ``family``."""
    if route and route[-1] == "families" and route not in said.document.values:
        return (*route[:-1], "family")
    return route


def _text(said: Said, route: Route, value: Any) -> str:
    """The value as it is written, else as it is meant."""
    written: Any = said.document.value
    for part in _written(said, route):
        try:
            written = written[part]
        except (KeyError, IndexError, TypeError):
            return _meant(value) + (" (default)" if said.document.values else "")
    return _cut(_inline(written))


def _inline(written: Any) -> str:
    if isinstance(written, dict):
        return "{" + ", ".join(f"{key}: {_inline(item)}" for key, item in written.items()) + "}"
    if isinstance(written, list):
        return "[" + ", ".join(map(_inline, written)) + "]"
    return "" if written is None else str(written)


def _meant(value: Any) -> str:
    if isinstance(value, frozenset):
        return "[" + ", ".join(sorted(map(str, value))) + "]"
    if isinstance(value, tuple):
        return "[" + ", ".join(map(str, value)) + "]"
    return str(value)


def _cut(text: str) -> str:
    return text if len(text) <= _CUT else text[: _CUT - 1] + "…"


def _place(said: Said, route: Route) -> str | None:
    place: Place | None = said.document.place(_written(said, route), key=_written(said, route) in said.document.keys)
    return None if place is None else f"{place.source.name}:{place.line}"
