"""Bills of other nights: shares of work by hand, and each bill against the plan of the same jobs."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from capacity_problems import HEADER, cpu_pool, job_class, problem, production

from fleetspec.planner import bills
from fleetspec.planner.planning import make_plan


def test_a_steady_night_has_its_share_of_the_work() -> None:
    # 100 fits of 36 s, due every 20 sessions, and 40 forecasts of 9 s, due every session, on 4 cores at 1 USD/h.
    classes = [job_class("u/g/f/fit", 100, 0, cpu=36.0), job_class("u/g/f/forecast", 40, 0, cpu=9.0)]
    posed = problem(classes, [cpu_pool(cap=1)], budget=2.0)
    bill = bills.steady(posed, np.array([1 / 20, 1.0]))
    assert bill.jobs == 45
    # 5 x 36 + 40 x 9 = 540 core-seconds take 135 s; lanes that end apart and the idle time after it come on top.
    assert bill.cost_usd is not None
    assert 135 / 3600 <= bill.cost_usd <= (135 + 36 + 120) / 3600
    assert (bill.end_seconds, bill.deadline_seconds, bill.budget_usd) == (None, None, 2.0)


def test_a_part_of_a_job_costs_that_part() -> None:
    # A single fit every 20 sessions: the mean night has a twentieth of its 2,000 s, not all of it.
    posed = problem([job_class("u/g/f/fit", 1, 0, cpu=2000.0)], [cpu_pool(cap=1)])
    bill = bills.steady(posed, np.array([1 / 20]))
    assert bill.cost_usd == pytest.approx(100 / 3600)


def test_the_worst_night_is_the_plan_of_everything_in_that_time() -> None:
    posed = production()
    seconds = posed.deadline_seconds // 2
    bill = bills.worst(posed, seconds, "a night")
    plan = make_plan(replace(posed, deadline_seconds=seconds), HEADER)
    assert (bill.cost_usd, bill.end_seconds, bill.verdict) == (plan.cost_usd, plan.end_seconds, plan.verdict)
    assert bills.steady(posed, np.ones(len(posed.classes))).cost_usd == pytest.approx(make_plan(posed, HEADER).cost_usd)


def test_a_month_is_so_many_steady_nights() -> None:
    posed = problem([job_class(jobs=40, cpu=9.0)], [cpu_pool(cap=1)])
    night = bills.steady(posed, np.array([1.0]))
    month = bills.month(night, 5.0, 21, "2026-11")
    assert night.cost_usd is not None
    assert month.cost_usd == pytest.approx(21 * night.cost_usd)
    assert month.note.startswith("21 steady nights, the sessions of 2026-11")


def test_what_cannot_run_has_no_cost() -> None:
    posed = replace(production(), pools=tuple(replace(pool, cap=0) for pool in production().pools))
    assert bills.worst(posed, 3600, "").cost_usd is None
    empty = problem([job_class(jobs=0, cpu=9.0)], [cpu_pool(cap=1)])
    assert bills.steady(empty, np.array([1.0])).cost_usd == 0.0
