"""How an object says whose it is: the labels and annotations that whoever applies, watches or removes it relies on.

Every rendered object carries ``MANAGED_BY``, ``FLEET`` and ``SCOPE``; what belongs to one run carries ``RUN`` and the
digest of its plan too. Pods carry the same labels as their RayJob. Objects go to a cluster in the order of ``WAVE``.
"""

from __future__ import annotations

from typing import Any, Literal

MANAGER = "fleetspec"
"""The value of ``MANAGED_BY``, and the field manager of server-side apply."""
MANAGED_BY = "app.kubernetes.io/managed-by"
FLEET = "fleetspec.dev/fleet"
RUN = "fleetspec.dev/run"
SCOPE = "fleetspec.dev/scope"
PLAN = "fleetspec.dev/plan"
"""Annotation: digest of plan, graph, spec and lock."""
WAVE = "argocd.argoproj.io/sync-wave"

Scope = Literal["platform", "fleet", "run"]
"""``platform`` objects serve the whole cluster or namespace, ``fleet`` objects every run of a fleet, ``run`` objects
one run."""


def is_owned(value: dict[str, Any], fleet: str) -> bool:
    """Whether an object says that fleetspec rendered it for this fleet."""
    labels = value.get("metadata", {}).get("labels") or {}
    return labels.get(MANAGED_BY) == MANAGER and labels.get(FLEET) == fleet


def scope_of(value: dict[str, Any]) -> str:
    """``platform``, ``fleet`` or ``run``. KeyError for an object that fleetspec did not render."""
    return str(value["metadata"]["labels"][SCOPE])


def wave_of(value: dict[str, Any]) -> int:
    """Its place in the order of applying, lowest first; 0 where an object says none."""
    return int((value.get("metadata", {}).get("annotations") or {}).get(WAVE, 0))
