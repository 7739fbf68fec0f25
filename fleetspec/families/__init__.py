"""Model families, one per file. A new family is a new module here that exposes ``FAMILY``, or a module elsewhere
named by an entry point of the group ``fleetspec.families``. Nothing else has to know about it.

A family is loaded when it is first asked for. Modules and entry points are therefore named like their families
(``vol_scaled`` holds ``vol-scaled``), and entry points are looked for only where a name is not one of the shipped.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from fleetspec.family import Family, Registry

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

ENTRY_POINTS = "fleetspec.families"


def registry() -> Registry:
    """Every family installed."""
    return Registry(_Installed())


class _Installed(Mapping[str, Family]):
    """Families by name. Looking for one that is not shipped raises ValueError where two have one name, since a spec
    could not say which it means, and loading one raises TypeError or ValueError where there is no such family."""

    def __init__(self) -> None:
        self._shipped = {m.name.replace("_", "-"): f"{__name__}.{m.name}" for m in pkgutil.iter_modules(__path__)}
        self._elsewhere: dict[str, EntryPoint] | None = None
        self._loaded: dict[str, Family] = {}

    def __getitem__(self, name: str) -> Family:
        if name not in self._loaded:
            if name in self._shipped:
                found, origin = importlib.import_module(self._shipped[name]), self._shipped[name]
            else:
                entry = self._plug_ins()[name]
                found, origin = entry.load(), entry.value
            self._loaded[name] = _checked(getattr(found, "FAMILY", found), name, origin)
        return self._loaded[name]

    def __contains__(self, name: object) -> bool:
        return name in self._shipped or name in self._plug_ins()

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(self._shipped.keys() | self._plug_ins().keys()))

    def __len__(self) -> int:
        return len(self._shipped) + len(self._plug_ins())

    def _plug_ins(self) -> dict[str, EntryPoint]:
        if self._elsewhere is None:
            from importlib.metadata import entry_points

            found: dict[str, EntryPoint] = {}
            for entry in entry_points(group=ENTRY_POINTS):
                other = self._shipped.get(entry.name) or (found[entry.name].value if entry.name in found else None)
                if other is not None:
                    raise ValueError(f"family '{entry.name}' is defined twice: in {other} and in {entry.value}")
                found[entry.name] = entry
            self._elsewhere = found
        return self._elsewhere


def _checked(family: object, name: str, origin: str) -> Family:
    if not isinstance(family, Family):
        raise TypeError(f"{origin} exposes no FAMILY")
    if family.name != name:
        raise ValueError(f"{origin} is installed as '{name}' and calls its family '{family.name}'")
    return family
