"""Whatever stands in a manifest, the answer is findings with places: never a traceback."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sound import findings, manifest
from test_schema_oracle import routes

from fleetspec.rules import rooms

EXAMPLES = [rule.good for room in rooms() if room.name.startswith("lint_") for rule in room.rules]
STARTS = [[json.loads(text) for text in manifest(example).split("\n---\n")] for example in EXAMPLES]
SCALARS = [None, True, 0, -1, 10**30, 1e308, float("inf"), "", " ", "a" * 70, "9" * 40, "1e999", "v2", "true", "RayJob"]
SIGNS = ["\u2028", "{{ x }}", "$(x)", "'", "\\", "\x85"]
SHAPES = [[], [None], [[]], ["a", "a"], [{}], {}, {"": ""}, {"a": None}, {"name": []}]
HOSTILE = st.sampled_from([*SCALARS, *SIGNS, *SHAPES])


def spoiled(objects: list[Any], data: st.DataObject) -> list[Any]:
    """A copy with up to three entries replaced or left out, anywhere."""
    made = copy.deepcopy(objects)
    for _ in range(data.draw(st.integers(1, 3))):
        route = data.draw(st.sampled_from([each for each in routes(made) if each]))
        parent: Any = made
        for step in route[:-1]:
            parent = parent[step]
        if data.draw(st.booleans()):
            parent[route[-1]] = copy.deepcopy(data.draw(HOSTILE))
        else:
            del parent[route[-1]]
        if not made:
            return [None]
    return made


@settings(max_examples=400, deadline=None)
@given(data=st.data())
def test_a_spoiled_manifest_gives_findings(data: st.DataObject) -> None:
    objects = spoiled(data.draw(st.sampled_from(STARTS)), data)
    text = "\n---\n".join(json.dumps(each, allow_nan=True).replace("Infinity", ".inf") for each in objects)
    for level in ("restricted", "baseline"):
        for finding in findings(text, level):
            assert finding.place is not None
            assert 0 <= finding.place.span.start <= len(text)
            assert json.dumps(finding.to_json())
            assert len(finding.message) < 500


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=5),
        lambda x: st.lists(x) | st.dictionaries(st.text(max_size=5), x),
    )
)
def test_any_json_gives_findings_or_nothing(value: Any) -> None:
    assert findings(json.dumps(value)) is not None


@pytest.mark.parametrize(
    "kind", ["RayJob", "RayCluster", "RayService", "RayCronJob", "ClusterQueue", "Cohort", "LocalQueue"]
)
@pytest.mark.parametrize("spec", [None, [], "", {}, 5, "left out"])
def test_a_spec_that_is_none_is_a_finding(kind: str, spec: Any) -> None:
    api = "ray.io/v1" if kind.startswith("Ray") else "kueue.x-k8s.io/v1beta2"
    made = {"apiVersion": api, "kind": kind, "metadata": {"name": "a"}, "spec": spec}
    if spec == "left out":
        del made["spec"]
    report = findings(json.dumps(made))
    assert report.errors or (kind in ("Cohort", "LocalQueue") and spec in ({}, "left out"))
