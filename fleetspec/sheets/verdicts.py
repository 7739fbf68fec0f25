"""What a review comes to, in one word and the specs it is about: the same in a comment, an output and a widget."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

from msgspec import Struct

Kind = Literal["broken", "policy", "late", "unchanged", "holds"]


class Verdict(Struct, frozen=True):
    """The worst that is true of a review, and of which specs (for ``policy``: of which policies, by id)."""

    kind: Kind
    about: tuple[str, ...] = ()

    @property
    def holds(self) -> bool:
        """Whether nothing keeps the change from being merged."""
        return self.kind in ("unchanged", "holds")


def verdict(data: dict[str, Any]) -> Verdict:
    """Of the JSON of a diff between two states: broken before a policy that fails, before a run that does not hold."""
    broken = [spec["path"] for spec in data["specs"] if spec["state"] == "broken"]
    if broken:
        return Verdict("broken", tuple(broken))
    failing = [str(one["id"]) for one in policies(data) if standing(one) == "fail"]
    if failing:
        return Verdict("policy", tuple(dict.fromkeys(failing)))
    late = [spec["path"] for spec, head in heads(data) if head["verdict"] != "feasible"]
    if late:
        return Verdict("late", tuple(late))
    return Verdict("holds" if data["changes"] else "unchanged")


def heads(data: dict[str, Any]) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """Specs that the head has and that could be planned, each with the head's figures."""
    for spec in data["specs"]:
        if spec["review"] is not None and spec["review"]["head"] is not None:
            yield spec, spec["review"]["head"]


def least_slack(data: dict[str, Any]) -> tuple[float, str] | None:
    """Seconds before its deadline of the spec that ends closest to it, and its path; None where the head has none."""
    return min(((head["slack_seconds"], spec["path"]) for spec, head in heads(data)), default=None)


def policies(data: dict[str, Any]) -> list[dict[str, Any]]:
    """What policies say of all specs of a review, in order."""
    own = [one for spec in data["specs"] for one in (spec["review"] or {}).get("policies", ())]
    return [*data.get("policies", ()), *own]


def standing(policy: dict[str, Any]) -> str:
    """``fail``, ``warn``, ``pass``, or ``overridden`` where somebody answers for it."""
    return "overridden" if policy.get("overridden_by") else str(policy["outcome"])


def policy_standing(data: dict[str, Any]) -> str:
    """The worst of all policies; ``none`` where there are none."""
    found = {standing(one) for one in policies(data)}
    return next((kind for kind in ("fail", "warn", "overridden", "pass") if kind in found), "none")
