"""Manifests judged by a real API server, KubeRay's own validation and Kueue's: the linter says the same of each."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from sound import SHARED, findings

CASES: list[dict[str, Any]] = [] if SHARED is None else json.loads((SHARED / "lint_cases" / "index.json").read_text())


def test_all_cases_are_here(shared: Path) -> None:
    files = {path.name for path in (shared / "lint_cases").glob("*.yaml")}
    assert files == {case["file"] for case in CASES}
    assert len(CASES) >= 130


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["file"])
def test_the_verdict_is_that_of_the_real_tools(case: dict[str, Any], shared: Path) -> None:
    report = findings((shared / "lint_cases" / case["file"]).read_text())
    said = [f"{finding.rule.code} {finding.message}" for finding in report]
    if case["verdict"] == "good":
        assert not report.errors, said
    else:
        assert report.errors, case["message"]


def test_the_place_is_where_the_tools_point(shared: Path) -> None:
    """A few, by hand: file, line and column of what is wrong, across documents of one file."""
    expected = {
        "rayjob-ray-version-float.yaml": ("FS432", "    rayVersion: 2.60", "2.60"),
        "rayjob-pull-policy-misspelled.yaml": ("FS472", "imagePullPolicy: Allways", "Allways"),
        "bundle-object-twice.yaml": ("FS494", "  name: nightly-eq-shards", "nightly-eq-shards"),
        "netpol-end-port-below.yaml": ("FS442", "endPort: 8999", "8999"),
        "rayjob-tab-indent.yaml": ("FS005", "\t", "\t"),
    }
    for name, (code, line, text) in expected.items():
        (found,) = findings((shared / "lint_cases" / name).read_text())
        assert found.rule.code == code
        assert found.place is not None
        place, span = found.place, found.place.span
        assert line in place.source.line_at(span.start)
        assert place.source.text[span.start : span.end] == text
