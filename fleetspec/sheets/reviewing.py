"""A review of two specs as blocks."""

from __future__ import annotations

from typing import Any

from fleetspec.sheets import Block, Heading, Line, Table
from fleetspec.sheets.figures import count, plural, span, usd

_SHOWN_SETTINGS = 20
_CLASSES = ("model", "upstream", "data")
_EFFECTS = {
    "model": "fits anew",
    "data": "fits anew",
    "capacity": "plans anew, fits nothing",
    "metadata": "nothing",
}
"""What a change of a value brings with it, by class."""


def diff_sheet(data: dict[str, Any]) -> list[Block]:
    """Headline, work, models by group, values by class, and both sides' bill."""
    if not data["changes"]:
        return [Line(f"No change: the same spec, the same models, the same plan of the {data['run']} run.", "good")]
    blocks: list[Block] = [Line(f"Models: {_headline(data)}", "strong"), *_work(data)]
    if data["groups"]:
        blocks += [_groups(data["groups"]), *_causes(data["groups"])]
    if data["settings"]:
        shown = data["settings"][:_SHOWN_SETTINGS]
        values = tuple(
            (change["route"], change["base"] or "-", change["head"] or "-", change["class"], change["place"] or "")
            for change in shown
        )
        columns = ("setting", "base", "head", "class", "line")
        blocks += [Heading("What the spec says otherwise"), Table(columns, values)]
        if len(data["settings"]) > len(shown):
            blocks.append(Line(f"and {plural(len(data['settings']) - len(shown), 'setting')} more", "dim"))
        told = sorted({change["class"] for change in data["settings"]}, key=list(_EFFECTS).index)
        blocks.append(Line("; ".join(f"{name}: {_EFFECTS[name]}" for name in told), "dim"))
    base, head_side = data["base"], data["head"]
    dearer = head_side["cost_usd"] - base["cost_usd"]
    rows = (
        ("verdict", base["verdict"], head_side["verdict"], ""),
        ("models", count(base["models"]), count(head_side["models"]), f"{head_side['models'] - base['models']:+,}"),
        (
            "cost",
            usd(base["cost_usd"]),
            usd(head_side["cost_usd"]),
            _signed_usd(dearer),
        ),
        _times("end", base["end_seconds"], head_side["end_seconds"]),
        _times("slack", base["slack_seconds"], head_side["slack_seconds"]),
        *_nodes(dict(base["nodes"]), dict(head_side["nodes"])),
    )
    blocks += [Heading(f"The bill of the {data['run']} run"), Table(("", "base", "head", "change"), rows)]
    return blocks


def _headline(data: dict[str, Any]) -> str:
    total = {key: sum(group[key] for group in data["groups"]) for key in ("added", "changed", "removed", "renamed")}
    classes = {key: sum(group[key] for group in data["groups"]) for key in _CLASSES}
    split = ", ".join(f"{count(number)} {name}" for name, number in classes.items() if number)
    changed = f"{count(total['changed'])} changed" + (f" ({split})" if split else "")
    counted = [f"{count(total['added'])} added", changed, f"{count(total['removed'])} removed"]
    if total["renamed"]:
        counted.append(f"{count(total['renamed'])} renamed")
    return ", ".join([*counted, f"{count(data['unchanged'])} unchanged"])


def _work(data: dict[str, Any]) -> list[Block]:
    """What becomes necessary, task by task, against what is there."""
    needed = [plural(one["needed"], one["task"], _PLURALS[one["task"]]) for one in data["work"] if one["needed"]]
    reused = sum(one["reused"] for one in data["work"])
    stored = sum(one["stored"] for one in data["work"])
    said = f"Necessary for the {data['run']} run: {', '.join(needed) if needed else 'nothing'}"
    said += f"; {count(reused)} results of the base stay"
    return [Line(said + (f", {count(stored)} more are in the store" if stored else ""))]


_PLURALS = {"trial": "trials", "fit": "fits", "forecast": "forecasts", "evaluate": "evaluations"}


def _groups(groups: list[dict[str, Any]]) -> Table:
    keys = [key for key in ("added", *_CLASSES, "removed", "renamed") if any(group[key] for group in groups)]
    rows = tuple((_name(group), *(count(group[key]) if group[key] else "" for key in keys)) for group in groups)
    return Table(("universe/group/family", *keys), rows, frozenset(keys))


def _name(group: dict[str, Any]) -> str:
    name = "/".join((group["universe"], group["group"], group["family"]))
    return f"{name} (was {group['was']})" if group["was"] else name


def _causes(groups: list[dict[str, Any]]) -> list[Block]:
    """Every cause once, with the groups it reaches."""
    reached: dict[str, list[str]] = {}
    for group in groups:
        for reason in group["reasons"]:
            reached.setdefault(reason, []).append(_name(group))
    if not reached:
        return []
    rows = []
    for reason, names in reached.items():
        more = f" and {plural(len(names) - 1, 'more', 'more')}" if len(names) > 1 else ""
        rows.append((reason, names[0] + more))
    return [Heading("Why"), Table(("cause", "reaches"), tuple(rows))]


def _times(label: str, before: float, after: float) -> tuple[str, str, str, str]:
    change = after - before
    return label, span(before), span(after), ("+" if change > 0 else "") + span(change) if change else ""


def _signed_usd(change: float) -> str:
    return f"{'+' if change > 0 else '-'}{usd(abs(change))}" if change else ""


def _nodes(before: dict[str, int], after: dict[str, int]) -> list[tuple[str, str, str, str]]:
    rows = []
    for pool in sorted(before.keys() | after.keys()):
        old, new = before.get(pool, 0), after.get(pool, 0)
        rows.append((f"nodes of {pool}", str(old), str(new), f"{new - old:+d}" if new != old else ""))
    return rows
