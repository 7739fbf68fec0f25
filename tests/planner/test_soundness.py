"""Problems that no plan can be made for are said, each fault once and with its code; odd ones are planned."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from capacity_problems import HEADER, cpu_pool, job_class, mig_pool, on_mig, problem

from fleetspec.diagnostics import ExitCode, Rejected
from fleetspec.planner.planning import make_plan
from fleetspec.planner.problem import CapacityProblem
from fleetspec.planner.violations import violations

JOBS = job_class(jobs=100, cpu=1.0)


def no_layout() -> CapacityProblem:
    gpu = replace(mig_pool(cpu=0), cpu=1, patterns=())
    return problem([JOBS], [cpu_pool(), gpu])


@pytest.mark.parametrize(
    ("posed", "codes", "words"),
    [
        (problem([JOBS], [cpu_pool("cpu"), cpu_pool("bare", memory=0)]), ["FS320"], "4 cores and 0 MiB are left"),
        (problem([JOBS], [cpu_pool("cpu"), cpu_pool("bare", memory=-25)]), ["FS320"], "4 cores and 0 MiB are left"),
        (problem([JOBS], [cpu_pool("cpu"), cpu_pool("bare", cpu=0)]), ["FS320"], "0 cores and 16000 MiB"),
        (no_layout(), ["FS320"], "too few for one in each slot of H100-80GB"),
        (problem([JOBS], [cpu_pool(price=math.nan)]), ["FS321"], "the price of 'cpu': no number"),
        (problem([JOBS], [cpu_pool(price=-1.0)]), ["FS321"], "the price of 'cpu': -1 USD/h"),
        (problem([JOBS], [cpu_pool(price=math.inf)]), ["FS321"], "the price of 'cpu': inf USD/h"),
        (problem([JOBS], [cpu_pool(boot=-1)]), ["FS321"], "the boot of 'cpu': -1 s"),
        (problem([JOBS], [cpu_pool()], budget=math.nan), ["FS321"], "the budget: no number"),
        (replace(problem([JOBS], [cpu_pool()]), on_time=1.5), ["FS321"], "1.5 of the nights"),
        (problem([job_class(cpu=math.nan)], [cpu_pool()]), ["FS321"], "seconds of a job of u/g/f/fit on 'cpu'"),
        (problem([job_class(cpu=math.inf)], [cpu_pool()]), ["FS321"], "inf s"),
        (problem([job_class(cpu=0.0)], [cpu_pool()]), ["FS321"], "0 s"),
        (problem([job_class(jobs=-3, cpu=1.0)], [cpu_pool()]), ["FS321"], "jobs of u/g/f/fit: -3"),
        (problem([job_class()], [cpu_pool()]), ["FS303"], "u/g/f/fit fits into no pool"),
        (problem([job_class(cores=9, cpu=1.0)], [cpu_pool()]), ["FS322"], "there is no cpu in which it has room"),
        (problem([JOBS], []), ["FS322"], "there is no cpu in which it has room"),
        (problem([JOBS], [cpu_pool(), cpu_pool()]), ["FS322"], "2 times a pool named 'cpu'"),
        (problem([JOBS, JOBS], [cpu_pool()]), ["FS322"], "2 times a class named"),
    ],
)
def test_what_no_plan_can_be_made_for(posed: CapacityProblem, codes: list[str], words: str) -> None:
    with pytest.raises(Rejected) as caught:
        make_plan(posed, HEADER)
    assert caught.value.exit_code == ExitCode.INFEASIBLE
    findings = list(caught.value.report)
    assert [one.rule.code for one in findings] == codes
    assert words in findings[0].message
    assert all(one.help and one.route for one in findings)


@pytest.mark.parametrize(
    ("posed", "verdict"),
    [
        (problem([job_class(jobs=10**9, cpu=0.001)], [cpu_pool(cap=200)], 54_900), "feasible"),
        (problem([job_class(jobs=10**12, cpu=100.0)], [cpu_pool(cap=200)], 54_900), "infeasible"),
        (problem([JOBS], [cpu_pool(boot=240)], 60), "infeasible"),
        (problem([JOBS], [cpu_pool()], 0), "infeasible"),
        (problem([JOBS], [cpu_pool()], 60, overhead=120), "infeasible"),
        (problem([JOBS], [cpu_pool(price=0.0)]), "feasible"),
        (problem([JOBS], [cpu_pool(price=1e15)]), "feasible"),
        (problem([JOBS], [cpu_pool(cap=0)]), "infeasible"),
        (problem([JOBS], [cpu_pool()], budget=0.0), "infeasible"),
        (problem([job_class(jobs=1, cpu=7200.0)], [cpu_pool()]), "infeasible"),
        (problem([job_class(jobs=10, cpu=1e-12)], [cpu_pool()]), "feasible"),
        (problem([job_class(jobs=1000, a=7.0, b=7.0, c=7.0)], [cpu_pool(name) for name in "abc"]), "feasible"),
        (problem([job_class(jobs=3, memory=0, cpu=1.0)], [cpu_pool()]), "feasible"),
        (
            problem([job_class(f"u/g/f{i}/fit", 100, i, cpu=0.1 + i / 100) for i in range(12)], [cpu_pool(cap=5)]),
            "feasible",
        ),
        (
            problem([job_class(jobs=1, gpu_memory=5000, gpu=on_mig(mig_pool(), 50.0, 5000))], [mig_pool(cap=1)], 99),
            "feasible",
        ),
    ],
    ids=[
        *("billion", "trillion", "minute", "no-time", "all-startup", "free", "dear", "no-nodes", "no-money"),
        *("long-job", "picoseconds", "alike", "no-memory", "twelve-stages", "one-job"),
    ],
)
def test_what_is_odd_is_planned(posed: CapacityProblem, verdict: str) -> None:
    plan = make_plan(posed, HEADER)
    assert plan.verdict == verdict
    assert violations(posed, plan) == []
    assert plan.binding or verdict == "feasible"
