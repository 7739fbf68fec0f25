"""What of a review belongs beside lines of specs: faults, policies, runs that do not hold, values that fit models anew.

Remarks have the shape of findings (code, severity, message, help, place, related), the worst first. Places are those of
the head and hold plain paths, since a forge shows them on the files of a pull request.
"""

from __future__ import annotations

import re
from typing import Any

from fleetspec.sheets.figures import plural, span, usd
from fleetspec.sheets.verdicts import heads, rulings

SHOWN = 10
"""Remarks a forge shows of one step: GitHub takes ten of each severity, and a reader no more."""
SEVERITIES = ("error", "warning", "notice")
_PLACE = re.compile(r"(?P<file>.+?):(?P<line>[0-9]+)(?::(?P<column>[0-9]+))?")

Remark = dict[str, Any]


def remarks(data: dict[str, Any]) -> list[Remark]:
    """All of them for the JSON of a diff between two states."""
    label = f"{data['head']['ref']}:"
    found = [
        *(_finding(one, label) for spec in data["specs"] if spec["state"] != "mended" for one in spec["findings"]),
        *(_policy(one, label) for one in rulings(data) if one["outcome"] in ("fail", "warn")),
        *(_verdict(spec["path"], head) for spec, head in heads(data) if head["verdict"] != "feasible"),
        *(one for spec in data["specs"] if spec["review"] is not None for one in _values(spec["review"], label)),
    ]
    # The head's lines alone are on the page that shows the change.
    base = f"{data['base']['ref']}:"
    kept = [one for one in found if one["place"] is None or not one["place"]["file"].startswith(base)]
    return sorted(kept, key=lambda one: SEVERITIES.index(one["severity"]))


def worst(data: dict[str, Any], shown: int = SHOWN) -> list[Remark]:
    """The first ``shown`` remarks, and one that says how many are not."""
    found = remarks(data)
    if len(found) <= shown:
        return found
    left = found[shown:]
    counted = [plural(number, name) for name in SEVERITIES if (number := sum(one["severity"] == name for one in left))]
    message = f"{shown} of {len(found)} remarks are shown, the worst first; not shown: {', '.join(counted)}"
    return [*found[:shown], _remark("fleetspec", "notice", message, "the comment and the summary have all")]


def _remark(code: str, severity: str, message: str, help: str | None, place: dict[str, Any] | None = None) -> Remark:
    return {"code": code, "severity": severity, "message": message, "help": help, "place": place, "related": []}


def _finding(found: Remark, label: str) -> Remark:
    """A finding with plain paths."""

    def plain(place: dict[str, Any] | None) -> dict[str, Any] | None:
        return None if place is None else place | {"file": place["file"].removeprefix(label)}

    related = [one | {"place": plain(one["place"])} for one in found["related"]]
    return found | {"place": plain(found["place"]), "related": related}


def _policy(one: dict[str, Any], label: str) -> Remark:
    severity = "error" if one["outcome"] == "fail" else "warning"
    message = f"policy {one['id']} of {one['owner']}: {one['what']}"
    return _remark(str(one["rule"]), severity, message, one["fix"], _place(one["where"], label))


def _verdict(path: str, head: dict[str, Any]) -> Remark:
    late = -head["slack_seconds"]
    said = f"the run ends {span(late)} after its deadline" if late > 0 else f"the plan is {head['verdict']}"
    place = {"file": path, "line": 1, "column": 1, "snippet": "", "width": 1}
    message = f"{path}: {said}, for {usd(head['cost_usd'])}"
    return _remark("plan", "error", message, f"fleetspec plan {path} says what would help", place)


def _values(review: dict[str, Any], label: str) -> list[Remark]:
    """A value that makes models anew, at its line, with how many models name it as their reason."""
    made = []
    for change in review["settings"]:
        place = _place(change["place"], label)
        if change["class"] not in ("model", "data") or place is None:
            continue
        text = f"{change['route']} {change['base'] or 'none'} → {change['head'] or 'none'}"
        reached = [group for group in review["groups"] if any(text in reason for reason in group["reasons"])]
        models = sum(group["changed"] for group in reached)
        what = f"{plural(models, 'model')} to be made anew" if models else "fits anew what rests on it"
        made.append(_remark("change", "notice", f"{text}: {what}", None, place))
    return made


def _place(text: str | None, label: str) -> dict[str, Any] | None:
    """``HEAD:specs/prod.yaml:23`` as a place; None where the text names no line."""
    found = _PLACE.fullmatch((text or "").removeprefix(label))
    if found is None:
        return None
    column = int(found["column"] or 1)
    return {"file": found["file"], "line": int(found["line"]), "column": column, "snippet": "", "width": 1}
