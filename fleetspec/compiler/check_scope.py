"""One group under check: what its variants are made of, and how a finding about it is told."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from fleetspec.compiler.alternatives import Written, alternatives

if TYPE_CHECKING:
    from fleetspec.compiler.spec import FleetSpec
    from fleetspec.compiler.spec_models import ModelGroup
    from fleetspec.diagnostics import Report, Route, Rule
    from fleetspec.family import Family, Registry


class Scope:
    """A group, and the report. A finding that several variants give is told once."""

    def __init__(self, spec: FleetSpec, name: str, registry: Registry, report: Report) -> None:
        self.spec, self.name, self.registry, self.report = spec, name, registry, report
        self.group: ModelGroup = spec.models[name]
        self.route: Route = ("models", name)
        self.told: set[tuple[str, Route, str]] = set()

    def add(
        self,
        rule: Rule,
        message: str,
        at: Written | Route | str | None,
        help: str,
        *,
        key: bool = False,
        related: Iterable[tuple[Route, str]] = (),
    ) -> None:
        """A finding at what is written, at a route, at a setting of the group, or at the group's own name."""
        if isinstance(at, Written):
            route, key = at.route, key or at.key
        elif isinstance(at, tuple):
            route = at
        else:
            route, key = (*self.route, at) if at is not None else self.route, key or at is None
        if (rule.code, route, message) not in self.told:
            self.told.add((rule.code, route, message))
            elsewhere = [(where, text) for where, text in related if where != route]
            self.report.add(rule, message, route=route, key=key, help=help, related=elsewhere)

    def combinations(self, *settings: str) -> Iterator[tuple[Family, Written, dict[str, Written]]]:
        """Every family that exists, where it is named, and the settings that a variant gives it."""
        for found in alternatives(self.name, self.group, "family", *settings):
            family = self.registry.get(str(found["family"].value))
            if family is not None:
                yield family, found["family"], found

    def families(self) -> list[tuple[Family, Written]]:
        """The families of all variants, each once, where it is named first."""
        found: dict[str, tuple[Family, Written]] = {}
        for family, written, _ in self.combinations():
            found.setdefault(family.name, (family, written))
        return list(found.values())


def of_axis(*written: Written) -> list[tuple[Route, str]]:
    """Related places: those of several values that an axis gives."""
    return [(one.route, f"for this value of axis '{one.axis}'") for one in written if one.axis is not None]
