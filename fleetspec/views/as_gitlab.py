"""A review for the widgets of a merge request: a code quality report, and the counts of what is added and removed.

GitLab reads both from a job's ``artifacts:reports``: ``codequality`` is a list in the format of Code Climate,
``terraform`` a plan in counts.
"""

from __future__ import annotations

import hashlib
from typing import Any

from fleetspec.sheets.remarks import remarks

_SEVERITIES = {"error": "blocker", "warning": "major", "notice": "info"}


def code_quality(data: dict[str, Any]) -> list[dict[str, Any]]:
    """All remarks of a review, each at its file and line; one without a place stands at the first spec's first line."""
    first = data["specs"][0]["path"] if data["specs"] else "."
    seen: dict[str, int] = {}
    issues = []
    for one in remarks(data):
        place = one["place"] or {"file": first, "line": 1}
        text = one["message"] + (f" (help: {one['help']})" if one["help"] else "")
        # Without the line: a remark that only moves down is the same one, and GitLab compares by fingerprint.
        same = "\0".join((one["code"], place["file"], one["message"]))
        seen[same] = seen.get(same, 0) + 1
        issues.append(
            {
                "check_name": one["code"],
                "description": text,
                "fingerprint": hashlib.sha256(f"{same}\0{seen[same]}".encode()).hexdigest(),
                "severity": _SEVERITIES[one["severity"]],
                "location": {"path": place["file"], "lines": {"begin": place["line"]}},
            }
        )
    return issues


def widget(data: dict[str, Any]) -> dict[str, int]:
    """Models that are added, made anew and removed, as the widget for plans counts resources."""
    total = data["total"]
    return {"create": total["added"], "update": total["changed"], "delete": total["removed"]}
