"""Digests: against hashlib called by hand, and apart where content is apart."""

from __future__ import annotations

import hashlib
import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_siphash import siphash_by_hand

from fleetspec.compiler import identity


def test_rows_are_siphash_of_their_bytes_under_the_key_of_their_kind() -> None:
    made = identity.digest_rows(
        "fit", identity.integers(np.array([1, -2]), np.array([300, 4])), identity.from_hex(["00" * 16, "ff" * 16])
    )
    key = hashlib.blake2b(digest_size=16, person=b"fit/3").digest()
    by_hand = [
        siphash_by_hand(key, struct.pack("<qq", a, b) + tail)
        for a, b, tail in ((1, 300, b"\0" * 16), (-2, 4, b"\xff" * 16))
    ]
    assert [bytes(row) for row in made] == by_hand


def test_no_rows_have_no_digests() -> None:
    assert identity.digest_rows("fit", np.zeros((0, 16), dtype=np.uint8)).shape == (0, 16)


parts = st.lists(st.binary(max_size=6), max_size=4)


@given(parts, parts)
def test_other_parts_have_another_digest(one: list[bytes], two: list[bytes]) -> None:
    assert (identity.digest("k", *one) == identity.digest("k", *two)) == (one == two)


def test_kinds_are_apart() -> None:
    assert identity.digest("fit", b"x") != identity.digest("forecast", b"x")


def test_canonical_json_has_one_spelling_and_refuses_what_is_not_json() -> None:
    assert identity.canonical({"b": 1, "a": [True, None, "ü"]}) == '{"a":[true,null,"ü"],"b":1}'.encode()
    with pytest.raises(ValueError):
        identity.canonical(float("nan"))
