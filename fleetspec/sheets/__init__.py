"""What an answer says, before it looks like anything: blocks built from plain JSON data.

``sheet(view, data)`` turns the JSON of a noun into blocks; ``views/`` turns blocks into text, markdown or HTML.
A block holds only what the JSON holds, so what a person reads never knows more than what a machine reads.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any, Literal

from msgspec import Struct

Tone = Literal["plain", "strong", "good", "bad", "warn", "dim"]


class Heading(Struct, frozen=True):
    text: str


class Line(Struct, frozen=True):
    text: str
    tone: Tone = "plain"


class Facts(Struct, frozen=True):
    """Label and value pairs, aligned."""

    rows: tuple[tuple[str, str], ...]


class Table(Struct, frozen=True):
    """``right`` names the columns that hold numbers; ``last_is_total`` sets the last row apart."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    right: frozenset[str] = frozenset()
    last_is_total: bool = False


class Snippet(Struct, frozen=True):
    """A place in a source: the line and a mark under the characters meant."""

    where: str
    line_number: int
    line: str
    column: int
    width: int
    note: str
    tone: Tone


class Example(Struct, frozen=True):
    """A piece of a spec or a command line, kept as it is written."""

    text: str
    tone: Tone = "plain"


Block = Heading | Line | Facts | Table | Snippet | Example

_SHEETS: Mapping[str, str] = {
    "findings": "reading",
    "validate": "reading",
    "explain": "explaining",
    "rules": "explaining",
    "room": "explaining",
    "lock": "reading",
    "compile": "reading",
    "init": "reading",
    "graph": "looking",
    "ls": "looking",
    "defaults": "looking",
    "origin": "looking",
    "model": "planning",
    "plan": "planning",
    "headline": "planning",
    "frontier": "planning",
    "diff": "reviewing",
    "offers": "catalog",
    "gpus": "catalog",
    "runtimes": "catalog",
    "prices": "catalog",
    "compared": "catalog",
    "rent_or_buy": "catalog",
    "diffs": "reviewing",
    "comment": "commenting",
    "render": "running",
    "rendered": "running",
    "lint": "linting",
    "apply": "running",
    "status": "running",
    "results": "running",
    "report": "running",
    "why": "operating",
    "retry": "operating",
    "gc": "operating",
    "reproduce": "operating",
    "steps": "deploying",
    "deployed": "deploying",
    "on_cluster": "deploying",
    "drift": "deploying",
    "destroy": "deploying",
    "doctor": "deploying",
    "calibrate": "calibrating",
    "coverage": "calibrating",
    "placebo": "placebo",
    "inventory": "inventorying",
    "quality": "inspecting",
    "audit": "auditing",
    "audited": "auditing",
}


def sheet(view: str, data: Any) -> list[Block]:
    """The blocks of an answer. Views are named after the command whose answer they show."""
    module = import_module(f"fleetspec.sheets.{_SHEETS[view]}")
    build: Callable[[Any], list[Block]] = getattr(module, f"{view}_sheet")
    return build(data)
