"""A review of two specs as blocks."""

from __future__ import annotations

from typing import Any

from fleetspec.sheets import Block, Heading, Line, Table
from fleetspec.sheets.figures import count, plural, span, usd

_SHOWN_SETTINGS = 20


def diff_sheet(data: dict[str, Any]) -> list[Block]:
    """Headline, models by group, and both sides' bill."""
    if not data["changes"]:
        return [Line(f"No change: the same spec, the same models, the same plan of the {data['run']} run.", "good")]
    added, changed, removed = (sum(group[key] for group in data["groups"]) for key in ("added", "changed", "removed"))
    same = count(data["unchanged"])
    head = f"{count(added)} added, {count(changed)} changed, {count(removed)} removed, {same} unchanged"
    needed = f"{plural(data['jobs_to_run'], 'job')} of the {data['run']} run become necessary"
    blocks: list[Block] = [Line(f"Models: {head}", "strong"), Line(needed)]
    if data["groups"]:
        rows = tuple(
            (
                "/".join((group["universe"], group["group"], group["family"])),
                *(count(group[key]) if group[key] else "" for key in ("added", "changed", "removed")),
                "; ".join(group["reasons"]),
            )
            for group in data["groups"]
        )
        columns = ("universe/group/family", "added", "changed", "removed", "why")
        blocks.append(Table(columns, rows, frozenset({"added", "changed", "removed"})))
    if data["settings"]:
        shown = data["settings"][:_SHOWN_SETTINGS]
        rows = tuple((change["route"], change["base"] or "-", change["head"] or "-") for change in shown)
        blocks += [Heading("What the spec says otherwise"), Table(("setting", "base", "head"), rows)]
        if len(data["settings"]) > len(shown):
            blocks.append(Line(f"and {plural(len(data['settings']) - len(shown), 'setting')} more", "dim"))
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
