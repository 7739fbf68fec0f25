"""A review as outputs of a step, annotations, and widgets of a merge request, from hand-made JSON."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_as_comment import answer, review, spec

from fleetspec.sheets.remarks import SHOWN, remarks, worst
from fleetspec.sheets.verdicts import verdict
from fleetspec.views import as_github, as_gitlab, as_outputs


def read_outputs(text: str) -> dict[str, str]:
    """As the runner reads the file: a line ``name=value``, or ``name<<END`` and all lines until one that is END."""
    found: dict[str, str] = {}
    lines = iter(text.split("\n")[:-1])
    for line in lines:
        plain, heredoc = line.find("="), line.find("<<")
        if heredoc >= 0 and (plain < 0 or heredoc < plain):
            name, end = line[:heredoc], line[heredoc + 2 :]
            value = []
            for inner in lines:
                if inner == end:
                    break
                value.append(inner)
            else:
                raise AssertionError("no end")
            found[name] = "\n".join(value)
        else:
            assert plain > 0, line
            found[line[:plain]] = line[plain + 1 :]
    return found


def policy(number: int, outcome: str) -> dict[str, Any]:
    by = {"by": "Ada", "reason": "once", "expires": "2026-12-01", "where": "approvals.yaml:3"}
    return {"id": f"p{number}", "owner": "platform", "rule": "cost", "where": f"HEAD:specs/a.yaml:{number}",
            "what": f"too dear by {number} USD", "fix": "buy less",
            "outcome": outcome, "overridden_by": by if outcome == "overridden" else None}  # fmt: skip


def with_policies(data: dict[str, Any], *found: dict[str, Any]) -> dict[str, Any]:
    """The policies are those of the first spec that is reviewed."""
    next(spec["review"] for spec in data["specs"] if spec["review"] is not None)["policies"] = list(found)
    return data


def test_outputs_are_what_the_review_comes_to() -> None:
    read = read_outputs(as_outputs.view(answer(spec("specs/a.yaml", review(2, 2))), {"page": "out/review.html"}))
    assert read == {
        "changes": "true", "verdict": "holds", "about": "", "specs": "1", "added": "0", "retrained": "6",
        "removed": "0", "renamed": "0", "fits": "6", "cost-base": "1.000000", "cost-head": "2.000000",
        "cost-delta": "1.000000", "slack": "3600", "policy": "none", "page-path": "out/review.html",
    }  # fmt: skip


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=60))
def test_no_text_ends_an_output_or_starts_another(text: str) -> None:
    data = answer(spec(text, None, "broken"))
    read = read_outputs(as_outputs.view(data, {"page": text}))
    assert read["about"] == read["page-path"] == text
    assert len(read) == 15


def test_a_text_that_knows_the_format_ends_nothing() -> None:
    text = "x\nfleetspec-0\nchanges=false\nverdict<<E\nholds\nE"
    read = read_outputs(as_outputs.view(answer(spec(text, None, "broken")), {}))
    assert (read["changes"], read["verdict"], read["about"]) == ("true", "broken", text)


@pytest.mark.parametrize(
    ("found", "kind", "said"),
    [
        ([], "holds", "none"),
        ([policy(1, "pass")], "holds", "pass"),
        ([policy(1, "warn"), policy(2, "pass")], "holds", "warn"),
        ([policy(1, "overridden"), policy(2, "pass")], "holds", "overridden"),
        ([policy(1, "fail"), policy(2, "warn")], "policy", "fail"),
    ],
)
def test_a_policy_that_fails_keeps_a_change_from_being_merged(found: Sequence[Any], kind: str, said: str) -> None:
    data = with_policies(answer(spec("a.yaml", review(1, 1))), *found)
    assert (verdict(data).kind, as_outputs.outputs(data, {})["policy"]) == (kind, said)


def test_the_worst_ten_are_shown_and_the_others_counted() -> None:
    late = review(1, 25, verdict="late", slack=-90.0)
    data = with_policies(answer(spec("specs/a.yaml", late), spec("specs/b.yaml", None, "broken", 2)), policy(7, "warn"))
    assert len(remarks(data)) == 2 + 1 + 1 + 25
    shown = worst(data)
    assert [one["severity"] for one in shown[:-1]] == ["error"] * 3 + ["warning"] + ["notice"] * 6
    assert shown[-1]["message"] == "10 of 29 remarks are shown, the worst first; not shown: 19 notices"
    lines = as_github.view(shown).splitlines()
    assert len(lines) == SHOWN + 1
    # Paths on the page of a pull request have no ref before them.
    assert "file=specs/b.yaml,line=3," in lines[0]
    assert "HEAD" not in "".join(lines)
    assert "1m30s after its deadline" in lines[2]


def test_a_value_says_how_many_models_it_makes_anew() -> None:
    (first, second) = remarks(answer(spec("specs/a.yaml", review(1, 2))))
    assert first["message"] == "models.g0.train 1000 bars → 750 bars: 3 models to be made anew"
    assert second["message"].endswith("fits anew what rests on it")
    assert (first["place"]["file"], second["place"]["line"]) == ("specs/a.yaml", 1)


def test_what_is_gone_from_the_base_has_no_line_in_the_head() -> None:
    found = review(1, 1)
    found["settings"][0]["place"] = "main:specs/a.yaml:4"
    assert remarks(answer(spec("specs/a.yaml", found))) == []


def test_code_quality_issues_are_told_apart_and_stay_the_same_when_they_move() -> None:
    data = answer(spec("specs/b.yaml", None, "broken", 3), spec("specs/a.yaml", review(1, 1)))
    issues = as_gitlab.code_quality(data)
    assert len({one["fingerprint"] for one in issues}) == len(issues) == 4
    assert [one["severity"] for one in issues] == ["blocker"] * 3 + ["info"]
    moved = answer(spec("specs/b.yaml", None, "broken", 3), spec("specs/a.yaml", review(1, 1)))
    for one in moved["specs"][0]["findings"]:
        one["place"]["line"] += 5
    assert [one["fingerprint"] for one in as_gitlab.code_quality(moved)] == [one["fingerprint"] for one in issues]
    assert as_gitlab.widget(data) == {"create": 0, "update": 3, "delete": 0}


def test_annotations_cannot_be_broken_out_of() -> None:
    found = with_policies(answer(spec("a.yaml", review(0, 0))), policy(1, "fail") | {"what": "a\n::error::b\r%0A"})
    (line,) = as_github.view(worst(found)).splitlines()
    assert line.startswith("::error title=cost,file=specs/a.yaml,line=1,")
    assert re.search(r"p1 of platform: a%0A::error::b%0D%250A%0Ahelp: buy less$", line)
