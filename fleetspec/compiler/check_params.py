"""Parameters of families: what pydantic finds, at the place of each and in the words of the language."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from pydantic import ValidationError

from fleetspec.diagnostics import did_you_mean

if TYPE_CHECKING:
    from fleetspec.diagnostics import Route
    from fleetspec.family import Family

_LIMITS = {
    "greater_than": ("gt", "above"),
    "greater_than_equal": ("ge", "at least"),
    "less_than": ("lt", "below"),
    "less_than_equal": ("le", "at most"),
}


class ParameterFault(NamedTuple):
    """What is wrong with a parameter. ``name`` is None where it is none of those given; ``route`` leads inside its
    value, and ``unknown`` says that the family has no such parameter."""

    name: str | None
    route: Route
    unknown: bool
    message: str
    help: str | None


def parameter_faults(family: Family, params: dict[str, Any]) -> list[ParameterFault]:
    """What is wrong with parameters for a family."""
    try:
        family.params.model_validate(params)
    except ValidationError as error:
        return [_fault(family, dict(detail), params) for detail in error.errors(include_url=False)]
    return []


def _fault(family: Family, detail: dict[str, Any], params: dict[str, Any]) -> ParameterFault:
    location, kind, context = detail["loc"], detail["type"], detail.get("ctx", {})
    route: Route = ()
    value: Any = params
    for part in location:
        inside = value if isinstance(value, dict) else dict(enumerate(value)) if isinstance(value, tuple) else {}
        if part not in inside:
            break
        value, route = inside[part], (*route, part)
    name = str(location[0]) if location else ""
    at = str(route[0]) if route else None
    if kind == "extra_forbidden":
        known = list(family.params.model_fields)
        help = did_you_mean(name, known) if known else "it has no parameters: leave them out"
        return ParameterFault(at, route[1:], True, f"there is no parameter '{name}'", help)
    if kind == "missing":
        return ParameterFault(None, (), False, f"the parameter '{name}' is missing", f"add it to params: {name}: …")
    if kind == "literal_error":
        choices = [word.strip().strip("'") for word in str(context["expected"]).replace(" or ", ",").split(",")]
        shown = f"'{value}'" if isinstance(value, str) else "this"
        message = f"{shown} is not a choice for {name}"
        return ParameterFault(at, route[1:], False, message, did_you_mean(str(value), choices))
    if kind in _LIMITS:
        bound, words = _LIMITS[kind]
        help = f"write a number {words} {context[bound]:g}"
        return ParameterFault(at, route[1:], False, f"{name} is {value}", help)
    text = str(context.get("text") or detail["msg"].removeprefix("Value error, "))
    message = f"{name}: {text}" if name and name not in text else text
    return ParameterFault(at, route[1:], False, message, context.get("help"))


def family_names(families: list[Family]) -> str:
    """``family 'garch'``, or ``families 'garch' and 'gjr'``."""
    names = [f"'{family.name}'" for family in families]
    return f"family {names[0]}" if len(names) == 1 else f"families {', '.join(names[:-1])} and {names[-1]}"
