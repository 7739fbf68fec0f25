"""SipHash in columns, against OpenSSL's values and against the paper's algorithm on plain integers."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleetspec.compiler.siphash import _ROWS, siphash

_MASK = (1 << 64) - 1
KEY = bytes(range(16))


def siphash_by_hand(key: bytes, message: bytes) -> bytes:
    """SipHash-2-4-128 of one message, a round after the other on Python's integers."""
    k0, k1 = (int.from_bytes(key[at : at + 8], "little") for at in (0, 8))
    v = [k0 ^ 0x736F6D6570736575, k1 ^ 0x646F72616E646F6D ^ 0xEE, k0 ^ 0x6C7967656E657261, k1 ^ 0x7465646279746573]

    def turn(x: int, bits: int) -> int:
        return (x << bits | x >> 64 - bits) & _MASK

    def rounds(count: int) -> None:
        for _ in range(count):
            v[0], v[2] = (v[0] + v[1]) & _MASK, (v[2] + v[3]) & _MASK
            v[1], v[3] = turn(v[1], 13) ^ v[0], turn(v[3], 16) ^ v[2]
            v[0] = turn(v[0], 32)
            v[2], v[0] = (v[2] + v[1]) & _MASK, (v[0] + v[3]) & _MASK
            v[1], v[3] = turn(v[1], 17) ^ v[2], turn(v[3], 21) ^ v[0]
            v[2] = turn(v[2], 32)

    padded = message + bytes(7 - len(message) % 8) + bytes([len(message) % 256])
    for at in range(0, len(padded), 8):
        word = int.from_bytes(padded[at : at + 8], "little")
        v[3] ^= word
        rounds(2)
        v[0] ^= word
    made = b""
    for at, mark in ((2, 0xEE), (1, 0xDD)):
        v[at] ^= mark
        rounds(4)
        made += (v[0] ^ v[1] ^ v[2] ^ v[3]).to_bytes(8, "little")
    return made


@pytest.mark.parametrize(
    ("length", "expected"),
    [
        (8, "3b62a9ba6258f5610f83e264f31497b4"),
        (16, "6ee2a4ca67b054bbfd3315bf85230577"),
        (24, "2db479ae78bd50d8882a8a178a6132ad"),
        (64, "1eaf077dc0d4cd3f8cad4d383658a74b"),
        (128, "d1b4bd390255083ddabe483d6e7af066"),
    ],
)
def test_it_gives_the_values_of_openssl(length: int, expected: str) -> None:
    # openssl mac -macopt size:16 -macopt hexkey:000102030405060708090a0b0c0d0e0f -in MESSAGE SIPHASH (3.0.19)
    message = bytes(range(length))
    words = list(np.frombuffer(message, dtype="<u8")[:, None])
    assert siphash(KEY, words)[0].tobytes().hex() == expected
    assert siphash_by_hand(KEY, message).hex() == expected


@given(st.binary(min_size=16, max_size=16), st.lists(st.binary(min_size=24, max_size=24), min_size=1, max_size=5))
def test_each_row_is_hashed_by_itself(key: bytes, rows: list[bytes]) -> None:
    words = np.frombuffer(b"".join(rows), dtype="<u8").reshape(-1, 3).T
    assert [row.tobytes() for row in siphash(key, list(words))] == [siphash_by_hand(key, row) for row in rows]


def test_rows_beyond_the_first_chunk_are_hashed_alike() -> None:
    words = np.arange(2 * _ROWS + 3, dtype="<u8")
    made = siphash(KEY, [words])
    for at in (0, _ROWS - 1, _ROWS, 2 * _ROWS, 2 * _ROWS + 2):
        assert made[at].tobytes() == siphash_by_hand(KEY, int(at).to_bytes(8, "little"))
