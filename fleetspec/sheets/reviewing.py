"""A review of two specs, and of all specs that differ between two states of a repository, as blocks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fleetspec.sheets import Block, Heading, Line, Table
from fleetspec.sheets.figures import count, plural, span, usd
from fleetspec.sheets.policies import policy_blocks
from fleetspec.sheets.reading import findings_sheet

_SHOWN_SETTINGS = 20
_COUNTED = ("added", "changed", "removed", "renamed")
_CLASSES = ("model", "upstream", "data")
_EFFECTS = {
    "model": "fits anew",
    "data": "fits anew",
    "capacity": "plans anew, fits nothing",
    "metadata": "changes no result",
}
"""What a change of a value brings with it, by class."""
UNSET = "(not set)"
"""A setting that the spec does not say."""


def diff_sheet(data: dict[str, Any]) -> list[Block]:
    """Headline, work, models by group, values by class, and both sides' bill."""
    if not data["changes"]:
        return [Line(f"No change: the same spec, the same models, the same plan of the {data['run']} run.", "good")]
    return [
        Line(f"Models: {headline(total([data]))}", "strong"),
        *([necessary(data["work"], data["run"])] if data["work"] else ()),
        *policy_blocks(data.get("policies", ())),
        *groups_blocks(data),
        *causes_blocks(data),
        *settings_blocks(data),
        *bill_blocks(data),
        *_held(data["head"]),
    ]


def _held(head: dict[str, Any] | None) -> list[Block]:
    """A word where the head's run does not hold, and where the way out is."""
    if head is None or head["verdict"] == "feasible":
        return []
    return [Line(f"The head's run does not hold ({head['verdict']}): its own plan says what would help.", "bad")]


def diffs_sheet(data: dict[str, Any]) -> list[Block]:
    """What all come to, a row for each spec, then each spec as ``diff`` tells it."""
    if not data["specs"]:
        return [Line(f"No spec differs between {states(data)}.", "good")]
    blocks: list[Block] = [*verdict_blocks(data)]
    for spec in data["specs"]:
        blocks += [Heading(f"{spec['path']}: {title_of(spec)}"), *spec_blocks(spec)]
    return blocks


def verdict_blocks(data: dict[str, Any]) -> list[Block]:
    """Headline, what it makes necessary, and the table of specs with its total."""
    found = data["total"]
    head = f"{plural(len(data['specs']), 'spec')} {'differ' if len(data['specs']) > 1 else 'differs'}"
    blocks: list[Block] = [Line(f"{head} between {states(data)}. Models: {headline(found)}", "strong")]
    broken = [spec["path"] for spec in data["specs"] if spec["state"] == "broken"]
    if broken:
        blocks.append(Line(f"Cannot be compared, for faults in the head: {', '.join(broken)}", "bad"))
    if found["work"]:
        blocks.append(necessary(found["work"], data["run"]))
    return [*blocks, specs_table(data), Line(assumed(data), "dim")]


def specs_table(data: dict[str, Any]) -> Table:
    """A row for each spec: what becomes of its models, the run's cost and how it changes, and its slack."""
    rows = []
    for spec in data["specs"]:
        review = spec["review"]
        if review is None:
            rows.append((spec["path"], spec["state"], "", "", ""))
            continue
        costs = {side: 0.0 if review[side] is None else review[side]["cost_usd"] for side in ("base", "head")}
        slack = "" if review["head"] is None else span(review["head"]["slack_seconds"])
        rows.append(
            (
                spec["path"],
                spec["state"] if spec["changes"] else "no change",
                _models(total([review])),
                _cost(costs),
                slack,
            )
        )
    if several := len(rows) > 1:
        rows.append(("total", "", _models(data["total"]), _cost(data["total"]["cost_usd"]), ""))
    columns = ("spec", "state", "models", "cost", "slack")
    return Table(columns, tuple(rows), frozenset({"cost", "slack"}), last_is_total=several)


def _models(counts: dict[str, Any]) -> str:
    return ", ".join(f"{count(counts[key])} {key}" for key in _COUNTED if counts[key]) or "none"


def _cost(costs: dict[str, float]) -> str:
    change = _signed_usd(costs["head"] - costs["base"])
    return usd(costs["head"]) + (f" ({change.removesuffix(' USD')})" if change else "")


def title_of(spec: dict[str, Any]) -> str:
    """What became of a spec: ``changed``, ``renamed from old.yaml``, ``no change`` …"""
    if spec["state"] == "renamed":
        return f"renamed from {spec['was']}" + ("" if spec["changes"] else ", no other change")
    return "no change" if not spec["changes"] else str(spec["state"])


def spec_blocks(spec: dict[str, Any]) -> list[Block]:
    """One spec's review, or why there is none."""
    said = findings_sheet(spec["findings"]) if spec["state"] in ("broken", "mended") else []
    review = [] if spec["review"] is None else diff_sheet(spec["review"])
    return [*notes(spec), *said, *review]


def notes(spec: dict[str, Any]) -> list[Block]:
    """What has to be known of a spec before its review."""
    if spec["state"] == "broken":
        return [Line("It cannot be compared:", "bad")]
    if spec["state"] == "mended":
        return [Line("The base cannot be read, as told here; the rest is the head alone:")]
    if spec["review"] is None:
        return [Line("What it was could not be read.")]
    if spec["relocked"] and spec["state"] in ("changed", "renamed"):
        same = "Its lock has changed too. Both sides are compared on the base's data"
        return [Line(f"{same}; fleetspec diff --data shows what the new data bring.", "dim")]
    return []


def states(data: dict[str, Any]) -> str:
    """``main (1a2b3c4d) and HEAD (5e6f7081)``."""
    return " and ".join(_state(data[side]) for side in ("base", "head"))


def _state(side: dict[str, Any]) -> str:
    # A merge base is called by its commit; a folder has none.
    if side["commit"] and side["commit"].startswith(side["ref"]):
        return str(side["ref"])[:12]
    return str(side["ref"]) if not side["commit"] else f"{side['ref']} ({side['commit'][:8]})"


def assumed(data: dict[str, Any]) -> str:
    """What the figures rest on."""
    lock = (
        "Both sides have the data of the base's locks"
        if data["data"] == "base"
        else "Each side has its own lock's data"
    )
    return f"{lock}; costs are those of one {data['run']} run, planned from nothing."


def total(reviews: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Models of reviews by what became of them."""
    groups = [group for review in reviews for group in review["groups"]]
    counts = {key: sum(group[key] for group in groups) for key in (*_COUNTED, *_CLASSES)}
    return counts | {"unchanged": sum(review["unchanged"] for review in reviews)}


def groups_blocks(data: dict[str, Any]) -> list[Block]:
    """Models by group."""
    return [_groups(data["groups"])] if data["groups"] else []


def causes_blocks(data: dict[str, Any]) -> list[Block]:
    """Why those models changed that did."""
    return _causes(data["groups"])


def settings_blocks(data: dict[str, Any]) -> list[Block]:
    """Values of the spec that mean something else."""
    if not data["settings"]:
        return []
    shown = data["settings"][:_SHOWN_SETTINGS]
    values = tuple(
        (
            change["route"],
            change["base"] or "(not set)",
            change["head"] or "(not set)",
            change["class"],
            change["place"] or "",
        )
        for change in shown
    )
    columns = ("setting", "base", "head", "class", "line")
    blocks: list[Block] = [Heading("Changed settings"), Table(columns, values)]
    if len(data["settings"]) > len(shown):
        blocks.append(Line(f"and {plural(len(data['settings']) - len(shown), 'setting')} more", "dim"))
    told = sorted({change["class"] for change in data["settings"]}, key=list(_EFFECTS).index)
    return [*blocks, Line("; ".join(f"{name}: {_EFFECTS[name]}" for name in told), "dim")]


def bill_blocks(data: dict[str, Any]) -> list[Block]:
    """Both sides of a run: verdict, models, cost, times and nodes."""
    title = Heading(f"The bill of the {data['run']} run")
    base, head = data["base"], data["head"]
    if base is None or head is None:
        side = base or head
        rows = tuple((label, value) for label, value in _bill(side))
        return [title, Table(("", "base" if head is None else "head"), rows)]
    dearer = head["cost_usd"] - base["cost_usd"]
    both = (
        ("verdict", base["verdict"], head["verdict"], ""),
        ("models", count(base["models"]), count(head["models"]), f"{head['models'] - base['models']:+,}"),
        *_left_out(base, head),
        ("cost", usd(base["cost_usd"]), usd(head["cost_usd"]), _signed_usd(dearer)),
        *_budgets(base.get("budget_usd"), head.get("budget_usd")),
        _times("ends after", base["end_seconds"], head["end_seconds"]),
        _times("slack to the deadline", base["slack_seconds"], head["slack_seconds"]),
        *_nodes(dict(base["nodes"]), dict(head["nodes"])),
    )
    return [title, Table(("", "base", "head", "change"), both)]


def _left_out(base: dict[str, Any], head: dict[str, Any]) -> list[tuple[str, str, str, str]]:
    """Models that one of two plans does without."""
    was, now = base.get("left_out", 0), head.get("left_out", 0)
    return [("of them left out", count(was), count(now), f"{now - was:+,}")] if was or now else []


def _bill(side: dict[str, Any]) -> list[tuple[str, str]]:
    return [
        ("verdict", side["verdict"]),
        ("models", count(side["models"])),
        *((("of them left out", count(side["left_out"])),) if side.get("left_out") else ()),
        ("cost", usd(side["cost_usd"])),
        *((("budget", usd(side["budget_usd"])),) if side.get("budget_usd") is not None else ()),
        ("ends after", span(side["end_seconds"])),
        ("slack to the deadline", span(side["slack_seconds"])),
        *((f"nodes of {pool}", str(nodes)) for pool, nodes in side["nodes"]),
    ]


def headline(counts: dict[str, Any]) -> str:
    """Models by what becomes of them."""
    split = ", ".join(f"{count(counts[name])} {name}" for name in _CLASSES if counts[name])
    changed = f"{count(counts['changed'])} changed" + (f" ({split})" if split else "")
    counted = [f"{count(counts['added'])} added", changed, f"{count(counts['removed'])} removed"]
    if counts["renamed"]:
        counted.append(f"{count(counts['renamed'])} renamed")
    return ", ".join([*counted, f"{count(counts['unchanged'])} unchanged"])


def necessary(work: Sequence[dict[str, Any]], run: str) -> Line:
    """What becomes necessary, task by task, against what is there."""
    needed = [plural(one["needed"], one["task"], _PLURALS[one["task"]]) for one in work if one["needed"]]
    reused = sum(one["reused"] for one in work)
    stored = sum(one["stored"] for one in work)
    said = f"To compute for the {run} run: {', '.join(needed) if needed else 'nothing'}"
    said += f"; {plural(reused, 'result')} of the base {'stays' if reused == 1 else 'stay'}"
    return Line(said + (f", {count(stored)} more are in the store" if stored else ""))


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


def _budgets(before: float | None, after: float | None) -> list[tuple[str, str, str, str]]:
    """The budgets of the run, where one is set."""
    if before is None and after is None:
        return []
    change = "" if before is None or after is None else _signed_usd(after - before)
    said = ["none set" if one is None else usd(one) for one in (before, after)]
    return [("budget", said[0], said[1], change)]


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
