"""Digests that stand in names: of content, or of a name that is too long."""

from __future__ import annotations

import hashlib


def digest(*parts: bytes) -> str:
    """128-bit hex digest of length-prefixed parts."""
    state = hashlib.blake2b(digest_size=16)
    for part in parts:
        state.update(len(part).to_bytes(8, "little"))
        state.update(part)
    return state.hexdigest()


def short(name: str, limit: int = 40) -> str:
    """A name of at most ``limit`` characters: the name itself, or its beginning and a digest of it."""
    return name if len(name) <= limit else f"{name[: limit - 9].rstrip('-')}-{digest(name.encode())[:8]}"
