"""What was saved is compiled again; where a family of it is not installed, that is said."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from fleetspec import pipeline
from fleetspec.compiler.jobgraph import RunKind
from fleetspec.diagnostics import Rejected, Report
from fleetspec.family import Registry

SPECS = Path(__file__).resolve().parents[2] / "specs"


def test_a_family_that_is_not_installed_any_more(monkeypatch: pytest.MonkeyPatch) -> None:
    around, report = pipeline.world(), Report()
    text = pipeline.resolved(pipeline.read(SPECS / "quickstart.yaml", around, report))
    lock = (SPECS / "quickstart.lock").read_bytes()

    def again() -> pipeline.Compiled:
        return pipeline.recompiled("saved", text, lock, RunKind.NIGHTLY, date(2025, 12, 31), Report())

    assert len(again().graph) > 0
    fewer = Registry({name: around.registry[name] for name in around.registry if name != "egarch"})
    monkeypatch.setattr(pipeline, "world", lambda: pipeline.World(fewer, around.catalog))
    with pytest.raises(Rejected, match="saved has models of family 'egarch', which is not installed here"):
        again()
