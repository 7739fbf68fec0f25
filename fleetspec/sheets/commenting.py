"""What became of a comment on a pull request or merge request, as blocks."""

from __future__ import annotations

from typing import Any

from fleetspec.sheets import Block, Line
from fleetspec.sheets.figures import count, plural

_DONE = {
    "created": "The review is posted on {on}",
    "updated": "The review on {on} is brought up to date",
    "unchanged": "The review on {on} says the same already",
    "nothing": "No spec differs, and nothing was said on {on} before: nothing is posted",
    "skipped": "Nothing is posted on {on}",
    "dry run": "Dry run: nothing is posted on {on}",
}


def comment_sheet(data: dict[str, Any]) -> list[Block]:
    """What was done, where it can be read, and what was left out."""
    said = _DONE[data["done"]].format(on=data["on"] or "any request")
    if data["removed"]:
        said += f"; {plural(data['removed'], 'older comment')} deleted"
    blocks: list[Block] = [Line(f"{said} ({count(data['bytes'])} bytes).", "strong")]
    if data["url"]:
        blocks.append(Line(data["url"]))
    if data["dropped"]:
        blocks.append(Line(f"Left out for length: {', '.join(data['dropped'])}.", "warn"))
    return blocks
