"""Every fleet of specs/ under every kind of run that it has, rendered once for all tests of a file."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import yaml

from fleetspec import pipeline
from fleetspec.compiler.jobgraph import RunKind
from fleetspec.diagnostics import Rejected, Report
from fleetspec.renderer.manifests import Manifests
from fleetspec.renderer.pods import as_text

SPECS = Path(__file__).resolve().parents[2] / "specs"
NO_BACKTEST = {"FS242"}
"""What a fleet that says nothing of backtests is refused one with."""
CASES = [
    (path.stem, run)
    for path in sorted(SPECS.glob("*.yaml"))
    if yaml.load(path.read_text(), Loader=yaml.CSafeLoader).get("kind") == "Fleet"
    for run in RunKind
]


@cache
def planned(name: str, run: RunKind) -> pipeline.Planned | None:
    """The plan of a shipped fleet; None for a backtest of one that has none."""
    try:
        return pipeline.planned(SPECS / f"{name}.yaml", run, None, None, Report())
    except Rejected as refused:
        if {error.rule.code for error in refused.report.errors} != NO_BACKTEST:
            raise
        return None


@cache
def rendered(name: str, run: RunKind) -> Manifests | None:
    made = planned(name, run)
    return None if made is None else pipeline.render(made.compiled, made.plan)


def every_rendering() -> list[tuple[pipeline.Planned, Manifests]]:
    found = [(planned(*case), rendered(*case)) for case in CASES]
    return [(plan, manifests) for plan, manifests in found if plan is not None and manifests is not None]


def objects_of(manifests: Manifests) -> list[dict[str, Any]]:
    """What a cluster is sent, and the pods that the operator makes of it, read by plain YAML."""
    texts = [text for name, text in manifests.files.items() if "kustomization" not in name]
    values = [yaml.load(text, Loader=yaml.CSafeLoader) for text in texts]
    return values + list(yaml.load_all(as_text(manifests.pods()), Loader=yaml.CSafeLoader))
