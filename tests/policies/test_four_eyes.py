"""A fleet of tier high is applied once somebody else has approved exactly that plan; and what policies do to a plan."""

from __future__ import annotations

from pathlib import Path

import pytest
from in_process import Answer, Run
from policy_fleet import QUICK, Fleet

from fleetspec.planfile import read_planfile
from fleetspec.runtime import audit

HIGH = QUICK.replace("tier: medium", "tier: high")
APPLY = ("--executor", "inline", "--yes", "--quiet")


def saved(fleet: Fleet, run: Run, spec: str = HIGH, policies: str = "") -> str:
    """The digest of a plan of the spec, saved as ``plan.fsp``; its store is there and empty."""
    fleet.write(spec, policies)
    (fleet.folder / ".fleetspec").mkdir(exist_ok=True)
    answer = run("plan", "prod.yaml", "--out", "plan.fsp")
    assert "saved plan.fsp, the plan " in answer.err
    digest = answer.err.split("saved plan.fsp, the plan ")[1].split()[0]
    assert digest == read_planfile(fleet.folder / "plan.fsp").plan.digest
    return digest


def approved(fleet: Fleet, digest: str, by: str = "ana", more: str = "") -> None:
    fleet.approve(f"plans:\n  - {{fleet: prod, digest: {digest}, by: {by}{more}}}\n")


def events(fleet: Fleet) -> list[str]:
    log = audit.read(fleet.folder / ".fleetspec", "prod")
    assert not log.faults
    return [entry.said["event"] for entry in log.sound]


def refused(answer: Answer, what: str) -> None:
    assert answer.code == 4
    assert "error[FS620]: policy 'four-eyes'" in answer.err
    assert what in answer.err
    assert "help: have somebody else review the saved plan" in answer.err


def test_a_second_person_and_the_nights_after(fleet: Fleet, run: Run) -> None:
    digest = saved(fleet, run)
    refused(run("apply", "plan.fsp", *APPLY), f"plan {digest[:12]} of 'prod' is approved by nobody")
    approved(fleet, digest)
    assert run("apply", "plan.fsp", *APPLY).code == 0
    assert events(fleet) == ["plan-saved", "approval", "apply-begun", "apply-ended"]
    line = audit.read(fleet.folder / ".fleetspec", "prod").sound[1].said
    assert (line["approved_by"], line["by"], line["plan"]) == ("ana", "applier", digest)
    # What was approved and applied stays approved: another plan of the same spec needs nobody.
    fleet.approvals.unlink()
    assert run("apply", "prod.yaml", *APPLY).code == 0
    # Another spec does.
    fleet.write(HIGH.replace("nightly: 1 USD", "nightly: 2 USD"))
    refused(run("apply", "prod.yaml", *APPLY), "is approved by nobody")
    # And a log that somebody edited says nothing.
    fleet.write(HIGH)
    log = audit.place(fleet.folder / ".fleetspec", "prod")
    log.write_bytes(log.read_bytes().replace(b'"approved_by":"ana"', b'"approved_by":"eva"'))
    answer = run("apply", "prod.yaml", *APPLY)
    refused(answer, "is approved by nobody")
    assert "warning[FS633]" in answer.err
    verified = run("audit", "verify", "prod.yaml")
    assert verified.code == 1
    assert "line 2: it is not what was written: it has been edited" in verified.err
    assert "is not what was written: 1 fault" in verified.out


@pytest.mark.parametrize(
    ("environment", "arguments"),
    [
        ({"FLEETSPEC_ACTOR": "ana"}, ()),
        ({"FLEETSPEC_ACTOR": "bob"}, ("--as", "Ana")),
        ({"FLEETSPEC_ACTOR": "bob", "GITHUB_ACTOR": "ana"}, ()),
        ({"FLEETSPEC_ACTOR": "", "GITLAB_USER_LOGIN": "ana"}, ("--as", "bob")),
    ],
)
def test_nobody_is_a_second_person_by_another_name_of_the_same_run(
    fleet: Fleet, run: Run, monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], arguments: tuple[str, ...]
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    approved(fleet, saved(fleet, run))
    refused(run("apply", "plan.fsp", *APPLY, *arguments), "is approved by ana alone, who applies it")
    assert events(fleet) == ["plan-saved"]


def test_an_approval_of_another_plan_or_by_somebody_who_may_not_or_too_long_ago(fleet: Fleet, run: Run) -> None:
    two = "  two: {rule: four-eyes, owner: risk, approvers: [ben]}\n"
    digest = saved(fleet, run, HIGH, two)

    def told() -> str:
        answer = run("apply", "plan.fsp", *APPLY)
        assert answer.code == 4
        assert "policy 'two' of risk" in answer.err
        return answer.err

    approved(fleet, "0" * 64, "ben")
    assert "ben approved another, 000000000000" in told()
    approved(fleet, digest, "ana")
    assert "approved by ana, and only ben may" in told()
    approved(fleet, digest, "ben", ", expires: 2025-12-30")
    assert "by ben expired on 2025-12-30: it is 2025-12-31" in told()
    fleet.approve("overrides: [{policy: two, fleet: prod, reason: outage, by: ben, expires: 2026-01-01}]\n")
    assert run("apply", "plan.fsp", *APPLY).code == 0
    assert events(fleet) == ["plan-saved", "override", "apply-begun", "apply-ended"]


def test_one_person_is_enough_for_other_tiers(fleet: Fleet, run: Run) -> None:
    fleet.write(QUICK)
    assert run("apply", "prod.yaml", *APPLY).code == 0
    assert events(fleet) == ["apply-begun", "apply-ended"]
    shown = run("audit", "show", "prod.yaml")
    assert shown.code == 0
    assert "apply ends" in shown.out
    head = run("audit", "verify", "prod.yaml", "--format", "json").json["head"]
    assert run("audit", "verify", "prod.yaml", "--head", head).code == 0
    other = run("audit", "verify", "prod.yaml", "--head", "f" * 64)
    assert other.code == 1
    assert "error[FS632]" in other.err


def test_a_plan_is_judged_and_saved_all_the_same(fleet: Fleet, run: Run, tmp_path: Path) -> None:
    fleet.write(
        policies="  late: {rule: slack, owner: ops, limit: 30d}\n  old: {rule: growth, owner: ops, limit: 1x}\n"
    )
    answer = run("plan", "prod.yaml", "--out", "plan.fsp", "--format", "json")
    assert answer.code == 4
    assert (fleet.folder / "plan.fsp").is_file()
    # With nothing deployed there is nothing to have grown from.
    assert [(one["id"], one["outcome"]) for one in answer.json["policies"]] == [("late", "fail")]
    assert "error[FS620]: policy 'late' of ops" in answer.err
    stopped = run("apply", "plan.fsp", *APPLY)
    assert stopped.code == 4
    assert not (fleet.folder / ".fleetspec" / "prod").exists()
    fleet.approve("overrides: [{policy: late, fleet: prod, reason: why not, by: ana, expires: 2026-01-01}]\n")
    assert run("plan", "prod.yaml", "--format", "json").json["policies"][0]["outcome"] == "overridden"


def test_an_apply_that_removes_models_of_what_is_deployed(fleet: Fleet, run: Run) -> None:
    gone = "  gone: {rule: removal, owner: risk}\n  wild: {rule: growth, owner: ops, limit: 2x}\n"
    fleet.write(QUICK, gone)
    assert run("apply", "prod.yaml", *APPLY).code == 0
    fleet.write(QUICK.replace("models: [vol, more]", "models: [vol]"), policies=gone)
    answer = run("apply", "prod.yaml", *APPLY)
    assert answer.code == 4
    assert "4 models of equities/more/arima are removed" in answer.err
    fleet.approve("removals: [{fleet: prod, models: equities/more, reason: unused, by: ana, expires: 2026-01-01}]\n")
    assert run("apply", "prod.yaml", *APPLY).code == 0
