"""Addresses as columns of codes, so that those of two graphs can be joined, and what ``moved`` makes of them.

A move names an address without the fleet, from the left as many slots as it needs; ``*`` keeps a slot. A group's name
means all of its variants. Moves are taken in order, so that a later one may go on from an earlier one.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np
from msgspec import Struct, field

from fleetspec.compiler.addresses import slug
from fleetspec.compiler.spec import Move
from fleetspec.rules import changing

SLOTS = ("universe", "group", "family", "series", "horizon")
"""The slots of an address after the fleet."""
KEPT = "*"

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fleetspec.compiler.jobgraph import JobGraph
    from fleetspec.compiler.spec import FleetSpec
    from fleetspec.diagnostics import Report

    Ints = NDArray[np.int64]
    Codes = NDArray[np.int32]
    Mask = NDArray[np.bool_]
Pattern = tuple[str, ...]
"""One word or ``*`` for each of :data:`SLOTS`."""


class Alphabet(Struct):
    """Codes of the words that addresses are made of, slot by slot: few, however many addresses there are."""

    words: tuple[dict[str, int], ...] = field(default_factory=lambda: tuple({} for _ in SLOTS))
    _spelt: dict[tuple[str, ...], Ints] = field(default_factory=dict)

    def codes(self, slot: int, words: Iterable[str]) -> Ints:
        """Codes of words, new ones for those not met before."""
        known = self.words[slot]
        return np.array([known.setdefault(word, len(known)) for word in words], dtype=np.int64)

    def columns(self, graph: JobGraph) -> Codes:
        """(5, m) codes of the addresses of a graph's models, a row per slot."""
        models = graph.models
        table = np.empty((len(SLOTS), len(models)), dtype=np.int32)
        labels, families = [s.label for s in models.settings], [s.family.name for s in models.settings]
        for slot, words, at in (
            (0, models.universes, models.universe),
            (1, labels, models.setting),
            (2, families, models.setting),
            (4, [*map(str, models.horizons), "_"], models.horizon),
        ):
            table[slot] = self.codes(slot, words)[at] if len(at) else 0
        for code, names in enumerate(models.series_names):
            here = models.universe == code
            table[3, here] = self._series(names)[models.series[here]]
        return table

    def _series(self, names: tuple[str, ...]) -> Ints:
        """Codes of a universe's series, and behind them that of the word for none of them."""
        if names not in self._spelt:
            self._spelt[names] = self.codes(3, [*map(slug, names), "_"])
        return self._spelt[names]

    def packed(self, *tables: Codes) -> list[Ints]:
        """One number per column of tables (5, n) of codes: equal columns, of whichever table, have equal numbers."""
        sizes = [max(len(words), 1) for words in self.words]
        small = math.prod(sizes) < 2**63
        packed = []
        for table in tables if small else (np.concatenate(tables, axis=1),):
            numbers = table[0].astype(np.int64)
            for size, codes in zip(sizes[1:], table[1:], strict=True):
                numbers *= size
                numbers += codes
                if not small:
                    # Numbered anew after each slot, they never exceed columns x words.
                    numbers = np.unique(numbers, return_inverse=True)[1]
            packed.append(numbers)
        return packed if small else np.split(packed[0], np.cumsum([t.shape[1] for t in tables])[:-1])


def pattern_of(address: str) -> Pattern:
    """The slots of an address as a move writes it; those it leaves out are kept."""
    parts = address.split("/")
    spelt = [slug(part) if slot == 3 and part not in (KEPT, "_") else part for slot, part in enumerate(parts)]
    return (*spelt, *[KEPT] * (len(SLOTS) - len(parts)))


def backwards(moves: Sequence[Move]) -> list[Move]:
    """The moves that undo these."""
    return [Move.model_validate({"from": move.to, "to": move.from_}) for move in reversed(moves)]


def follow(base: Codes, head: Codes, moves: Sequence[Move], alphabet: Alphabet, report: Report | None = None) -> Codes:
    """(5, b) codes of the base's addresses after the moves. A model whose address the head still has stays.

    Adds to the report (routes of the head's ``moved``) which moves do nothing, and why (FS292, FS293).
    """
    moved = base.copy() if moves else base
    for number, move in enumerate(moves):
        before, after = pattern_of(move.from_), pattern_of(move.to)
        if len(before) > len(SLOTS) or len(after) > len(SLOTS):
            continue
        found = np.flatnonzero(_matching(moved, before, alphabet))
        leaving = found[~_among(moved[:, found], head, alphabet)]
        moved[:, leaving] = _rewritten(moved[:, leaving], before, after, alphabet)
        if report is None:
            continue
        if _matching(head, before, alphabet).any():
            report.add(
                changing.MOVED_STILL_THERE,
                f"'{move.from_}' is still in the fleet, so its models were not moved to '{move.to}'",
                route=("moved", number, "from"),
                help="take this entry out, or rename what it names",
            )
        elif not len(found):
            report.add(
                changing.MOVED_NOTHING,
                f"the fleet it is compared with has no model '{move.from_}'",
                route=("moved", number, "from"),
                help="once the move is deployed the entry can go; else correct the address",
            )
    return moved


def _among(some: Codes, table: Codes, alphabet: Alphabet) -> Mask:
    if not some.size:
        return np.zeros(some.shape[1], dtype=bool)
    mine, theirs = alphabet.packed(some, table)
    return np.isin(mine, theirs)


def _matching(table: Codes, pattern: Pattern, alphabet: Alphabet) -> Mask:
    mask = np.ones(table.shape[1], dtype=bool)
    for slot, wanted in enumerate(pattern):
        if wanted != KEPT:
            named = np.array([_names(slot, word, wanted) for word in alphabet.words[slot]], dtype=bool)
            mask &= named[table[slot]] if len(named) else False
    return mask


def _names(slot: int, word: str, wanted: str) -> bool:
    return word == wanted or (slot == 1 and word.partition("~")[0] == wanted)


def _rewritten(some: Codes, before: Pattern, after: Pattern, alphabet: Alphabet) -> Codes:
    made = some.copy()
    for slot, wanted in enumerate(after):
        if wanted == KEPT or not some.size:
            continue
        words = list(alphabet.words[slot])
        used = np.unique(some[slot])
        new = alphabet.codes(slot, [_renamed(slot, words[code], before[slot], wanted) for code in used.tolist()])
        made[slot] = new[np.searchsorted(used, some[slot])]
    return made


def _renamed(slot: int, word: str, before: str, after: str) -> str:
    """The word a move puts in the place of another; a group's variants keep their values."""
    if slot == 1 and word != before:
        _, mark, values = word.partition("~")
        return after + mark + values
    return after


class Renames(Struct, frozen=True):
    """What the base calls universes and groups, and what the head calls them."""

    universes: dict[str, str] = field(default_factory=dict)
    groups: dict[str, str] = field(default_factory=dict)


def renames(base: FleetSpec, head: FleetSpec) -> Renames:
    """The universes and groups that are called otherwise in the head, by the moves of either spec."""
    found = Renames()
    moves = [*head.moved, *backwards([move for move in base.moved if move not in head.moved])]
    for slot, names, before, after in (
        (0, found.universes, base.universes, head.universes),
        (1, found.groups, base.models, head.models),
    ):
        for name in before.keys() - after.keys():
            called = name
            for move in moves:
                old, new = pattern_of(move.from_), pattern_of(move.to)
                called = new[slot] if old[slot] == called and new[slot] != KEPT else called
            if called in after and called not in before:
                names[name] = called
    return found
