"""Content digests of 128 bits. Equal digests mean equal results.

Content of any length (settings, names, data) is hashed with BLAKE2b; rows of digests and numbers, of which a graph has
millions, with SipHash-2-4 in columns.

A digest covers what a result depends on and nothing else, so comments, key order, spelling of units, the fleet's
owner, budget and hardware never cause a model to be fitted again. ``VERSION`` is part of every digest: it changes
when code that is shared by families (features, metrics) changes results.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

import numpy as np

VERSION = 3
SIZE = 16
"""Bytes of a digest."""

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Bytes = NDArray[np.uint8]


def canonical(value: Any) -> bytes:
    """JSON data in its one spelling: keys sorted, no spaces. Raises ValueError for what is not JSON data."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()


def digest(kind: str, *parts: bytes) -> bytes:
    """Digest of parts in order. ``kind`` (at most 14 characters) keeps kinds of content apart."""
    hasher = blake2b(digest_size=SIZE, person=_person(kind))
    for part in parts:
        # The length in front of each part: two parts never hash like two others with the same joined bytes.
        hasher.update(len(part).to_bytes(8, "little"))
        hasher.update(part)
    return hasher.digest()


def digest_rows(kind: str, *columns: Bytes) -> Bytes:
    """(n, 16) digests of the rows of byte matrices (n, 8 × k) side by side."""
    from fleetspec.compiler.siphash import siphash

    words = [column.view("<u8").T for column in columns if column.shape[1]]
    return siphash(digest(kind), [word for column in words for word in column])


def digest_texts(kind: str, texts: Sequence[str]) -> Bytes:
    """(n, 16) digests of texts, each as :func:`digest` of its canonical form."""
    # Copying a hasher that knows its parameters costs half of making one.
    fresh, made = blake2b(digest_size=SIZE, person=_person(kind)).copy, []
    for text in texts:
        encoded = json.encoder.encode_basestring(text).encode()
        hasher = fresh()
        hasher.update(len(encoded).to_bytes(8, "little") + encoded)
        made.append(hasher.digest())
    return np.frombuffer(b"".join(made), dtype=np.uint8).reshape(-1, SIZE)


def integers(*columns: NDArray[Any]) -> Bytes:
    """Integer columns (n,) as a byte matrix (n, 8 × columns), little-endian whatever the machine."""
    stacked = np.ascontiguousarray(np.stack(columns, axis=1), dtype="<i8")
    return stacked.view(np.uint8).reshape(len(stacked), 8 * len(columns))


def single(kind: str, *parts: bytes) -> Bytes:
    """:func:`digest` as a byte matrix (1, 16)."""
    return np.frombuffer(digest(kind, *parts), dtype=np.uint8).reshape(1, SIZE)


def repeated(row: Bytes, rows: int) -> Bytes:
    """One digest (1, 16) as a byte matrix (rows, 16), to stand beside columns that vary."""
    return np.broadcast_to(row, (rows, SIZE))


def from_hex(digests: list[str]) -> Bytes:
    """Hex digests as a byte matrix (n, 16)."""
    return np.frombuffer(bytes.fromhex("".join(digests)), dtype=np.uint8).reshape(len(digests), SIZE)


def _person(kind: str) -> bytes:
    return f"{kind}/{VERSION}".encode()
