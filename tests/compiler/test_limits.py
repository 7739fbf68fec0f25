"""Limits: a run is counted before it is spelled out, exactly, and refused where it is too large."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from toy_specs import BARS, RICH, TOYS, compiled, make_lock, read_spec

from fleetspec.compiler.jobgraph import RunKind
from fleetspec.compiler.limits import check_growth, check_limits, sizes
from fleetspec.diagnostics import Report

lengths = st.dictionaries(st.sampled_from(["A", "B", "C.X", "D"]), st.integers(0, 400), min_size=1, max_size=4)


@settings(max_examples=40, deadline=None)
@given(
    bars=st.builds(lambda a, b: {"bars": a, "rates": b}, lengths, lengths),
    run=st.sampled_from(list(RunKind)),
    edits=st.sets(st.sampled_from([("tests: [kupiec]", "tests: [kupiec], purge: 30 bars"),
                                   ("[var, line]", "[var, line, tuned]"),
                                   ("trials: 8", "trials: 20, method: halving"), ("[2]", "[2, 3]")])),
)  # fmt: skip
def test_a_run_is_as_large_as_it_is_counted(
    bars: dict[str, dict[str, int]], run: RunKind, edits: set[tuple[str, str]]
) -> None:
    text = RICH
    for before, after in sorted(edits):
        text = text.replace(before, after)
    spec = read_spec(text)
    graph = compiled(text, run, bars)
    found = sizes(spec, make_lock(spec, bars), TOYS, run)
    assert sum(size.jobs for size in found) == len(graph)
    assert sum(size.models for size in found) == len(graph.models)


def test_a_run_that_is_too_large_names_its_axes() -> None:
    spec = read_spec(RICH + "limits: {jobs: 10}\n")
    report = Report()
    check_limits(spec, make_lock(spec, BARS), TOYS, RunKind.NIGHTLY, report)
    (finding,) = report
    assert finding.rule.code == "FS290"
    assert finding.route == ("limits", "jobs")
    assert f"has {len(compiled(RICH)):,} jobs" in finding.message
    assert "main/grid: 3 series × 4 variants × 1 family × 1 horizon × 1 window: 12 models, 24 jobs" in finding.message
    assert "main/tuned: 3 series × 1 variant × 1 family × 2 horizons × 1 window × 8 trials" in finding.message


def test_a_run_within_its_limit_is_not_mentioned() -> None:
    jobs = len(compiled(RICH))
    for limit, errors in ((jobs, 0), (jobs - 1, 1)):
        spec, report = read_spec(RICH + f"limits: {{jobs: {limit}}}\n"), Report()
        check_limits(spec, make_lock(spec, BARS), TOYS, RunKind.NIGHTLY, report)
        assert len(report.errors) == errors


@pytest.mark.parametrize(
    ("factor", "before", "errors"), [("2x", 1.0, 0), ("2x", 0.49, 1), ("1.5x", 0.7, 0), ("1x", 0, 0)]
)
def test_growth_is_held_against_what_was_there(factor: str, before: float, errors: int) -> None:
    spec, report = read_spec(RICH + f"limits: {{growth: {factor}}}\n"), Report()
    models = len(compiled(RICH).models)
    check_growth(spec, make_lock(spec, BARS), TOYS, RunKind.NIGHTLY, int(before * models), report)
    assert [finding.rule.code for finding in report] == ["FS291"] * errors
    assert all("×" in finding.message and finding.route == ("limits", "growth") for finding in report)
