"""A review as outputs of a step: what GitHub Actions reads from the file it names in ``GITHUB_OUTPUT``.

Names and paths in a review are chosen by whoever wrote the change. A value of more than one line, or one that holds
anything a parser could stumble over, stands between delimiters that no line of it can be.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from typing import Any

from fleetspec.sheets.verdicts import least_slack, policy_outcome, verdict

_PLAIN = re.compile(r"[\w .,:/+@-]*", re.ASCII)


def outputs(data: dict[str, Any], paths: Mapping[str, str]) -> dict[str, str]:
    """The JSON of a diff between two states as names and texts; ``paths`` are what was written, by kind.

    Costs are USD of one run, over all specs; ``slack`` is seconds, the least of all specs, empty where none is planned.
    """
    total, found, slack = data["total"], verdict(data), least_slack(data)
    cost = total["cost_usd"]
    fits = sum(one["needed"] for one in total["work"] if one["task"] in ("fit", "trial"))
    made = {
        "changes": "true" if data["changes"] else "false",
        "verdict": found.kind,
        "about": "\n".join(found.about),
        "specs": str(len(data["specs"])),
        "added": str(total["added"]),
        "retrained": str(total["changed"]),
        "removed": str(total["removed"]),
        "renamed": str(total["renamed"]),
        "fits": str(fits),
        "cost-base": _decimal(cost["base"]),
        "cost-head": _decimal(cost["head"]),
        "cost-delta": _decimal(cost["head"] - cost["base"]),
        "slack": "" if slack is None else f"{slack[0]:.0f}",
        "policy": policy_outcome(data),
    }
    return made | {f"{kind}-path": path for kind, path in paths.items()}


def view(data: dict[str, Any], paths: Mapping[str, str]) -> str:
    """The lines to append to the file of outputs."""
    return "".join(map(_entry, *zip(*outputs(data, paths).items(), strict=True)))


def _decimal(amount: float) -> str:
    text = f"{amount:.6f}"
    return "0.000000" if float(text) == 0 else text


def _entry(name: str, value: str) -> str:
    if _PLAIN.fullmatch(value):
        return f"{name}={value}\n"
    # The digest of a text is in no text that anybody could have written.
    fence = f"fleetspec-{hashlib.sha256(value.encode()).hexdigest()}"
    return f"{name}<<{fence}\n{value}\n{fence}\n"
