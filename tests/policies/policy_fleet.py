"""A fleet of a few toy models, its policies and its approvals, as texts that tests change."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

SPEC = """apiVersion: fleetspec/v1
kind: Fleet
name: prod
owner: research
tier: medium
data:
  market: {from: "synthetic:market", series: 4, length: 400 sessions, seed: 3}
universes:
  equities: {data: market, calendar: XNYS, bar: 1 session}
horizons: [1 bar]
features:
  tech: [momentum(5)]
models:
  vol: {family: ridge, target: return, features: tech, train: 250 bars, refit: 5 sessions}
  more: {family: lasso, target: return, features: tech, train: 240 bars, refit: 5 sessions}
fleet:
  - {universes: equities, models: [vol, more]}
schedule: {calendar: XNYS, start: close + 45m, deadline: open - 90m}
budget: {nightly: 1 USD}
hardware:
  laptop: {cpu: 2, memory: 8Gi, price: 0.10 USD/h, max: 1, boot: 0s}
"""
# Nothing of this is compiled before it first runs.
QUICK = SPEC.replace("family: ridge, target: return, features: tech", "family: arima, target: return").replace(
    "family: lasso, target: return, features: tech", "family: arima, target: return"
)
HEAD = "apiVersion: fleetspec/v1\nkind: Approvals\n"
GIT = ("-c", "user.name=Tester", "-c", "user.email=tester@example.com", "-c", "commit.gpgsign=false")


class Fleet:
    """``prod.yaml`` and its approvals in a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.spec = folder / "prod.yaml"
        self.approvals = folder / "approvals.yaml"

    def write(self, spec: str = SPEC, policies: str = "") -> None:
        self.spec.write_text(spec + (f"policies:\n{policies}" if policies else ""))

    def approve(self, text: str) -> None:
        self.approvals.write_text(HEAD + text)

    def copy(self, other: Path) -> None:
        shutil.copytree(other, self.folder)

    def git(self, *arguments: str) -> str:
        command = ["git", *GIT, *arguments]
        return subprocess.run(command, cwd=self.folder, capture_output=True, text=True, check=True).stdout

    def commit(self, message: str) -> None:
        if not (self.folder / ".git").exists():
            self.git("init", "-q", "-b", "main")
        self.git("add", "-A")
        self.git("commit", "-q", "--allow-empty", "-m", message)
