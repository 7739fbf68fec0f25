"""A small fleet on the command line, as a person would use it."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np


@dataclass(frozen=True)
class Answer:
    code: int
    out: str
    err: str


@dataclass(frozen=True)
class Shell:
    """Runs ``fleetspec`` in a folder of its own."""

    folder: Path

    def __call__(self, *arguments: str, **environment: str) -> Answer:
        run = subprocess.run(
            self.command(*arguments),
            cwd=self.folder,
            capture_output=True,
            text=True,
            env=self.environment(**environment),
        )
        return Answer(run.returncode, run.stdout, run.stderr)

    def good(self, *arguments: str) -> str:
        answer = self(*arguments)
        assert answer.code == 0, answer.err + answer.out
        return answer.out

    def command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "fleetspec", *arguments]

    def environment(self, **more: str) -> dict[str, str]:
        return {**os.environ, "NO_COLOR": "1", "COLUMNS": "80", **more}

    def write(self, name: str, text: str) -> Path:
        path = self.folder / name
        path.write_text(text)
        return path


def write_prices(path: Path, names: list[str], bars: int, seed: int = 5) -> None:
    """A long CSV of daily closes with volatility clusters; series named nan, flat and short are poisoned."""
    rng = np.random.default_rng(seed)
    days = np.arange(np.datetime64("2018-01-01"), np.datetime64("2018-01-01") + 2 * bars)
    days = days[np.is_busday(days)][: bars + 1]
    lines = ["ticker,date,close,volume"]
    for name in names:
        scale = 0.01 * np.exp(0.3 * np.sin(np.arange(bars + 1) / 40))
        closes = 100 * np.exp(np.cumsum(rng.standard_normal(bars + 1) * scale))
        if name == "flat":
            closes[:] = 100.0
        for day, close in list(zip(days, closes, strict=True))[: 6 if name == "short" else None]:
            lines.append(f"{name},{day},{'' if name == 'nan' else f'{close:.6f}'},{rng.integers(1000, 9000)}")
    path.write_text("\n".join(lines) + "\n")


SPEC = """\
apiVersion: fleetspec/v1
kind: Fleet
name: small
owner: me
seed: 3
data:
  bars: {from: bars.csv, key: ticker, time: date, price: close, volume: volume}
quality: {max_missing: 5%, max_quarantined: LIMIT}
universes:
  main: {data: bars, calendar: XNYS, bar: 1 session}
horizons: [1 bar, 5 bars]
features:
  tech: [momentum(5), rsi(14), volume_ratio(20)]
models:
  vol:    {families: [garch, gjr], target: variance, train: 300 bars, refit: 5 sessions, params: {distribution: normal}}
  var:    {family: vol-scaled, over: vol, target: value_at_risk, levels: [99%, 95%]}
  linear: {family: elasticnet, target: return, features: tech, train: 300 bars, refit: 5 sessions}
fleet:
  - {universes: main, models: [vol, var, linear]}
backtest: {scheme: walk-forward, models: [vol, var], step: 40 bars, tests: [kupiec], within: 2h}
schedule: {calendar: XNYS, start: close + 45m, deadline: open - 90m}
budget: {nightly: 1 USD, backtest: 1 USD}
hardware:
  laptop: {cpu: 2, memory: 8Gi, price: 0.10 USD/h, max: 1, boot: 10s}
"""


def small_fleet(shell: Shell, names: list[str], bars: int = 420, limit: str = "2%") -> str:
    """Write data and spec of a small fleet and lock it; returns the spec's name."""
    write_prices(shell.folder / "bars.csv", names, bars)
    shell.write("fleet.yaml", SPEC.replace("LIMIT", limit))
    shell.good("lock", "fleet.yaml")
    return "fleet.yaml"
