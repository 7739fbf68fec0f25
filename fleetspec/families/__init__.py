"""Model families, one per file. A new family is a new module here that exposes ``FAMILY``, or a module elsewhere
named by an entry point of the group ``fleetspec.families``. Nothing else has to know about it."""

from __future__ import annotations

import importlib
import pkgutil
from importlib.metadata import entry_points

from fleetspec.family import Family, Registry

ENTRY_POINTS = "fleetspec.families"


def registry() -> Registry:
    """Every family installed. Two of one name are an error: a spec could not say which it means."""
    found: dict[str, tuple[Family, str]] = {}
    for family, origin in _installed():
        if family.name in found:
            raise ValueError(f"family '{family.name}' is defined twice: in {found[family.name][1]} and in {origin}")
        found[family.name] = (family, origin)
    return Registry.of(family for family, _ in found.values())


def _installed() -> list[tuple[Family, str]]:
    listed = []
    for module in pkgutil.iter_modules(__path__):
        path = f"{__name__}.{module.name}"
        listed.append((_checked(getattr(importlib.import_module(path), "FAMILY", None), path), path))
    for entry in entry_points(group=ENTRY_POINTS):
        loaded = entry.load()
        listed.append((_checked(getattr(loaded, "FAMILY", loaded), entry.value), entry.value))
    return listed


def _checked(family: object, origin: str) -> Family:
    if not isinstance(family, Family):
        raise TypeError(f"{origin} exposes no FAMILY")
    return family
