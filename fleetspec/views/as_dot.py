"""A grouped job graph for Graphviz: one box per node, stages from left to right."""

from __future__ import annotations

from typing import Any


def view(data: dict[str, Any]) -> str:
    """A ``digraph`` of an :func:`~fleetspec.compiler.drawing.drawing`, whose names hold no quotes or backslashes."""
    lines = [f'digraph "{data["fleet"]}" {{', "  rankdir=LR;", "  node [shape=box];"]
    lines += [f'  "{node["name"]}" [label="{node["name"]}\\n{node["jobs"]:,} jobs"];' for node in data["nodes"]]
    lines += [f'  "{edge["from"]}" -> "{edge["to"]}" [label="{edge["parents"]:,}"];' for edge in data["edges"]]
    return "\n".join([*lines, "}"]) + "\n"
