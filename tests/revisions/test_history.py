"""Every commit of a scripted repository against what was written down of it beforehand."""

from __future__ import annotations

from typing import Any

import pytest
from in_process import Run
from scripted_history import History

NAMES = [
    "comment only", "reformat", "something else", "comment in the base", "owner", "raise trials", "add universe",
    "shorter window", "other distribution", "change pool", "price change", "move deadline", "rename a group",
    "rename a universe", "lock newer data", "owner and newer data", "a longer list", "remove a universe", "revert",
    "conflict markers", "conflict resolved", "delete the base", "bring the base back", "rename the spec",
    "rename the spec and change it", "a second spec", "both at once", "delete a spec", "delete a lock",
]  # fmt: skip
SOUND = [name for name in NAMES if "conflict" not in name and "base" not in name and name != "delete a lock"]
COUNTS = ("added", "changed", "model", "upstream", "data", "removed", "renamed")


def answered(fleets: Run, history: History, name: str, *options: str) -> dict[str, Any]:
    base, head = history.pair(name)
    answer: dict[str, Any] = fleets("diff", f"{base}..{head}", "--format", "json", *options).json
    return answer


def test_every_commit_is_judged(history: History) -> None:
    assert history.names == ["start", *NAMES]


@pytest.mark.parametrize("name", NAMES)
def test_a_commit(history: History, fleets: Run, name: str) -> None:
    base, head = history.pair(name)
    told = history.told[name]
    answer = fleets("diff", f"{base}..{head}", "--format", "json", "--detailed-exitcode", "--", "specs/")
    data = answer.json
    assert {one["path"]: one["state"] for one in data["specs"]} == dict(told.states), answer.err
    counts = {key: data["total"][key] for key in COUNTS}
    assert counts == {key: told.models.get(key, 0) for key in COUNTS}
    settings = [one for spec in data["specs"] if spec["review"] for one in spec["review"]["settings"]]
    assert {one["class"] for one in settings} == told.classes, settings
    assert answer.code == told.code, answer.err
    assert data["changes"] == (told.code != 0)
    assert told.check(data), data
    for one in settings:
        assert one["place"].startswith((f"{base}:specs/", f"{head}:specs/"))


@pytest.mark.parametrize("name", NAMES)
def test_what_is_read_names_no_temporary_file(history: History, fleets: Run, name: str) -> None:
    base, head = history.pair(name)
    for view in ("text", "md", "json"):
        answer = fleets("diff", f"{base}..{head}", "--format", view)
        assert "fleetspec-" not in answer.out + answer.err
        assert "/tmp" not in answer.out + answer.err


@pytest.mark.parametrize("name", SOUND)
def test_the_way_back_mirrors_the_way_there(history: History, fleets: Run, name: str) -> None:
    base, head = history.pair(name)
    there = answered(fleets, history, name, "--data")
    back = fleets("diff", f"{head}..{base}", "--format", "json", "--data").json
    assert back["total"]["added"] == there["total"]["removed"]
    assert back["total"]["removed"] == there["total"]["added"]
    for key in ("changed", "renamed", "unchanged"):
        assert back["total"][key] == there["total"][key]
    for one, other in (("base", "head"), ("head", "base")):
        assert back["total"]["cost_usd"][one] == pytest.approx(there["total"]["cost_usd"][other], rel=1e-12)
        assert back["total"]["models"][one] == there["total"]["models"][other]
    assert back["changes"] == there["changes"]


@pytest.mark.parametrize("name", NAMES)
def test_the_total_is_the_sum_of_its_parts(history: History, fleets: Run, name: str) -> None:
    data = answered(fleets, history, name)
    reviews = [spec["review"] for spec in data["specs"] if spec["review"] is not None and spec["state"] != "mended"]
    for key in COUNTS:
        assert data["total"][key] == sum(group[key] for review in reviews for group in review["groups"])
    for side in ("base", "head"):
        held = [review[side] for review in reviews if review[side] is not None]
        assert data["total"]["models"][side] == sum(one["models"] for one in held)
    total = data["total"]
    assert total["models"]["head"] == total["unchanged"] + total["added"] + total["changed"] + total["renamed"]
    assert total["models"]["base"] == total["unchanged"] + total["removed"] + total["changed"] + total["renamed"]


@pytest.mark.parametrize("name", NAMES)
def test_a_commit_and_itself(history: History, fleets: Run, name: str) -> None:
    head = history.pair(name)[1]
    answer = fleets("diff", f"{head}..{head}", "--detailed-exitcode")
    assert answer.code == 0
    assert answer.out.startswith("No spec differs between ")


def test_new_data_show_when_they_are_asked_for(history: History, fleets: Run) -> None:
    total = answered(fleets, history, "lock newer data", "--data")["total"]
    # Three currencies: two of vol, two of ridge. The dollar's series are as they were.
    assert (total["changed"], total["data"], total["model"]) == (12, 12, 0)
    both = answered(fleets, history, "owner and newer data", "--data")
    assert both["total"]["data"] == 12
    assert both["data"] == "own"


def test_a_change_is_priced_as_a_run_of_its_own(history: History, fleets: Run) -> None:
    data = answered(fleets, history, "raise trials", "--run", "change")
    assert data["run"] == "change"
    assert data["total"]["changed"] == 6
