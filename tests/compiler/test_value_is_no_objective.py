"""Who asks for a plan by value is told what the language has instead (ADR 48)."""

from __future__ import annotations

from pathlib import Path

from fleetspec.compiler.compose import compose
from fleetspec.compiler.decode import decode
from fleetspec.diagnostics import Report

CASE = Path(__file__).parents[1] / "language/cases/value-is-no-objective.yaml"


def test_both_ways_to_ask_for_a_plan_by_value_are_told_the_way_out() -> None:
    report = Report()
    document = compose(CASE, report)
    assert document is not None
    decode(document, report)
    told = {one.rule.code: one.help or "" for one in report.findings}
    assert set(told) == {"FS101", "FS104"}
    assert all("minimize: cost" in help and "on_miss.degrade" in help for help in told.values())
