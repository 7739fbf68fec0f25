"""What a check of a cluster comes to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from fleetspec.diagnostics import Rule


@dataclass(frozen=True, slots=True)
class Finding:
    """One check. ``found`` says what is; ``help``, where the state is not ok, the way out."""

    check: str
    state: Literal["ok", "warn", "bad", "unseen"]
    found: str
    rule: Rule | None = None
    help: str | None = None

    def to_json(self) -> dict[str, Any]:
        code = self.rule.code if self.rule is not None else None
        return {"check": self.check, "state": self.state, "found": self.found, "code": code, "help": self.help}


def good(check: str, found: str) -> Finding:
    return Finding(check, "ok", found)


def bad(check: str, found: str, rule: Rule, help: str) -> Finding:
    return Finding(check, "bad" if rule.severity == "error" else "warn", found, rule, help)


def unseen(check: str, why: str) -> Finding:
    return Finding(check, "unseen", why)
