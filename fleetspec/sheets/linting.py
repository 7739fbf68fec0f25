"""What a look at manifests found, as blocks."""

from __future__ import annotations

from typing import Any

from fleetspec.sheets import Block, Line
from fleetspec.sheets.figures import plural


def lint_sheet(data: dict[str, Any]) -> list[Block]:
    """The answer to ``lint``: what was looked at, and how much is wrong; findings stand apart."""
    errors = sum(finding["severity"] == "error" for finding in data["findings"])
    warnings = len(data["findings"]) - errors
    looked = f"{plural(data['objects'], 'object')} in {plural(data['files'], 'file')}"
    if data["unknown"]:
        looked += f", of {data['unknown']} only names and labels"
    if errors:
        return [Line(f"{looked}: {plural(errors, 'error')}, {plural(warnings, 'warning')}", "bad")]
    if not data["objects"]:
        return [Line(f"nothing to check in {plural(data['files'], 'file')}", "warn")]
    return [
        Line(f"{looked}: " + (plural(warnings, "warning") if warnings else "sound"), "warn" if warnings else "good")
    ]
