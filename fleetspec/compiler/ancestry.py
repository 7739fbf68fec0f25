"""Where the settings of one model come from: the chain of places behind each, and the defaults of its family."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from fleetspec.compiler.addresses import slug
from fleetspec.compiler.defaults import dotted, shown
from fleetspec.compiler.jobgraph import NONE
from fleetspec.compiler.provenance import explain_origin

if TYPE_CHECKING:
    from fleetspec.compiler.document import Document
    from fleetspec.compiler.jobgraph import GroupFamily, JobGraph
    from fleetspec.compiler.spec import FleetSpec
    from fleetspec.diagnostics import Route


def ancestry(spec: FleetSpec, document: Document, graph: JobGraph, model: int) -> dict[str, Any]:
    """``{"address", "settings": [{"setting", "value", "from": [{"place", "text"}]}]}`` of one model of a graph.

    A setting that no file gives has no place; its text says whose default it is.
    """
    models = graph.models
    setting = models.settings[int(models.setting[model])]
    universe = models.universes[int(models.universe[model])]
    rows = [
        {"setting": dotted(route), "value": value, "from": _told(document, route, otherwise)}
        for route, value, otherwise in (
            *_universe(spec, universe, graph, model),
            *_group(spec, setting),
            *_horizon(spec, graph, model, universe, setting),
        )
    ]
    return {"address": graph.address(model), "settings": rows}


def _told(document: Document, route: Route, otherwise: str) -> list[dict[str, Any]]:
    told = [{"place": str(place), "text": text} for place, text in explain_origin(document, route)]
    return told or [{"place": None, "text": otherwise}]


_LANGUAGE = "default of the language"


def _universe(spec: FleetSpec, universe: str, graph: JobGraph, model: int) -> Iterator[tuple[Route, str, str]]:
    one, series = spec.universes[universe], int(graph.models.series[model])
    yield ("universes", universe, "data"), one.data, _LANGUAGE
    if series != NONE:
        name = graph.models.series_names[int(graph.models.universe[model])][series]
        yield ("universes", universe, "series"), name, "every series of the data, as locked"
    yield ("universes", universe, "calendar"), one.calendar, _LANGUAGE
    yield ("universes", universe, "bar"), str(one.bar), _LANGUAGE
    yield ("data", one.data, "from"), spec.data[one.data].from_, _LANGUAGE
    yield ("seed",), str(spec.seed), _LANGUAGE


def _group(spec: FleetSpec, setting: GroupFamily) -> Iterator[tuple[Route, str, str]]:
    here: Route = ("models", setting.group)
    model = spec.models[setting.group]
    named = "family" if model.family is not None else "families"
    by_axis = dict(_axis_routes(spec, setting))
    yield by_axis.get("family", (*here, named)), setting.family.name, _LANGUAGE
    yield (*here, "target"), setting.target, _LANGUAGE
    yield (*here, "per"), setting.per, _LANGUAGE
    if setting.over:
        yield (*here, "over"), ", ".join(setting.over), _LANGUAGE
    if setting.bar is not None:
        yield by_axis.get("bar", (*here, "axes")), setting.bar, "the bar of what it is over"
    if not setting.family.transforms:
        yield by_axis.get("measure", (*here, "measure")), setting.measure, _LANGUAGE
        yield by_axis.get("train", (*here, "train")), f"{setting.train} bars", _LANGUAGE
        yield by_axis.get("refit", (*here, "refit")), f"{setting.refit} bars", _LANGUAGE
    if setting.features:
        route: Route = by_axis.get("features", (*here, "features"))
        yield route, shown(setting.features), _LANGUAGE
        if model.features is not None and "features" not in by_axis:
            yield ("features", model.features), shown(setting.features), _LANGUAGE
    for name, value in sorted(setting.params.items()):
        route = by_axis.get(f"params.{name}", (*here, "params", name))
        yield route, shown(value), f"default of family {setting.family.name}"


def _axis_routes(spec: FleetSpec, setting: GroupFamily) -> Iterator[tuple[str, Route]]:
    """What the axes decide of a model, and where: later axes win, as in the compiler."""
    model = spec.models[setting.group]
    for axis, value in setting.variant:
        written = model.axes.get(axis)
        route: Route = ("models", setting.group, "axes", axis)
        if isinstance(written, tuple):
            at = next((i for i, text in enumerate(written) if slug(text) == value), None)
            yield axis, route if at is None else (*route, at)
            yield f"params.{axis}", route if at is None else (*route, at)
        elif isinstance(written, dict):
            name = next((name for name in written if slug(name) == value), "")
            change = written.get(name)
            yield axis, (*route, name)
            if isinstance(change, str):
                yield "family", (*route, name)
            elif isinstance(change, tuple):
                yield "features", (*route, name)
            elif change is not None:
                for field in change.model_fields_set - {"params"}:
                    yield field, (*route, name, field)
                for parameter in change.params:
                    yield f"params.{parameter}", (*route, name, "params", parameter)


def _horizon(
    spec: FleetSpec, graph: JobGraph, model: int, universe: str, setting: GroupFamily
) -> Iterator[tuple[Route, str, str]]:
    code = int(graph.models.horizon[model])
    for number, row in enumerate(spec.fleet):
        if universe not in row.universe_names or setting.group not in row.model_names:
            continue
        bars = [horizon.count for horizon in spec.row_horizons(row)]
        if code != NONE and graph.models.horizons[code] not in bars:
            continue
        route: Route = ("horizons",) if row.horizons is None else ("fleet", number, "horizons")
        yield ("fleet", number), f"{universe} × {setting.group}", _LANGUAGE
        yield route, "every one of the fleet" if code == NONE else f"{graph.models.horizons[code]} bars", _LANGUAGE
