"""Runs a composite action as GitHub's runner does: its steps as they are written, with files in place of the runner's.

Used by the tests of ``action.yml`` and by ``bench/review.py``. Known are the expressions that the action uses: inputs,
outputs of steps, ``github.token`` and ``github.event_name``, texts, ``==``, ``&&``, ``||`` and ``startsWith``.
"""

from __future__ import annotations

import os
import re
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

_WHOLE = re.compile(r"\$\{\{(.+?)\}\}")
_ATOM = re.compile(r"'(?P<text>[^']*)'|startsWith\((?P<a>[^,]+),(?P<b>[^)]+)\)|(?P<name>[\w.-]+)")


@dataclass
class Ran:
    """What a step did: exit code, both streams as the log shows them, and its seconds."""

    name: str
    code: int
    log: str
    seconds: float


@dataclass
class Job:
    """The state of a job that runs one action. ``variables`` are those of the runner beside PATH and HOME."""

    workspace: Path
    temporary: Path
    variables: Mapping[str, str]
    github: Mapping[str, str]
    steps: dict[str, dict[str, str]] = field(default_factory=dict)
    ran: list[Ran] = field(default_factory=list)
    summary: str = ""

    @property
    def failed(self) -> bool:
        return any(one.code for one in self.ran)

    @property
    def log(self) -> str:
        return "".join(one.log for one in self.ran)


def run(action: Path, job: Job, given: Mapping[str, str]) -> dict[str, str]:
    """Run the action in a file ``action.yml`` with inputs; its outputs. Steps after one that fails are left out."""
    held = yaml.safe_load(action.read_text(encoding="utf-8"))
    unknown = given.keys() - held["inputs"].keys()
    if unknown:
        raise ValueError(f"the action has no input {min(unknown)}")
    inputs = {name: _filled(str(one["default"]), {}, job) for name, one in held["inputs"].items()} | dict(given)
    for step in held["runs"]["steps"]:
        if job.failed or ("if" in step and not _filled(step["if"], inputs, job)):
            continue
        job.ran.append(_step(step, action.parent, inputs, job))
    return {name: _filled(str(one["value"]), inputs, job) for name, one in held["outputs"].items()}


def _step(step: Mapping[str, Any], action: Path, inputs: Mapping[str, str], job: Job) -> Ran:
    if "${{" in step["run"]:
        raise ValueError(f"step '{step['name']}' has an expression in its script")
    number = len(job.ran)
    files = {
        name: job.temporary / f"{name}-{number}" for name in ("GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY", "GITHUB_ENV")
    }
    for file in files.values():
        file.touch()
    script = job.temporary / f"step-{number}.sh"
    script.write_text(step["run"])
    here = {
        "GITHUB_ACTION_PATH": str(action),
        "RUNNER_TEMP": str(job.temporary),
        "GITHUB_WORKSPACE": str(job.workspace),
    }
    plain = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    own = {name: _filled(str(value), inputs, job) for name, value in step.get("env", {}).items()}
    environment = plain | dict(job.variables) | here | {name: str(file) for name, file in files.items()} | own
    began = time.perf_counter()
    # As the runner starts `shell: bash`.
    done = subprocess.run(
        ["bash", "--noprofile", "--norc", "-e", "-o", "pipefail", str(script)],
        cwd=job.workspace, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    job.summary += files["GITHUB_STEP_SUMMARY"].read_text(encoding="utf-8")
    if "id" in step:
        job.steps[step["id"]] = read_outputs(files["GITHUB_OUTPUT"].read_text(encoding="utf-8"))
    return Ran(step["name"], done.returncode, done.stdout, time.perf_counter() - began)


def read_outputs(text: str) -> dict[str, str]:
    """As the runner reads the file: a line ``name=value``, or ``name<<END`` and all lines until one that is END."""
    found: dict[str, str] = {}
    lines = iter(text.split("\n")[:-1])
    for line in lines:
        plain, fence = line.find("="), line.find("<<")
        if fence >= 0 and (plain < 0 or fence < plain):
            name, end = line[:fence], line[fence + 2 :]
            value = []
            for inner in lines:
                if inner == end:
                    break
                value.append(inner)
            else:
                raise ValueError(f"'{name}' has no end")
            found[name] = "\n".join(value)
        elif plain > 0:
            found[line[:plain]] = line[plain + 1 :]
        else:
            raise ValueError(f"'{line}' is no output")
    return found


def _filled(text: str, inputs: Mapping[str, str], job: Job) -> str:
    """A text with its expressions filled in; one that is false is empty."""
    return _WHOLE.sub(lambda found: _either(found[1], inputs, job), text)


def _either(text: str, inputs: Mapping[str, str], job: Job) -> str:
    return next((value for part in text.split("||") if (value := _both(part, inputs, job))), "")


def _both(text: str, inputs: Mapping[str, str], job: Job) -> str:
    value = ""
    for part in text.split("&&"):
        left, equals, right = part.partition("==")
        value = _atom(left, inputs, job)
        if equals:
            value = "true" if value == _atom(right, inputs, job) else ""
        if not value:
            return ""
    return value


def _atom(text: str, inputs: Mapping[str, str], job: Job) -> str:
    found = _ATOM.fullmatch(text.strip())
    if found is None:
        raise ValueError(f"'{text}' is no expression that is known here")
    if found["text"] is not None:
        return found["text"]
    if found["a"] is not None:
        whole, start = (_atom(part, inputs, job) for part in (found["a"], found["b"]))
        return "true" if whole.startswith(start) else ""
    room, *names = found["name"].split(".")
    if room == "inputs":
        return inputs[names[0]]
    if room == "github":
        return job.github.get(names[0], "")
    if room == "steps" and len(names) == 3 and names[1] == "outputs":
        return job.steps.get(names[0], {}).get(names[2], "")
    raise ValueError(f"'{found['name']}' is not known here")
