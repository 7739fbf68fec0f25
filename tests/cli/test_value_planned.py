"""``objective: {maximize: value}`` from a spec on the command line to a run that does without what falls out."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from test_given import SPEC, fleetspec

HEAD = SPEC[: SPEC.index("models:")].replace(
    "nightly: {type: money, default: 5 USD}", "nightly: {type: money, default: 0.02 USD}"
)
FLEET = (
    HEAD
    + """\
models:
  vol:  {family: garch, target: variance, train: 500 bars, refit: 5 sessions}
  slow: {family: arima, target: return, train: 500 bars, refit: 5 sessions}
fleet:
  - {universes: equities, models: [vol, slow]}
schedule: {calendar: XNYS, start: close + 45m, deadline: open - 90m}
budget: {nightly: "${var.nightly}"}
objective: {maximize: value, value: {vol: 5}}
hardware:
  laptop: {cpu: 2, memory: 8Gi, price: 3600 USD/h, max: 1, boot: 0s}   # a dollar a second
"""
)
SLOW = "equities/slow/arima"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("value")
    (made / "fleet.yaml").write_text(FLEET)
    answer = fleetspec(made, "lock", "fleet.yaml")
    assert answer.returncode == 0, answer.stderr
    return made


def planned(folder: Path, *more: str) -> dict[str, object]:
    answer = fleetspec(folder, "plan", "fleet.yaml", "--format", "json", *more)
    assert answer.returncode == 0, answer.stderr
    plan: dict[str, object] = json.loads(answer.stdout)["plan"]
    return plan


def test_the_plan_names_what_it_does_without_and_what_would_keep_it(folder: Path) -> None:
    answer = fleetspec(folder, "plan", "fleet.yaml")
    assert answer.returncode == 0
    assert "FEASIBLE WITHOUT 1 LINE OF MODELS" in answer.stdout
    assert f"leaves out  {SLOW} (3 models)" in answer.stdout
    assert "value kept  83.3 % of what all models are worth" in answer.stdout
    assert f"{SLOW} (left out)" in answer.stdout
    assert "What would keep every model" in answer.stdout
    assert "warning[FS305]: the plan leaves out 3 of 6 models: equities/slow/arima" in answer.stderr
    assert "fleet.yaml:" in answer.stderr


def test_other_nights_are_billed_with_every_model(folder: Path) -> None:
    answer = fleetspec(folder, "plan", "fleet.yaml", "--format", "json")
    bills = {one["kind"]: one for one in json.loads(answer.stdout)["advice"]["bills"]}
    assert (bills["this"]["jobs"], bills["worst"]["jobs"]) == (6, 12)
    assert bills["worst"]["cost_usd"] > bills["worst"]["budget_usd"] > bills["this"]["cost_usd"]


def test_the_change_that_is_said_to_keep_every_model_does(folder: Path) -> None:
    plan = planned(folder)
    (change,) = plan["suggestions"]  # type: ignore[misc]
    assert change["route"] == ["budget", "nightly"]
    kept = planned(folder, "--var", f"nightly={change['proposed']}")
    assert kept["selection"] is None
    assert kept["cost_usd"] == pytest.approx(change["cost_usd"])


def test_without_the_word_the_same_fleet_does_not_hold(folder: Path) -> None:
    (folder / "plain.yaml").write_text(FLEET.replace("maximize: value, ", ""))
    (folder / "plain.lock").write_bytes((folder / "fleet.lock").read_bytes())
    answer = fleetspec(folder, "plan", "plain.yaml")
    assert answer.returncode == 3
    assert f"To hold deadline and budget, leave out {SLOW} (3 models)" in " ".join(answer.stdout.split())


def test_a_run_follows_it_from_the_spec_and_from_a_saved_plan(folder: Path) -> None:
    saved = fleetspec(folder, "plan", "fleet.yaml", "--out", "night.fsp")
    assert saved.returncode == 0, saved.stderr
    for source, store in (("fleet.yaml", "one"), ("night.fsp", "two")):
        answer = fleetspec(
            folder, "apply", source, "--store", store, "--executor", "inline", "--yes", "--format", "json"
        )
        assert answer.returncode == 0, answer.stderr
        run = json.loads(answer.stdout)
        assert (run["done"], run["reused"], run["remaining"]) == (6, 0, 6)
        assert [(one["name"], one["jobs"], one["at_seconds"]) for one in run["left_out"]] == [(SLOW, 6, None)]
        assert "FS535" in answer.stderr
    why = fleetspec(folder, "why", "fleet.yaml", "small/equities/slow/arima/syn0001/_", "--store", "one")
    assert "left it out" in " ".join(why.stdout.split()), why.stdout + why.stderr


def test_manifests_carry_it(folder: Path) -> None:
    answer = fleetspec(folder, "render", "fleet.yaml", "--to", "deploy")
    assert answer.returncode == 0, answer.stderr
    assert SLOW in "".join(path.read_text() for path in (folder / "deploy").rglob("*.yaml"))


def test_a_policy_bounds_what_may_be_left(folder: Path) -> None:
    policy = "policies:\n  most: {rule: value, owner: research, limit: 95%}\n"
    (folder / "bound.yaml").write_text(FLEET + policy)
    (folder / "bound.lock").write_bytes((folder / "fleet.lock").read_bytes())
    answer = fleetspec(folder, "plan", "bound.yaml", "--out", "bound.fsp")
    assert answer.returncode == 4, answer.stdout + answer.stderr
    assert "the plan keeps 83.3% of what its models are worth, 95% asked" in " ".join(answer.stderr.split())


def test_the_other_verb_is_told_what_to_write(folder: Path) -> None:
    answer = fleetspec(folder, "plan", "fleet.yaml", "--what-if", "objective.minimize=value")
    assert answer.returncode == 1
    assert "write maximize: value" in answer.stderr
