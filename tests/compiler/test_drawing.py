"""The grouped graph: boxes hold every job once, and edges every parent between boxes."""

from __future__ import annotations

import numpy as np
import pytest
from toy_specs import compiled

from fleetspec.compiler.drawing import BY, drawing
from fleetspec.compiler.jobgraph import RunKind
from fleetspec.views import as_dot, as_mermaid


@pytest.mark.parametrize("by", BY)
@pytest.mark.parametrize("run", list(RunKind))
def test_every_job_is_in_one_box_and_every_parent_on_one_edge(by: str, run: RunKind) -> None:
    graph = compiled(run=run)
    drawn = drawing(graph, by)
    names = [node["name"] for node in drawn["nodes"]]
    assert len(set(names)) == len(names)
    assert sum(node["jobs"] for node in drawn["nodes"]) == len(graph)
    # No class rests on itself, and by task only forecasts on forecasts (a transform's) stay inside a box.
    inside = 0
    if by == "task":
        task = graph.task.astype(int)
        inside = int((np.repeat(task, np.diff(graph.parent_ptr)) == task[graph.parent_index]).sum())
    assert sum(edge["parents"] for edge in drawn["edges"]) == len(graph.parent_index) - inside
    assert {end for edge in drawn["edges"] for end in (edge["from"], edge["to"])} <= set(names)


def test_finer_names_only_split_boxes() -> None:
    graph = compiled()
    sizes = [len(drawing(graph, by)["nodes"]) for by in BY]
    assert sizes == sorted(sizes)
    assert sizes[0] < sizes[-1]


def test_drawings_name_every_box() -> None:
    drawn = drawing(compiled(), "family")
    for text in (as_mermaid.view(drawn), as_dot.view(drawn)):
        assert all(node["name"] in text for node in drawn["nodes"])
        assert text.count("-->") + text.count("->") - text.count("-->") == len(drawn["edges"])
