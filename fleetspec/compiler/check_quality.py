"""What the quality gate asks, without data or lock."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fleetspec.compiler.check_names import check_listed
from fleetspec.panel.unit_roots import KPSS_RANGE
from fleetspec.rules import meaning
from fleetspec.units import Share

if TYPE_CHECKING:
    from fleetspec.compiler.spec import FleetSpec
    from fleetspec.diagnostics import Report


def check_unit_root(spec: FleetSpec, report: Report) -> None:
    """Tests that are named once each, at a level that their tables reach."""
    root = spec.quality.unit_root
    if root is None:
        return
    check_listed(("quality", "unit_root", "by"), root.by, report)
    least, most = KPSS_RANGE if "kpss" in root.by else (0.0, 0.5)
    if not least <= root.level.fraction <= most or root.level.fraction == 0:
        report.add(
            meaning.OUT_OF_RANGE,
            f"a level of {root.level} is beyond the tables of {' and '.join(dict.fromkeys(root.by))}",
            route=("quality", "unit_root", "level"),
            help=f"write a level from {Share(least)} to {Share(most)}: level: 1%",
        )
