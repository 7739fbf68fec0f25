"""Each rule on cases made by hand, laws over random ones, and what overrides and plug-ins do to an outcome."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from importlib.metadata import EntryPoint
from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fleetspec.compiler.approvals import Approvals, ApprovalsFile
from fleetspec.compiler.document import Document
from fleetspec.compiler.spec_hardware import Policy
from fleetspec.policies import plugins
from fleetspec.policies.case import Case, Finding, Part, PoolUsed, Side, Signed, Terms
from fleetspec.policies.judging import Bench, failing, rulings
from fleetspec.policies.rules import RULES

TODAY = date(2026, 11, 26)
POOLS = (
    PoolUsed("cpu", "gcp/n2", date(2026, 9, 1), None, 3, 0),
    PoolUsed("gpu", "gcp/a3", date(2026, 11, 1), "H100-80GB", 2, 16),
    PoolUsed("own", None, None, "A100-40GB", 1, 4),
)
FAMILIES = MappingProxyType({"garch": "vol", "nbeats": "deep"})
SIDE = Side("prod", "research", "high", "XNYS", 1000, 50.0, 1800.0, 0.97, "feasible", True, 0.9, FAMILIES, POOLS)
CASE = Case(
    run="nightly",
    today=TODAY,
    base=replace(SIDE, models=800, families=MappingProxyType({"garch": "vol"})),
    head=SIDE,
    added=(Part("equities", "deep", "nbeats", 200),),
    removed=(Part("equities", "old", "garch", 7), Part("fx", "old", "garch", 2)),
)


def said(rule: str, limit: str | None = None, case: Case = CASE, **about: Any) -> tuple[Finding, ...]:
    return RULES[rule](case, Terms("p", "platform", limit, **about)).findings


@pytest.mark.parametrize(
    ("rule", "passes", "fails"),
    [
        ("cost", "50 USD", "49.99 USD"),
        ("slack", "30m", "31m"),
        ("on-time", "97%", "97.1%"),
        ("value", "90%", "90.1%"),
        ("growth", "1.25x", "1.2x"),
        ("gpus", "20", "19"),
        ("price-age", "86d", "85d"),
        ("price-age", "60 sessions", "59 sessions"),  # Labor Day between, and the 26th is Thanksgiving
    ],
)
def test_a_limit_is_met_or_not(rule: str, passes: str, fails: str) -> None:
    assert said(rule, passes) == ()
    (finding,) = said(rule, fails)
    assert finding.what
    assert finding.fix


def test_findings_say_what_and_where() -> None:
    assert said("cost", "20 USD")[0].what == "the nightly run costs 50.00 USD, 20.00 USD allowed; it was 50.00 USD"
    assert said("slack", "1h")[0].what == "the nightly run ends 30m before its deadline, 1h asked"
    assert said("growth", "1x")[0].route == ("models", "deep")
    assert "deep/nbeats (200)" in said("growth", "1x")[0].what
    (old,) = said("price-age", "30d")
    assert old.what == "the price of gcp/n2 in pool 'cpu' is of 2026-09-01, 86 days before 2026-11-26; 30d allowed"
    assert old.route == ("hardware", "cpu", "offer")


def test_pools_and_gpus_are_those_that_are_bought() -> None:
    assert said("pools", names=("cpu", "gpu", "own")) == ()
    assert [finding.route for finding in said("pools", names=("cpu",))] == [("hardware", "gpu"), ("hardware", "own")]
    assert said("gpus", names=("H100-80GB", "A100-40GB")) == ()
    assert [finding.route for finding in said("gpus", names=("H100-80GB",))] == [("hardware", "own")]


@pytest.mark.parametrize(
    ("subject", "left"),
    [
        ("equities/old/garch", ["fx/old/garch"]),
        ("equities/old", ["fx/old/garch"]),
        ("*/old", []),
        ("*", []),
        ("fx", ["equities/old/garch"]),
        ("equities/older", ["equities/old/garch", "fx/old/garch"]),
    ],
)
def test_a_removal_is_approved_by_address(subject: str, left: list[str]) -> None:
    case = replace(CASE, removals=(Signed("prod", subject, "ana", None),))
    assert [
        name
        for name in ("equities/old/garch", "fx/old/garch")
        if any(name in f.what for f in said("removal", case=case))
    ] == left
    assert len(said("removal", case=replace(case, removals=(Signed("other", "*", "ana", None),)))) == 2
    assert len(said("removal", case=case, approvers=("ben",))) == 2


def test_a_new_family_needs_a_validation() -> None:
    (finding,) = said("new-family")
    assert finding.what == "family 'nbeats' is new to 'prod' (tier high) and has no validation record"
    assert finding.route == ("models", "deep")
    for fleet in ("prod", "*"):
        assert said("new-family", case=replace(CASE, validations=(Signed(fleet, "nbeats", "mo", None),))) == ()
    assert len(said("new-family", case=replace(CASE, base=None))) == 2


def test_what_has_no_base_has_not_grown() -> None:
    assert said("growth", "1x", replace(CASE, base=None)) == ()


def policy(**about: Any) -> Policy:
    return Policy.model_validate({"owner": "platform", **about})


class Stub:
    """As much of a spec that was read as judging looks at."""

    def __init__(self, **policies: Policy) -> None:
        self.spec = type("Spec", (), {"policies": policies})
        self.document = Document({})


def judged(
    head: dict[str, Policy],
    base: dict[str, Policy] | None = None,
    approvals: dict[str, Any] | None = None,
    case: Case = CASE,
    **bench: Any,
) -> dict[str, str]:
    given_ = ApprovalsFile.model_validate({"apiVersion": "fleetspec/v1", "kind": "Approvals", **(approvals or {})})
    before: Any = None if base is None else Stub(**base)
    after: Any = Stub(**head)
    found = rulings(case, Bench(before, after, Approvals(given_), **bench))
    return {f"{one.id}{'*' if one.what.startswith('as the base') else ''}": one.outcome for one in found}


def test_on_fail_tiers_owners_and_runs() -> None:
    dear = policy(rule="cost", limit="1 USD")
    assert judged({"p": dear}) == {"p": "fail"}
    assert judged({"p": policy(rule="cost", limit="1 USD", on_fail="warn")}) == {"p": "warn"}
    assert judged({"p": policy(rule="cost", limit="99 USD")}) == {"p": "pass"}
    assert judged({"p": policy(rule="cost", limit="1 USD", tiers=("low",))}) == {}
    assert judged({"p": policy(rule="cost", limit="1 USD", runs=("backtest",))}) == {}
    assert judged({"p": policy(rule="cost", limit="1 USD", owners="sales")}) == {}
    assert judged({"p": policy(rule="cost", limit="1 USD", owners=("sales", "research"))}) == {"p": "fail"}


def test_a_change_cannot_leave_the_tier_that_a_policy_is_for() -> None:
    dear = policy(rule="cost", limit="1 USD", tiers=("high",))
    assert judged({"p": dear}, case=replace(CASE, head=replace(SIDE, tier="low"))) == {"p": "fail"}


def test_a_policy_that_a_change_widens_or_drops_counts_as_the_base_has_it() -> None:
    strict, wide = policy(rule="cost", limit="1 USD"), policy(rule="cost", limit="99 USD")
    assert judged({"p": wide}, {"p": strict}) == {"p": "pass", "p*": "fail"}
    assert judged({}, {"p": strict}) == {"p*": "fail"}
    assert judged({"p": strict}, {"p": wide}) == {"p": "fail"}
    assert judged({"p": wide}, {"p": strict}, alone=True) == {"p": "pass"}
    assert judged({"p": strict}, {"p": strict}) == {"p": "fail"}


def override(**about: Any) -> dict[str, Any]:
    one = {"policy": "p", "fleet": "prod", "reason": "quarter end", "by": "ana", "expires": "2026-11-26", **about}
    return {"overrides": (one,)}


def test_an_override_counts_to_its_last_day() -> None:
    dear = {"p": policy(rule="cost", limit="1 USD")}
    assert judged(dear, approvals=override()) == {"p": "overridden"}
    assert judged(dear, approvals=override(expires="2026-11-25")) == {"p": "fail"}
    assert judged(dear, approvals=override(policy="q")) == {"p": "fail"}
    assert judged(dear, approvals=override(fleet="other")) == {"p": "fail"}
    named = {"p": policy(rule="cost", limit="1 USD", approvers=("ben",))}
    assert judged(named, approvals=override()) == {"p": "fail"}
    assert judged(named, approvals=override(by="ben")) == {"p": "overridden"}


def test_what_cannot_be_planned_does_not_pass() -> None:
    case = replace(CASE, head=replace(SIDE, planned=False, cost_usd=0.0))
    assert judged({"p": policy(rule="cost", limit="99 USD")}, case=case) == {"p": "fail"}


def test_a_fleet_that_is_deleted_is_judged_by_its_removal() -> None:
    base = {"p": policy(rule="removal"), "q": policy(rule="cost", limit="1 USD")}
    before: Any = Stub(**base)
    found = rulings(replace(CASE, base=SIDE, head=None), Bench(before, None, Approvals()))
    assert [(one.id, one.outcome) for one in found] == [("p", "fail"), ("p", "fail")]


@pytest.fixture
def plug_in(monkeypatch: pytest.MonkeyPatch) -> Callable[[Any], None]:
    def install(function: Any, times: int = 1) -> None:
        class Entry(EntryPoint):
            def load(self) -> Any:
                if isinstance(function, Exception):
                    raise function
                return function

        entries = [Entry("mine", "package:judge", plugins.ENTRY_POINTS)] * times
        monkeypatch.setattr("importlib.metadata.entry_points", lambda group: entries if group else [])

    return install


MINE = {"p": policy(rule="plugin", plugin="mine", options={"most": "10"})}


def test_a_plug_in_judges(plug_in: Callable[..., None]) -> None:
    seen = []

    def judge(case: Case, terms: Terms) -> list[Finding]:
        seen.append((case, terms))
        return (
            [Finding("no", "yes", ("models", "vol"))] if case.side.models > int((terms.options or {})["most"]) else []
        )

    plug_in(judge)
    assert judged(MINE) == {"p": "fail"}
    assert judged(MINE, case=replace(CASE, head=replace(SIDE, models=9))) == {"p": "pass"}
    assert seen[0][0] == CASE
    assert seen[0][1].owner == "platform"


def raising(error: BaseException) -> Callable[..., Any]:
    def judge(case: Case, terms: Terms) -> Any:
        raise error

    return judge


def changing(case: Case, terms: Terms) -> list[Finding]:
    case.head.families["x"] = "y"  # type: ignore[union-attr,index]
    return []


@pytest.mark.parametrize(
    ("function", "what"),
    [
        (raising(ValueError("broken\n inside")), "broke: ValueError: broken inside"),
        (raising(SystemExit(0)), "broke: SystemExit: 0"),
        (ImportError("no such module"), "broke: ImportError: no such module"),
        (lambda case, terms: None, "broke: TypeError"),
        (lambda case, terms: ["no"], "it answered with a str, not with findings"),
        (lambda case, terms: [Finding("", "")], "a finding has to say what"),
        (lambda case, terms: [Finding("no", "yes", "models")], "the route of a finding is a tuple"),
        (changing, "broke: TypeError"),
        ("no function", "broke: TypeError"),
    ],
)
def test_a_plug_in_that_breaks_has_objected(function: Any, what: str, plug_in: Callable[..., None]) -> None:
    plug_in(function)
    (finding,) = plugins.judge("mine", CASE, Terms("p", "platform")).findings
    assert what in finding.what
    assert judged(MINE) == {"p": "fail"}


@pytest.mark.parametrize(("times", "what"), [(0, "is not installed here"), (2, "is installed twice")])
def test_a_plug_in_that_is_not_there_has_objected(times: int, what: str, plug_in: Callable[..., None]) -> None:
    plug_in(lambda case, terms: [], times)
    (finding,) = plugins.judge("mine", CASE, Terms("p", "platform")).findings
    assert what in finding.what


def test_findings_of_a_plug_in_are_cut(plug_in: Callable[..., None]) -> None:
    plug_in(lambda case, terms: (Finding(f"no {n}", "yes") for n in range(250)))
    found = plugins.judge("mine", CASE, Terms("p", "platform")).findings
    assert len(found) == 101
    assert found[-1].what.startswith("and 150 more")


sides = st.builds(
    replace,
    st.just(SIDE),
    models=st.integers(0, 5000),
    cost_usd=st.floats(0, 500),
    slack_seconds=st.floats(-7200, 7200),
    on_time=st.none() | st.floats(0, 1),
    planned=st.booleans(),
    pools=st.lists(st.sampled_from(POOLS), max_size=3, unique=True).map(tuple),
)
cases = st.builds(replace, st.just(CASE), head=sides, base=st.none() | sides)
LIMITS: dict[str, tuple[st.SearchStrategy[Any], Callable[[Any], str], int]] = {
    "cost": (st.integers(0, 600), "{} USD".format, -1),
    "slack": (st.integers(0, 9000), "{}s".format, 1),
    "on-time": (st.integers(0, 100), "{}%".format, 1),
    "growth": (st.integers(1, 9), "{}x".format, -1),
    "price-age": (st.integers(1, 200), "{}d".format, -1),
    "gpus": (st.integers(0, 40), str, -1),
}
"""Values of a limit, how they are written, and which way is stricter."""


@settings(max_examples=300, deadline=None)
@given(case=cases, rule=st.sampled_from(sorted(LIMITS)), data=st.data())
def test_a_stricter_limit_never_finds_less(case: Case, rule: str, data: st.DataObject) -> None:
    values, written, stricter = LIMITS[rule]
    one, other = sorted((data.draw(values), data.draw(values)), key=lambda value: stricter * value)
    loose, strict = (policy(rule=rule, limit=written(limit)) for limit in (one, other))
    order = {"pass": 0, "fail": 1}
    assert order[judged({"p": loose}, case=case)["p"]] <= order[judged({"p": strict}, case=case)["p"]]


@settings(max_examples=200, deadline=None)
@given(
    case=cases, allowed=st.sets(st.sampled_from(["cpu", "gpu", "own"])), more=st.sets(st.sampled_from(["cpu", "own"]))
)
def test_fewer_pools_never_find_less(case: Case, allowed: set[str], more: set[str]) -> None:
    strict, loose = (said("pools", case=case, names=tuple(sorted(names))) for names in (allowed, allowed | more))
    assert {finding.route for finding in loose} <= {finding.route for finding in strict}


@settings(max_examples=200, deadline=None)
@given(
    case=cases,
    limits=st.lists(st.tuples(st.integers(0, 600), st.sampled_from(["warn", "fail"]), st.booleans()), max_size=4),
)
def test_a_change_is_stopped_just_where_a_failing_policy_has_no_override(
    case: Case, limits: list[tuple[int, str, bool]]
) -> None:
    policies = {f"p{n}": policy(rule="cost", limit=f"{usd} USD", on_fail=how) for n, (usd, how, _) in enumerate(limits)}
    entries = tuple(override(policy=f"p{n}")["overrides"][0] for n, (_, _, let) in enumerate(limits) if let)
    given_ = ApprovalsFile.model_validate({"apiVersion": "fleetspec/v1", "kind": "Approvals", "overrides": entries})
    after: Any = Stub(**policies)
    found = rulings(case, Bench(None, after, Approvals(given_)))
    assert case.head is not None
    dear = [not case.head.planned or case.head.cost_usd > usd * (1 + 1e-9) for usd, _, _ in limits]
    stops = [d and how == "fail" and not let for d, (_, how, let) in zip(dear, limits, strict=True)]
    assert failing(found) == any(stops)
