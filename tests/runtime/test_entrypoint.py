"""``python -m fleetspec.runtime``: the folder a pod gets, read, compiled again and run."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import toy_fleet
from test_real_fleet import SPEC

from fleetspec.catalog.loading import shipped
from fleetspec.compiler.compose import compose_text, resolved_text
from fleetspec.compiler.decode import decode
from fleetspec.compiler.jobgraph import RunKind
from fleetspec.compiler.lower import lower
from fleetspec.compiler.pinning import make_lock
from fleetspec.diagnostics import Report, Source
from fleetspec.families import registry
from fleetspec.runtime.__main__ import main

pytest.importorskip("arch")
SMALL = SPEC.replace("models: [vol, var, linear, trees]", "models: [vol, var]")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A configuration as manifests carry it, with a hand-made plan."""
    from datetime import date

    report = Report()
    document = compose_text(Source("fleet.yaml", SMALL), report)
    assert document is not None
    spec = decode(document, report)
    report.require()
    assert spec is not None
    lock = make_lock(spec, tmp_path, shipped())
    graph = lower(spec, lock, registry(), RunKind.NIGHTLY, date(2025, 12, 31))
    made = tmp_path / "config"
    made.mkdir()
    (made / "fleet.yaml").write_text(resolved_text(document))
    (made / "fleet.lock").write_bytes(lock.to_bytes())
    plan = toy_fleet.toy_plan(graph)
    (made / "plan.json").write_bytes(plan.to_bytes())
    write_run(made, run="nightly", session="2025-12-31", graph=graph.content)
    return made


def write_run(folder: Path, **entries: Any) -> None:
    (folder / "run.json").write_text(json.dumps(entries))


def start(folder: Path, *more: str) -> int:
    return main(["--config", str(folder), "--store", str(folder.parent / "store"), "--executor", "inline", *more])


def test_runs_and_prints_one_line_of_json(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert start(folder) == 0
    said = capsys.readouterr()
    (line,) = said.out.splitlines()
    summary = json.loads(line)
    assert (summary["done"], summary["failed"], summary["exit_code"]) == (3 * (2 + 2 + 2), 0, 0)
    assert "18 of 18 jobs" in said.err
    assert start(folder) == 0
    assert json.loads(capsys.readouterr().out)["done"] == 0


def test_another_graph_is_refused(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_run(folder, run="nightly", session="2025-12-31", graph="f" * 32)
    assert start(folder) == 5
    said = capsys.readouterr()
    assert said.out == ""
    assert "error FS504: this version compiles graph" in said.err
    assert not (folder.parent / "store").exists()


def test_a_spec_changed_behind_the_plan_is_refused(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = (folder / "fleet.yaml").read_text()
    (folder / "fleet.yaml").write_text(text.replace('"20 sessions"', '"10 sessions"'))
    assert '"20 sessions"' in text
    assert start(folder) != 0
    assert "error FS" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["fleet.yaml", "fleet.lock", "plan.json", "run.json"])
def test_every_file_is_needed(folder: Path, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / name).unlink()
    assert start(folder) == 1
    assert f"{name}' cannot be read: No such file or directory" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("run.json", "{", "is not JSON"),
        ("run.json", '{"run": "weekly", "session": "2025-12-31", "graph": ""}', "'weekly' is not a valid RunKind"),
        ("run.json", "[]", "cannot be used"),
        ("plan.json", "{}", "plan has other keys"),
        ("plan.json", "\udcff", "cannot be read"),
        ("fleet.lock", "no lock", "is not JSON"),
    ],
)
def test_damaged_files_are_named(
    folder: Path, name: str, content: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / name).write_text(content, errors="surrogateescape")
    assert start(folder) == 1
    error = capsys.readouterr().err
    assert said in error
    assert name in error


def test_plan_of_another_graph_is_refused(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from fleetspec.planner.planjson import plan_from_json

    plan = plan_from_json(json.loads((folder / "plan.json").read_text()))
    (folder / "plan.json").write_bytes(replace(plan, inputs=replace(plan.inputs, graph="0" * 32)).to_bytes())
    assert start(folder) == 5
    assert "the plan is for 000000000000" in capsys.readouterr().err
