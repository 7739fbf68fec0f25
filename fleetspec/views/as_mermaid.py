"""A grouped job graph as a Mermaid flowchart: GitHub and GitLab draw it inside markdown."""

from __future__ import annotations

from typing import Any


def view(data: dict[str, Any]) -> str:
    """``flowchart LR`` with a box per node of :func:`~fleetspec.compiler.drawing.drawing`."""
    codes = {node["name"]: f"n{number}" for number, node in enumerate(data["nodes"])}
    lines = ["flowchart LR"]
    lines += [f'  {codes[node["name"]]}["{node["name"]}<br>{node["jobs"]:,} jobs"]' for node in data["nodes"]]
    lines += [f"  {codes[edge['from']]} -->|{edge['parents']:,}| {codes[edge['to']]}" for edge in data["edges"]]
    return "\n".join(lines) + "\n"
