"""``fleetspec comment`` as a CI job runs it: a repository, a forge, and what is on the thread afterwards."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from fake_forges import READER, SECRET, Fault, Forge, serving

from fleetspec.cli import main

FLEET = """\
apiVersion: fleetspec/v1
kind: Fleet
name: night
owner: research
data:
  market: {from: "synthetic:market", series: 4, length: 700 sessions, seed: 1}
universes:
  eq: {data: market, calendar: XNYS, bar: 1 session}
horizons: [1 bar]
models:
  vol: {family: garch, target: variance, train: 500 bars, refit: 5 sessions}
fleet:
  - {universes: eq, models: vol}
schedule: {calendar: XNYS, start: close + 45m, deadline: open - 90m}
budget: {nightly: 5 USD}
hardware:
  box: {cpu: 4, memory: 16Gi, price: 0.10 USD/h, max: 2, boot: 10s}
"""


def git(folder: Path, *arguments: str) -> None:
    who = ["-c", "user.name=Somebody", "-c", "user.email=somebody@example.com"]
    subprocess.run(["git", *who, *arguments], cwd=folder, check=True, capture_output=True)


def fleetspec(folder: Path, *arguments: str, given: str = "", **variables: str) -> subprocess.CompletedProcess[str]:
    """Run the command in this process, in a folder and with these variables of a CI job alone."""
    out, err = StringIO(), StringIO()
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(out), redirect_stderr(err):
        patch.chdir(folder)
        patch.setattr("sys.stdin", StringIO(given))
        for name in [name for name in os.environ if name.startswith(("GITHUB_", "GH_", "CI_", "GITLAB_"))]:
            patch.delenv(name)
        for name, value in {"NO_COLOR": "1", "COLUMNS": "100", **variables}.items():
            patch.setenv(name, value)
        with pytest.raises(SystemExit) as ending:
            main(list(arguments))
    return subprocess.CompletedProcess(arguments, int(ending.value.code or 0), out.getvalue(), err.getvalue())


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three commits: a spec, another training parameter, and a file that is none."""
    folder = tmp_path_factory.mktemp("repository")
    git(folder, "init", "-q", "-b", "main")
    (folder / "fleet.yaml").write_text(FLEET)
    assert fleetspec(folder, "lock", "fleet.yaml").returncode == 0
    git(folder, "add", "-A")
    git(folder, "commit", "-qm", "start")
    git(folder, "checkout", "-qb", "topic")
    (folder / "fleet.yaml").write_text(
        FLEET.replace("refit: 5 sessions}", "refit: 5 sessions, params: {distribution: normal}}")
    )
    git(folder, "commit", "-qam", "tails")
    git(folder, "tag", "tails")
    (folder / "README.md").write_text("Fleets.\n")
    git(folder, "add", "-A")
    git(folder, "commit", "-qm", "readme")
    return folder


@pytest.fixture(scope="module")
def review(repository: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(fleetspec(repository, "diff", "main...tails", "--format", "json").stdout)
    return found


@pytest.fixture(params=["github", "gitlab"])
def forge(request: pytest.FixtureRequest) -> Iterator[Forge]:
    with serving(request.param) as served:
        yield served


def job(forge: Forge, token: str | None = SECRET) -> dict[str, str]:
    name = {"github": "GITHUB_TOKEN", "gitlab": "GITLAB_TOKEN"}[forge.kind]
    return forge.variables | ({} if token is None else {name: token})


def test_a_branch_is_reviewed_on_its_request(repository: Path, forge: Forge) -> None:
    made = fleetspec(repository, "comment", forge.kind, "main...tails", "--", "fleet.yaml", **job(forge))
    assert made.returncode == 0, made.stderr
    (comment,) = forge.comments
    assert comment["body"].startswith("<!-- fleetspec: review -->\n")
    assert "4 of 4 models are made anew" in comment["body"]
    assert "models.vol.params" in comment["body"]
    assert "is posted on" in made.stdout
    again = fleetspec(repository, "comment", forge.kind, "main...tails", "--", "fleet.yaml", **job(forge))
    assert "says the same already" in again.stdout
    assert len(forge.comments) == 1


def test_a_branch_that_changes_no_spec_says_nothing(repository: Path, forge: Forge) -> None:
    made = fleetspec(repository, "comment", forge.kind, "tails..topic", "--format", "json", **job(forge))
    assert (made.returncode, json.loads(made.stdout)["done"]) == (0, "nothing")
    assert not forge.comments
    forge.add("<!-- fleetspec: review -->\nof an earlier push")
    made = fleetspec(repository, "comment", forge.kind, "tails..topic", **job(forge))
    assert "no spec differs" in forge.comments[0]["body"]


def posted(folder: Path, review: dict[str, Any], forge: Forge, *arguments: str, token: str | None = SECRET) -> Any:
    text = json.dumps(review)
    return fleetspec(folder, "comment", forge.kind, "--from", "-", *arguments, given=text, **job(forge, token))


def test_a_review_from_a_file(tmp_path: Path, review: dict[str, Any], forge: Forge) -> None:
    for behavior, left in (("update", 1), ("update", 1), ("new", 2), ("delete-and-new", 1)):
        made = posted(tmp_path, review, forge, "--behavior", behavior)
        assert made.returncode == 0, made.stderr
        assert len(forge.marked()) == left


def test_tags_have_comments_of_their_own(tmp_path: Path, review: dict[str, Any], forge: Forge) -> None:
    for tag in ("eu", "us", "eu"):
        assert posted(tmp_path, review, forge, "--tag", tag).returncode == 0
    assert len(forge.comments) == 2
    assert posted(tmp_path, review, forge, "--tag", "a --> b").returncode == 64


@pytest.mark.parametrize("token", [None, READER])
def test_a_fork_without_a_write_token_is_no_failure(
    tmp_path: Path, review: dict[str, Any], forge: Forge, token: str | None
) -> None:
    made = posted(tmp_path, review, forge, "--format", "json", token=token)
    assert made.returncode == 0
    assert json.loads(made.stdout)["done"] == "skipped"
    assert "warning[FS614]" in made.stderr
    assert not forge.comments


def test_a_dry_run_asks_nobody(tmp_path: Path, review: dict[str, Any], forge: Forge) -> None:
    made = posted(tmp_path, review, forge, "--dry-run")
    assert made.returncode == 0
    assert made.stdout.startswith("<!-- fleetspec: review -->\n")
    assert not forge.calls
    lonely = fleetspec(tmp_path, "comment", "github", "--from", "-", "--dry-run", given=json.dumps(review))
    assert (lonely.returncode, lonely.stdout) == (0, made.stdout)


def test_nowhere_to_post(tmp_path: Path, review: dict[str, Any]) -> None:
    made = fleetspec(tmp_path, "comment", "github", "--from", "-", given=json.dumps(review), GITHUB_TOKEN=SECRET)
    assert made.returncode == 1
    assert "FS611" in made.stderr


@pytest.mark.parametrize(
    ("faults", "arguments", "token", "code"),
    [
        ([], ("--number", "13"), SECRET, "FS612"),
        ([], (), "nonsense", "FS612"),
        ([Fault("GET", 429, None, {"Retry-After": "9999"})], (), SECRET, "FS613"),
        ([Fault("POST", 422, {"message": "Validation Failed"})], (), SECRET, "FS612"),
    ],
)
def test_what_fails_is_told(
    tmp_path: Path, review: dict[str, Any], forge: Forge, faults: list[Fault], arguments: Any, token: str, code: str
) -> None:
    forge.faults = list(faults)
    made = posted(tmp_path, review, forge, *arguments, token=token)
    assert made.returncode == 1
    assert f"error[{code}]" in made.stderr
    assert "Traceback" not in made.stderr
    assert token not in made.stdout + made.stderr


def test_a_long_review_stays_below_the_limit(tmp_path: Path, review: dict[str, Any], forge: Forge) -> None:
    many = {**review, "specs": [{**review["specs"][0], "path": f"specs/{number}.yaml"} for number in range(400)]}
    made = posted(tmp_path, many, forge)
    assert made.returncode == 0, made.stderr
    assert "Left out for length: values that differ" in made.stdout
    assert len(forge.comments[0]["body"].encode()) < 60_000


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"plan": 1}', "not json"])
def test_a_file_that_is_no_review(tmp_path: Path, text: str) -> None:
    made = fleetspec(tmp_path, "comment", "github", "--from", "-", "--dry-run", given=text)
    assert made.returncode == 1
    assert "FS615" in made.stderr


def test_a_review_that_somebody_has_tampered_with(tmp_path: Path, review: dict[str, Any]) -> None:
    for broken in ({"specs": [{}]}, {"specs": [1]}, {"total": None}, {"base": []}):
        made = fleetspec(tmp_path, "comment", "github", "--from", "-", "--dry-run", given=json.dumps(review | broken))
        assert made.returncode == 1
        assert "FS615" in made.stderr


def test_two_files_are_no_states_of_a_repository(repository: Path) -> None:
    made = fleetspec(repository, "comment", "github", "main:fleet.yaml", "tails:fleet.yaml", "--dry-run")
    assert made.returncode == 64
    assert "main...HEAD" in made.stderr
