"""Fleets with searches and universes, compiled from spec text and run in this process with toy families."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from fleetspec.catalog.loading import shipped
from fleetspec.compiler.compose import compose_text
from fleetspec.compiler.decode import decode
from fleetspec.compiler.jobgraph import JobGraph, RunKind
from fleetspec.compiler.lower import default_session, lower
from fleetspec.compiler.pinning import make_lock
from fleetspec.compiler.spec import FleetSpec
from fleetspec.diagnostics import Report, Source
from fleetspec.families.average import FAMILY as AVERAGE
from fleetspec.family import Family, Fit, FitRequest, ForecastRequest, Forecasts, Params, Profile, Registry, Rejection
from fleetspec.planner.planning import make_plan
from fleetspec.planner.pose import header_of, pose
from fleetspec.runtime.driver import RunSummary, run
from fleetspec.runtime.request import RunRequest
from fleetspec.runtime.store import done_keys
from fleetspec.scalars import Number

SEEN: list[FitRequest] = []
"""Every fit that was asked for since a test cleared it."""


class LevelParams(Params):
    level: Number = 0.0


def fit_level(request: FitRequest) -> Fit:
    SEEN.append(request)
    level: float = request.params.level  # type: ignore[attr-defined]
    if level > 0.9:
        raise Rejection("the level is out of this world")
    if level > 0.8:
        raise ZeroDivisionError("no such level\nsecond line")
    return Fit({"level": level, "last": float(request.windows[0].returns[-1])}, observations=len(request.windows[0]))


def forecast_level(request: ForecastRequest) -> Forecasts:
    """The level times the mean of the last three returns, so that a leak of later bars would show."""
    assert request.fit is not None
    level: float = request.params.level  # type: ignore[attr-defined]
    assert level == request.fit.estimates["level"], "a forecast is made with the parameters of its fit"
    blocks = []
    for window in request.windows:
        origins = np.arange(request.first_origin, len(window))
        past = np.array([window.returns[max(t - 2, 0) : t + 1].mean() for t in origins])
        for horizon in request.horizons:
            blocks.append(
                Forecasts.block(window.series, window.dates[request.first_origin :], horizon, "return", level * past)
            )
    return Forecasts.joined(blocks)


def _family(name: str, **more: Any) -> Family:
    return Family(
        name=name,
        version="1",
        summary="a level",
        params=LevelParams,
        targets=frozenset({"return"}),
        per=frozenset({"series", "universe"}),
        horizon_free=False,
        uses_features=False,
        min_bars=10,
        profile=Profile(100, "toy"),
        forecast=forecast_level,
        fit=fit_level,
        **more,
    )


TOYS = Registry.of([_family("level"), _family("level-apart", trials_apart=True), AVERAGE])

SPEC = """\
apiVersion: fleetspec/v1
kind: Fleet
name: toys
owner: me
seed: 5
data: {bars: {from: bars.csv, key: ticker, time: date, returns: ret}}
quality: {max_missing: 90%}
universes: {main: {data: bars, calendar: 24/7, bar: 1 session}}
horizons: [1 bar, 3 bars]
models:
MODELS
fleet:
  - {universes: main, models: [GROUPS]}
backtest: {scheme: walk-forward, models: [GROUPS], step: 10 bars, within: 1h}
schedule: {calendar: 24/7, start: close + 45m, deadline: open - 90m}
budget: {nightly: 5 USD}
hardware: {laptop: {cpu: 2, memory: 8Gi, price: 0.10 USD/h, max: 1}}
"""


def returns_of(names: dict[str, int], seed: int = 3) -> dict[str, dict[str, float]]:
    """Log returns by series and day: each series has its last so many days up to 2024-05-01."""
    last = np.datetime64("2024-05-01")
    return {
        name: {
            str(last - back): float(value)
            for back, value in zip(range(bars), np.random.default_rng((seed, i)).normal(0, 0.01, bars), strict=True)
        }
        for i, (name, bars) in enumerate(names.items())
    }


def write(folder: Path, returns: dict[str, dict[str, float]]) -> None:
    lines = [f"{name},{day},{value!r}" for name, days in returns.items() for day, value in sorted(days.items())]
    (folder / "bars.csv").write_text("\n".join(["ticker,date,ret", *lines]) + "\n")


@dataclass(frozen=True)
class Fleet:
    """A folder with data and a spec of some groups."""

    folder: Path
    models: str

    def spec(self) -> FleetSpec:
        groups = ", ".join(line.split(":")[0].strip() for line in self.models.splitlines() if line.strip())
        text = SPEC.replace("MODELS", self.models).replace("GROUPS", groups)
        report = Report()
        document = compose_text(Source("fleet.yaml", text), report)
        spec = decode(document, report) if document is not None else None
        assert spec is not None, [one.message for one in report]
        return spec

    def run(self, kind: RunKind, store: str = "store") -> tuple[JobGraph, RunSummary]:
        spec = self.spec()
        lock = make_lock(spec, self.folder, shipped())
        graph = lower(spec, lock, TOYS, kind, default_session(spec, lock))
        done = np.isin(graph.keys, done_keys(self.folder / store, "toys"))
        plan = make_plan(pose(graph, spec, shipped(), done), header_of(graph, spec, shipped(), "", b""))
        request = RunRequest(
            spec=spec, graph=graph, plan=plan, lock=lock, root=self.folder, store=self.folder / store, executor="inline"
        )
        return graph, run(request)
