"""What a policy says of a change: one row of a review."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal

from fleetspec.rules import policies as rules

if TYPE_CHECKING:
    from fleetspec.diagnostics import Place, Report

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
    """One answer of one policy. ``place`` is what of the spec it is about, ``stated`` where the policy stands; ``fix``
    is empty of what passes. ``approved_by`` is who approved a plan that needs a second person."""

    id: str
    owner: str
    rule: str
    place: Place | None
    what: str
    fix: str
    outcome: Outcome
    stated: Place | None = None
    overridden_by: Override | None = None
    approved_by: str | None = None

    def to_json(self) -> dict[str, Any]:
        """Plain data; views render from this alone. ``where`` and ``stated`` are ``file:line``."""
        return {
            "id": self.id,
            "owner": self.owner,
            "rule": self.rule,
            "where": _line(self.place),
            "what": self.what,
            "fix": self.fix,
            "outcome": self.outcome,
            "stated": _line(self.stated),
            "overridden_by": None if self.overridden_by is None else asdict(self.overridden_by),
            "approved_by": self.approved_by,
        }

    def tell(self, report: Report) -> None:
        """Add an objection that counts to a report: an error (FS620), or a warning (FS621)."""
        if self.outcome not in ("fail", "warn"):
            return
        rule = rules.FAILS if self.outcome == "fail" else rules.WARNS
        related = [] if self.stated in (None, self.place) else [(self.stated, "the policy is here")]
        message = f"policy '{self.id}' of {self.owner}: {self.what}"
        report.add(rule, message, place=self.place, help=self.fix, related=related)


def _line(place: Place | None) -> str | None:
    return None if place is None else f"{place.source.name}:{place.line}"
