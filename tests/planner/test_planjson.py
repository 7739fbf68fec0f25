"""A plan survives its JSON, and nothing else passes for one."""

from __future__ import annotations

import json
from typing import Any

import pytest

from fleetspec.planner.planjson import PlanJsonError, plan_from_json
from fleetspec.planner.plans import (
    Assurance,
    Chance,
    Change,
    ClassLine,
    Combination,
    Inputs,
    Lane,
    Plan,
    PoolLine,
    PoolUse,
    StagePlan,
    Suggestion,
    WorkerLine,
)


def whole_plan() -> Plan:
    return Plan(
        fleet="prod",
        run="nightly",
        session="2026-11-20",
        night="a night",
        inputs=Inputs("a", "b", "c", "d", "e", "f"),
        verdict="feasible",
        deadline_seconds=3600,
        overhead_seconds=60,
        end_seconds=1800.0,
        budget_usd=None,
        cost_usd=1.25,
        bound_usd=1.0,
        gap=0.25,
        method="milp",
        rounds=1,
        models=3,
        jobs=4,
        reused=0,
        measured_share=0.5,
        stages=(StagePlan(0, "fit", 0.0, 10.0, 3.0, (PoolUse("p", 2, (("7x1g.10gb", 2),), 20.0, 0.5, 0.1),)),),
        lanes=(Lane(0, "u/g/f/fit", "p", "mig-1g.10gb", 7, 7, 0.5),),
        classes=(ClassLine("u/g/f/fit", "g", "f", "fit", 0, 7, 0, 0.5, 0.1, "measured", 3, "here"),),
        pools=(PoolLine("p", "H100-80GB", 1, 26, 1000, 2.5, "b", 2, 2, 60, (WorkerLine("", "gpu", 1, 1, 3, 9),)),),
        binding=("cap of p",),
        suggestions=(Suggestion(("hardware", "p", "max"), "1", "2", 10.0, 1.0),),
        assumptions=("none",),
        chance=Chance(0.99, (0.98, 0.995), 10.0, 12.5, 1.0, 1.25, 2000, (1, 2), ("a night varies",)),
        assurance=Assurance(0.95, 0.1, 0.7, 1.0),
        combinations=(Combination((Change(("budget", "nightly"), "1 USD", "2 USD"),), 10.0, 2.0),),
    )


def test_plan_reads_back_equal() -> None:
    plan = whole_plan()
    back = plan_from_json(json.loads(plan.to_bytes()))
    assert back == plan
    assert back.to_bytes() == plan.to_bytes()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda d: d.pop("gap"), "plan has other keys than this version writes: gap"),
        (lambda d: d.update(extra=1), "extra"),
        (lambda d: d.update(verdict="maybe"), "plan.verdict is 'maybe'"),
        (lambda d: d.update(jobs="4"), "plan.jobs is '4', expected int"),
        (lambda d: d.update(jobs=True), "plan.jobs is True"),
        (lambda d: d["lanes"][0].update(width=None), r"plan.lanes\[0\].width is None"),
        (lambda d: d["stages"][0]["pools"][0]["patterns"][0].append(1), "has 3 entries, expected 2"),
        (lambda d: d.update(lanes={}), "plan.lanes is no list"),
    ],
)
def test_what_is_no_plan_is_refused_at_its_place(change: Any, said: str) -> None:
    data = json.loads(whole_plan().to_bytes())
    change(data)
    with pytest.raises(PlanJsonError, match=said):
        plan_from_json(data)


def test_a_list_is_no_plan() -> None:
    with pytest.raises(PlanJsonError, match="plan is no map"):
        plan_from_json([])
