"""Every code the tool may print, by room: FS0xx reading · FS1xx shape · FS2xx meaning, of them FS27x data ·
FS3xx capacity · FS4xx manifests (from FS430 on, those of `lint`) · FS5xx running · FS6xx reviews and, from FS650 on,
clusters. A module of this folder holds :class:`~fleetspec.diagnostics.Rule` constants and nothing else; a new module is
found by being here."""

from __future__ import annotations

import importlib
import pkgutil
from dataclasses import dataclass
from typing import Any

from fleetspec.diagnostics import Rule


@dataclass(frozen=True, slots=True)
class Room:
    """The rules of one module. ``span`` and ``about`` are what its docstring says before and after the colon."""

    name: str
    span: str
    about: str
    rules: tuple[Rule, ...]

    def to_json(self) -> dict[str, Any]:
        """Plain data; views render from this alone."""
        rules = [rule.to_json() for rule in self.rules]
        return {"name": self.name, "span": self.span, "about": self.about, "rules": rules}


def all_rules() -> tuple[Rule, ...]:
    """All rules, by code. Raises ValueError when two have the same code."""
    return tuple(sorted((rule for room in rooms() for rule in room.rules), key=lambda rule: rule.code))


def rooms() -> tuple[Room, ...]:
    """The rules room by room, rooms by their span and first code. Raises ValueError when two rules have one code."""
    found: dict[str, tuple[Rule, str]] = {}
    made: list[Room] = []
    for module in pkgutil.iter_modules(__path__):
        loaded = importlib.import_module(f"{__name__}.{module.name}")
        codes: set[str] = set()
        for name, value in vars(loaded).items():
            if not isinstance(value, Rule):
                continue
            origin = f"{module.name}.{name}"
            if value.code in found and found[value.code][0] is not value:
                raise ValueError(f"{value.code} is both {found[value.code][1]} and {origin}")
            if value.code not in found:
                found[value.code] = (value, origin)
                codes.add(value.code)
        span, _, about = (loaded.__doc__ or "").strip().partition(": ")
        made.append(Room(module.name, span, about, tuple(found[code][0] for code in sorted(codes))))
    return tuple(sorted(made, key=lambda room: (room.span, room.rules[0].code if room.rules else "")))
