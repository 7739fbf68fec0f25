"""From push to comment on ``specs/prod.yaml``, by the steps of ``action.yml`` as CI runs them: cold, into an empty
environment with no cache of wheels, and warm; and the diff of two specs of 100,000 models, against compiling one.

    python bench/review.py [--without-install] [--models 100000]

Targets: 60 s cold, 5 s warm, 3 s for the diff. The forge is one on loopback. Beside seconds on the clock stand those of
the processor: on a machine with other work the latter tell what the command takes.
"""

from __future__ import annotations

import argparse
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "scripts"), str(ROOT / "tests" / "forges")]

from composite_action import Job, run  # noqa: E402
from fake_forges import SECRET, serving  # noqa: E402

EDIT = ("epochs: 500", "epochs: 400")
SPEC = """\
apiVersion: fleetspec/v1
kind: Fleet
name: bench
owner: bench
data:
  bars: {{from: synthetic:market, series: {series}, length: 1100 sessions, seed: 1}}
universes:
  all: {{data: bars, calendar: XNYS, bar: 1 session}}
horizons: [1 bar, 5 bars]
features:
  tech: [momentum(5), rsi(14), volatility(20)]
models:
  vol: {{families: [garch, egarch, gjr, tgarch], target: variance, train: 1000 bars, refit: 5 sessions}}
  fast: {{family: elasticnet, target: return, features: tech, train: 500 bars, refit: 5 sessions}}
  slow: {{family: ridge, target: return, features: tech, train: 1000 bars, refit: 5 sessions}}
  level: {{family: lasso, target: return, features: tech, train: 1000 bars, refit: 5 sessions}}
fleet:
  - {{universes: all, models: [vol, fast, slow, level]}}
schedule: {{calendar: XNYS, start: close + 45m, deadline: open - 90m}}
budget: {{nightly: 500 USD}}
hardware:
  pool: {{cpu: 32, memory: 128Gi, price: 1.60 USD/h, max: 40, boot: 60s}}
"""


class Clock:
    """Seconds on the clock, and of the processor in what was started meanwhile."""

    def __init__(self) -> None:
        self._wall, self._used = time.perf_counter(), self._processor()

    @staticmethod
    def _processor() -> float:
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        return used.ru_utime + used.ru_stime

    def read(self) -> tuple[float, float]:
        return time.perf_counter() - self._wall, self._processor() - self._used


def told(what: str, taken: tuple[float, float], target: float) -> None:
    wall, processor = taken
    print(f"{what:44} {wall:6.1f} s  {processor:6.1f} s of a processor   target {target:g} s: {wall / target:5.2f}")


def git(folder: Path, *arguments: str) -> None:
    who = ["-c", "user.name=bench", "-c", "user.email=bench@example.com"]
    subprocess.run(["git", *who, *arguments], cwd=folder, check=True, capture_output=True)


def pushed(folder: Path) -> Path:
    """A clone with the production spec on main, and on its branch one edit of it."""
    origin, clone = folder / "origin.git", folder / "fleets"
    git(folder, "init", "-q", "--bare", "-b", "main", str(origin))
    (clone / "specs").mkdir(parents=True)
    for name in ("prod.yaml", "prod.lock"):
        shutil.copy(ROOT / "specs" / name, clone / "specs" / name)
    shutil.copytree(ROOT / "specs" / "defaults", clone / "specs" / "defaults")
    git(clone, "init", "-q", "-b", "main")
    git(clone, "add", "-A")
    git(clone, "commit", "-qm", "start")
    git(clone, "remote", "add", "origin", str(origin))
    git(clone, "push", "-q", "origin", "main")
    git(clone, "checkout", "-qb", "topic")
    spec = clone / "specs" / "prod.yaml"
    text = spec.read_text()
    assert EDIT[0] in text
    spec.write_text(text.replace(*EDIT))
    git(clone, "commit", "-qam", "fewer epochs")
    return clone


def push_to_comment(folder: Path, clone: Path, name: str, command: str, cache: bool) -> Job:
    """The action once; the job, in which every step has its seconds."""
    with serving("github") as forge:
        temporary = folder / name
        temporary.mkdir()
        pip = {key: value for key, value in os.environ.items() if key.startswith("PIP_")}
        variables = forge.variables | pip | {"GITHUB_BASE_REF": "main"} | ({} if cache else {"PIP_NO_CACHE_DIR": "1"})
        job = Job(clone, temporary, variables, {"token": SECRET, "event_name": "pull_request"})
        clock = Clock()
        run(ROOT / "action.yml", job, {"command": command, "out": str(temporary / "out")})
        assert not job.failed, job.log
        assert len(forge.comments) == 1
        told(f"push to comment, {name}", clock.read(), 60 if name == "cold" else 5)
    for step in job.ran:
        print(f"    {step.name:40} {step.seconds:6.1f} s")
    return job


def wide_diff(folder: Path, models: int) -> None:
    """Two specs of so many models, one of which trains its GARCH models with another distribution."""
    command = [sys.executable, "-m", "fleetspec"]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    (folder / "specs").mkdir()
    spec = folder / "specs" / "fleet.yaml"
    spec.write_text(SPEC.format(series=models // 10))
    subprocess.run([*command, "lock", str(spec)], check=True, capture_output=True, env=environment)
    git(folder, "init", "-q", "-b", "main")
    git(folder, "add", "-A")
    git(folder, "commit", "-qm", "start")
    text = spec.read_text()
    spec.write_text(text.replace("target: variance", "target: variance, params: {distribution: normal}"))
    git(folder, "commit", "-qam", "edit")
    for what, arguments in (
        (f"compile, {models:,} models", ["compile", "specs/fleet.yaml"]),
        (f"diff, {models:,} models", ["diff", "HEAD~1...HEAD"]),
    ):
        best = (float("inf"), float("inf"))
        for _ in range(3):
            clock = Clock()
            subprocess.run([*command, *arguments], check=True, capture_output=True, env=environment, cwd=folder)
            best = min(best, clock.read())
        told(what, best, 3)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--without-install", action="store_true", help="leave out the cold run")
    parser.add_argument("--models", type=int, default=100_000, help="of the two specs that are compared [100,000]")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        clone = pushed(folder)
        if given.without_install:
            tool = folder / "fleetspec"
            tool.write_text(f'#!/bin/sh\nPYTHONPATH={ROOT} exec {sys.executable} -m fleetspec "$@"\n')
            tool.chmod(0o755)
            command = str(tool)
        else:
            cold = push_to_comment(folder, clone, "cold", "", cache=False)
            command = cold.steps["install"]["command"]
        push_to_comment(folder, clone, "first", command, cache=True)
        push_to_comment(folder, clone, "warm", command, cache=True)
        (folder / "wide").mkdir()
        wide_diff(folder / "wide", given.models)


if __name__ == "__main__":
    main()
