"""`fleetspec lint`: files, folders and standard input; every format; exit codes."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

SOUND = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: shards, namespace: fleet}\ndata: {order: size}\n"
WRONG = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: shards\ndata:\n  window: 250\n"
QUEUE = "apiVersion: kueue.x-k8s.io/v1beta2\nkind: LocalQueue\nmetadata: {name: a}\nspec: {clusterQueueName: q}\n"


def run(*arguments: str, stdin: str | bytes = "") -> subprocess.CompletedProcess[str]:
    given = stdin.encode() if isinstance(stdin, str) else stdin
    done = subprocess.run([sys.executable, "-m", "fleetspec", "lint", *arguments], input=given, capture_output=True)
    return subprocess.CompletedProcess(done.args, done.returncode, done.stdout.decode(), done.stderr.decode())


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "below").mkdir()
    (tmp_path / "a.yaml").write_text(SOUND)
    (tmp_path / "below" / "b.yml").write_text(QUEUE)
    (tmp_path / "values.yaml").write_text("image: {tag: 1}\n")
    (tmp_path / "notes.txt").write_text("kind: [")
    (tmp_path / ".hidden.yaml").write_text("kind: [")
    return tmp_path


def test_a_sound_file_says_so(folder: Path) -> None:
    done = run(str(folder / "a.yaml"))
    assert (done.returncode, done.stdout, done.stderr) == (0, "1 object in 1 file: sound\n", "")


def test_a_wrong_file_is_shown_with_line_column_and_help(tmp_path: Path) -> None:
    (tmp_path / "x.yaml").write_text(SOUND + "---\n" + WRONG)
    done = run(str(tmp_path / "x.yaml"))
    assert done.returncode == 1
    assert "error[FS432]: 'window' must be text, this is a number" in done.stderr
    assert f"{tmp_path}/x.yaml:11:11" in done.stderr
    assert 'help: put it in quotes: "250"' in done.stderr
    assert done.stdout == "2 objects in 1 file: 1 error, 0 warnings\n"


def test_a_folder_is_searched_and_what_is_no_object_passed_over(folder: Path) -> None:
    done = run(str(folder))
    assert done.returncode == 1
    assert done.stderr.count("error[") == 1
    assert "below/b.yml:4:8" in done.stderr
    assert done.stdout.startswith("2 objects in 3 files: 1 error")


def test_standard_input_is_read(folder: Path) -> None:
    done = run("-", stdin=WRONG)
    assert done.returncode == 1
    assert "<stdin>:6:11" in done.stderr


def test_json_says_everything(folder: Path) -> None:
    done = run(str(folder), "--format", "json")
    told = json.loads(done.stdout)
    assert (told["files"], told["objects"], told["kinds"]) == (3, 2, {"ConfigMap": 1, "LocalQueue": 1})
    (finding,) = told["findings"]
    assert (finding["code"], finding["place"]["line"], finding["place"]["column"]) == ("FS431", 4, 8)
    assert finding["help"] == "did you mean 'clusterQueue'?"


def test_sarif_and_github_are_for_machines(folder: Path) -> None:
    log = json.loads(run(str(folder), "--format", "sarif").stdout)
    (result,) = log["runs"][0]["results"]
    assert result["ruleId"] == "FS431"
    assert result["locations"][0]["physicalLocation"]["region"]["startLine"] == 4
    done = run(str(folder), "--format", "github")
    assert done.stdout.startswith("::error title=FS431,file=")
    assert done.returncode == 1


def test_markdown_is_an_answer(folder: Path) -> None:
    assert "sound" in run(str(folder / "a.yaml"), "--format", "markdown").stdout


def test_the_level_of_pod_security_can_be_said(tmp_path: Path) -> None:
    job = {"apiVersion": "ray.io/v1", "kind": "RayCluster", "metadata": {"name": "desk"}}
    pod = {"containers": [{"name": "ray", "image": "ray:2.60.0"}]}
    job["spec"] = {
        "rayVersion": "2.60.0",
        "authOptions": {"mode": "token"},
        "headGroupSpec": {"template": {"spec": pod}},
    }
    job["spec"]["headGroupSpec"]["rayStartParams"] = {}
    (tmp_path / "c.json").write_text(json.dumps(job))
    assert run(str(tmp_path / "c.json")).returncode == 1
    assert run(str(tmp_path / "c.json"), "--pod-security", "baseline").returncode == 0


@pytest.mark.parametrize(
    ("arguments", "stdin", "code"),
    [
        (("gone.yaml",), "", "FS001"),
        (("-",), b"\xff\xfe", "FS002"),
        (("-",), "x" * 10_500_000, "FS004"),
        (("-",), "a: [", "FS006"),
    ],
)
def test_what_cannot_be_read_is_a_finding(arguments: tuple[str, ...], stdin: str | bytes, code: str) -> None:
    done = run(*arguments, stdin=stdin)
    assert done.returncode == 1
    assert f"error[{code}]" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_folder_without_manifests_is_a_finding(tmp_path: Path) -> None:
    done = run(str(tmp_path))
    assert done.returncode == 1
    assert "no manifest is in this folder" in done.stderr


def test_nothing_named_is_a_usage_error() -> None:
    assert run().returncode == 64
