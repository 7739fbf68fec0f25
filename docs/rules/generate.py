"""Writes the pages of this folder from fleetspec/rules/: `make rules`."""

from __future__ import annotations

from pathlib import Path

from fleetspec.files import write_atomically
from fleetspec.rules import rooms
from fleetspec.views import as_markdown

MADE = "<!-- Written by `make rules` from fleetspec/rules/. -->"


def pages() -> dict[str, str]:
    """The text of every page by file name: the list of codes, and a page for each room."""
    made = [room.to_json() for room in rooms()]
    contents = " · ".join(f"[{room['name']}]({room['name']}.md)" for room in made)
    lead = "What fleetspec can find wrong. `fleetspec explain FS201` prints one of them."
    index = f"{MADE}\n# Rules\n\n{lead}\n\n{contents}\n\n{as_markdown.view('rules', {'rooms': made})}"
    texts = {"README.md": index}
    for room in made:
        texts[f"{room['name']}.md"] = f"{MADE}\n# Rules: {room['name']}\n\n{as_markdown.view('room', room)}"
    return texts


if __name__ == "__main__":
    for name, text in pages().items():
        write_atomically(Path(__file__).parent / name, text.encode())
