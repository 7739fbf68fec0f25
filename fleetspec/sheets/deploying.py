"""A fleet on a cluster as blocks: applied, as it stands, where it drifts, removed; and the cluster's check-up."""

from __future__ import annotations

from typing import Any

from fleetspec.sheets import Block, Facts, Heading, Line, Table, Tone
from fleetspec.sheets.figures import count, plural
from fleetspec.sheets.running import apply_sheet

_DONE = {"create": "created", "change": "changed", "keep": "as it was"}


def steps_sheet(data: dict[str, Any]) -> list[Block]:
    """What an apply would write, before anybody is asked."""
    rows = tuple((step["action"], step["object"], _fields(step["fields"])) for step in data["steps"])
    blocks: list[Block] = [
        Line(f"Cluster {data['context']}, namespace {data['namespace']}:", "strong"),
        Table(("", "object", "fields that change"), rows),
    ]
    blocks += [Line(f"not applied, its scope is wider (--scope): {ref}", "dim") for ref in data["left"]]
    return blocks


def _fields(fields: list[str]) -> str:
    return ", ".join(fields[:4]) + (f" and {len(fields) - 4} more" if len(fields) > 4 else "")


def deployed_sheet(data: dict[str, Any]) -> list[Block]:
    """What an apply did, and how the run stands or ended."""
    state = data["state"]
    done = ", ".join(
        f"{number} {words}"
        for action, words in _DONE.items()
        if (number := sum(step["action"] == action for step in data["steps"]))
    )
    blocks: list[Block] = [
        Line(f"{data['fleet']} · {state['run']} · session {state['session']} · {state['job']}", "strong"),
        Line(f"{plural(len(data['steps']), 'object')} on {data['context']}: {done}"),
        Line(state["words"], _tone(state)),
    ]
    if state["groups"]:
        blocks.append(_groups(state))
    blocks += [Line(text, "warn") for text in state["why"]]
    if data["summary"] is not None:
        blocks += _summary(data["summary"])
    if state["ended"]:
        blocks.append(Line(f"results: {data['results']}", "dim"))
    return blocks


def _summary(data: dict[str, Any]) -> list[Block]:
    try:
        return apply_sheet(data)
    except (KeyError, TypeError):
        # The image holds another release, whose summary has other figures.
        return [Line("the driver is of another version of fleetspec: --format json shows its summary", "warn")]


def _tone(state: dict[str, Any]) -> Tone:
    if state["ended"]:
        return "good" if state["succeeded"] else "bad"
    return "warn" if state["why"] or not state["there"] else "plain"


def _groups(state: dict[str, Any]) -> Table:
    columns = ("pods", "planned", "running", "pending", "failed")
    rows = tuple((group["name"], *(count(group[name]) for name in columns[1:])) for group in state["groups"])
    return Table(columns, rows, frozenset(columns[1:]))


def on_cluster_sheet(data: dict[str, Any]) -> list[Block]:
    """Every run of a fleet on a cluster, each with its pods while it goes on."""
    where = f"{data['fleet']} on {data['context']}, namespace {data['namespace']}"
    blocks: list[Block] = [Line(f"{where}: {plural(len(data['runs']), 'run')}", "strong")]
    for state in reversed(data["runs"]):
        blocks += [Heading(f"{state['job']} · {state['run']} · session {state['session']}")]
        blocks.append(Line(state["words"], _tone(state)))
        times = tuple((name, state[name]) for name in ("started", "finished") if state[name])
        if times:
            blocks.append(Facts(times))
        if state["groups"]:
            blocks.append(_groups(state))
        blocks += [Line(text, "warn") for text in state["why"]]
    if data["strays"]:
        blocks += [Heading("The fleet's, of no run"), *(Line(ref) for ref in data["strays"])]
        blocks.append(Line("`fleetspec destroy` removes them with the fleet", "dim"))
    if data["unseen"]:
        blocks.append(Line(f"not looked through, for want of permission: {', '.join(data['unseen'])}", "dim"))
    return blocks


def drift_sheet(data: dict[str, Any]) -> list[Block]:
    """Objects that differ from what the spec renders, and by whose hand."""
    where = f"{data['fleet']} on {data['context']}, namespace {data['namespace']}"
    if not data["differing"]:
        return [Line(f"{where}: {plural(data['compared'], 'object')} as rendered", "good")]
    blocks: list[Block] = [Line(f"{where}: {plural(len(data['differing']), 'difference')}", "warn")]
    for one in data["differing"]:
        blocks.append(Line(f"{one['object']}: {_WORDS[one['state']]}", "warn"))
        if one["fields"]:
            rows = tuple(
                (field["field"], field["live"] or "–", field["rendered"] or "–", ", ".join(field["by"]) or "?")
                for field in one["fields"]
            )
            blocks.append(Table(("field", "on the cluster", "rendered", "set by"), rows))
    blocks.append(Line("`fleetspec apply --on cluster --take-over` sets them as rendered", "dim"))
    return blocks


_WORDS = {
    "missing": "not there",
    "foreign": "there, and not this fleet's",
    "changed": "changed",
    "extra": "this fleet's, and neither rendered nor in a record",
}


def destroy_sheet(data: dict[str, Any]) -> list[Block]:
    """What is, or was, removed and what stays."""
    words = "removed" if data["done"] else "to be removed"
    where = f"{data['fleet']} on {data['context']}, namespace {data['namespace']}"
    blocks: list[Block] = [Line(f"{where}: {plural(len(data['removed']), 'object')} {words}", "strong")]
    blocks += [Line(f"  {ref}") for ref in data["removed"]]
    blocks += [Line(f"  stays: {one['object']}, {one['why']}", "warn") for one in data["kept"]]
    return blocks


_STATES: dict[str, tuple[str, Tone]] = {
    "ok": ("ok", "good"),
    "warn": ("look", "warn"),
    "bad": ("BAD", "bad"),
    "unseen": ("not seen", "dim"),
}


def doctor_sheet(data: dict[str, Any]) -> list[Block]:
    """Each check with what was found; below it, where something is wrong, the way out."""
    about = f" for fleet {data['fleet']}" if data["fleet"] else ""
    blocks: list[Block] = [Line(f"Cluster {data['context']}, namespace {data['namespace']}{about}", "strong")]
    for one in data["checks"]:
        word, tone = _STATES[one["state"]]
        code = f" ({one['code']})" if one["code"] else ""
        blocks.append(Line(f"{word:<9}{one['check']}: {one['found']}{code}", tone))
        if one["help"]:
            blocks.append(Line(f"{'':<9}{one['help']}", "dim"))
    return blocks
