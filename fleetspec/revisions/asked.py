"""What the arguments of a comparison name: files, ``REF:path``, ``A..B`` and ``A...B`` with paths."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from posixpath import normpath

from msgspec import Struct

_RANGE = re.compile(r"(?P<base>[^:]*?)(?P<dots>\.{2,3})(?P<head>[^:.][^:]*)?")


class AtRef(Struct, frozen=True):
    """A path as it is at a ref; from the top of the repository unless it begins with ``./``."""

    ref: str
    path: str


class Between(Struct, frozen=True):
    """Two refs. From the merge base of both when ``forked``, else from the state of the first."""

    base: str
    head: str
    forked: bool


def between(text: str) -> Between | None:
    """``main..HEAD`` or ``main...HEAD``; an end left out is ``HEAD``. None for all else, as ``../fleet.yaml``."""
    found = _RANGE.fullmatch(text)
    if found is None or text.strip(".") == "" or Path(text).exists():
        return None
    base, head = found["base"], found["head"] or ""
    if base.endswith("/") or head.startswith("/"):
        return None
    return Between(base or "HEAD", head or "HEAD", len(found["dots"]) == 3)


def at_ref(text: str) -> AtRef | None:
    """``main:specs/prod.yaml``; None where a file of that very name exists, or no ref is named."""
    ref, colon, path = text.partition(":")
    if not colon or not ref or Path(text).exists():
        return None
    # A drive of another system is no ref.
    if len(ref) == 1 and path.startswith("\\"):
        return None
    return AtRef(ref, path)


def from_top(path: str, prefix: str, *, here: bool) -> str:
    """A path from the top of the repository; ``""`` is the top. ``here``: it starts from the command's folder."""
    relative = here or path.startswith(("./", "../")) or path in (".", "..")
    joined = normpath(f"{prefix}{path}" if relative else path or ".")
    return "" if joined == "." else joined


def is_below(path: str, folders: Sequence[str]) -> bool:
    """Whether a file is one of these, or in one of these folders; of no folders, every file is."""
    return not folders or any(not folder or path == folder or path.startswith(f"{folder}/") for folder in folders)
