"""The head's lock on the base's data: what is taken from which side."""

from __future__ import annotations

from datetime import date

from fleetspec.compiler.change_lock import pinned_with_members
from fleetspec.compiler.lock import Lock, LockedSeries

SAID = {"data.bars": "source", "universes.eq": "all", "universes.fx": "all of fx"}


def series(name: str, digest: str, *cadences: str) -> LockedSeries:
    return LockedSeries(
        name, 800, 0, date(2020, 1, 2), date(2023, 1, 3), digest, {one: digest + one for one in cadences}
    )


def lock(members: dict[str, tuple[str, ...]], rows: list[LockedSeries], said: dict[str, str] = SAID) -> Lock:
    spans = {name: {one: ((0, len(one) * 100),) for one in held} for name, held in members.items()}
    return Lock({"bars": {one.name: one for one in rows}}, members, dict(said), spans=spans)


BASE = lock({"eq": ("A", "B"), "fx": ("C",)}, [series(name, f"{name}1", "500/5") for name in "ABC"])
HEAD = lock({"eq": ("A", "D"), "fx": ("C",)}, [series(name, f"{name}2", "500/5", "250/5") for name in "ACD"])
SAME = {"eq": "eq", "fx": "fx"}


def test_members_and_their_spans_are_those_of_the_base() -> None:
    made = pinned_with_members(HEAD, BASE, SAME)
    assert made.universes == BASE.universes
    assert made.spans == BASE.spans


def test_a_series_that_left_is_there_with_the_windows_of_the_head() -> None:
    made = pinned_with_members(HEAD, BASE, SAME)
    left = made.data["bars"]["B"]
    assert left.digest == "B1"
    assert left.windows["500/5"] == BASE.data["bars"]["B"].windows["500/5"]
    assert left.windows.keys() == {"500/5", "250/5"}
    assert made.data["bars"]["A"].digest == "A1"


def test_what_only_the_head_has_stays() -> None:
    assert pinned_with_members(HEAD, BASE, SAME).data["bars"]["D"] == HEAD.data["bars"]["D"]


def test_a_universe_that_is_said_otherwise_has_the_members_of_the_head() -> None:
    head = lock(HEAD.universes, list(HEAD.data["bars"].values()), SAID | {"universes.eq": "some"})
    made = pinned_with_members(head, BASE, SAME)
    assert made.universes == {"eq": ("A", "D"), "fx": ("C",)}
    assert made.spans["eq"] == HEAD.spans["eq"]


def test_a_renamed_universe_has_the_members_it_had() -> None:
    said = {"data.bars": "source", "universes.stocks": "all", "universes.fx": "all of fx"}
    head = lock({"stocks": ("A", "D"), "fx": ("C",)}, list(HEAD.data["bars"].values()), said)
    made = pinned_with_members(head, BASE, {"stocks": "eq", "fx": "fx"})
    assert made.universes["stocks"] == ("A", "B")
    assert made.spans["stocks"] == BASE.spans["eq"]


def test_another_source_has_its_own_series() -> None:
    said = {"data.bars": "another", "universes.eq": "x", "universes.fx": "y"}
    head = lock(HEAD.universes, list(HEAD.data["bars"].values()), said)
    made = pinned_with_members(head, BASE, SAME)
    assert (made.data, made.universes) == (head.data, head.universes)


def test_a_lock_on_itself() -> None:
    assert pinned_with_members(HEAD, HEAD, SAME) == HEAD
