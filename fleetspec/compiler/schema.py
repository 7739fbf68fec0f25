"""The language as JSON Schema (Draft 2020-12), for editors: made from the pydantic models, whatever keys they have.

An editor's YAML reader types what the language reads as text (``seed: 7``, ``series: [ON, 000660]``), so a scalar may
be the text or what such a reader makes of it. Every map has two definitions: whole, and in part (``.part``) for files
that extend others, where nothing is required and operators (``+key``, ``-key``, ``key!``) may stand.
"""

from __future__ import annotations

import json
import re
import types
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, Union, get_args, get_origin

import yaml
from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from fleetspec.compiler.spec import FleetSpec, Universe
from fleetspec.scalars import FleetName, Name

if TYPE_CHECKING:
    from pydantic.fields import FieldInfo

Schema = dict[str, Any]
Kind = Literal["fleet", "defaults", "approvals"]

_NUMBER = r"[0-9]+(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?"
_DURATION = r"(?:\s*[0-9]+(?:\.[0-9]+)?\s*[smhd])+"
_WHOLE = r"0*[1-9][0-9]*"
_NAMES = r"[a-z0-9](?:[-a-z0-9]*[a-z0-9])?"
_SESSIONS = rf"{_WHOLE}\s*sessions?"

TEXTS: Mapping[str, str] = {
    "int": r"[-+]?[0-9]+",
    "float": r"[-+]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][-+]?[0-9]+)?",
    "date": r"[0-9]{4}-[0-9]{2}-[0-9]{2}",
    "Duration": _DURATION,
    "Memory": rf"{_NUMBER}\s*[MGT]iB?",
    "Money": rf"{_NUMBER}\s*USD",
    "YearlyMoney": rf"{_NUMBER}\s*USD\s*/\s*year",
    "Rate": rf"{_NUMBER}\s*USD\s*/\s*h",
    "Share": rf"{_NUMBER}\s*%",
    "HourlyShare": rf"{_NUMBER}\s*%\s*/\s*h",
    "Bars": rf"{_WHOLE}\s*bars?",
    "Sessions": _SESSIONS,
    "Cadence": rf"every\s+session|{_SESSIONS}|{_WHOLE}\s*bars?",
    "BarSize": rf"1 (?:session|week|month|quarter)s?|{_DURATION}",
    "Count": r"[0-9]+(?:\.[0-9]+)?\s*[kM]?",
    "Factor": rf"{_NUMBER}\s*x",
    "Sigma": rf"{_NUMBER}\s*sigma",
    "SessionTime": rf"(?:open|close)\s*(?:[-+]\s*{_DURATION})?|[0-9]{{1,2}}:[0-9]{{2}}\s+[A-Za-z][A-Za-z0-9_+/-]*",
}
"""How each quantity is written, by the name of its class. It may let through what ``parse`` refuses, never the other
way round."""

_WORDS = (("FleetName", FleetName, r"[a-z](?:[-a-z0-9]{0,14}[a-z0-9])?"), ("Name", Name, _NAMES))
_ID = "urn:fleetspec:v1:"
_REFERENCE = r"\$\{"
VAR_TYPES = ("int", "number", "text", "flag", "duration", "share", "money", "bars", "sessions", "memory")
_TEXT: Schema = {"type": ["string", "number", "boolean"]}
# `~` and `null` are tickers like any other; as the value of a key, null is what an editor makes of nothing at all.
_ITEM: Schema = {"type": ["string", "number", "boolean", "null"]}


def schema_text(kind: Kind) -> str:
    """The schema as it is committed: the same models, the same bytes."""
    return json.dumps(schema(kind), indent=1, ensure_ascii=False) + "\n"


def is_replaceable(path: Path) -> bool:
    """Whether a schema may be written there: there is none, or one of ours."""
    try:
        return f'"$id": "{_ID}' in path.read_text(errors="replace")
    except FileNotFoundError:
        return True


def schema(kind: Kind) -> Schema:
    """What an editor checks a spec (``fleet``), a file of defaults (``defaults``) or of ``approvals`` by."""
    made = _Definitions()
    if kind == "approvals":
        from fleetspec.compiler.approvals import ApprovalsFile

        whole = made.model(ApprovalsFile, part=False)
        return {**_head(kind, "Approvals of fleetspec/v1"), **whole, "$defs": dict(sorted(made.found.items()))}
    part = made.model(FleetSpec, part=True)
    head = _head(kind, "A fleet of fleetspec/v1" if kind == "fleet" else "Defaults of fleetspec/v1")
    if kind == "fleet":
        whole = made.model(FleetSpec, part=False)
        body: Schema = {"if": {"required": ["extends"]}, "then": part, "else": whole}
        fixed: Schema = {"kind": {"const": "Fleet"}}
    else:
        body = dict(part)
        fixed = {"kind": {"const": "Defaults"}}
    required = {"required": ["apiVersion", "kind"]}
    return {**head, "properties": fixed, **required, **body, "$defs": dict(sorted(made.found.items()))}


def _head(kind: Kind, title: str) -> Schema:
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"{_ID}{kind}",
        "title": title,
        "type": "object",
    }


class _Definitions:
    """Definitions of every map of the language, each made once."""

    def __init__(self) -> None:
        self.found: dict[str, Schema] = {
            "Reference": {
                "type": "string",
                "pattern": _REFERENCE,
                "description": "A value filled in later: `${var.name}`, `${env.NAME}`, `${secret.name}`.",
            }
        }

    def model(self, model: type[BaseModel], part: bool) -> Schema:
        name = model.__name__.rstrip("_") + (".part" if part else "")
        if name not in self.found:
            self.found[name] = {}
            self.found[name] = self._map(model, part)
        return {"$ref": f"#/$defs/{name}"}

    def _map(self, model: type[BaseModel], part: bool) -> Schema:
        properties: Schema = {}
        required = []
        for python_name, info in model.model_fields.items():
            key = info.alias or python_name
            made = self.value(_annotated(info), part)
            if (model, key) == (Universe, "series"):
                made = {"anyOf": [*made["anyOf"], self._defined("NamedFile", _NAMED_FILE)]}
            properties[key] = {**made, **_said(model, key, info)}
            if info.is_required():
                required.append(key)
        if model is FleetSpec:
            properties["kind"] = {"enum": ["Fleet", "Defaults"]}
            properties["apiVersion"] = {"const": "fleetspec/v1"}
        operators: Schema = {}
        for key, made in properties.items() if part else []:
            operators |= {f"{sign}{key}{mark}": operated for sign, mark, operated in self._operators(made)}
        if model is FleetSpec:
            operators |= {"extends": _EXTENDS, "vars": _vars(part)}
        result: Schema = {"type": "object", "description": _plain(model.__doc__ or "")}
        result |= {"properties": properties | operators, "additionalProperties": False}
        return result if part or not required else {**result, "required": required}

    def _operators(self, made: Schema) -> list[tuple[str, str, Schema]]:
        """What ``extends`` may do to a value, as signs before and after its key: append to a list, take from a list or
        a map, replace a map."""
        options = [self._resolved(option) for option in made.get("anyOf", [made])]
        lists = [option for option in options if option.get("type") == "array"]
        is_map = any(option.get("type") == "object" for option in options)
        taken: list[tuple[str, str, Schema]] = [("-", "", {"type": "array"})] if lists or is_map else []
        return [*(("+", "", option) for option in lists[:1]), *taken, *([("", "!", made)] if is_map else [])]

    def _resolved(self, made: Schema) -> Schema:
        name = str(made.get("$ref", "")).removeprefix("#/$defs/")
        # A map that is being made refers to itself.
        return self.found.get(name) or {"type": "object"} if name else made

    def value(self, annotation: Any, part: bool, *, item: bool = False) -> Schema:
        """The schema of a type. ``item``: it stands in a list."""
        metadata: tuple[Any, ...] = ()
        while get_origin(annotation) is Annotated:
            annotation, *more = get_args(annotation)
            metadata += tuple(more)
        origin, arguments = get_origin(annotation), get_args(annotation)
        if origin in (Union, types.UnionType):
            options = [self.value(a, part, item=item) for a in arguments if a is not type(None)]
            return options[0] if len(options) == 1 else {"anyOf": options}
        if origin is Literal:
            return _choice(arguments)
        if origin is tuple:
            return {"type": "array", "items": self.value(arguments[0], part, item=True)}
        if origin is dict:
            return self._named(arguments[0], arguments[1], part)
        if isinstance(annotation, type) and issubclass(annotation, BaseModel):
            return self.model(annotation, part)
        if annotation is Any:
            return {}
        return self._scalar(annotation, metadata, item)

    def _scalar(self, kind: Any, metadata: tuple[Any, ...], item: bool) -> Schema:
        if kind is str:
            for title, known, pattern in _WORDS:
                if any(entry in get_args(known)[1:] for entry in metadata):
                    return self._defined(title, _pattern(pattern))
            return self._defined("Item", _ITEM) if item else self._defined("Text", _TEXT)
        if kind is bool:
            return self._defined("Flag", {"enum": [True, False, "true", "false"]})
        name = kind.__name__
        if name not in TEXTS:
            return self._defined("Text", _TEXT)
        said = {} if kind in (int, float, date) else {"description": _plain(kind.__doc__ or "")}
        return self._defined(name.capitalize() if name.islower() else name, _pattern(TEXTS[name]) | said)

    def _defined(self, name: str, made: Schema) -> Schema:
        self.found[name] = made
        return {"$ref": f"#/$defs/{name}"}

    def _named(self, key: Any, value: Any, part: bool) -> Schema:
        """A map by name. Operators end a name's pattern: ``tech`` and ``+tech`` are different entries."""
        made = self.value(value, part)
        if not made:
            return {"type": "object"}
        name = _NAMES if get_origin(key) is Annotated else r"[^+-](?:.*[^!])?"
        patterns = {f"^(?:{name})$": made}
        for sign, mark, operated in self._operators(made) if part else []:
            patterns[f"^{f'[{sign}]' if sign else ''}(?:{name}){mark}$"] = operated
        return {"type": "object", "patternProperties": patterns, "additionalProperties": False}


def _annotated(info: FieldInfo) -> Any:
    """A field's type with its metadata, which pydantic keeps apart."""
    annotation: Any = info.annotation
    for entry in info.metadata:
        annotation = Annotated[annotation, entry]
    return annotation


def _pattern(pattern: str) -> Schema:
    """Texts of a pattern, or with ``${…}`` in them; and what an editor makes of those that look like something else."""
    typed = ["string"]
    if re.fullmatch(pattern, "7"):
        typed.append("number" if re.fullmatch(pattern, "1e5") or re.fullmatch(pattern, "0.5") else "integer")
    if re.fullmatch(pattern, "on"):
        typed.append("boolean")
    return {"type": typed if len(typed) > 1 else "string", "pattern": rf"^\s*(?:{pattern})\s*$|{_REFERENCE}"}


def _choice(choices: tuple[Any, ...]) -> Schema:
    typed = [yaml.safe_load(str(choice)) for choice in choices]
    words = [*choices, *(value for value, choice in zip(typed, choices, strict=True) if value != choice)]
    return {"anyOf": [{"enum": words}, {"$ref": "#/$defs/Reference"}]}


_NAMED_FILE: Schema = {
    "type": "string",
    "pattern": "^file:.",
    "description": "A CSV or YAML list in a file of its own, relative to this one: `file:universes/g10.csv`.",
}

_EXTENDS: Schema = {
    "type": "array",
    "items": {"type": "string"},
    "description": "Defaults files, relative to this one. Later ones win, the file itself last.",
}


def _vars(part: bool) -> Schema:
    anything = dict(_TEXT)
    entry: Schema = {
        "type": "object",
        "properties": {
            "type": {"enum": list(VAR_TYPES)},
            **dict.fromkeys(("default", "min", "max"), anything),
            "choices": {"type": "array", "items": dict(_ITEM)},
            "about": anything,
        },
        "additionalProperties": False,
    }
    return {
        "type": "object",
        "description": "What a spec leaves open: `--var trials=8`, FLEETSPEC_VAR_trials, or the default.",
        "patternProperties": {"^[a-z][a-z0-9_]*$": entry if part else {**entry, "required": ["type"]}},
        "additionalProperties": False,
    }


def _said(model: type[BaseModel], key: str, info: FieldInfo) -> Schema:
    """A key's description and default. Without one of its own, what its map's docstring says of it."""
    made: Schema = {}
    sentences = re.split(r"(?<=\.)\s+", _plain(model.__doc__ or ""))
    told = " ".join(sentence for sentence in sentences if re.search(rf"`{re.escape(key)}(`|: )", sentence))
    text = info.description or told
    if text:
        made["description"] = text
    default = info.get_default(call_default_factory=True)
    if default is not PydanticUndefined and not isinstance(default, BaseModel) and default not in (None, (), {}):
        made["default"] = default if isinstance(default, int | float) else str(default)
    return made


def _plain(docstring: str) -> str:
    return re.sub(r"\s+", " ", docstring).replace("``", "`").strip()
