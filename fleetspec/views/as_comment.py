"""A review as a comment on a pull request: read on a phone first, and below 60 kB whatever the fleet.

The verdict comes first, then one table, faults, and each spec folded away. Where it would grow too long, parts are left
out in the order of :data:`DROPPED`, of each kind those of the last spec first; the comment says which.
"""

from __future__ import annotations

import html
from collections.abc import Callable, Sequence
from typing import Any

from msgspec import Struct

from fleetspec.sheets import Block, Line, Table
from fleetspec.sheets.briefing import briefing, narrow_table
from fleetspec.sheets.figures import plural
from fleetspec.sheets.policies import objections, policy_table
from fleetspec.sheets.reading import findings_sheet
from fleetspec.sheets.reviewing import (
    assumed,
    bill_blocks,
    causes_blocks,
    groups_blocks,
    necessary,
    notes,
    settings_blocks,
    states,
    title_of,
)
from fleetspec.sheets.verdicts import rulings, verdict
from fleetspec.views.as_markdown import escape, markdown

LIMIT = 60_000
"""Bytes of UTF-8 a comment stays below; GitHub takes 65,536 characters."""
_NOTE = 1_000
"""Bytes kept for saying what is left out."""
_NAMED = 5
_FINDINGS = 3
_OBJECTIONS = 10

DROPPED = ("values that differ", "models by group", "causes", "bills", "findings", "rows of specs")
"""What is left out first, second …; verdict, total and the names of broken specs always stay, as does what
policies say, ten objections of it."""


class Written(Struct, frozen=True):
    """A comment, and what of :data:`DROPPED` is not or not wholly in it."""

    text: str
    dropped: tuple[str, ...]


class _Part(Struct):
    """A piece of one spec's details. ``kind`` is its number in :data:`DROPPED`."""

    spec: int
    kind: int
    text: str
    kept: bool = True


def view(data: dict[str, Any], mark: str, limit: int = LIMIT) -> Written:
    """The JSON of a diff between two refs as a comment that begins with ``mark`` and is below ``limit`` bytes."""
    if not data["specs"]:
        return Written(f"{mark}\n**fleetspec: no spec differs** between {escape(states(data))}.\n", ())
    label = f"{data['head']['ref']}:"
    data = data | {"specs": [_plain(spec, label) for spec in data["specs"]]}
    rows = len(data["specs"])
    by_spec = [_parts(number, spec) for number, spec in enumerate(data["specs"])]
    size = sum(_size(part.text) + 2 for own in by_spec for part in own)
    size += sum(_size(_fold(data["specs"][own[0].spec], "")) + 2 for own in by_spec if own)
    left = [len(own) for own in by_spec]
    dropped: set[int] = set()
    frame = _size(_frame(data, mark, rows)) + _NOTE
    for part in sorted((part for own in by_spec for part in own), key=lambda part: (part.kind, -part.spec)):
        if frame + size < limit:
            break
        part.kept = False
        dropped.add(part.kind)
        size -= _size(part.text) + 2
        left[part.spec] -= 1
        if not left[part.spec]:
            size -= _size(_fold(data["specs"][part.spec], "")) + 2
    while rows > 0 and frame + size >= limit:
        rows = rows * 3 // 4
        frame = _size(_frame(data, mark, rows)) + _NOTE
        dropped.add(len(DROPPED) - 1)
    told = tuple(DROPPED[kind] for kind in sorted(dropped))
    details = [
        _fold(spec, "\n\n".join(part.text for part in own if part.kept))
        for spec, own in zip(data["specs"], by_spec, strict=True)
        if any(part.kept for part in own)
    ]
    note = [f"_Left out, since a comment has to stay below {limit // 1000} kB: {', '.join(told)}._"] if told else []
    return Written("\n\n".join([_frame(data, mark, rows), *details, *note]) + "\n", told)


def _frame(data: dict[str, Any], mark: str, rows: int) -> str:
    """All that is not folded away."""
    table = narrow_table(data)
    shown = table.rows[: min(rows, len(data["specs"]))]
    left = len(data["specs"]) - len(shown)
    more = ((f"and {plural(left, 'more spec', 'more specs')}", "", ""),) if left else ()
    totals = table.rows[len(data["specs"]) :]
    kept = Table(table.columns, (*shown, *more, *totals), table.right, table.last_is_total)
    lines = [mark, f"### fleetspec: {_verdict(data)}", markdown([*briefing(data), kept])]
    if data["total"]["work"]:
        lines.append(markdown([necessary(data["total"]["work"], data["run"])]))
    if judged := policy_table(rulings(data), _OBJECTIONS):
        lines.append(markdown(judged))
    return "\n\n".join([*lines, f"<sub>Between {escape(states(data))}. {escape(assumed(data))}</sub>"])


def _verdict(data: dict[str, Any]) -> str:
    """The headline, which is all that a notification on a phone shows."""
    found = verdict(data)
    match found.kind:
        case "broken":
            return f"❌ cannot be compared: {_listed(found.about)}"
        case "late":
            return f"❌ does not hold: {_listed(found.about)}"
        case "policy":
            return f"❌ stopped by policy: {_listed(found.about)}"
        case "unchanged":
            return "✅ no change"
    changed = f"✅ {plural(sum(spec['changes'] for spec in data['specs']), 'spec')} changed, every run ends in time"
    warned = objections(rulings(data), "warn")
    return changed + (f"; policy warns: {_listed(warned)}" if warned else "")


def _listed(paths: Sequence[str]) -> str:
    more = f" and {len(paths) - _NAMED} more" if len(paths) > _NAMED else ""
    return ", ".join(map(escape, paths[:_NAMED])) + more


def _parts(number: int, spec: dict[str, Any]) -> list[_Part]:
    """The details of one spec, in reading order."""
    made: list[_Part] = []
    findings, review = spec["findings"], spec["review"]
    if findings:
        more = len(findings) - _FINDINGS
        cut: list[Block] = [Line(f"and {plural(more, 'finding')} more")] if more > 0 else []
        made.append(_Part(number, 4, markdown([*notes(spec), *findings_sheet(findings[:_FINDINGS]), *cut])))
    elif blocks := notes(spec):
        made.append(_Part(number, 4, markdown(blocks)))
    if review is None or not spec["changes"]:
        return made
    sections: tuple[Callable[[dict[str, Any]], list[Block]], ...]
    sections = (groups_blocks, causes_blocks, settings_blocks, bill_blocks)
    told = ((kind, section(review)) for kind, section in zip((1, 2, 0, 3), sections, strict=True))
    return [*made, *(_Part(number, kind, markdown(blocks)) for kind, blocks in told if blocks)]


def _fold(spec: dict[str, Any], text: str) -> str:
    # A summary is HTML, in which markdown is not read; a broken spec needs no click.
    title = html.escape(" ".join(f"{spec['path']}: {title_of(spec)}".split())).replace("@", "@\u200b")
    state = " open" if spec["state"] == "broken" else ""
    return f"<details{state}><summary>{title}</summary>\n\n{text}\n\n</details>"


def _plain(value: Any, label: str) -> Any:
    """Plain data with places of the head as a reader of its files knows them: without the ref."""
    if isinstance(value, str):
        return value.removeprefix(label).replace(f"({label}", "(")
    if isinstance(value, dict):
        return {key: _plain(item, label) for key, item in value.items()}
    return [_plain(item, label) for item in value] if isinstance(value, list | tuple) else value


def _size(text: str) -> int:
    return len(text.encode())
