"""What a policy says of a change: one row of a review."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

Outcome = Literal["pass", "warn", "fail", "overridden"]


@dataclass(frozen=True, slots=True)
class Override:
    """Who let a policy's objection pass, why, and until when (``expires``, the last day it counts). ``where`` is the
    line that says so."""

    by: str
    reason: str
    expires: str
    where: str


@dataclass(frozen=True, slots=True)
class Ruling:
    """One answer of one policy. ``where`` is the line of the spec that it is about, ``stated`` the one that the policy
    stands in, both as ``file:line``; ``fix`` is empty of what passes."""

    id: str
    owner: str
    rule: str
    where: str | None
    what: str
    fix: str
    outcome: Outcome
    stated: str | None = None
    overridden_by: Override | None = None

    def to_json(self) -> dict[str, Any]:
        """Plain data; views render from this alone."""
        return asdict(self)
