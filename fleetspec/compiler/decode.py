"""Document → FleetSpec: shape and types, every fault at its route and in the words of the language.

pydantic finds the faults; what it says of them is translated here, so no message speaks of Python.
"""

from __future__ import annotations

import types
from collections.abc import Iterable
from functools import lru_cache
from typing import TYPE_CHECKING, Annotated, Any, TypeVar, Union, get_args, get_origin

from msgspec import Struct
from pydantic import ValidationError

from fleetspec.compiler.shape import Shape
from fleetspec.compiler.spec import FleetSpec
from fleetspec.diagnostics import did_you_mean, nearest
from fleetspec.rules import shape

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

    from fleetspec.compiler.document import Document
    from fleetspec.diagnostics import Report, Route

S = TypeVar("S", bound=Shape)

_EXAMPLES = {
    "apiVersion": "apiVersion: fleetspec/v1",
    "kind": "kind: Fleet",
    "name": "name: quickstart",
    "owner": "owner: research",
    "data": 'data: {market: {from: "synthetic:market", series: 200, length: 1250 sessions}}',
    "from": "from: prices.csv",
    "universes": "universes: {equities: {data: market, calendar: XNYS, bar: 1 session}}",
    "calendar": "calendar: XNYS",
    "bar": "bar: 1 session",
    "horizons": "horizons: [1 bar, 5 bars]",
    "features": "features: {tech: [momentum(5), rsi(14)]}",
    "models": "models: {vol: {family: garch, target: variance, train: 1000 bars, refit: 5 sessions}}",
    "target": "target: variance",
    "fleet": "fleet: [{universes: equities, models: vol}]",
    "scheme": "scheme: walk-forward",
    "step": "step: 20 bars",
    "within": "within: 12h",
    "schedule": "schedule: {calendar: XNYS, start: close + 45m, deadline: open - 90m}",
    "start": "start: close + 45m",
    "deadline": "deadline: open - 90m",
    "budget": "budget: {nightly: 60 USD}",
    "nightly": "nightly: 60 USD",
    "hardware": "hardware: {laptop: {cpu: 2, memory: 8Gi, price: 0.10 USD/h, max: 1}}",
    "max": "max: 4",
    "train": "train: 1000 bars",
    "refit": "refit: 5 sessions",
    "levels": "levels: [99%, 97.5%]",
    "families": "families: [garch, egarch]",
    "params": "params: {distribution: t}",
    "tests": "tests: [kupiec]",
    "series": "series: [AAPL, MSFT]",
    "cluster": "cluster: {namespace: quant}",
    "quality": "quality: {max_missing: 5%, max_quarantined: 2%}",
    "unit_root": "unit_root: {by: [adf, kpss], level: 1%}",
    "by": "by: [adf, kpss]",
    "axes": "axes: {bar: [5m, 1h, 1 session]}",
    "search": "search: {every: 60 sessions, trials: 40, metric: rmse, space: {alpha: 1e-4..1 log}}",
    "every": "every: 60 sessions",
    "trials": "trials: 40",
    "metric": "metric: rmse",
    "space": "space: {alpha: 1e-4..1 log}",
    "effect": "effect: evaluates",
    "forecast": "forecast: every session",
    "over": "over: [vol, corr]",
    "except": "except: [{universes: fx, families: xgboost}]",
    "change": "change: {within: 4h}",
    "gates": "gates: [{models: var, test: kupiec, fdr: 5%, min_obs: 1000}]",
    "test": "test: kupiec",
    "fdr": "fdr: 5%",
    "deadlines": "deadlines: {vol: open - 3h}",
    "on_miss": "on_miss: {forecast: hold, degrade: [search, far horizons]}",
    "degrade": "degrade: [search, far horizons]",
    "objective": "objective: {minimize: cost}",
    "spot": "spot: {price: 0.31 USD/h, preempt: 4%/h}",
    "preempt": "preempt: 4%/h",
    "capex": "capex: {price: 26000 USD, years: 4, power: 0.90 USD/h}",
    "years": "years: 4",
    "power": "power: 0.90 USD/h",
    "price": "price: 0.80 USD/h",
    "queue": "queue: {kueue: quant-prod, priority: nightly}",
    "kueue": "kueue: quant-prod",
    "limits": "limits: {jobs: 2M, growth: 10x}",
    "policies": "policies: {dear: {rule: cost, limit: 250 USD, owner: platform}}",
    "rule": "rule: cost",
    "tiers": "tiers: [medium, high]",
    "pools": "pools: [cpu-std, gpu-h100]",
    "publish": 'publish: {to: "s3://lake/forecasts/", format: parquet}',
    "moved": "moved: [{from: equities/volatility, to: equities/vol}]",
    "stress": "stress: [2008, 2020]",
    "windows": "windows: {brexit: {from: 2016-06-24, to: 2016-07-08}}",
    "metrics": "metrics: [hit-rate]",
    "backtest": "backtest: {scheme: walk-forward, models: [vol], step: 20 bars, within: 12h}",
}
_EXAMPLES_WITHIN = {
    ("moved", "from"): "from: equities/volatility",
    ("moved", "to"): "to: equities/vol",
    ("windows", "from"): "from: 2020-02-20",
    ("windows", "to"): "to: 2020-04-30",
    ("publish", "to"): 'to: "s3://lake/forecasts/"',
    ("axes", "every"): "every: [1 session, 5 sessions]",
    ("data", "price"): "price: close",
    ("capex", "price"): "price: 26000 USD",
}
"""Keys that mean something else inside of another."""
_NAMES_OR_NAME = {"universes": "universes: [equities, fx]", "models": "models: [vol, var]"}
"""The two keys of a fleet row that a top-level key has its name from."""

_SHAPES = {
    "tuple_type": "a list",
    "dict_type": "a map",
    "model_type": "a map",
    "model_attributes_type": "a map",
    "string_type": "a single value",
    "scalar": "a single value",
}


def decode(document: Document, report: Report) -> FleetSpec | None:
    """The spec, or None when the report has got errors. Places are resolved by ``report.locate(document)``."""
    return decode_as(FleetSpec, document, report)


def decode_as(root: type[S], document: Document, report: Report) -> S | None:
    """The same of any file whose maps are shapes; ``root`` is the shape of the whole."""
    before = len(report.errors)
    spec = None
    try:
        spec = root.model_validate(_frozen(document.value))
    except ValidationError as error:
        for fault in _sifted((_Fault.of(detail, document.value) for detail in error.errors(include_url=False)), root):
            _tell(fault, root, report)
    _refuse_python_names(document, root, report)
    return spec if len(report.errors) == before else None


def faults(value: Any) -> tuple[FleetSpec | None, list[tuple[Route, bool]]]:
    """The spec of a plain value, or the routes at which its shape is wrong, and whether a key is missing there."""
    try:
        return FleetSpec.model_validate(_frozen(value)), []
    except ValidationError as error:
        found = (_Fault.of(detail, value) for detail in error.errors(include_url=False))
        return None, [(fault.route, fault.kind == "missing") for fault in found]


def _frozen(value: Any) -> Any:
    """Lists as tuples: the language's models are strict and frozen."""
    if isinstance(value, dict):
        return {key: _frozen(item) for key, item in value.items()}
    return tuple(_frozen(item) for item in value) if isinstance(value, list) else value


class _Fault(Struct, frozen=True):
    """A pydantic error by route. ``value`` is what stands there; ``key`` says that the key itself is wrong.

    ``in_union`` holds for faults of a value that may be one of several types, ``of_union`` for the value itself.
    """

    kind: str
    route: Route
    value: Any
    key: bool
    in_union: bool
    of_union: bool
    message: str
    context: dict[str, Any]

    @classmethod
    def of(cls, detail: ErrorDetails, value: Any) -> _Fault:
        """pydantic puts the branches of a union into an error's location; only what is written is a route."""
        route: Route = ()
        location, kind = detail["loc"], detail["type"]
        tags = []
        for part in location[:-1] if kind == "missing" else location:
            inside = value if isinstance(value, dict) else dict(enumerate(value)) if isinstance(value, list) else {}
            if part in inside:
                value, route = inside[part], (*route, part)
            else:
                tags.append(part)
        if kind == "missing":
            route = (*route, location[-1])
        context = dict(detail.get("ctx", {}))
        key, in_union = "[key]" in tags, bool(tags) and "[key]" not in tags
        of_union = in_union and location[-1] == tags[-1]
        return cls(kind, route, value, key, in_union, of_union, detail["msg"], context)


def _sifted(faults: Iterable[_Fault], root: type[Shape]) -> list[_Fault]:
    """Of a union's faults those that say most: the branch that got furthest into the value."""
    listed = list(faults)
    kept: list[_Fault] = []
    for fault in listed:
        if fault.kind == "missing" and _meant_elsewhere(fault, listed, root):
            continue
        if fault.of_union and fault.kind in (*_SHAPES, "literal_error"):
            n = len(fault.route)
            beside = [f for f in listed if f is not fault and f.in_union and f.route[:n] == fault.route]
            if any(len(f.route) > n or f.kind not in _SHAPES for f in beside):
                continue
            if any(f.route == k.route for f in beside for k in kept):
                continue
        kept.append(fault)
    return kept


def _meant_elsewhere(missing: _Fault, faults: list[_Fault], root: type[Shape]) -> bool:
    """Whether the missing key stands there misspelt: that is one fault, not two."""
    *parent, name = missing.route
    return any(
        f.kind == "extra_forbidden"
        and [*f.route[:-1]] == parent
        and nearest(str(f.route[-1]), _keys(root, f.route[:-1])) == name
        for f in faults
    )


def _tell(fault: _Fault, root: type[Shape], report: Report) -> None:
    name = str(fault.route[-1]) if fault.route else ""
    if fault.kind == "missing":
        parent = fault.route[:-1]
        where = f" in {_dotted(parent)}" if parent else ""
        help = _example(fault.route) or f"add {name}:"
        report.add(shape.MISSING_KEY, f"'{name}' is missing{where}", route=parent, key=True, help=help)
    elif fault.kind == "extra_forbidden":
        known = _keys(root, fault.route[:-1])
        report.add(
            shape.UNKNOWN_KEY,
            f"'{name}' is not a key of {_dotted(fault.route[:-1]) or 'a spec'}",
            route=fault.route,
            key=True,
            help=did_you_mean(name, known),
        )
    elif fault.value is None:
        help = _example(fault.route) or "write a value, or delete the key"
        report.add(shape.EMPTY_VALUE, f"'{_dotted(fault.route)}' has no value", route=fault.route, help=help)
    elif fault.kind == "literal_error" and isinstance(fault.value, str):
        _tell_choice(fault, report)
    elif fault.kind in (*_SHAPES, "literal_error"):
        is_ = "a map" if isinstance(fault.value, dict) else "a list" if isinstance(fault.value, list) else "one value"
        wanted = _SHAPES.get(fault.kind, "a single value")
        if fault.of_union:
            wanted = "a range or a list of choices" if "space" in fault.route else "a name or a list of names"
        message = f"{_dotted(fault.route)} is {is_}, not {wanted}"
        report.add(shape.WRONG_SHAPE, message, route=fault.route, help=_example(fault.route) or f"write {wanted}")
    else:
        rule = shape.NOT_A_NAME if fault.kind == "name" else shape.NOT_THE_QUANTITY
        report.add(
            rule,
            str(fault.context.get("text", fault.message)),
            route=fault.route,
            key=fault.key,
            help=fault.context.get("help") or _example(fault.route) or "write another value",
        )


_HALVING_ELSEWHERE = ("asha", "hyperband", "successive-halving")
"""What other tools call a search that gives the better candidates more."""


def _tell_choice(fault: _Fault, report: Report) -> None:
    choices = [word.strip().strip("'\"") for word in str(fault.context["expected"]).replace(" or ", ",").split(",")]
    help = did_you_mean(fault.value, choices) if len(choices) > 1 else f"write {choices[0]}"
    if fault.route == ("kind",) and fault.value == "Defaults":
        help = "this file only holds defaults: give the command the fleet that extends it"
    elif fault.route == ("objective", "minimize") and fault.value == "value":
        help = "write maximize: value, and value: {GROUP: 5} for what a model of a group is worth"
    elif fault.route[-2:] == ("search", "method") and fault.value in _HALVING_ELSEWHERE:
        help = "write halving: the same idea rung by rung, which can be planned, priced and repeated"
    elif fault.of_union:
        help = f"write {choices[0]}, or a list: {_EXAMPLES.get(str(fault.route[-1]), '[a, b]')}"
    message = f"'{fault.value}' is not a choice for {_dotted(fault.route)}"
    report.add(shape.NOT_A_CHOICE, message, route=fault.route, help=help)


def _dotted(route: Route) -> str:
    """``models.vol.train``, ``models of entry 1 of fleet``: a route as a person says it. Entries count from 1."""
    text = ""
    for part in route:
        if isinstance(part, int):
            text = f"entry {part + 1} of {text}"
        elif text.startswith("entry "):
            text = f"{part} of {text}"
        else:
            text += f".{part}" if text else part
    return text


def _example(route: Route) -> str | None:
    words = [part for part in reversed(route) if isinstance(part, str)]
    if len(words) > 1 and words[-1] in ("fleet", "backtest", "gates", "except") and words[0] in _NAMES_OR_NAME:
        return f"write {_NAMES_OR_NAME[words[0]]}"
    if len(words) > 1 and words[1] == "axes" and isinstance(route[-1], int):
        return f"write {words[0]}: [a, b], a single value each"
    if len(words) == 3 and (words[0], words[-1]) == ("features", "models"):
        return "write features: tech here, and features: {tech: [momentum(5), rsi(14)]} at the top of the spec"
    for word in words[1:]:
        if (word, words[0]) in _EXAMPLES_WITHIN:
            return f"write {_EXAMPLES_WITHIN[word, words[0]]}"
    return next((f"write {_EXAMPLES[word]}" for word in words if word in _EXAMPLES), None)


def _refuse_python_names(document: Document, root: type[Shape], report: Report) -> None:
    """A field whose name is a Python word has another one in the language, and only that one counts."""
    told = {found.route for found in report.findings}
    for route in document.keys:
        fields = _fields(root, route[:-1])
        name = route[-1]
        if name in fields and fields[name] not in (None, name) and route not in told:
            report.add(
                shape.UNKNOWN_KEY,
                f"'{name}' is not a key of {_dotted(route[:-1]) or 'a spec'}",
                route=route,
                key=True,
                help=f"did you mean '{fields[name]}'?",
            )


def _keys(root: type[Shape], route: Route) -> list[str]:
    return [alias or name for name, alias in _fields(root, route).items()]


@lru_cache(maxsize=256)
def _fields(root: type[Shape], route: Route) -> dict[str, str | None]:
    """Field names of the map at a route below the shape of a whole file, each with its other spelling if it has one."""
    current: list[Any] = [root]
    for part in route:
        current = [below for option in current for below in _below(option, part)]
    return {
        name: info.alias
        for option in current
        if isinstance(option, type) and issubclass(option, Shape)
        for name, info in option.model_fields.items()
    }


def _below(option: Any, part: str | int) -> list[Any]:
    if isinstance(option, type) and issubclass(option, Shape):
        return [
            choice
            for name, info in option.model_fields.items()
            if part in (name, info.alias)
            for choice in _choices(info.annotation)
        ]
    arguments = get_args(option)
    if get_origin(option) is dict and isinstance(part, str):
        return _choices(arguments[1])
    return _choices(arguments[0]) if get_origin(option) is tuple and isinstance(part, int) else []


def _choices(annotation: Any) -> list[Any]:
    """A type without its ``Annotated``, a union as its members."""
    if get_origin(annotation) is Annotated:
        return _choices(get_args(annotation)[0])
    if get_origin(annotation) in (Union, types.UnionType):
        return [choice for member in get_args(annotation) for choice in _choices(member)]
    return [annotation]
