"""What a fleet asks for: horizons by universe, group and family; its rows added up, ``except`` taken out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from fleetspec.compiler.shape import listed

if TYPE_CHECKING:
    from fleetspec.compiler.spec import Exclusion, FleetSpec

Horizons = frozenset[int]


class Demand(Struct, frozen=True):
    """``rows`` holds the horizons in bars that the rows of ``fleet`` ask for by (universe, group)."""

    rows: dict[tuple[str, str], Horizons]
    exclusions: tuple[Exclusion, ...] = ()

    @property
    def universes(self) -> tuple[str, ...]:
        return tuple(sorted({universe for universe, _ in self.rows}))

    @classmethod
    def of(cls, spec: FleetSpec, held: set[str] | None = None) -> Demand:
        """The demand of a spec, or of the groups in ``held`` alone."""
        rows: dict[tuple[str, str], set[int]] = {}
        for row in spec.fleet:
            bars = {horizon.count for horizon in spec.row_horizons(row)}
            for universe in row.universe_names:
                for group in row.model_names:
                    if held is None or group in held:
                        rows.setdefault((universe, group), set()).update(bars)
        return cls({key: frozenset(bars) for key, bars in rows.items()}, spec.except_)

    @property
    def groups(self) -> frozenset[str]:
        return frozenset(group for _, group in self.rows)

    @property
    def horizons(self) -> tuple[int, ...]:
        """All horizons of the fleet, the shortest first."""
        return tuple(sorted({bars for some in self.rows.values() for bars in some}))

    def horizons_of(self, universe: str, group: str, family: str) -> Horizons:
        """Horizons in bars that a family of a group forecasts on a universe; empty where it is not in the fleet."""
        bars = self.rows.get((universe, group), frozenset())
        for entry in self.exclusions:
            if concerns(entry, universe, group, family):
                bars -= bars if entry.horizons is None else {horizon.count for horizon in entry.horizons}
        return bars


def concerns(entry: Exclusion, universe: str, group: str, family: str) -> bool:
    """Whether an exception speaks of a family of a group on a universe: every key it has must match."""
    return all(
        wanted is None or name in listed(wanted)
        for wanted, name in ((entry.universes, universe), (entry.models, group), (entry.families, family))
    )
