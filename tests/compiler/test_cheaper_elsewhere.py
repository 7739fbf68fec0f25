"""GPU work that a CPU pool would do for less, on the shipped production fleet."""

from __future__ import annotations

from pathlib import Path

import pytest

from fleetspec import advising, pipeline
from fleetspec.catalog.loading import CPU, runtime_of, shipped
from fleetspec.compiler.jobgraph import RunKind
from fleetspec.diagnostics import Report

PROD = Path(__file__).resolve().parents[2] / "specs" / "prod.yaml"


def test_families_that_ask_for_a_gpu_are_held_against_cores() -> None:
    made = pipeline.planned(PROD, RunKind.NIGHTLY, None, None, Report())
    told = advising.advice(made, None)
    (fit,) = told["elsewhere"]
    assert (fit["name"], fit["pool"], fit["family"]) == ("fx/deep/nbeats/fit", "cpu-std", "nbeats")
    row = runtime_of(shipped(), "nbeats", "fit", CPU)
    assert (fit["basis"], fit["n"]) == ("measured", row.n)
    # By hand: jobs times seconds, a core of the pool's 31 each, at its price.
    line = next(one for one in made.plan.classes if one.name == fit["name"])
    pool = next(one for one in made.plan.pools if one.pool == "cpu-std")
    assert fit["cost_usd"] == pytest.approx(line.jobs * fit["seconds"] / pool.cpu / 3600 * pool.usd_per_hour, rel=1e-4)
    assert fit["gpu_cost_usd"] == pytest.approx(line.cost_usd, rel=1e-4)
    assert fit["cost_usd"] < 0.8 * fit["gpu_cost_usd"]
