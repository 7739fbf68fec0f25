"""A review as a comment: what is said first, what is left out when it grows, and that nothing in it is markup."""

from __future__ import annotations

import re
from typing import Any

import pytest

from fleetspec.reviewing import total
from fleetspec.views import as_comment, as_text
from fleetspec.views.as_comment import DROPPED, LIMIT, view

MARK = "<!-- fleetspec: review -->"


def side(cost: float, verdict: str = "feasible", slack: float = 3600.0) -> dict[str, Any]:
    return {"verdict": verdict, "models": 10, "jobs": 20, "cost_usd": cost, "end_seconds": 60.0, "slack_seconds": slack,
            "nodes": [["box", 1]]}  # fmt: skip


def ruling(number: int, outcome: str, text: str = "too dear") -> dict[str, Any]:
    return {"id": f"p{number}", "owner": "platform", "rule": "cost", "where": f"HEAD:specs/a.yaml:{number}",
            "what": text, "fix": text, "outcome": outcome, "overridden_by": None}  # fmt: skip


def group(number: int, **counts: int) -> dict[str, Any]:
    held = {key: counts.get(key, 0) for key in ("added", "removed", "renamed", "model", "upstream", "data")}
    held["changed"] = held["model"] + held["upstream"] + held["data"]
    reasons = [f"model: models.g{number}.train 1000 bars → 750 bars (HEAD:specs/a.yaml:{number})"]
    return {"universe": "eq", "group": f"g{number}", "family": "garch", "was": None, "reasons": reasons, **held}


def setting(number: int, text: str = "750 bars") -> dict[str, Any]:
    return {"route": f"models.g{number}.train", "base": "1000 bars", "head": text, "class": "model",
            "place": f"HEAD:specs/a.yaml:{number}"}  # fmt: skip


def review(groups: int, settings: int, base: float = 1.0, head: float = 2.0, **more: Any) -> dict[str, Any]:
    return {
        "run": "nightly",
        "settings": [setting(number) for number in range(settings)],
        "groups": [group(number, model=3) for number in range(groups)],
        "unchanged": 4,
        "work": [{"task": "fit", "needed": 3 * groups, "reused": 4, "stored": 0}],
        "base": side(base),
        "head": side(head, **more),
        "jobs_to_run": 3 * groups,
        "changes": bool(groups or settings),
    }


FINDING: dict[str, Any] = {
    "code": "FS103", "severity": "error", "message": "it is wrong", "help": "write it right", "route": None,
    "related": [],
    "place": {"file": "HEAD:a.yaml", "line": 3, "column": 1, "snippet": "owner: me", "width": 5},
}  # fmt: skip


def spec(path: str, found: dict[str, Any] | None, state: str = "changed", findings: int = 0) -> dict[str, Any]:
    finding = FINDING | {"place": FINDING["place"] | {"file": f"HEAD:{path}"}}
    return {"state": state, "path": path, "was": None, "relocked": False, "review": found,
            "changes": state == "broken" or (found is not None and found["changes"]),
            "findings": [finding] * findings}  # fmt: skip


def answer(*specs: dict[str, Any]) -> dict[str, Any]:
    reviews = [one["review"] for one in specs if one["review"] is not None]
    return {
        "base": {"ref": "main", "commit": "a" * 40},
        "head": {"ref": "HEAD", "commit": "b" * 40},
        "run": "nightly",
        "data": "base",
        "specs": list(specs),
        "total": total(reviews),
        "changes": any(one["changes"] for one in specs),
    }


def test_the_verdict_is_the_first_thing_read() -> None:
    lines = view(answer(spec("specs/a.yaml", review(2, 2))), MARK).text.splitlines()
    assert lines[0] == MARK
    assert lines[2] == "### fleetspec: ✅ 1 spec changed, every run ends in time"
    assert lines[4] == "Changed: models.g0.train 1000 bars → 750 bars, models.g1.train 1000 bars → 750 bars."
    assert lines[6] == "6 of 10 models are made anew (6 by their settings); none added, none removed."
    assert lines[8] == (
        "A nightly run costs 2.00 USD, 1.00 USD more than before (+100.0 %). It ends 1h00m before its deadline."
    )
    assert lines[10] == "**Nobody has to act: in time, within the budget, no policies are set.**"


@pytest.mark.parametrize(
    ("specs", "said"),
    [
        (
            [spec("a.yaml", review(1, 1, verdict="late", slack=-60.0))],
            "It ends 1m00s after its deadline (was: 1h00m before).",
        ),
        ([spec("a.yaml", review(1, 1, verdict="late", slack=-60.0))], "fleetspec plan a.yaml says what would help."),
        ([spec("a.yaml", review(0, 1, head=1.0005))], "None of 4 models changes."),
        ([spec("a.yaml", review(0, 1, head=1.0005))], "A nightly run costs 1.00 USD, practically as before."),
        ([spec("a.yaml", review(0, 1, head=1.0))], "A nightly run costs 1.00 USD, as before."),
        ([spec("a.yaml", review(0, 5))], "models.g2.train 1000 bars → 750 bars and 2 settings more."),
        (
            [spec("a.yaml", review(1, 1) | {"policies": [ruling(1, "pass"), ruling(2, "pass")]})],
            "within the budget, 2 policies checked.",
        ),
        (
            [spec("a.yaml", review(1, 1)) | {"findings": [{**FINDING, "severity": "warning"}] * 2}],
            "Nothing stops it (in time, within the budget, no policies are set). For the author: 2 warnings below.",
        ),
        ([spec("a.yaml", review(0, 1, slack=60.0))], "It ends 1m00s before its deadline (was: 1h00m before)."),
        ([spec("a.yaml", review(0, 1, base=0.0006, head=0.00060001))], "as before"),
        ([spec("a.yaml", review(0, 1, head=0.5))], "0.50 USD less than before (-50.0 %)"),
        ([spec("a.yaml", None, "broken", 1)], "To do, by the author: mend what is told below"),
        ([spec("a.yaml", None, "broken", 1), spec("b.yaml", review(1, 1))], "The others: 3 of 7 models are made anew"),
        (
            [spec("a.yaml", review(1, 1)), spec("b.yaml", review(1, 1, slack=60.0))],
            "The tightest run, b.yaml, ends 1m00s",
        ),
        ([spec("a.yaml", review(1, 1) | {"policies": [ruling(1, "fail")]})], "ask platform for an override"),
    ],
)
def test_what_changes_what_it_costs_whether_it_is_safe_and_who_acts(specs: list[dict[str, Any]], said: str) -> None:
    assert said in view(answer(*specs), MARK).text.split("<sub>")[0]


def test_of_a_broken_spec_alone_no_figure_is_told() -> None:
    text = view(answer(spec("a.yaml", None, "broken", 1)), MARK).text
    assert "USD," not in text
    assert "unchanged" not in text


def test_places_are_those_of_the_files_that_are_shown() -> None:
    text = view(answer(spec("specs/a.yaml", review(1, 1), findings=1)), MARK).text
    assert "`specs/a.yaml:3:1`" in text
    assert "HEAD:" not in text


@pytest.mark.parametrize(
    ("specs", "verdict"),
    [
        ([spec("a.yaml", review(0, 0))], "✅ no change"),
        ([spec("a.yaml", review(1, 1, verdict="late", slack=-60.0))], "❌ does not hold: a.yaml"),
        ([spec("a.yaml", None, "broken", 1), spec("b.yaml", review(1, 1))], "❌ cannot be compared: a.yaml"),
    ],
)
def test_verdicts(specs: list[dict[str, Any]], verdict: str) -> None:
    assert f"### fleetspec: {verdict}\n" in view(answer(*specs), MARK).text


def test_no_spec_differs() -> None:
    said = "**fleetspec: no spec differs** between main (aaaaaaaa) and HEAD (bbbbbbbb)."
    assert view(answer(), MARK).text == f"{MARK}\n{said}\n"


def test_a_small_one_is_whole() -> None:
    made = view(answer(spec("specs/a.yaml", review(3, 3)), spec("specs/b.yaml", None, "broken", 2)), MARK)
    assert made.dropped == ()
    assert "Left out" not in made.text
    assert made.text.count("<details") == made.text.count("</details>") == 2
    assert "<details open><summary>specs/b.yaml: broken</summary>" in made.text


KINDS = {
    "values that differ": "### What the spec says otherwise",
    "models by group": "| universe/group/family |",
    "causes": "### Why",
    "bills": "### The bill of",
    "findings": "It cannot be compared",
    "rows of specs": "more spec",
}


@pytest.mark.parametrize("limit", [58_000, 40_000, 30_000, 20_000, 12_000, 9_000, 6_000, 4_000, 3_000])
def test_what_is_left_out_is_left_out_in_the_order_that_is_stated(limit: int) -> None:
    specs = [spec(f"specs/s{number:02d}.yaml", review(8, 8)) for number in range(40)]
    specs += [spec(f"specs/t{number:02d}.yaml", None, "broken", 2) for number in range(8)]
    data = answer(*specs)
    made = view(data, MARK, limit)
    assert len(made.text.encode()) < limit
    assert "Left out, since a comment has to stay below" in made.text
    assert all(kind in made.text for kind in made.dropped)
    # All kinds before the last one that is dropped are gone from every spec.
    assert made.dropped == DROPPED[: len(made.dropped)]
    for kind in made.dropped[:-1]:
        assert KINDS[kind] not in made.text, kind
    for kind in DROPPED[len(made.dropped) :]:
        if kind != "rows of specs":
            assert KINDS[kind] in made.text, kind
    assert "### fleetspec: ❌ cannot be compared: specs/t00.yaml" in made.text
    assert "| **total** |" in made.text
    assert made.text.count("<details") == made.text.count("</details>")


def test_of_a_kind_the_last_spec_goes_first() -> None:
    specs = [spec(f"specs/s{number:02d}.yaml", review(2, 20)) for number in range(30)]
    whole = len(view(answer(*specs), MARK, 10**9).text.encode())
    made = view(answer(*specs), MARK, whole - 500)
    with_values = [part.split(":")[0] for part in made.text.split("<summary>")[1:] if "Changed settings" in part]
    # What the note needs is kept free as well: one or two of the last specs pay for both.
    assert 28 <= len(with_values) < 30
    assert with_values == [f"specs/s{number:02d}.yaml" for number in range(len(with_values))]


@pytest.mark.parametrize("limit", [60_000, 30_000, 12_000])
def test_what_policies_say_stays_whatever_is_left_out(limit: int) -> None:
    """A hundred policies that pass and fifty that stop it, in words without end, on each of forty specs."""
    told = [ruling(number, "pass") for number in range(100)]
    told += [ruling(number, "fail", f"number {number}: " + "x" * 5000) for number in range(100, 150)]
    specs = [spec(f"specs/s{number:02d}.yaml", review(8, 8) | {"policies": told}) for number in range(40)]
    made = view(answer(*specs), MARK, limit)
    assert len(made.text.encode()) < limit
    assert made.dropped == DROPPED[: len(made.dropped)]
    assert "### fleetspec: ❌ stopped by policy: p100 (platform)" in made.text
    assert made.text.count("| stops |") == 10
    assert "and 1,990 more objections" in made.text
    assert "nothing to object: p0, p1," in made.text
    assert "and 88 more" in made.text


@pytest.mark.parametrize("count", [1, 100, 3000])
def test_it_is_always_below_the_limit(count: int) -> None:
    wide = "ü" * 60
    specs = [spec(f"specs/{wide}{number}.yaml", review(5, 20), findings=5) for number in range(count)]
    made = view(answer(*specs), MARK)
    assert len(made.text.encode()) < LIMIT
    assert (made.dropped == ()) == (count == 1)


def test_nothing_in_a_spec_is_markup() -> None:
    nasty = "<img src=x> @team [x](http://e) `code` | cell\n/close\r\n<!-- x -->"
    found = review(1, 1)
    found["settings"] = [setting(1, nasty)]
    found["groups"][0]["reasons"] = [nasty]
    one = spec(f"specs/{nasty}.yaml", found, findings=1)
    one["findings"][0]["message"] = nasty
    one["findings"][0]["place"]["snippet"] = "```\n@team"
    text = view(answer(one), MARK).text
    # Code and summaries, which are HTML, are no markdown.
    plain = re.sub(r"(`{4,})\n.*?\n\1|<summary>.*?</summary>", "", text, flags=re.DOTALL)
    assert "`" * 4 in text
    assert "@team" not in plain
    assert "&lt;img src=x&gt; @\u200bteam" in text
    assert not re.search(r"(?<!\\)<img", plain)
    assert not re.search(r"(?<!\\)\]\(", plain)
    assert "\n/close" not in text
    assert len(re.findall(r"(?<!\\)<!--", plain)) == 1
    for row in re.findall(r"(?m)^\|.*$", plain):
        assert row.endswith("|")


def test_a_fault_of_a_deleted_spec_is_said() -> None:
    one = spec("specs/a.yaml", None, "deleted")
    assert "What it was could not be read" in as_comment.view(answer(one), MARK).text


def test_a_bill_says_its_budget_and_where_a_run_that_does_not_hold_is_explained() -> None:
    found = review(1, 0) | {
        "base": side(1.0) | {"budget_usd": 5.0},
        "head": side(2.0, "infeasible") | {"budget_usd": 1.5},
    }
    lines = [" ".join(line.split()) for line in as_text.view("diff", found).split("\n")]
    assert "budget 5.00 USD 1.50 USD -3.50 USD" in lines
    assert "The head's run does not hold (infeasible): its own plan says what would help." in lines
    # Reviews of earlier versions, and runs without one, have no such row.
    assert not any(line.startswith("budget") for line in as_text.view("diff", review(1, 0)).split("\n"))
