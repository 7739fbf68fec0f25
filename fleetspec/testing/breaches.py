"""How a check says that it has failed."""

from __future__ import annotations


class NonConformance(AssertionError):
    """What a plug-in does otherwise than its contract says, one line for each check it fails."""


class Broken(Exception):
    """One check has failed; the message says how."""


def require(holds: bool, otherwise: str) -> None:
    """Raise :class:`Broken` unless it holds."""
    if not holds:
        raise Broken(otherwise)
