"""A review in a few sentences for somebody who sees it for the first time, on a phone: what changes, what it costs,
whether it is safe, and who has to act."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from fleetspec.sheets import Line, Table
from fleetspec.sheets.figures import count, percent, plural, span, usd
from fleetspec.sheets.reviewing import UNSET
from fleetspec.sheets.reviewing import total as totals
from fleetspec.sheets.verdicts import heads, rulings, verdict

_ALIKE, _CENT = 0.001, 0.005
"""Share of a cost, and USD, below which a change is none worth telling; of cents ten times that share."""
_REASONS = (("model", "by their settings"), ("upstream", "by what they rest on"), ("data", "by their data"))
_NAMED = 3
_LONGEST = 40
"""Signs of a value that are shown."""


def briefing(data: dict[str, Any]) -> list[Line]:
    """Of the JSON of a diff between two states in which something differs."""
    lines = []
    if any(spec["review"] is not None for spec in data["specs"]):
        if edits := _edits(data):
            lines.append(Line(f"Changed: {edits}."))
        rest = "The others: " if any(spec["state"] == "broken" for spec in data["specs"]) else ""
        lines.append(Line(f"{rest}{models_said(data['total'])}."))
        lines.append(Line(" ".join([f"{cost_said(data['total']['cost_usd'], data['run'])}.", *_ends(data)])))
    return [*lines, Line(to_do(data), "strong")]


def _edits(data: dict[str, Any]) -> str:
    """``hardware.box.cpu 4 → 8``: the settings that differ, once where several specs share them."""
    changes = [change for spec in data["specs"] if spec["review"] for change in spec["review"].get("settings", ())]
    said = list(dict.fromkeys(f"{one['route']} {_value(one['base'])} → {_value(one['head'])}" for one in changes))
    more = f" and {plural(len(said) - _NAMED, 'setting')} more" if len(said) > _NAMED else ""
    return ", ".join(said[:_NAMED]) + more


def _value(text: str | None) -> str:
    if not text:
        return UNSET
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


def models_said(counts: dict[str, Any]) -> str:
    """``6 of 48 models are made anew (6 by their settings); 8 added, 0 removed``."""
    kept = counts["changed"] + counts["unchanged"] + counts["renamed"]
    parts = [f"{count(counts[key])} {key}" for key in ("added", "removed", "renamed") if counts[key]]
    if not counts["changed"]:
        if not parts:
            return f"None of {plural(kept, 'model')} changes"
        return f"{', '.join(parts)}; no other model changes"
    why = ", ".join(f"{count(counts[key])} {words}" for key, words in _REASONS if counts[key])
    said = (
        f"{count(counts['changed'])} of {plural(kept, 'model')} {'is' if counts['changed'] == 1 else 'are'} made anew"
    )
    return "; ".join([f"{said} ({why})", ", ".join(parts) or "none added, none removed"])


def cost_said(cost: dict[str, float], run: str) -> str:
    """``A nightly run costs 3.00 USD, 1.00 USD more than before (+50.0 %)``."""
    before, after = cost["base"], cost["head"]
    said = f"A {run} run costs {usd(after)}"
    if _alike(before, after):
        return f"{said}, {'' if before == after else 'practically '}as before"
    change = after - before
    share = f" ({'+' if change > 0 else '-'}{percent(abs(change) / before)})" if before else ""
    return f"{said}, {usd(abs(change))} {'more' if change > 0 else 'less'} than before{share}"


def _alike(before: float, after: float) -> bool:
    change, most = abs(after - before), max(abs(before), abs(after))
    return change <= _ALIKE * most or (change < _CENT and change <= 10 * _ALIKE * most)


def _ends(data: dict[str, Any]) -> Iterator[str]:
    """The run that ends closest to its deadline, and how that was before."""
    found = [(head["slack_seconds"], spec) for spec, head in heads(data)]
    if not found:
        return
    least, spec = min(found, key=lambda one: (one[0], one[1]["path"]))
    base = spec["review"]["base"]
    was = "" if base is None or span(base["slack_seconds"]) == span(least) else f" (was: {_far(base['slack_seconds'])})"
    who = "It" if len(found) == 1 else f"The tightest run, {spec['path']},"
    yield f"{who} ends {_far(least)} its deadline{was}."


def _far(slack: float) -> str:
    return f"{span(abs(slack))} {'before' if slack >= 0 else 'after'}"


def to_do(data: dict[str, Any]) -> str:
    """Who has to act, and how, before this can be merged."""
    found = verdict(data)
    match found.kind:
        case "broken":
            return (
                "To do, by the author: mend what is told below. Until then nothing of it can run, and its cost, "
                "deadline and policies are unchecked."
            )
        case "late":
            plan = f"fleetspec plan {found.about[0]}"
            return f"To do, by the author: make it fit before the deadline; {plan} says what would help."
        case "policy":
            owners = list(dict.fromkeys(str(one["owner"]) for one in rulings(data) if one["outcome"] == "fail"))
            named = ", ".join(owners[:_NAMED]) + (f" and {len(owners) - _NAMED} more" if len(owners) > _NAMED else "")
            return f"To do, by the author: follow the policies below, or ask {named} for an override."
        case _:
            return _nothing_to_do(data)


def _nothing_to_do(data: dict[str, Any]) -> str:
    """Why it can be merged, and for whom warnings are."""
    warnings = sum(one["severity"] == "warning" for spec in data["specs"] for one in spec["findings"])
    checked = len({one["id"] for one in rulings(data)})
    policies = f"{plural(checked, 'policy', 'policies')} checked" if checked else "no policies are set"
    why = f"in time, within the budget, {policies}"
    if warnings:
        return f"Nothing stops it ({why}). For the author: {plural(warnings, 'warning')} below."
    return f"Nobody has to act: {why}."


def narrow_table(data: dict[str, Any]) -> Table:
    """A row for each spec, narrow enough for a phone: what becomes of it, its cost and how that changes."""
    rows = [_row(spec) for spec in data["specs"]]
    several = len(rows) > 1
    if several:
        rows.append(("total", _counts(data["total"]), _cost(data["total"]["cost_usd"])))
    return Table(("spec", "models", "USD a run"), tuple(rows), frozenset({"USD a run"}), last_is_total=several)


def _row(spec: dict[str, Any]) -> tuple[str, str, str]:
    review = spec["review"]
    if review is None:
        return spec["path"], spec["state"], ""
    costs = {side: 0.0 if review[side] is None else review[side]["cost_usd"] for side in ("base", "head")}
    state = "" if spec["state"] == "changed" else f"{spec['state']}: "
    models = _counts(totals([review])) if spec["changes"] else "no change"
    return spec["path"], state + models, _cost(costs)


def _counts(counts: dict[str, Any]) -> str:
    words = (("added", "added"), ("changed", "anew"), ("removed", "removed"), ("renamed", "renamed"))
    return ", ".join(f"{count(counts[key])} {word}" for key, word in words if counts[key]) or "unchanged"


def _cost(costs: dict[str, float]) -> str:
    before, after = costs["base"], costs["head"]
    if _alike(before, after):
        return usd(after).removesuffix(" USD")
    change = after - before
    sign, far = ("+" if change > 0 else "-"), usd(abs(change)).removesuffix(" USD")
    return f"{usd(after).removesuffix(' USD')} ({sign}{far})"
