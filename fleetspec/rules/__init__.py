"""Every code the tool may print, by room: FS0xx reading · FS1xx shape · FS2xx meaning · FS3xx capacity ·
FS4xx manifests · FS5xx running. A module of this folder holds :class:`~fleetspec.diagnostics.Rule` constants and
nothing else; a new module is found by being here."""

from __future__ import annotations

import importlib
import pkgutil

from fleetspec.diagnostics import Rule


def all_rules() -> tuple[Rule, ...]:
    """All rules, by code. Raises ValueError when two have the same code."""
    found: dict[str, tuple[Rule, str]] = {}
    for module in pkgutil.iter_modules(__path__):
        loaded = importlib.import_module(f"{__name__}.{module.name}")
        for name, value in vars(loaded).items():
            if not isinstance(value, Rule):
                continue
            origin = f"{module.name}.{name}"
            if value.code in found and found[value.code][0] is not value:
                raise ValueError(f"{value.code} is both {found[value.code][1]} and {origin}")
            found[value.code] = (value, origin)
    return tuple(found[code][0] for code in sorted(found))
