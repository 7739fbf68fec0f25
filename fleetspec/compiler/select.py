"""Selectors: ``family:garch,universe:fx group:var+`` → a mask over the models of a graph.

A space is a union, a comma an intersection. A term is ``field:glob``, or a glob over addresses (missing slots match
anything). ``+`` before a term adds what it is made from, ``+`` after it what is made from it. ``state:`` holds the
graph against a base, ``result:`` against a store; both may match nothing, all other terms match something.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from fnmatch import translate
from typing import TYPE_CHECKING

import numpy as np

from fleetspec.compiler.addresses import FIELDS, slug
from fleetspec.compiler.changes import STATES
from fleetspec.compiler.lineage import closed, edges
from fleetspec.diagnostics import did_you_mean, reject
from fleetspec.rules import meaning

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fleetspec.compiler.jobgraph import JobGraph
    from fleetspec.diagnostics import Rejected

    Mask = NDArray[np.bool_]
ASKED = ("state", "result")
_SHAPE = "an address is fleet/universe/group/family/series-or-_/horizon-or-_"
RESULTS = ("done", "quarantined", "missing", "failed")
"""What a store may have of a model."""


@dataclass(frozen=True, slots=True)
class Around:
    """What a selector may ask beside the graph: masks (m,) by the name of a state, and by that of an outcome."""

    state: Callable[[str], Mask]
    result: Callable[[str], Mask]


def select(graph: JobGraph, expression: str, around: Around | None = None, *, exclude: str = "") -> Mask:
    """Models a selector names and ``exclude`` does not, as a mask (m,).

    Rejected (FS241) for a field or a name that does not exist.
    """
    chosen = _union(graph, expression, around)
    return chosen & ~_union(graph, exclude, around) if exclude.split() else chosen


def _union(graph: JobGraph, expression: str, around: Around | None) -> Mask:
    terms = expression.split()
    if not terms:
        return np.ones(len(graph.models), dtype=bool)
    chosen = np.zeros(len(graph.models), dtype=bool)
    for term in terms:
        here = np.ones(len(graph.models), dtype=bool)
        for part in term.split(","):
            here &= _term(graph, part, around)
        chosen |= here
    return chosen


def full_address(graph: JobGraph, address: str) -> str:
    """An address as tables print it, without the fleet and a closing ``_``, made whole."""
    parts = address.split("/")
    if parts[0] != graph.fleet or len(parts) < 4:
        parts = [graph.fleet, *parts]
    return "/".join(parts + ["_"] * (6 - len(parts)))


def find_model(graph: JobGraph, address: str) -> int:
    """The model with an address. Rejected (FS241) when there is none."""
    parts = address.split("/")
    if len(parts) == 6 and not set("*?[") & set(address):
        found = np.flatnonzero(_by_address(graph, parts))
        if len(found) == 1:
            return int(found[0])
    raise _unknown(f"there is no model '{address}'", _near(graph, parts))


def _term(graph: JobGraph, text: str, around: Around | None) -> Mask:
    before, after = text.startswith("+"), text.endswith("+")
    core = text.removeprefix("+").removesuffix("+")
    field, colon, pattern = core.partition(":")
    if colon and field in ASKED and around is not None:
        return _reached(graph, _asked(around, field, pattern), before, after)
    fields = (*FIELDS, *axes(graph), *(ASKED if around is not None else ()))
    if not core or (colon and field not in fields):
        help = did_you_mean(field, fields) if colon else "write family:garch, or an address such as fleet/fx/*"
        raise _unknown(f"'{text}' selects by nothing that is known", help)
    mask = _by_field(graph, field, pattern) if colon else _by_address(graph, core.split("/"))
    if not colon and not mask.any():
        # As tables print addresses: without the fleet.
        mask = _by_address(graph, [graph.fleet, *core.split("/")])
    if not mask.any():
        help = _known(graph, field, pattern) if colon else _near(graph, core.split("/"))
        raise _unknown(f"'{core}' matches no model", help)
    return _reached(graph, mask, before, after)


def _reached(graph: JobGraph, mask: Mask, before: bool, after: bool) -> Mask:
    if not before and not after:
        return mask
    child, parent = edges(graph)
    above = closed(mask, child, parent) if before else mask
    return above | closed(mask, parent, child) if after else above


def _asked(around: Around, field: str, name: str) -> Mask:
    """The models in a state, or with an outcome. Only a name that does not exist is an error: nothing may have changed,
    and nothing may be missing."""
    known, ask = (STATES, around.state) if field == "state" else (RESULTS, around.result)
    if name in known:
        return ask(name)
    if name in ("removed", "deleted"):
        raise _unknown(f"'{field}:{name}' are not in this spec", "`fleetspec diff` lists what is removed")
    raise _unknown(f"there is no {field} '{name}'", did_you_mean(name, known))


def axes(graph: JobGraph) -> tuple[str, ...]:
    """The axes of a graph's groups, each a field to select by: ``bar:5m``."""
    return tuple(sorted({axis for setting in graph.models.settings for axis, _ in setting.variant}))


def _by_address(graph: JobGraph, parts: list[str]) -> Mask:
    if len(parts) > 6:
        return np.zeros(len(graph.models), dtype=bool)
    mask = np.full(len(graph.models), _matches(parts[0], (graph.fleet,))[0])
    for field, pattern in zip(("universe", "group", "family", "series", "horizon"), parts[1:], strict=False):
        if pattern not in ("", "*"):
            mask &= _by_field(graph, field, pattern)
    return mask


def _by_field(graph: JobGraph, field: str, pattern: str) -> Mask:
    """Patterns are matched against names, never against models: a fleet has few of the former."""
    models = graph.models
    if field == "universe":
        return _matches(pattern, models.universes)[models.universe]
    if field == "group":
        named = _matches(pattern, [s.label for s in models.settings])
        return (named | _matches(pattern, [s.group for s in models.settings]))[models.setting]
    if field in axes(graph):
        held = (_matches(pattern, [dict(s.variant).get(field, "")])[0] for s in models.settings)
        return np.fromiter(held, dtype=bool, count=len(models.settings))[models.setting]
    if field == "family":
        return _matches(pattern, [s.family.name for s in models.settings])[models.setting]
    if field == "horizon":
        pattern = re.sub(r"\s*bars?$", "", pattern)
        return _matches(pattern, [*map(str, models.horizons), "_"])[models.horizon]
    mask = np.zeros(len(models), dtype=bool)
    for code, names in enumerate(models.series_names):
        here = models.universe == code
        known = _matches(pattern, [*names, "_"]) | _matches(pattern, [*map(slug, names), "_"])
        mask[here] = known[models.series[here]]
    return mask


def _matches(pattern: str, names: Iterable[str]) -> Mask:
    """Which names a glob matches; NONE, being -1, indexes the last."""
    test: Callable[[str], object] = re.compile(translate(pattern)).match
    return np.array([test(name) is not None for name in names], dtype=bool)


def _known(graph: JobGraph, field: str, pattern: str) -> str:
    models = graph.models
    names: dict[str, Iterable[str]] = {
        "universe": models.universes,
        "group": [s.label for s in models.settings],
        "family": [s.family.name for s in models.settings],
        "horizon": [str(bars) for bars in models.horizons],
        "series": [name for members in models.series_names for name in members],
    }
    if field not in names:
        return did_you_mean(pattern, (dict(s.variant).get(field, "") for s in models.settings if s.variant))
    return did_you_mean(pattern, names[field])


def _near(graph: JobGraph, parts: list[str]) -> str:
    """The first slot of an address that matches nothing, and what it could be."""
    slots = ("universe", "group", "family", "series", "horizon")
    if not _matches(parts[0], (graph.fleet,))[0]:
        if not any(_by_field(graph, slot, parts[0]).any() for slot in slots):
            return f"addresses of this fleet begin with {graph.fleet}/"
        parts = [graph.fleet, *parts]
    for slot, part in zip(slots, parts[1:], strict=False):
        if part and not _by_field(graph, slot, part).any():
            for other in slots:
                if _by_field(graph, other, part).any():
                    return f"'{part}' is a {other}, not a {slot}: {other}:{part} selects its models, and {_SHAPE}"
            return f"no {slot} is '{part}': {_known(graph, slot, part)}"
    return f"{_SHAPE}; `results` lists them"


def _unknown(message: str, help: str) -> Rejected:
    return reject(meaning.UNKNOWN_SELECTOR, message, help=help)
