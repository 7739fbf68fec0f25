"""What a spec could allow and does not, against the same spec with the words written into it."""

from __future__ import annotations

import pytest
from spec_changes import put
from spec_drawing import Spec
from spec_laws import Written, around, checked, drawn

from fleetspec.planner.allowances import Allowance, allowances
from fleetspec.planner.problem import CapacityProblem

BOOK = {"name": "acme", "date": "2026-11-02", "currency": "USD", "source": "contract 4711"}
TERMS = {"price": "0.46 USD/h", "preempt": "4%/h"}


@pytest.fixture(scope="module")
def deep(tmp_path_factory: pytest.TempPathFactory) -> Written:
    """N-BEATS on a GPU and Prophet beside it, on two pools: nothing holds its budget."""
    return drawn(437, tmp_path_factory.mktemp("deep"))[0]


def allowed(one: Written) -> tuple[Allowance, ...]:
    compiled = one.made.compiled
    return allowances(one.problem, compiled.graph, compiled.read.spec, around().catalog, one.made.done)


def same(left: CapacityProblem, right: CapacityProblem) -> None:
    assert left.classes == right.classes
    assert left.pools == right.pools


def test_gpu_optional_is_posed_as_the_spec_that_says_it(deep: Written) -> None:
    (one,) = allowed(deep)
    (change,) = one.changes
    assert (change.route, change.current, change.proposed) == (("models", "deep", "gpu"), "required", "optional")
    after = deep.changed(put(deep.spec, change.route, change.proposed))
    assert one.under(deep.problem) != deep.problem
    same(one.under(deep.problem), after.problem)


def test_it_is_a_way_out_where_the_plan_then_holds(deep: Written) -> None:
    (found,) = [one for one in deep.plan.suggestions if one.route == ("models", "deep", "gpu")]
    again = deep.changed(put(deep.spec, found.route, found.proposed)).plan
    assert (again.verdict, again.end_seconds, again.cost_usd) == ("feasible", found.end_seconds, found.cost_usd)


def test_caps_that_were_moved_stay_so(deep: Written) -> None:
    (one,) = allowed(deep)
    moved = put(deep.spec, ("hardware", "cpu", "max"), "17")
    there = one.under(deep.changed(moved).problem)
    assert [pool.cap for pool in there.pools if pool.name == "cpu"] == [17]


def test_without_a_pool_of_cores_there_is_nothing_to_allow(deep: Written) -> None:
    gpus = tuple(pool for pool in deep.problem.pools if pool.gpu is not None)
    compiled = deep.made.compiled
    alone = CapacityProblem(deep.problem.classes, gpus, 3600, None, 0)
    assert allowances(alone, compiled.graph, compiled.read.spec, around().catalog, deep.made.done) == ()


def booked(spec: Spec) -> Spec:
    """The spec with a price book that has spot terms of its first offer."""
    offer = next(pool["offer"] for pool in spec["hardware"].values() if "offer" in pool)
    return put(spec, ("prices",), {**BOOK, "offers": {offer: {"price": "1.21 USD/h", "spot": TERMS}}})


def test_spot_nodes_of_a_price_book_are_posed_as_the_spec_that_says_them(deep: Written) -> None:
    base = deep.changed(booked(deep.spec))
    first, second, both = allowed(base)
    assert [change.route for change in both.changes] == [("models", "deep", "gpu"), ("hardware", "cpu", "spot")]
    assert (first.changes, second.changes) == (both.changes[:1], both.changes[1:])
    spec = base.spec
    for change in both.changes:
        spec = put(spec, change.route, change.proposed)
    same(both.under(base.problem), base.changed(spec).problem)
    assert {pool.name for pool in second.pools} - {pool.name for pool in base.problem.pools} == {"cpu-spot"}
    assert {pool.cap for pool in second.pools if pool.spec_name == "cpu"} == {10}


def test_what_is_allowed_holds_from_the_yaml() -> None:
    told = checked(93, ("way out", "suggestions"))
    assert told.wrong == []
    assert told.counts["way: models.gpu"] == 1
