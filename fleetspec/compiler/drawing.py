"""A job graph as a drawing of a few boxes: classes of jobs merged, never one node per job."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from fleetspec.compiler.jobgraph import JobClass, JobGraph

BY = ("task", "group", "family", "universe")
"""What boxes can be kept apart by; each adds to those before it."""


def drawing(graph: JobGraph, by: str = "group") -> dict[str, Any]:
    """``{"nodes": [...], "edges": [...]}``: boxes with their stage, jobs and classes; edges with how many parents.

    ``by`` is the finest of :data:`BY` that keeps boxes apart. Nodes are ordered by stage and name.
    """
    names = [_box(klass, by) for klass in graph.classes]
    jobs = np.bincount(graph.klass, minlength=len(graph.classes))
    nodes: dict[str, dict[str, Any]] = {}
    for code, klass in enumerate(graph.classes):
        node = nodes.setdefault(
            names[code], {"name": names[code], "task": klass.task.label, "stage": klass.stage, "jobs": 0, "classes": 0}
        )
        node["stage"] = min(node["stage"], klass.stage)
        node["jobs"] += int(jobs[code])
        node["classes"] += 1
    return {
        "fleet": graph.fleet,
        "run": str(graph.run),
        "by": by,
        "nodes": sorted(nodes.values(), key=lambda node: (node["stage"], node["name"])),
        "edges": _edges(graph, names),
    }


def _box(klass: JobClass, by: str) -> str:
    parts = {
        "task": (),
        "group": (klass.group,),
        "family": (klass.group, klass.family),
        "universe": (klass.universe, klass.group, klass.family),
    }
    return "/".join((*parts[by], klass.task.label))


def _edges(graph: JobGraph, names: list[str]) -> list[dict[str, Any]]:
    """Edges between boxes with the number of parents that run along them; those within a box are left out."""
    width = max(len(graph.classes), 1)
    child = np.repeat(graph.klass.astype(np.int64), np.diff(graph.parent_ptr))
    pairs = np.bincount(graph.klass[graph.parent_index].astype(np.int64) * width + child, minlength=width * width)
    found: dict[tuple[str, str], int] = {}
    for code in np.flatnonzero(pairs):
        ends = names[int(code) // width], names[int(code) % width]
        if ends[0] != ends[1]:
            found[ends] = found.get(ends, 0) + int(pairs[code])
    return [{"from": a, "to": b, "parents": count} for (a, b), count in sorted(found.items())]
