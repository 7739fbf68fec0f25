"""A repository with a history of one change a commit, and what each of them is: written before any diff was looked at.

The fleet, counted by hand: universe ``eq`` has 6 series and ``fx`` 3. Per series ``vol`` has a garch and a gjr (of all
horizons one), ``linear`` a model at each of two horizons; on ``eq`` alone there are ``var``, over both of ``vol``, and
``tuned``, at one horizon each. That is 12 + 12 + 6 + 6 on ``eq`` and 6 + 6 on ``fx``: 48. Later ``rates`` brings 2
series and 8 models, and a fourth currency 4: 60.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

BASE = """\
apiVersion: fleetspec/v1
kind: Defaults
hardware:
  box: {cpu: 4, memory: 16Gi, price: 0.10 USD/h, max: 2, boot: 10s}
schedule: {calendar: XNYS, start: close + 45m, deadline: open - 90m}
"""
FLEET = """\
apiVersion: fleetspec/v1
kind: Fleet
name: night
owner: research
extends: [base.yaml]
seed: 3
data:
  market: {from: "synthetic:market", series: 10, length: 700 sessions, seed: 1}
  prices: {from: ../data/prices.csv, key: ticker, time: date, price: close}
universes:
  eq: {data: market, series: [SYN0001, SYN0002, SYN0003, SYN0004, SYN0005, SYN0006], calendar: XNYS, bar: 1 session}
  fx: {data: prices, series: file:lists/fx.csv, calendar: XNYS, bar: 1 session}
horizons: [1 bar, 5 bars]
features:
  tech: [momentum(5), rsi(14)]
models:
  vol:    {families: [garch, gjr], target: variance, train: 500 bars, refit: 5 sessions, params: {distribution: normal}}
  var:    {family: vol-scaled, over: vol, target: value_at_risk, levels: [99%]}
  linear: {family: elasticnet, target: return, features: tech, train: 300 bars, refit: 5 sessions}
  tuned:  {family: elasticnet, target: return, features: tech, train: 300 bars, refit: 5 sessions,
           search: {every: 20 sessions, trials: 4, metric: rmse, space: {alpha: 1e-4..1 log}}}
fleet:
  - {universes: [eq, fx], models: [vol, linear]}
  - {universes: eq, models: [var, tuned], horizons: [1 bar]}
budget: {nightly: 5 USD}
"""
RATES = "  rates: {data: market, series: [SYN0009, SYN0010], calendar: XNYS, bar: 1 session}\n"
LINEAR = "linear: {family: elasticnet, target: return, features: tech, train: 300 bars"
UNRESOLVED = "<<<<<<< HEAD\nowner: both desks\n=======\nowner: nobody\n>>>>>>> topic"


@dataclass(frozen=True)
class Told:
    """What a diff must say of a commit against the one before it.

    ``states`` are those of the specs that it must list, by path. ``models`` are counts of the total, nothing else may
    be in it but unchanged ones. ``classes`` are those of all values that differ. ``code`` is the exit code with
    ``--detailed-exitcode``. ``check`` judges the whole answer.
    """

    states: Mapping[str, str] = field(default_factory=dict)
    models: Mapping[str, int] = field(default_factory=dict)
    classes: frozenset[str] = frozenset()
    code: int = 2
    check: Callable[[dict[str, Any]], bool] = lambda answer: True


@dataclass
class History:
    """The repository, and each commit's name with what is expected of it. ``commits`` are in order."""

    folder: Path
    commits: list[str] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    told: dict[str, Told] = field(default_factory=dict)

    def git(self, *arguments: str) -> str:
        return git(self.folder, *arguments)

    def edit(self, name: str, *edits: tuple[str, str]) -> None:
        path = self.folder / name
        text = path.read_text()
        for before, after in edits:
            assert text.count(before) == 1, before
            text = text.replace(before, after)
        path.write_text(text)

    def commit(self, name: str, told: Told) -> None:
        self.git("add", "-A")
        self.git("commit", "-q", "-m", name)
        self.commits.append(self.git("rev-parse", "HEAD").strip())
        self.names.append(name)
        self.told[name] = told

    def pair(self, name: str) -> tuple[str, str]:
        at = self.names.index(name)
        return self.commits[at - 1], self.commits[at]


def git(folder: Path, *arguments: str) -> str:
    calm = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}
    who = ["-c", "user.name=Somebody", "-c", "user.email=somebody@example.com", "-c", "protocol.file.allow=always"]
    run = subprocess.run(
        ["git", *who, *arguments], cwd=folder, capture_output=True, text=True, env={**os.environ, **calm}
    )
    assert run.returncode == 0, run.stderr
    return run.stdout


def prices(path: Path, days: int) -> None:
    rng = np.random.default_rng(4)
    dates = np.arange(np.datetime64("2018-01-01"), np.datetime64("2024-01-01"))
    dates = dates[np.is_busday(dates)][:days]
    lines = ["ticker,date,close"]
    for name in ("EUR", "GBP", "JPY", "CHF"):
        closes = 100 * np.exp(np.cumsum(rng.standard_normal(800) * 0.005))
        lines += [f"{name},{day},{close:.6f}" for day, close in zip(dates, closes, strict=False)]
    path.parent.mkdir(exist_ok=True)
    path.write_text("\n".join(lines) + "\n")


def _settings(answer: dict[str, Any], spec: str = "specs/fleet.yaml") -> dict[str, dict[str, Any]]:
    (review,) = (one["review"] for one in answer["specs"] if one["path"] == spec)
    return {change["route"]: change for change in review["settings"]}


def _review(answer: dict[str, Any]) -> dict[str, Any]:
    review: dict[str, Any] = answer["specs"][0]["review"]
    return review


def _needed(answer: dict[str, Any]) -> dict[str, int]:
    return {one["task"]: one["needed"] for one in answer["total"]["work"] if one["needed"]}


def _codes(answer: dict[str, Any]) -> list[tuple[str, str, int]]:
    found = [finding for spec in answer["specs"] for finding in spec["findings"]]
    return [(one["code"], one["place"]["file"].partition(":")[2], one["place"]["line"]) for one in found]


CHANGED = {"specs/fleet.yaml": "changed"}


def scripted(folder: Path, lock: Callable[[str], None]) -> History:
    """Make the repository in an empty folder. ``lock`` locks a spec, named from the top."""
    h = History(folder)
    spec, defaults = "specs/fleet.yaml", "specs/base.yaml"
    h.git("init", "-q", "-b", "main")
    (folder / ".gitignore").write_text("data/\n")
    (folder / "specs" / "lists").mkdir(parents=True)
    (folder / spec).write_text(FLEET)
    (folder / defaults).write_text(BASE)
    (folder / "specs/lists/fx.csv").write_text("ticker\nEUR\nGBP\nJPY\n")
    prices(folder / "data" / "prices.csv", 700)
    lock(spec)
    h.commit("start", Told())

    h.edit(spec, ("owner: research", "# whoever asks\nowner: research  # since 2024"))
    h.commit("comment only", Told(CHANGED, code=0))

    h.edit(
        spec,
        ("horizons: [1 bar, 5 bars]", "horizons:\n  - 5 bars\n  - 1 bar"),
        ("{families: [garch, gjr]", "{families: [gjr, garch]"),
        ("seed: 3\n", ""),
        ("name: night\n", "seed: '3'\nname: night\n"),
    )
    h.commit("reformat", Told(CHANGED, code=0))

    (folder / "README.md").write_text("Fleets.\n")
    h.commit("something else", Told(code=0))

    h.edit(defaults, ("hardware:", "# bought in spring\nhardware:"))
    h.commit("comment in the base", Told(code=0))

    h.edit(spec, ("owner: research", "owner: desk"))
    h.commit("owner", Told(CHANGED, classes=frozenset({"metadata"}), check=lambda a: _needed(a) == {}))

    h.edit(spec, ("trials: 4", "trials: 8"))
    h.commit(
        "raise trials",
        Told(
            CHANGED,
            {"changed": 6, "model": 6},
            frozenset({"model"}),
            check=lambda a: (
                _settings(a)["models.tuned.search.trials"]["base"] == "4"
                and any("trials 4 → 8" in reason for group in _review(a)["groups"] for reason in group["reasons"])
            ),
        ),
    )

    h.edit(spec, ("horizons:\n", f"{RATES}horizons:\n"), ("universes: [eq, fx]", "universes: [eq, fx, rates]"))
    lock(spec)
    # Two series: a garch and a gjr each, and linear at two horizons.
    h.commit(
        "add universe",
        Told(
            CHANGED,
            {"added": 8},
            frozenset({"model"}),
            check=lambda a: (
                {(g["universe"], g["group"]) for g in _review(a)["groups"]} == {("rates", "vol"), ("rates", "linear")}
            ),
        ),
    )

    h.edit(spec, (LINEAR, LINEAR.replace("300", "250")))
    lock(spec)
    # 11 series at two horizons.
    h.commit("shorter window", Told(CHANGED, {"changed": 22, "model": 22}, frozenset({"model"})))

    h.edit(spec, ("distribution: normal", "distribution: t"))
    # 11 series with two families change by themselves, var on eq by what it is over.
    h.commit("other distribution", Told(CHANGED, {"changed": 28, "model": 22, "upstream": 6}, frozenset({"model"})))

    h.edit(defaults, ("cpu: 4, memory: 16Gi", "cpu: 8, memory: 32Gi"))
    h.commit(
        "change pool",
        Told(
            CHANGED,
            classes=frozenset({"capacity"}),
            check=lambda a: (
                _settings(a)["hardware.box.cpu"]["place"].endswith(":specs/base.yaml:5") and _needed(a) == {}
            ),
        ),
    )

    h.edit(defaults, ("0.10 USD/h", "0.20 USD/h"))
    h.commit(
        "price change",
        Told(
            CHANGED,
            classes=frozenset({"capacity"}),
            check=lambda a: (
                np.isclose(a["total"]["cost_usd"]["head"], 2 * a["total"]["cost_usd"]["base"], rtol=1e-6)
                and a["total"]["cost_usd"]["base"] > 0
            ),
        ),
    )

    h.edit(defaults, ("open - 90m", "open - 120m"))
    h.commit(
        "move deadline",
        Told(
            CHANGED,
            classes=frozenset({"capacity"}),
            check=lambda a: (
                np.isclose(_review(a)["base"]["slack_seconds"] - _review(a)["head"]["slack_seconds"], 1800)
                and _review(a)["base"]["end_seconds"] == _review(a)["head"]["end_seconds"]
            ),
        ),
    )

    h.edit(
        spec,
        ("  linear:", "  ridge: "),
        ("models: [vol, linear]", "models: [vol, ridge]"),
        ("fleet:\n", 'moved:\n  - {from: "*/linear", to: "*/ridge"}\nfleet:\n'),
    )
    h.commit(
        "rename a group", Told(CHANGED, {"renamed": 22}, frozenset({"metadata"}), check=lambda a: _needed(a) == {})
    )

    h.edit(
        spec,
        ("  fx: {", "  currencies: {"),
        ("[eq, fx, rates]", "[eq, currencies, rates]"),
        ("moved:\n", "moved:\n  - {from: fx, to: currencies}\n"),
    )
    lock(spec)
    # 3 series with two of vol and ridge at two horizons.
    h.commit("rename a universe", Told(CHANGED, {"renamed": 12}, frozenset({"metadata"})))

    prices(folder / "data" / "prices.csv", 740)
    lock(spec)
    h.commit("lock newer data", Told(CHANGED, code=0, check=lambda a: a["specs"][0]["relocked"]))

    prices(folder / "data" / "prices.csv", 760)
    h.edit(spec, ("owner: desk", "owner: both desks"))
    lock(spec)
    h.commit("owner and newer data", Told(CHANGED, classes=frozenset({"metadata"}), check=lambda a: _needed(a) == {}))

    (folder / "specs/lists/fx.csv").write_text("ticker\nEUR\nGBP\nJPY\nCHF\n")
    lock(spec)
    h.commit("a longer list", Told(CHANGED, {"added": 4}, frozenset({"data"})))

    h.edit(spec, ("[eq, currencies, rates]", "[eq, currencies]"), (RATES, ""))
    h.commit("remove a universe", Told(CHANGED, {"removed": 8}, frozenset({"model"}), check=lambda a: _needed(a) == {}))

    h.git("revert", "--no-edit", "HEAD")
    h.git("reset", "-q", "--soft", "HEAD~1")
    h.commit("revert", Told(CHANGED, {"added": 8}, frozenset({"model"})))

    h.edit(spec, ("owner: both desks", UNRESOLVED))
    h.commit("conflict markers", Told({spec: "broken"}, code=1, check=lambda a: _codes(a) == [("FS039", spec, 6)]))

    h.edit(spec, (UNRESOLVED, "owner: both desks"))
    h.commit("conflict resolved", Told({spec: "mended"}, check=lambda a: _codes(a) == [("FS039", spec, 6)]))

    (folder / defaults).unlink()
    h.commit("delete the base", Told({spec: "broken"}, code=1, check=lambda a: _codes(a) == [("FS001", spec, 7)]))

    h.git("revert", "--no-edit", "HEAD")
    h.git("reset", "-q", "--soft", "HEAD~1")
    h.commit("bring the base back", Told({spec: "mended"}, check=lambda a: _codes(a) == [("FS001", spec, 7)]))

    h.git("mv", spec, "specs/prod.yaml")
    h.git("mv", "specs/fleet.lock", "specs/prod.lock")
    h.commit(
        "rename the spec", Told({"specs/prod.yaml": "renamed"}, code=0, check=lambda a: a["specs"][0]["was"] == spec)
    )

    h.git("mv", "specs/prod.yaml", "specs/night.yaml")
    h.git("mv", "specs/prod.lock", "specs/night.lock")
    h.edit("specs/night.yaml", ("trials: 8", "trials: 6"))
    h.commit(
        "rename the spec and change it",
        Told({"specs/night.yaml": "renamed"}, {"changed": 6, "model": 6}, frozenset({"model"})),
    )

    second = (folder / "specs/night.yaml").read_text().replace("name: night", "name: day")
    (folder / "specs/day.yaml").write_text(second)
    (folder / "specs/day.lock").write_bytes((folder / "specs/night.lock").read_bytes())
    h.commit(
        "a second spec",
        Told(
            {"specs/day.yaml": "added"},
            {"added": 60},
            check=lambda a: a["total"]["cost_usd"]["base"] == 0 and _needed(a)["fit"] > 0,
        ),
    )

    h.edit(defaults, ("0.20 USD/h", "0.30 USD/h"))
    h.edit("specs/day.yaml", ("trials: 6", "trials: 7"))
    h.commit(
        "both at once",
        Told(
            {"specs/day.yaml": "changed", "specs/night.yaml": "changed"},
            {"changed": 6, "model": 6},
            frozenset({"capacity", "model"}),
        ),
    )

    (folder / "specs/day.yaml").unlink()
    (folder / "specs/day.lock").unlink()
    h.commit("delete a spec", Told({"specs/day.yaml": "deleted"}, {"removed": 60}, check=lambda a: _needed(a) == {}))

    (folder / "specs/night.lock").unlink()
    h.commit(
        "delete a lock",
        Told(
            {"specs/night.yaml": "broken"},
            code=1,
            check=lambda a: [finding["code"] for finding in a["specs"][0]["findings"]] == ["FS231"],
        ),
    )
    return h
