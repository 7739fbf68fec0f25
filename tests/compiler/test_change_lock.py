"""The lock of a change: the base's series where it has them, and identities of windows that nothing else has."""

from __future__ import annotations

import numpy as np
from msgspec.structs import replace
from toy_specs import BARS, RICH, TOYS, compiled, make_lock, read_spec

from fleetspec.compiler.change_lock import pinned
from fleetspec.compiler.digests import contained
from fleetspec.compiler.jobgraph import JobGraph, RunKind
from fleetspec.compiler.lock import Lock
from fleetspec.compiler.lower import lower

GROWN = {"bars": {**BARS["bars"], "A": 155, "Z": 120}, "rates": {"EUR": 205}}


def graph(text: str, lock: Lock, run: RunKind = RunKind.CHANGE) -> JobGraph:
    return lower(read_spec(text), lock, TOYS, run, compiled(RICH).session)


def test_a_change_of_nothing_has_only_what_the_base_has() -> None:
    spec = read_spec(RICH)
    base = make_lock(spec, BARS)
    change = graph(RICH, pinned(make_lock(spec, {**GROWN, "bars": {**BARS["bars"], "A": 155}}), base))
    assert contained(change.digest, graph(RICH, base, RunKind.NIGHTLY).digest).all()


def test_a_new_series_is_all_that_is_new() -> None:
    spec = read_spec(RICH)
    base = make_lock(spec, BARS)
    change = graph(RICH, pinned(make_lock(spec, GROWN), base))
    new = ~contained(change.digest, graph(RICH, base, RunKind.NIGHTLY).digest)
    names = {change.address(int(m)).split("/")[4] for m in change.model[new]}
    # The pooled model and what is over it rest on the universe's members.
    assert names == {"z", "_", "a", "b", "c-x"}
    assert {change.address(int(m)).split("/")[2] for m in change.model[new] if "/z/" not in change.address(int(m))} == {
        "tree", "blend",
    }  # fmt: skip


def test_a_window_that_only_the_head_asks_for_lies_in_the_bases_bars() -> None:
    text = RICH.replace("[wave, calm], target: variance, train: 100", "[wave, calm], target: variance, train: 90")
    old, spec = read_spec(RICH), read_spec(text)
    base, head = make_lock(old, BARS), make_lock(spec, GROWN)
    lock = pinned(head, base)
    assert lock.data["bars"]["A"].bars == 150
    change = graph(text, lock)
    fits = np.array([change.address(int(m)).startswith("toys/main/vol/wave/a/") for m in change.model])
    assert change.end[fits & (change.task == 0)].tolist() == [150]
    # The same window of other bars is another one: neither the head's night nor a base with other bars has it.
    for other in (head, pinned(head, make_lock(old, BARS, changed="A"))):
        night = graph(text, other)
        assert not contained(change.digest[fits], night.digest).any()


def test_another_source_is_not_pinned() -> None:
    spec = read_spec(RICH)
    base, head = make_lock(spec, BARS), make_lock(spec, GROWN)
    moved = replace(base, declared=base.declared | {"data.bars": "other"})
    lock = pinned(head, moved)
    assert lock.data["bars"] == head.data["bars"]
    assert lock.data["rates"]["EUR"].bars == 200
