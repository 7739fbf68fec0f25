"""Renamings: addresses with the slots that addresses have, from what was to what is.

What a move finds in the fleet that is deployed is told when the two are compared (``moves``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from fleetspec.compiler.addresses import slug
from fleetspec.compiler.alternatives import MOST_VARIANTS, alternatives, axis_values, count_variants
from fleetspec.compiler.demand import Demand
from fleetspec.compiler.moves import KEPT, SLOTS, pattern_of
from fleetspec.diagnostics import did_you_mean, nearest
from fleetspec.rules import meaning_operation

if TYPE_CHECKING:
    from fleetspec.compiler.spec import FleetSpec, Move
    from fleetspec.diagnostics import Report, Route


def check_moved(spec: FleetSpec, report: Report) -> None:
    """Add to the report what is wrong with the entries of ``moved``."""
    moves = [(number, move) for number, move in enumerate(spec.moved) if _check_move(spec, number, move, report)]
    circled: set[int] = set()
    for at, (number, move) in enumerate(moves):
        route: Route = ("moved", number)
        again = next((other for other, before in moves[:at] if before.from_ == move.from_), None)
        if again is not None:
            _tell(report, f"'{move.from_}' is renamed already", (*route, "from"), "keep one of the two", again)
            continue
        # Moves are taken in order, and a later one may go on from an earlier one.
        name, last = move.to, number
        for other, after in moves[at + 1 :]:
            if after.from_ == name:
                name, last = after.to, other
        if name == move.from_:
            circled.add(last)
            message = f"'{name}' is renamed in a circle"
            _tell(report, message, ("moved", last, "to"), "delete the entries: nothing is renamed", number)
        elif last == number and number not in circled:
            _check_target(spec, move.to, (*route, "to"), report)


def _tell(report: Report, message: str, route: Route, help: str, other: int | None = None) -> None:
    related: list[tuple[Route, str]] = [] if other is None else [(("moved", other, "from"), "the other entry")]
    report.add(meaning_operation.MOVED, message, route=route, help=help, related=related)


def _check_move(spec: FleetSpec, number: int, move: Move, report: Report) -> bool:
    """Whether both addresses of an entry can be read, and lead from one name to one."""
    route: Route = ("moved", number)
    before = len(report.errors)
    _check_address(spec, move.from_, (*route, "from"), report)
    _check_address(spec, move.to, (*route, "to"), report)
    if len(report.errors) > before:
        return False
    was, now = pattern_of(move.from_), pattern_of(move.to)
    if was == now:
        _tell(report, f"'{move.to}' is renamed to itself", (*route, "to"), "delete the entry")
    for slot, old, new in zip(SLOTS, was, now, strict=True):
        if old == KEPT != new:
            message = f"every {slot} would become '{new}', and several models one"
            _tell(report, message, (*route, "to"), f"name the {slot} in from, or write * for it in to")
    return len(report.errors) == before


def _check_address(spec: FleetSpec, address: str, route: Route, report: Report) -> None:
    slots = address.split("/")
    if slots[0] == spec.name and spec.name not in spec.universes:
        help = f"leave the fleet out: {'/'.join(slots[1:]) or 'equities/vol'}"
        _tell(report, f"'{address}' begins with the fleet", route, help)
        return
    if len(slots) > len(SLOTS):
        message = f"an address has {len(SLOTS)} slots after the fleet, and this one {len(slots)}"
        _tell(report, message, route, f"write {'/'.join(SLOTS)}, from the left as many as needed")
        return
    for slot, text in zip(SLOTS, pattern_of(address), strict=True):
        spelt = "~".join(slug(part) for part in text.split("~"))
        if text not in (KEPT, "_", spelt):
            help = f"write it as in an address: '{spelt}', or * for any"
            _tell(report, f"'{text}' is no {slot} of an address", route, help)


def _meant(address: str, depth: int, known: set[str]) -> str:
    """The address with the name in one of its slots that is most likely meant."""
    slots = address.split("/")
    close = nearest(slots[depth], known)
    if close is None:
        return did_you_mean(slots[depth], known)
    return f"did you mean '{'/'.join((*slots[:depth], close, *slots[depth + 1 :]))}'?"


def _check_target(spec: FleetSpec, address: str, route: Route, report: Report) -> None:
    """What a model is renamed to is in the fleet."""
    now = pattern_of(address)
    blocks = _blocks(spec)
    for depth, text in enumerate(now[:3]):
        if text == KEPT:
            continue
        fitting = {block[depth] for block in blocks}
        if text not in fitting:
            named = "/".join(now[:depth])
            where = f" under '{named}'" if depth else ""
            message = f"the fleet has no {SLOTS[depth]} '{text}'{where}"
            _tell(report, message, route, _meant(address, depth, fitting))
            return
        blocks = {block for block in blocks if block[depth] == text}
    bars = set(map(str, Demand.of(spec).horizons))
    if now[-1] not in (KEPT, "_", *bars):
        _tell(report, f"the fleet has no horizon '{now[-1]}'", route, _meant(address, len(SLOTS) - 1, bars))


def _blocks(spec: FleetSpec) -> set[tuple[str, str, str]]:
    """(universe, group as an address has it or as the spec calls it, family) of everything in the fleet."""
    demand = Demand.of(spec)
    found = set()
    for universe, group in demand.rows:
        if group in spec.models:
            for family in {str(one["family"].value) for one in alternatives(group, spec.models[group], "family")}:
                if demand.horizons_of(universe, group, family):
                    found |= {(universe, label, family) for label in (group, *_labels(spec, group))}
    return found


def _labels(spec: FleetSpec, group: str) -> set[str]:
    """A group as it stands in addresses: with the value of each axis."""
    model = spec.models[group]
    if count_variants(group, model) > MOST_VARIANTS:
        return set()
    labels = {group}
    for axis in sorted(model.axes):
        values = [slug(value.text) for value in axis_values(group, model, axis)]
        labels = {f"{label}~{value}" for label in labels for value in values} if values else labels
    return labels
