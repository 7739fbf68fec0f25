"""Renamings: addresses with the slots that addresses have, from what was to what is."""

from __future__ import annotations

from fleetspec.compiler.alternatives import MOST_VARIANTS, alternatives, axis_values, count_variants
from fleetspec.compiler.demand import Demand
from fleetspec.compiler.jobgraph import slug
from fleetspec.compiler.spec import FleetSpec, Move
from fleetspec.diagnostics import Report, Route, did_you_mean
from fleetspec.rules import meaning_operation

_SLOTS = ("universe", "group", "family", "series", "horizon")
"""The slots of an address after the fleet."""
ANY = "*"


def check_moved(spec: FleetSpec, report: Report) -> None:
    """Add to the report what is wrong with the entries of ``moved``."""
    sound = [number for number, move in enumerate(spec.moved) if _check_move(spec, number, move, report)]
    _check_together(spec, sound, report)


def _check_move(spec: FleetSpec, number: int, move: Move, report: Report) -> bool:
    """Whether both addresses of an entry can be read."""
    route: Route = ("moved", number)
    before = len(report.errors)
    sides = {"from": move.from_.split("/"), "to": move.to.split("/")}
    for key, slots in sides.items():
        here = (*route, key)
        if spec.name == slots[0] and spec.name not in spec.universes:
            help = f"leave the fleet out: {'/'.join(slots[1:]) or 'equities/vol'}"
            _tell(report, f"'{'/'.join(slots)}' begins with the fleet", here, help)
        elif len(slots) > len(_SLOTS):
            help = f"write {'/'.join(_SLOTS)}, from the left as many as needed"
            _tell(report, f"an address has {len(_SLOTS)} slots after the fleet, and this one {len(slots)}", here, help)
        else:
            for slot, text in zip(_SLOTS, slots, strict=False):
                if text not in (ANY, "_") and not _is_slot(text):
                    help = f"write it as in an address: '{_as_slot(text)}', or * for any"
                    _tell(report, f"'{text}' is no {slot} of an address", here, help)
    if len(report.errors) > before:
        return False
    if move.from_ == move.to:
        _tell(report, f"'{move.to}' is renamed to itself", (*route, "to"), "delete the entry")
        return False
    was, now = sides["from"], sides["to"]
    if len(was) != len(now):
        help = "write the same slots on both sides, * where the name stays"
        related: list[tuple[Route, str]] = [((*route, "from"), "the other side is here")]
        message = (
            f"'{move.from_}' ends with the {_SLOTS[len(was) - 1]}, and '{move.to}' with the {_SLOTS[len(now) - 1]}"
        )
        report.add(meaning_operation.MOVED, message, route=(*route, "to"), help=help, related=related)
        return False
    for slot, old, new in zip(_SLOTS, was, now, strict=False):
        if old == ANY != new:
            message = f"every {slot} would become '{new}', and two models one"
            _tell(report, message, (*route, "to"), f"write * for the {slot}, or name the one that is renamed")
            return False
    _check_target(spec, now, (*route, "to"), report)
    return len(report.errors) == before


def _tell(report: Report, message: str, route: Route, help: str) -> None:
    report.add(meaning_operation.MOVED, message, route=route, help=help)


def _is_slot(text: str) -> bool:
    return text == _as_slot(text)


def _as_slot(text: str) -> str:
    return "~".join(slug(part) for part in text.split("~"))


def _check_target(spec: FleetSpec, now: list[str], route: Route, report: Report) -> None:
    """What a model is renamed to is in the fleet."""
    blocks = _blocks(spec)
    for depth, text in enumerate(now[:3]):
        if text == ANY:
            continue
        fitting = {block[depth] for block in blocks}
        if text not in fitting:
            before = "/".join(now[:depth])
            where = f" under '{before}'" if before else ""
            message = f"the fleet has no {_SLOTS[depth]} '{text}'{where}"
            _tell(report, message, route, did_you_mean(text, fitting))
            return
        blocks = {block for block in blocks if block[depth] == text}
    if len(now) == len(_SLOTS) and now[-1] not in (ANY, "_"):
        bars = set(map(str, Demand.of(spec).horizons))
        if now[-1] not in bars:
            _tell(report, f"the fleet has no horizon '{now[-1]}'", route, did_you_mean(now[-1], bars))


def _blocks(spec: FleetSpec) -> set[tuple[str, str, str]]:
    """(universe, group as in an address, family) of everything in the fleet."""
    demand = Demand.of(spec)
    found = set()
    for universe, group in demand.rows:
        if group in spec.models:
            for family in {str(one["family"].value) for one in alternatives(group, spec.models[group], "family")}:
                if demand.horizons_of(universe, group, family):
                    found |= {(universe, label, family) for label in _labels(spec, group)}
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


def _check_together(spec: FleetSpec, sound: list[int], report: Report) -> None:
    """Each name is given once and taken once, in a single step."""
    for number in sound:
        move, route = spec.moved[number], ("moved", number)
        for other in sound:
            before = spec.moved[other]
            if other < number and move.from_ == before.from_:
                _contradict(report, f"'{move.from_}' is renamed already", (*route, "from"), ("moved", other, "from"))
            elif other < number and move.to == before.to:
                message = f"'{move.to}' is the new name of another already"
                _contradict(report, message, (*route, "to"), ("moved", other, "to"))
            elif other != number and move.from_ == before.to:
                message = f"'{move.from_}' is the new name of '{before.from_}': renamings are made in one step"
                _contradict(report, message, (*route, "from"), ("moved", other, "to"))


def _contradict(report: Report, message: str, route: Route, other: Route) -> None:
    help = "write one entry from the oldest name to the newest"
    related = [(other, "the other entry")]
    report.add(meaning_operation.MOVED, message, route=route, help=help, related=related)
