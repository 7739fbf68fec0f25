"""What a review comes to, in one word and the specs it is about: the same in a comment, an output and a widget."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

from msgspec import Struct

from fleetspec.sheets.policies import objections

Kind = Literal["broken", "late", "policy", "unchanged", "holds"]


class Verdict(Struct, frozen=True):
    """The worst that is true of a review, and of which specs (for ``policy``: of which policies, with their owners)."""

    kind: Kind
    about: tuple[str, ...] = ()

    @property
    def holds(self) -> bool:
        """Whether nothing keeps the change from being merged."""
        return self.kind in ("unchanged", "holds")


def verdict(data: dict[str, Any]) -> Verdict:
    """Of the JSON of a diff between two states: broken before a run that does not hold, before a policy."""
    broken = [spec["path"] for spec in data["specs"] if spec["state"] == "broken"]
    if broken:
        return Verdict("broken", tuple(broken))
    late = [spec["path"] for spec, head in heads(data) if head["verdict"] != "feasible"]
    if late:
        return Verdict("late", tuple(late))
    stopped = objections(rulings(data), "fail")
    if stopped:
        return Verdict("policy", tuple(stopped))
    return Verdict("holds" if data["changes"] else "unchanged")


def heads(data: dict[str, Any]) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """Specs that the head has and that could be planned, each with the head's figures."""
    for spec in data["specs"]:
        if spec["review"] is not None and spec["review"]["head"] is not None:
            yield spec, spec["review"]["head"]


def least_slack(data: dict[str, Any]) -> tuple[float, str] | None:
    """Seconds before its deadline of the spec that ends closest to it, and its path; None where the head has none."""
    return min(((head["slack_seconds"], spec["path"]) for spec, head in heads(data)), default=None)


def rulings(data: dict[str, Any]) -> list[dict[str, Any]]:
    """What policies say of all specs of a review, each with the spec it is about where there are several."""
    reviewed = [spec for spec in data["specs"] if spec["review"] is not None]
    return [
        ruling | {"spec": spec["path"] if len(reviewed) > 1 else None}
        for spec in reviewed
        for ruling in spec["review"].get("policies", ())
    ]


def policy_outcome(data: dict[str, Any]) -> str:
    """The worst of all policies; ``none`` where there are none."""
    found = {ruling["outcome"] for ruling in rulings(data)}
    return next((outcome for outcome in ("fail", "warn", "overridden", "pass") if outcome in found), "none")
