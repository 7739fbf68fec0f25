"""Spot, owned nodes, budgets of a month and the quickest plan, from a spec on the command line to what is said."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from test_given import SPEC, fleetspec

PLAIN = SPEC[: SPEC.index("budget:")]
HARDWARE = """\
budget: {nightly: 5 USD, month: MONTH, capex: 40000000 USD/year}
objective: {minimize: GOAL}
hardware:
  cloud: {cpu: 2, memory: 8Gi, price: 0.10 USD/h, max: 3, boot: 1m, spot: {price: 0.03 USD/h, preempt: 4%/h}}
"""
DESK = "  desk: {cpu: 2, memory: 8Gi, max: 1, boot: 0s, capex: {price: 150000000 USD, years: 4, power: 0.02 USD/h}}\n"


def fleet(folder: Path, hardware: str, month: str = "20 USD", goal: str = "cost") -> Path:
    path = folder / "small.yaml"
    path.write_text(PLAIN + hardware.replace("MONTH", month).replace("GOAL", goal))
    done = fleetspec(path.parent, "lock", str(path))
    assert done.returncode == 0, done.stderr
    return path


def test_spot_is_planned_as_an_offer_of_its_own(tmp_path: Path) -> None:
    path = fleet(tmp_path, HARDWARE)
    done = fleetspec(path.parent, "plan", str(path), "--format", "json")
    assert done.returncode == 0, done.stderr
    plan = json.loads(done.stdout)["plan"]
    assert {use["pool"] for stage in plan["stages"] for use in stage["pools"]} == {"cloud-spot"}
    (spot,) = [pool for pool in plan["pools"] if pool["pool"] == "cloud-spot"]
    assert (spot["purchase"], spot["pool_of"], spot["preempt_per_hour"], spot["cap"]) == ("spot", "cloud", 0.04, 3)
    assert any("taken back 4.00% times an hour (hardware.cloud.spot)" in text for text in plan["assumptions"])
    rendered = fleetspec(path.parent, "render", str(path), "--to", str(tmp_path / "deploy"))
    assert rendered.returncode == 0, rendered.stderr
    job = (tmp_path / "deploy" / "rayjob.yaml").read_text()
    assert 'fleetspec.dev/pool: "cloud-spot"' in job
    assert job.count("key: fleetspec.dev/capacity") == 1


def test_an_owned_node_is_used_before_a_rented_one_and_told_fully_loaded(tmp_path: Path) -> None:
    done = fleetspec(tmp_path, "plan", str(fleet(tmp_path, HARDWARE + DESK)), "--format", "json")
    assert done.returncode == 0, done.stderr
    plan = json.loads(done.stdout)["plan"]
    assert {use["pool"] for stage in plan["stages"] for use in stage["pools"]} == {"desk"}
    # Dear enough to show in a run of a second: 150 million USD over 4 years of 8,760 hours, beside 0.02 USD/h of power.
    hours = sum(use["node_seconds"] for stage in plan["stages"] for use in stage["pools"]) / 3600
    assert plan["cost_usd"] == pytest.approx(0.02 * hours, abs=2e-6)
    assert plan["loaded_usd"] == pytest.approx((150e6 / 35_040 + 0.02) * hours, rel=0.02)
    text = fleetspec(tmp_path, "plan", str(tmp_path / "small.yaml")).stdout
    assert "fully loaded" in text
    assert "spec: power of an owned node" in text


def test_a_month_over_its_budget_is_infeasible_and_says_what_to_write(tmp_path: Path) -> None:
    hardware = HARDWARE.replace("nightly: 5 USD", "nightly: 0.001 USD")
    done = fleetspec(tmp_path, "plan", str(fleet(tmp_path, hardware, month="0.001 USD")), "--run", "nightly")
    assert done.returncode == 3
    assert "FS310" in done.stderr
    assert "write month:" in done.stderr


def test_the_quickest_plan_ends_before_the_cheapest(tmp_path: Path) -> None:
    ends = {}
    for goal in ("cost", "time"):
        hardware = HARDWARE.replace("max: 3", "max: 20").replace("boot: 1m", "boot: 0s")
        path = fleet(tmp_path, hardware, goal=goal)
        done = fleetspec(path.parent, "plan", str(path), "--format", "json")
        assert done.returncode == 0, done.stderr
        plan = json.loads(done.stdout)["plan"]
        assert plan["objective"] == goal
        ends[goal] = plan["end_seconds"]
    assert ends["time"] <= ends["cost"]
    assert "soonest" in fleetspec(path.parent, "plan", str(path)).stdout
