"""The GitLab template, the hooks and the Argo CD examples: valid by their schemas, and run as they are written."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import yaml
from example_repositories import ROOT, edit, git, repository
from fake_forges import READER, SECRET, serving

EXAMPLES = ROOT / "examples"
TEMPLATE = ROOT / "ci" / "gitlab" / "review.yml"
SCHEMAS = {
    "vendor.github-actions": [ROOT / "action.yml"],
    "vendor.github-workflows": sorted(EXAMPLES.glob("*/.github/workflows/*.yml")),
    "vendor.gitlab-ci": [TEMPLATE, EXAMPLES / "gitlab/.gitlab-ci.yml"],
}


def run(script: str, folder: Path, tools: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """A script under bash with nothing of this environment but PATH and HOME."""
    plain = {"PATH": f"{tools}:{os.environ['PATH']}", "HOME": os.environ.get("HOME", "/"), "NO_COLOR": "1",
             "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}  # fmt: skip
    return subprocess.run(["bash", "-e", "-o", "pipefail", "-c", script, "script", *arguments], cwd=folder, text=True,
                          env={**plain, **variables}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)  # fmt: skip


def module(name: str, *arguments: str) -> None:
    done = subprocess.run([sys.executable, "-m", name, *arguments], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.skipif(find_spec("check_jsonschema") is None, reason="check-jsonschema is not here: pip install '.[dev]'")
@pytest.mark.parametrize("schema", SCHEMAS)
def test_files_are_what_their_schemas_say(schema: str) -> None:
    more = ["--data-transform", "gitlab-ci"] if "gitlab" in schema else []
    assert SCHEMAS[schema]
    module("check_jsonschema", "--builtin-schema", schema, *more, *map(str, SCHEMAS[schema]))


@pytest.mark.skipif(find_spec("pre_commit") is None, reason="pre-commit is not here: pip install '.[dev]'")
def test_hooks_are_what_pre_commit_reads() -> None:
    module("pre_commit", "validate-manifest", str(ROOT / ".pre-commit-hooks.yaml"))
    module("pre_commit", "validate-config", str(EXAMPLES / "pre-commit/.pre-commit-config.yaml"))


def test_actions_of_others_are_named_by_their_commit() -> None:
    for file in SCHEMAS["vendor.github-workflows"]:
        used = re.findall(r"uses:\s*(\S+)", file.read_text())
        assert used
        assert all(re.fullmatch(r"[\w./-]+@[0-9a-f]{40}", one) for one in used), file
        # Nothing that a stranger may choose is part of a script.
        for job in yaml.safe_load(file.read_text())["jobs"].values():
            assert not [step for step in job["steps"] if "${{" in step.get("run", "")]


@pytest.mark.parametrize("example", sorted(one.parents[1].name for one in EXAMPLES.glob("*/specs/night.yaml")))
def test_every_example_is_sound_and_says_what_it_is(example: str, tools: Path) -> None:
    folder = EXAMPLES / example
    assert (folder / "README.md").is_file()
    done = run("fleetspec validate specs/night.yaml; fleetspec fmt --check specs/night.yaml", folder, tools)
    assert done.returncode == 0, done.stdout
    # One spec in all of them, so that one that is planned stands for all; under Argo CD it says who launches.
    text = (EXAMPLES / "github/specs/night.yaml").read_text()
    assert (folder / "specs/night.yaml").read_text().startswith(text)
    assert (folder / "specs/night.lock").read_bytes() == (EXAMPLES / "github/specs/night.lock").read_bytes()


def test_the_example_has_the_template_as_it_is() -> None:
    assert (EXAMPLES / "gitlab/ci/gitlab/review.yml").read_bytes() == TEMPLATE.read_bytes()


def _gitlab(variables: dict[str, str], clone: Path, tools: Path, **more: str) -> tuple[int, str]:
    """Run the template's scripts as GitLab does, line by line in one shell; code and log."""
    job: dict[str, Any] = yaml.safe_load(TEMPLATE.read_text())[".fleetspec-review"]
    script = "\n".join([*job["before_script"], *job["script"]])
    here = {"CI_MERGE_REQUEST_TARGET_BRANCH_NAME": "main", **job["variables"], **variables, **more}
    here.pop("PIP_CACHE_DIR")
    done = run(script, clone, tools, **here)
    return done.returncode, done.stdout


def test_a_merge_request_gets_a_note_and_its_widgets(tools: Path, tmp_path: Path) -> None:
    clone = repository("gitlab", tmp_path / "r")
    with serving("gitlab") as forge:
        code, log = _gitlab(forge.variables, clone, tools, GITLAB_TOKEN=SECRET)
        assert code == 0, log
        (note,) = forge.comments
        assert "### fleetspec: ✅" in note["body"]
        out = clone / "fleetspec-review"
        assert json.loads((out / "widget.json").read_text())["update"] == 18
        (issue,) = json.loads((out / "code-quality.json").read_text())
        assert issue["location"] == {"path": "specs/night.yaml", "lines": {"begin": 15}}
        assert (out / "review.html").is_file()
        # Without a token that may write there is no note, and no fault.
        code, log = _gitlab(forge.variables, clone, tools, GITLAB_TOKEN=READER, FLEETSPEC_OUT="second")
        assert (code, "FS614" in log, len(forge.comments)) == (0, True, 1)
        edit(clone, "owner: research", "owner: [research]")
        code, log = _gitlab(forge.variables, clone, tools, GITLAB_TOKEN=SECRET, FLEETSPEC_OUT="third")
        assert (code, "the review says 'broken'" in log) == (1, True)
        assert "❌" in forge.comments[0]["body"]


def _hook(name: str) -> dict[str, Any]:
    hooks = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())
    return next(hook for hook in hooks if hook["id"] == name)


def test_hooks_refuse_what_is_wrong(tools: Path, tmp_path: Path) -> None:
    clone = repository("pre-commit", tmp_path / "r")

    def hook(name: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = shlex.join([*shlex.split(_hook(name)["entry"]), *arguments])
        return run(command, clone, tools)

    assert hook("fleetspec-validate", "specs").returncode == 0
    assert hook("fleetspec-fmt", "specs/night.yaml").returncode == 0
    (clone / "specs/base.yaml").write_text("apiVersion: fleetspec/v1\nkind: Defaults\nowner: desk\n")
    (clone / "specs/second one.yaml").write_text("apiVersion: fleetspec/v1\nkind: Fleet\nname:   [1]\n")
    git(clone, "add", "-A")
    refused = hook("fleetspec-validate", "specs")
    # All specs are read, and Defaults are not taken for one.
    assert refused.returncode == 1
    assert "specs/second one.yaml" in refused.stdout
    assert "night.yaml: sound" in refused.stdout
    assert "base.yaml" not in refused.stdout
    refs = yaml.safe_load((clone / ".pre-commit-config.yaml").read_text())["repos"][0]["hooks"]
    arguments = next(one["args"] for one in refs if one["id"] == "fleetspec-render-check")
    assert run("fleetspec render specs/night.yaml --to deploy/night", clone, tools).returncode == 0
    assert hook("fleetspec-render-check", *arguments).returncode == 0
    edit(clone, "max: 2", "max: 1")
    edit(clone, "cpu: 4", "cpu: 2")
    assert hook("fleetspec-render-check", *arguments).returncode == 1


def test_main_is_hydrated_into_a_branch(tools: Path, tmp_path: Path) -> None:
    clone = repository("argo-cd-hydrator", tmp_path / "r")
    workflow = yaml.safe_load((clone / ".github/workflows/hydrate.yml").read_text())
    job = workflow["jobs"]["hydrate"]
    steps = [step["run"] for step in job["steps"] if "run" in step and "Install" not in step["name"]]

    def hydrate() -> str:
        log = ""
        for script in steps:
            done = run(script, clone, tools, GITHUB_SHA=git(clone, "rev-parse", "HEAD").strip(), **job["env"])
            assert done.returncode == 0, done.stdout
            log += done.stdout
        git(clone, "worktree", "remove", "--force", "hydrated")
        git(clone, "fetch", "-q", "origin")
        return log

    hydrate()
    application = yaml.safe_load((clone / "argo-cd/application.yaml").read_text())
    branch, folder = (application["spec"]["source"][key] for key in ("targetRevision", "path"))
    listed = git(clone, "ls-tree", "-r", "--name-only", f"origin/{branch}").splitlines()
    assert f"{folder}/kustomization.yaml" in listed
    assert f"{folder}/launcher.yaml" in listed
    assert not [one for one in listed if "rayjob" in one]
    git(clone, "mv", "specs/night.yaml", "specs/late.yaml")
    git(clone, "mv", "specs/night.lock", "specs/late.lock")
    git(clone, "commit", "-qm", "rename")
    hydrate()
    names = {one.split("/")[0] for one in git(clone, "ls-tree", "--name-only", f"origin/{branch}").splitlines()}
    assert names == {"late"}
    assert "Nothing is rendered otherwise." in hydrate()
    assert int(git(clone, "rev-list", "--count", f"origin/{branch}")) == 2


def test_the_plug_in_prints_manifests_and_nothing_else(tools: Path, tmp_path: Path) -> None:
    clone = repository("argo-cd-plugin", tmp_path / "r")
    config = yaml.safe_load((clone / "argo-cd/plugin.yaml").read_text())
    spec = yaml.safe_load(config["data"]["plugin.yaml"])["spec"]
    application = yaml.safe_load((clone / "argo-cd/application.yaml").read_text())["spec"]["source"]
    (variable,) = application["plugin"]["env"]
    folder = clone / application["path"]
    found = run(shlex.join(spec["discover"]["find"]["command"]), folder, tools)
    assert found.stdout.split() == ["./night.yaml"]
    command = shlex.join([*spec["generate"]["command"], *spec["generate"]["args"]])
    done = run(f"{command} 2> /dev/null", folder, tools, **{f"ARGOCD_ENV_{variable['name']}": variable["value"]})
    assert done.returncode == 0, done.stdout
    kinds = [one["kind"] for one in yaml.safe_load_all(done.stdout)]
    assert {"CronJob", "ServiceAccount", "NetworkPolicy"} <= set(kinds)
    assert not {"RayJob", "Kustomization", "Namespace"} & set(kinds)
    edit(clone, "owner: research", "owner: [research]")
    done = run(f"{command} 2> /dev/null", folder, tools, ARGOCD_ENV_SPEC="night.yaml")
    assert (done.returncode != 0, done.stdout) == (True, "")
