"""A file made to hurt gives few findings and short messages. Whatever took the square of these sizes would not end."""

from __future__ import annotations

import json
from typing import Any

import pytest
from sound import findings, sound

from fleetspec.compiler.document import MAX_FAULTS


def job(**spec: Any) -> dict[str, Any]:
    made = sound("RayJob")
    made["spec"] |= spec
    return made


LONG = "x" * 1_000_000
HURTING = {
    "unknown fields": job(**{f"field{n}": n for n in range(50_000)}),
    "a long key": job(**{LONG: 1}),
    "a long value": job(submissionMode=LONG, managedBy=LONG),
    "labels": sound("RayJob") | {"metadata": {"name": "a", "labels": {f"{n} {n}": "x y" for n in range(50_000)}}},
    "groups": {"apiVersion": "ray.io/v1", "kind": "RayCluster", "metadata": {"name": "a"}}
    | {"spec": {"headGroupSpec": {}, "workerGroupSpecs": [{"groupName": "a"}] * 30_000}},
    "levels": {"apiVersion": "kueue.x-k8s.io/v1beta2", "kind": "Topology", "metadata": {"name": "a"}}
    | {"spec": {"levels": [{"nodeLabel": f"a{n}"} for n in range(50_000)]}},
    "a list of objects": {"apiVersion": "v1", "kind": "List"}
    | {"items": [{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "A"}}] * 20_000},
}


@pytest.mark.parametrize("what", HURTING)
def test_findings_stay_few_and_short(what: str) -> None:
    report = findings(json.dumps(HURTING[what]))
    assert 0 < len(report) <= 12 * MAX_FAULTS
    assert all(len(finding.message) <= 401 and len(finding.help or "") <= 401 for finding in report)
