"""Policies in the review of a branch: shown, overridden by a file of the branch, and the exit code of `diff`."""

from __future__ import annotations

import pytest
from in_process import Run
from policy_fleet import SPEC, Fleet

DEAR = "  dear: {rule: cost, owner: platform, limit: 0 USD}\n"
GONE = "  gone: {rule: removal, owner: risk}\n"
NEW = "  new: {rule: new-family, owner: risk, tiers: [high, medium]}\n"
LATE = "  late: {rule: slack, owner: ops, limit: 30d, on_fail: warn}\n"
LESS = SPEC.replace("models: [vol, more]", "models: [vol]").replace(
    "  more: {family: lasso, target: return, features: tech, train: 240 bars, refit: 5 sessions}\n", ""
)
RANGE = "main~1..main"


def outcomes(fleet: Fleet, run: Run, *more: str) -> tuple[dict[str, str], int]:
    answer = run("diff", RANGE, "--format", "json", *more)
    assert answer.code in (0, 4), answer.err
    (spec,) = answer.json["specs"]
    found = {one["id"]: one["outcome"] for one in spec["review"]["policies"]}
    counted = answer.json["total"]["policies"]
    assert sum(counted.values()) == len(spec["review"]["policies"])
    assert answer.code == (4 if counted["fail"] else 0)
    return found, answer.code


@pytest.fixture
def less(fleet: Fleet) -> Fleet:
    """A branch that takes a group out of a fleet with policies."""
    fleet.write(policies=GONE + LATE)
    fleet.commit("first")
    fleet.write(LESS, policies=GONE + LATE)
    fleet.commit("less")
    return fleet


def test_a_removal_without_approval_stops_a_change(less: Fleet, run: Run) -> None:
    assert outcomes(less, run) == ({"gone": "fail", "late": "warn"}, 4)
    shown = run("diff", RANGE)
    assert shown.code == 4
    assert "stops: gone, of risk: 4 models of equities/more/lasso are removed" in " ".join(shown.out.split())
    assert "(main~1:prod.yaml:15)" in " ".join(shown.out.split())
    answer = run("diff", RANGE, "--format", "json").json["specs"][0]["review"]["policies"]
    gone = next(one for one in answer if one["id"] == "gone")
    assert gone["where"] == "main~1:prod.yaml:15"
    assert gone["stated"] == "main:prod.yaml:22"
    assert gone["owner"] == "risk"
    assert gone["rule"] == "removal"
    assert "approvals.yaml" in gone["fix"]
    assert gone["overridden_by"] is None


def test_the_comment_says_so_before_all_else(less: Fleet, run: Run) -> None:
    written = run("comment", "github", RANGE, "--dry-run").out
    assert written.splitlines()[2] == "### fleetspec: ❌ stopped by policy: gone (risk)"
    assert "| policy | owner |  | what | what to do | line |" in written
    assert written.index("| late | ops | warns |") > written.index("| gone | risk | stops |")


def test_an_approval_in_the_branch_lets_it_pass(less: Fleet, run: Run) -> None:
    less.approve("removals: [{fleet: prod, models: equities/more, reason: unused, by: ana, expires: 2026-01-31}]\n")
    less.commit("approved")
    less.git("reset", "-q", "--soft", "HEAD~2")
    less.commit("less, approved")
    assert outcomes(less, run) == ({"gone": "pass", "late": "warn"}, 0)
    # The session is in December: by February nobody's approval counts any more.
    assert outcomes(less, run, "--today", "2026-02-01") == ({"gone": "fail", "late": "warn"}, 4)


def test_an_override_that_has_expired_is_refused_with_the_reason(less: Fleet, run: Run) -> None:
    less.approve("overrides: [{policy: gone, fleet: prod, reason: trial over, by: ana, expires: 2026-01-31}]\n")
    given = ("--approvals", "approvals.yaml")
    assert outcomes(less, run, *given) == ({"gone": "overridden", "late": "warn"}, 0)
    assert "overridden by ana until 2026-01-31: trial over" in run("diff", RANGE, *given).out.replace("\n", " ")
    late = run("diff", RANGE, *given, "--today", "2026-02-01")
    assert late.code == 4
    assert "warning[FS622]: the override of policy 'gone' by ana expired on 2026-01-31: it is 2026-02-01" in late.err
    assert "approvals.yaml:3:" in late.err


def test_a_change_of_nothing_is_judged_by_nobody(fleet: Fleet, run: Run) -> None:
    fleet.write(policies=DEAR)
    fleet.commit("first")
    fleet.spec.write_text("# only a comment\n" + fleet.spec.read_text())
    fleet.commit("comment")
    assert outcomes(fleet, run) == ({}, 0)


def test_a_change_cannot_widen_its_own_limits(fleet: Fleet, run: Run) -> None:
    fleet.write(policies=GONE)
    fleet.commit("first")
    fleet.write(LESS)
    fleet.commit("less, and no policy")
    answer = run("diff", RANGE, "--format", "json")
    assert answer.code == 4
    (ruling,) = answer.json["specs"][0]["review"]["policies"]
    assert ruling["what"].startswith("as the base has it: 4 models of equities/more/lasso are removed")
    # Policies that change alone are their owners' business.
    fleet.write(policies=GONE)
    fleet.git("reset", "-q", "--hard", "HEAD~1")
    fleet.write()
    fleet.commit("no policy")
    assert outcomes(fleet, run) == ({}, 0)


def test_a_new_family_of_an_added_fleet_and_its_validation(fleet: Fleet, run: Run) -> None:
    fleet.write(LESS, policies=NEW)
    fleet.commit("first")
    fleet.write(SPEC, policies=NEW)
    fleet.commit("lasso")
    assert outcomes(fleet, run) == ({"new": "fail"}, 4)
    entry = "{{fleet: prod, family: lasso, by: mo, on: {}, outcome: {}, record: docs/lasso.pdf}}"
    for day, outcome, wanted in (
        ("2025-11-01", "accepted", "pass"),
        ("2025-11-01", "rejected", "fail"),
        ("2026-11-01", "accepted", "fail"),
    ):
        fleet.approve(f"validations:\n  - {entry.format(day, outcome)}\n")
        assert outcomes(fleet, run, "--approvals", "approvals.yaml")[0] == {"new": wanted}


def test_a_fleet_that_is_deleted_needs_an_approval(fleet: Fleet, run: Run) -> None:
    fleet.write(policies=GONE + DEAR)
    fleet.commit("first")
    fleet.spec.unlink()
    fleet.commit("deleted")
    assert outcomes(fleet, run) == ({"gone": "fail"}, 4)


def test_two_files_are_judged_as_well(fleet: Fleet, run: Run) -> None:
    fleet.write(policies=GONE)
    other = fleet.folder / "other.yaml"
    other.write_text(fleet.spec.read_text().replace("models: [vol, more]", "models: [vol]"))
    (fleet.folder / "other.lock").write_bytes((fleet.folder / "prod.lock").read_bytes())
    assert run("diff", "prod.yaml", "other.yaml").code == 4
    assert run("diff", "other.yaml", "prod.yaml").code == 0


FAULTS = {
    "overrides: [{policy: dear, fleet: prod, reason: '', by: ana, expires: 2026-01-31}]": "nothing is said here",
    "overrides: [{policy: dear, fleet: prod, by: ana, expires: 2026-01-31}]": "'reason' is missing",
    "overrides: [{policy: dear, fleet: prod, reason: why, by: ana, expires: soon}]": "'soon' is not a date",
    "plans: [{fleet: prod, digest: abc, by: ana}]": "'abc' is not the digest of a plan",
    "validations: [{fleet: prod, family: lasso, by: mo, on: 2025-11-01, outcome: good, record: x}]": "not a choice",
    "overides: []": "'overides' is not a key of",
    "overrides: {}": "overrides is a map, not a list",
    "overrides: [": "FS0",
}


@pytest.mark.parametrize("text", FAULTS)
def test_approvals_that_cannot_be_read_are_an_error_at_their_line(less: Fleet, run: Run, text: str) -> None:
    less.approve(text + "\n")
    answer = run("diff", RANGE, "--approvals", "approvals.yaml")
    assert answer.code == 1
    assert FAULTS[text] in answer.err
    assert "approvals.yaml:3:" in answer.err
    assert "help:" in answer.err


def test_a_file_of_approvals_that_is_named_has_to_be_there(less: Fleet, run: Run) -> None:
    answer = run("diff", RANGE, "--approvals", "approvals.yml")
    assert answer.code == 1
    assert "approvals.yml does not exist" in answer.err
