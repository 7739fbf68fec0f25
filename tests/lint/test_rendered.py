"""What `render` writes has nothing wrong in it."""

from __future__ import annotations

from pathlib import Path

import pytest

from fleetspec.diagnostics import Report, Source
from fleetspec.lint.linting import lint

GOLDEN = Path(__file__).resolve().parents[1] / "golden" / "manifests"


@pytest.fixture(scope="module", params=["quickstart", "prod"])
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    from click.testing import CliRunner

    from fleetspec.cli.rendering import render_command

    made = tmp_path_factory.mktemp(request.param)
    spec = Path(__file__).resolve().parents[2] / "specs" / f"{request.param}.yaml"
    run = CliRunner().invoke(render_command, [str(spec), "--to", str(made), "--store", str(made / "store")])
    assert run.exit_code == 0, run.output
    return made


def test_the_shipped_specs_render_sound_manifests(folder: Path) -> None:
    report = Report()
    sources = [Source(str(path), path.read_text()) for path in sorted(folder.rglob("*.yaml"))]
    counted = lint([], sources, report)
    assert [f"{finding.rule.code} {finding.message}" for finding in report] == []
    assert counted.kinds["RayJob"] == 1
    assert counted.kinds["ConfigMap"] >= 1
    assert counted.kinds["Namespace"] == 1


def test_a_changed_name_in_one_is_found(folder: Path) -> None:
    text = (folder / "rayjob.yaml").read_text()
    report = Report()
    lint([Source("rayjob.yaml", text.replace("submissionMode: K8sJobMode", "submissionMode: K8SJobMode"))], [], report)
    assert [finding.rule.code for finding in report] == ["FS482"]
