"""The data files: read whole, rules of all of them known, and what the script makes of the public CRDs."""

from __future__ import annotations

import json
import re
import runpy
import sys
from pathlib import Path

import pytest

from fleetspec.lint import cel
from fleetspec.lint.facts import Facts, Shape, facts
from fleetspec.lint.schema import _pattern

ROOT = Path(__file__).resolve().parents[2]
DATA = ROOT / "fleetspec" / "lint" / "data"


def shapes(known: Facts) -> list[Shape]:
    """Every shape of a file, those inside of others too."""
    found: list[Shape] = []
    waiting = [*known.shapes.values(), *(shape for kind in known.kinds.values() for shape in kind.versions.values())]
    while waiting:
        shape = waiting.pop()
        if isinstance(shape, Shape):
            found.append(shape)
            waiting += [*shape.fields.values(), *(below for below in (shape.values, shape.items) if below is not None)]
        else:
            assert shape in known.shapes
    return found


def test_kinds_are_those_of_the_projects() -> None:
    assert set(facts()) == {"", "ray.io", "kueue.x-k8s.io"}
    assert set(facts()["ray.io"].kinds) == {"RayCluster", "RayCronJob", "RayJob", "RayService"}
    assert {"ClusterQueue", "LocalQueue", "ResourceFlavor", "Workload"} <= set(facts()["kueue.x-k8s.io"].kinds)
    assert set(facts()["ray.io"].versions("RayJob")) == {"ray.io/v1", "ray.io/v1alpha1"}


def test_every_cel_rule_is_said_again_and_none_too_many() -> None:
    written = {rule for known in facts().values() for shape in shapes(known) for rule in shape.cel}
    assert written == set(cel.RULES)


def test_patterns_are_read_alike_by_python() -> None:
    patterns = {shape.pattern for known in facts().values() for shape in shapes(known) if shape.pattern}
    assert len(patterns) > 5
    for pattern in patterns:
        _pattern(pattern)
        rest = pattern.replace("^(?i)", "^")
        assert not re.search(r"\\[pPzQ]|\(\?[^:]|\[\[:", rest), f"{pattern} has what RE2 and Python read differently"


@pytest.mark.parametrize(("text", "fits"), [("aB", True), ("a-", False), ("a\n", False), ("", False)])
def test_patterns_end_where_the_text_ends_and_fold_letters(text: str, fits: bool) -> None:
    assert (_pattern("^(?i)[a-z]([-a-z0-9]*[a-z0-9])?$").search(text) is not None) is fits


def test_files_are_compact() -> None:
    assert sum(path.stat().st_size for path in DATA.glob("*.json")) < 100_000
    assert all(
        "description" not in json.dumps(json.loads(path.read_text())["shapes"]) for path in DATA.glob("ku*.json")
    )


def test_the_script_makes_the_same_of_the_crds(
    shared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    releases = {name: json.loads((DATA / f"{name}.json").read_text())["release"] for name in ("kuberay", "kueue")}
    stated = [option for name, release in releases.items() for option in (f"--{name}", release)]
    monkeypatch.setattr(sys, "argv", ["crd_facts.py", str(shared / "crds"), *stated, "--to", str(tmp_path)])
    runpy.run_path(str(ROOT / "scripts" / "crd_facts.py"), run_name="__main__")
    assert "4 kinds" in capsys.readouterr().out
    for name in releases:
        assert (tmp_path / f"{name}.json").read_text() == (DATA / f"{name}.json").read_text()
