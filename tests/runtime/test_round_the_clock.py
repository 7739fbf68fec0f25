"""Markets that do not close: a bar that ends at midnight is of the day before, and a night after the next day has none
of its bars."""

from __future__ import annotations

import json
import warnings
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fleetspec import looking, pipeline
from fleetspec.compiler.jobgraph import RunKind
from fleetspec.compiler.lock import Lock, lock_path
from fleetspec.diagnostics import Report
from fleetspec.looking import Chosen

LAST = date(2024, 3, 10)
SPEC = """\
apiVersion: fleetspec/v1
kind: Fleet
name: hours
owner: me
data: {bars: {from: bars.csv, key: name, time: end, returns: r}}
universes: {coins: {data: bars, calendar: 24/7, bar: 1h}}
horizons: [1 bar]
features: {few: [momentum(3)]}
models: {alpha: {family: ridge, target: return, features: few, train: 100 bars, refit: 24 bars}}
fleet: [{universes: coins, models: alpha}]
publish: {to: out}
schedule: {calendar: 24/7, start: close + 45m, deadline: open + 12h}
budget: {nightly: 1 USD}
hardware: {laptop: {cpu: 2, memory: 8Gi, price: 0.10 USD/h, max: 1}}
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Ten days of hours, the last of which ends at midnight after the tenth."""
    ends = np.datetime64(LAST) + np.timedelta64(1, "D") - np.arange(239, -1, -1).astype("timedelta64[h]")
    returns = np.random.default_rng(3).normal(0, 0.01, 240)
    rows = [f"BTC,{end.astype('datetime64[s]').item()},{r:.8f}" for end, r in zip(ends, returns, strict=True)]
    (tmp_path / "bars.csv").write_text("\n".join(["name,end,r", *rows]) + "\n")
    spec = tmp_path / "fleet.yaml"
    spec.write_text(SPEC)
    return spec


def locked(path: Path) -> Lock:
    around = pipeline.world()
    made = pipeline.lock(pipeline.read(path, around, Report()), around)
    lock_path(path).write_bytes(made.to_bytes())
    return made


def night(path: Path, session: date | None) -> tuple[date, dict[str, Any], list[dict[str, Any]]]:
    """The session of a night, the pointer it left and the rows that are published, as they are printed."""
    around, report = pipeline.world(), Report()
    compiled = pipeline.compile(pipeline.read(path, around, report), around, report, RunKind.NIGHTLY, session)
    pipeline.run(pipeline.plan(compiled, around), path.parent / "store", "inline")
    pointer = json.loads((path.parent / "out" / "hours" / "alpha" / "current.json").read_text())
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = looking.results(path, RunKind.NIGHTLY, session, path.parent / "store", Chosen("", "", None),
                                "published", report)  # fmt: skip
        rows = found.to_json(10)["rows"]
    return compiled.graph.session, pointer, rows


def test_the_newest_bar_is_of_the_day_it_ends(path: Path) -> None:
    (held,) = locked(path).data.values()
    one = held["BTC"]
    assert (one.last, one.first) == (LAST, date(2024, 3, 1))
    session, pointer, (row,) = night(path, None)
    assert session == LAST
    assert (pointer["current"], pointer["held"]) == (1, 0)
    assert (row["state"], row["origin"], row["age"]) == ("current", "2024-03-11", 0)
    # What is known of a day is known at its close, which a market that does not close has at midnight.
    assert row["known"] == "2024-03-11"


def test_a_night_after_a_day_without_bars_has_no_forecast_of_it(path: Path) -> None:
    locked(path)
    _, pointer, (row,) = night(path, date(2024, 3, 11))
    assert (pointer["current"], pointer["held"]) == (0, 1)
    assert (row["state"], row["age"]) == ("held", 1)
    assert row["reason"] == "no bar of 2024-03-11: the last is of 2024-03-10"
