"""Moves: what is renamed, what that costs, and which moves do nothing."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_identity_laws import addresses
from toy_specs import BARS, RICH, TOYS, compiled, make_lock, read_spec

from fleetspec.compiler.changes import Changes, Side, changes
from fleetspec.compiler.digests import contained, first_equal, first_of_each
from fleetspec.compiler.jobgraph import RunKind
from fleetspec.compiler.lower import lower
from fleetspec.compiler.moves import Alphabet
from fleetspec.diagnostics import Report


def side(text: str) -> Side:
    spec = read_spec(text)
    return Side(lower(spec, make_lock(spec, BARS), TOYS, RunKind.NIGHTLY, compiled(RICH).session), spec)


def compared(before: str, after: str, moved: str = "") -> tuple[Changes, list[str]]:
    report = Report()
    found = changes(side(before), side(after + (f"moved: [{moved}]\n" if moved else "")), report)
    return found, [finding.rule.code for finding in report]


def renamed(text: str, old: str, new: str) -> str:
    """The group called otherwise, wherever it is named."""
    text = text.replace(f"  {old}: {{", f"  {new}: {{")
    return (
        text.replace(f"[{old}, ", f"[{new}, ")
        .replace(f", {old}, ", f", {new}, ")
        .replace(f"over: {old},", f"over: {new},")
    )


VOLATILITY = renamed(RICH, "vol", "volatility")
GRID = renamed(RICH, "grid", "lattice")


def test_a_moved_group_is_renamed_and_nothing_is_fitted_again() -> None:
    found, codes = compared(RICH, VOLATILITY, "{from: '*/vol', to: '*/volatility'}")
    assert codes == []
    assert {a.split("/")[2] for a in addresses(found.head, found.state("renamed"))} == {"volatility"}
    assert not found.new.any()
    assert not found.gone.any()
    assert not found.state("changed").any()
    assert contained(found.head.digest, found.base.digest).all()


def test_without_the_move_it_is_gone_and_new() -> None:
    found, codes = compared(RICH, VOLATILITY)
    assert codes == []
    assert {a.split("/")[2] for a in addresses(found.base, found.gone)} == {"vol"}
    assert {a.split("/")[2] for a in addresses(found.head, found.new)} == {"volatility"}


def test_a_move_may_name_one_universe() -> None:
    found, codes = compared(RICH, VOLATILITY, "{from: main/vol, to: main/volatility}")
    assert codes == []
    assert {a.rsplit("/", 3)[0] for a in addresses(found.head, found.state("renamed"))} == {"toys/main/volatility"}
    assert {a.rsplit("/", 3)[0] for a in addresses(found.head, found.new)} == {"toys/fx/volatility"}


def test_the_variants_of_a_group_move_with_it() -> None:
    found, codes = compared(RICH, GRID, "{from: '*/grid', to: '*/lattice'}")
    assert codes == []
    labels = {a.split("/")[2] for a in addresses(found.head, found.state("renamed"))}
    assert labels == {f"lattice~{p}~{refit}" for p in "12" for refit in ("5-sessions", "7-sessions")}


def test_a_moved_universe() -> None:
    text = RICH.replace("  fx: {data", "  forex: {data").replace("[main, fx]", "[main, forex]")
    found, codes = compared(RICH, text.replace("universes: fx", "universes: forex"), "{from: fx, to: forex}")
    assert codes == []
    assert {a.split("/")[1] for a in addresses(found.head, found.state("renamed"))} == {"forex"}
    assert not found.state("changed").any()


def test_moves_go_on_from_each_other() -> None:
    chain = "{from: '*/vol', to: '*/sigma'}, {from: '*/sigma', to: '*/volatility'}"
    found, codes = compared(RICH, VOLATILITY, chain)
    assert found.state("renamed").any()
    assert not found.new.any()
    assert codes == []


def test_a_model_that_is_moved_and_changed_is_changed() -> None:
    text = VOLATILITY.replace(
        "families: [wave, calm], target: variance, train: 100", "families: [wave, calm], target: variance, train: 99"
    )
    found, _ = compared(RICH, text, "{from: '*/vol', to: '*/volatility'}")
    assert {a.split("/")[2] for a in addresses(found.head, found.state("model"))} == {"volatility"}
    assert {a.split("/")[2] for a in addresses(found.head, found.state("upstream"))} == {"var"}
    assert not found.state("renamed").any()


@pytest.mark.parametrize(
    ("before", "after", "moved", "code"),
    [
        (RICH, RICH, "{from: '*/vol', to: '*/volatility'}", "FS292"),
        (RICH, VOLATILITY, "{from: '*/vlo', to: '*/volatility'}", "FS293"),
        (VOLATILITY, VOLATILITY, "{from: '*/vol', to: '*/volatility'}", "FS293"),
        (RICH, VOLATILITY, "{from: main/vol, to: fx/volatility}, {from: fx/vol, to: fx/volatility}", None),
        (RICH, VOLATILITY,
         "{from: '*/vol/wave', to: '*/volatility/wave'}, {from: '*/vol/calm', to: '*/volatility/wave'}", "FS294"),
    ],
)  # fmt: skip
def test_a_move_that_does_nothing_is_said(before: str, after: str, moved: str, code: str | None) -> None:
    assert compared(before, after, moved)[1] == ([] if code is None else [code])


PAIRS = [
    (RICH, VOLATILITY, "{from: '*/vol', to: '*/volatility'}"),
    (RICH, GRID, "{from: '*/grid', to: '*/lattice'}"),
    (RICH, GRID, ""),
    (RICH, VOLATILITY, ""),
    (RICH, RICH.replace("alpha: 0.5", "alpha: 2"), ""),
    (RICH, RICH.replace("rsi(14)", "rsi(7)").replace("p: [1, 2]", "p: [2, 3]"), ""),
]


@pytest.mark.parametrize("case", PAIRS)
def test_the_way_back_mirrors_the_way_there(case: tuple[str, str, str]) -> None:
    before, after, moved = case
    after += f"moved: [{moved}]\n" if moved else ""
    there, back = changes(side(before), side(after)), changes(side(after), side(before))
    assert (there.gone == back.new).all()
    assert (there.new == back.gone).all()
    met = np.flatnonzero(there.partner >= 0)
    assert (back.partner[there.partner[met]] == met).all()
    for state in ("model", "upstream", "data", "renamed", "unchanged"):
        assert (back.state(state)[there.partner[met]] == there.state(state)[met]).all()


def test_nothing_has_changed_from_itself() -> None:
    one = side(RICH)
    found = changes(one, one)
    assert found.state("unchanged").all()
    assert not found.gone.any()


def test_addresses_that_need_more_than_a_number_are_told_apart() -> None:
    alphabet = Alphabet()
    for slot, size in enumerate((2**13, 2**13, 2**13, 2**13, 2**13)):
        alphabet.codes(slot, map(str, range(size)))
    rng = np.random.default_rng(1)
    table = rng.integers(0, 3, (5, 400)).astype(np.int32) * 4000
    one, two = alphabet.packed(table[:, :250], table[:, 250:])
    rows = [tuple(row) for row in table.T.tolist()]
    numbers = np.concatenate([one, two]).tolist()
    assert len(set(rows)) == len(set(numbers)) == len(set(zip(rows, numbers, strict=True)))


keys = st.lists(st.integers(0, 6), max_size=12)


@given(keys, keys)
def test_digests_are_found_as_a_set_finds_them(some: list[int], others: list[int]) -> None:
    # Half of them share their first half.
    digests = [bytes([n // 2]) * 8 + bytes([n]) * 8 for n in range(7)]
    one, two = (np.frombuffer(b"".join(digests[n] for n in ns), np.uint8).reshape(-1, 16) for ns in (some, others))
    told = first_of_each(one)
    assert [n for n, first in zip(some, told, strict=True) if first] == list(dict.fromkeys(some))
    assert contained(one, two).tolist() == [n in others for n in some]


@given(st.lists(st.tuples(st.integers(0, 6), st.integers(0, 3)), min_size=1, max_size=12))
def test_the_first_of_equal_digests_is_of_the_least_rank(drawn: list[tuple[int, int]]) -> None:
    digests = [bytes([n // 2]) * 8 + bytes([n]) * 8 for n in range(7)]
    keys = np.frombuffer(b"".join(digests[n] for n, _ in drawn), np.uint8).reshape(-1, 16)
    told = first_equal(keys, lambda: np.array([rank for _, rank in drawn])).tolist()
    for at, (n, _) in enumerate(drawn):
        equal = [(rank, other) for other, (m, rank) in enumerate(drawn) if m == n]
        assert told[at] == min(equal)[1]
