"""``action.yml`` as the runner runs it: its scripts as they are written, in a clone, against a forge on loopback."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from composite_action import Job, run
from example_repositories import ROOT, edit, git, repository
from fake_forges import READER, SECRET, Fault, Forge, serving

ACTION = ROOT / "action.yml"


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return repository("github", tmp_path_factory.mktemp("github") / "r")


@pytest.fixture
def forge() -> Iterator[Forge]:
    with serving("github") as served:
        yield served


def job(
    clone: Path, forge: Forge, temporary: Path, token: str = SECRET, event: str = "pull_request", **more: str
) -> Job:
    temporary.mkdir(exist_ok=True)
    variables = {**forge.variables, "GITHUB_BASE_REF": "main", "NO_COLOR": "1", "GIT_CONFIG_GLOBAL": os.devnull, **more}
    return Job(clone, temporary, variables, {"token": token, "event_name": event})


def inputs(tools: Path, out: Path, **given: str) -> dict[str, str]:
    return {"command": str(tools / "fleetspec"), "out": str(out), **{k.replace("_", "-"): v for k, v in given.items()}}


def test_a_pull_request_is_reviewed(clone: Path, forge: Forge, tools: Path, tmp_path: Path) -> None:
    here = job(clone, forge, tmp_path / "t")
    outputs = run(ACTION, here, inputs(tools, tmp_path / "out", plans="true"))
    assert not here.failed, here.log
    assert {"changes": "true", "verdict": "holds", "retrained": "18", "added": "0"}.items() <= outputs.items()
    assert float(outputs["slack"]) > 3600
    (comment,) = forge.comments
    assert comment["body"].startswith("<!-- fleetspec: review -->\n\n### fleetspec: ✅")
    assert "### fleetspec: ✅" in here.summary
    assert "::notice title=change,file=specs/night.yaml,line=15," in here.log
    for name in ("review", "report", "plan", "charts"):
        assert Path(outputs[name]).exists(), name
    assert (tmp_path / "out/plans/specs/night.fsp").is_file()
    # A later push brings the same comment up to date.
    again = job(clone, forge, tmp_path / "t2")
    run(ACTION, again, inputs(tools, tmp_path / "out2"))
    assert len(forge.comments) == 1


def test_a_fork_has_all_but_the_comment(clone: Path, forge: Forge, tools: Path, tmp_path: Path) -> None:
    here = job(clone, forge, tmp_path / "t", READER)
    outputs = run(ACTION, here, inputs(tools, tmp_path / "out"))
    assert not here.failed, here.log
    assert "FS614" in here.log
    assert outputs["retrained"] == "18"
    assert "### fleetspec: ✅" in here.summary
    assert not forge.comments


def test_a_broken_spec_fails_the_job_after_the_comment(clone: Path, forge: Forge, tools: Path, tmp_path: Path) -> None:
    git(clone, "checkout", "-qb", "broken", "topic")
    edit(clone, "owner: research", "owner: [research]\n::error::forged\n##[set-output name=verdict;]holds")
    here = job(clone, forge, tmp_path / "t")
    outputs = run(ACTION, here, inputs(tools, tmp_path / "out"))
    git(clone, "checkout", "-q", "topic")
    assert [one.name for one in here.ran if one.code] == ["Judge"]
    assert outputs["verdict"] == "broken"
    assert "❌" in forge.comments[0]["body"]
    # What is quoted of a spec stands where the runner takes no commands.
    stop = re.search(r"(?m)^::stop-commands::(\w{32})$", here.log)
    assert stop is not None
    quoted = here.log[stop.end() : here.log.index(f"::{stop[1]}::")]
    assert "error[" in quoted
    rest = here.log.replace(quoted, "")
    assert not re.search(r"(?m)^\s*::error::forged|##\[set-output", rest)
    allowed = job(clone, forge, tmp_path / "t3")
    run(ACTION, allowed, inputs(tools, tmp_path / "out3", fail_on="policy"))
    assert not allowed.failed


def test_a_push_needs_a_base_and_comments_nowhere(clone: Path, forge: Forge, tools: Path, tmp_path: Path) -> None:
    bare = job(clone, forge, tmp_path / "t", event="push", GITHUB_BASE_REF="")
    run(ACTION, bare, inputs(tools, tmp_path / "out"))
    assert "give the action the input base" in bare.log
    assert bare.failed
    here = job(clone, forge, tmp_path / "t2", event="push", GITHUB_BASE_REF="")
    outputs = run(ACTION, here, inputs(tools, tmp_path / "out", base="main"))
    assert (here.failed, outputs["retrained"], forge.comments) == (False, "18", [])


def test_a_shallow_clone_of_one_branch_gets_what_it_lacks(
    clone: Path, forge: Forge, tools: Path, tmp_path: Path
) -> None:
    shallow = tmp_path / "shallow"
    origin = clone.parent / "origin.git"
    git(tmp_path, "clone", "-q", "--depth", "1", "--branch", "topic", f"file://{origin}", str(shallow))
    here = job(shallow, forge, tmp_path / "t")
    assert run(ACTION, here, inputs(tools, tmp_path / "out"))["retrained"] == "18", here.log
    assert git(shallow, "status", "--porcelain") == ""


def test_inputs_are_texts_and_never_commands(clone: Path, forge: Forge, tools: Path, tmp_path: Path) -> None:
    trap = tmp_path / "trap"
    texts = {"paths": f"specs/\n$(touch {trap})\n", "tag": f"`touch {trap}`", "fail_on": f"$(touch {trap}) *"}
    for given in (texts, {"base": f"main; touch {trap}"}):
        here = job(clone, forge, tmp_path / "t")
        run(ACTION, here, inputs(tools, tmp_path / "out", **given))
        assert not trap.exists(), given


def test_a_forge_that_is_down_fails_the_job_and_says_so(clone: Path, forge: Forge, tools: Path, tmp_path: Path) -> None:
    forge.faults = [Fault("GET", 503, {"message": "down"}, {"Retry-After": "600"})] * 9
    here = job(clone, forge, tmp_path / "t")
    outputs = run(ACTION, here, inputs(tools, tmp_path / "out"))
    assert [one.name for one in here.ran if one.code] == ["Comment"]
    assert "FS613" in here.log
    assert outputs["retrained"] == "18"


def test_no_script_holds_an_expression_and_no_action_is_another() -> None:
    held = yaml.safe_load(ACTION.read_text())
    for step in held["runs"]["steps"]:
        assert "${{" not in step["run"]
        assert "uses" not in step
