"""A small fleet of toy families and a lock made by hand: what the compiler's tests compile."""

from __future__ import annotations

import hashlib
from datetime import date
from typing import Any

from fleetspec.compiler.compose import compose_text
from fleetspec.compiler.decode import decode
from fleetspec.compiler.jobgraph import JobGraph, RunKind
from fleetspec.compiler.lock import Lock, LockedSeries, cadence, cadences, declared, panel_key
from fleetspec.compiler.lower import lower
from fleetspec.compiler.spec import FleetSpec
from fleetspec.compiler.windows import nightly_window
from fleetspec.diagnostics import Report, Source
from fleetspec.family import Family, Params, Profile, Registry
from fleetspec.scalars import Integer, Number

SPEC = """\
apiVersion: fleetspec/v1
kind: Fleet
name: toys
owner: me
seed: 7
data:
  bars: {from: bars.csv, key: ticker, time: date, price: close}
  rates: {from: rates.csv, key: ticker, time: date, price: close}
universes:
  main: {data: bars, calendar: XNYS, bar: 1 session}
  fx: {data: rates, calendar: 24/5, bar: 1 session}
horizons: [1 bar, 5 bars]
features:
  tech: [momentum(5), rsi(14)]
models:
  vol: {families: [wave, calm], target: variance, train: 100 bars, refit: 5 sessions}
  var: {family: scaled, over: vol, target: value_at_risk, levels: [99%, 95%]}
  line: {family: ridge, target: return, features: tech, train: 60 bars, refit: 3 sessions, params: {alpha: 0.5}}
  tree: {family: wood, per: universe, target: return, features: tech, train: 60 bars, refit: 5 sessions}
fleet:
  - {universes: [main, fx], models: [vol, var, line]}
  - {universes: main, models: tree, horizons: [5 bars]}
backtest: {scheme: walk-forward, models: [var, line], step: 20 bars, tests: [kupiec], within: 12h}
schedule: {calendar: XNYS, start: close + 45m, deadline: open - 90m}
budget: {nightly: 5 USD}
hardware:
  laptop: {cpu: 2, memory: 8Gi, price: 0.10 USD/h, max: 1}
"""
RICH = SPEC.replace(
    """\
  tree: {family: wood""",
    """\
  grid: {family: wave, target: variance, train: 100 bars, refit: 5 sessions,
         axes: {p: [1, 2], refit: [5 sessions, 7 sessions]}}
  tuned: {family: ridge, target: return, features: tech, train: 60 bars, refit: 3 sessions,
          search: {every: 20 sessions, trials: 8, metric: rmse, space: {alpha: 0.1..1}}}
  blend: {family: mean, over: [line, tuned, tree], target: return}
  tree: {family: wood""",
).replace(
    """\
  - {universes: [main, fx], models: [vol, var, line]}
  - {universes: main, models: tree, horizons: [5 bars]}
""",
    """\
  - {universes: [main, fx], models: [vol, var, line, grid, tuned]}
  - {universes: main, models: [tree, blend], horizons: [5 bars]}
except:
  - {universes: fx, families: calm}
""",
)
"""The toy fleet with axes, a search, an exception, and a transform over three groups."""
BARS = {"bars": {"A": 150, "B": 131, "C.X": 40}, "rates": {"EUR": 200}}


class WaveParams(Params):
    p: Integer = 1


class RidgeParams(Params):
    alpha: Number = 1.0


def _nothing(request: Any) -> Any:
    raise AssertionError("nothing is run here")


def toy(name: str, target: str, per: str, free: bool, features: bool, fits: bool, params: type[Params]) -> Family:
    return Family(
        name=name,
        version="1",
        summary="a toy",
        params=params,
        targets=frozenset({target}),
        per=frozenset({per}),
        horizon_free=free,
        uses_features=features,
        min_bars=10,
        profile=Profile(100, "made up"),
        forecast=_nothing,
        fit=_nothing if fits else None,
    )


TOYS = Registry.of(
    [
        toy("wave", "variance", "series", True, False, True, WaveParams),
        toy("calm", "variance", "series", True, False, True, WaveParams),
        toy("scaled", "value_at_risk", "series", False, False, False, Params),
        toy("ridge", "return", "series", False, True, True, RidgeParams),
        toy("mean", "return", "series", False, False, False, Params),
        toy("wood", "return", "universe", False, True, True, RidgeParams),
    ]
)


def read_spec(text: str) -> FleetSpec:
    report = Report()
    document = compose_text(Source("fleet.yaml", text), report)
    spec = decode(document, report) if document is not None else None
    assert spec is not None, [str(d.message) for d in report]
    return spec


def hexed(*parts: object) -> str:
    return hashlib.md5(repr(parts).encode()).hexdigest()


def make_lock(spec: FleetSpec, bars: dict[str, dict[str, int]], changed: str = "") -> Lock:
    """A lock of series with so many bars. ``changed`` names a series whose values differ from those of other locks."""
    data: dict[str, dict[str, LockedSeries]] = {}
    wanted: dict[tuple[str, str], set[tuple[int, int, str]]] = {}
    for name, universe in spec.universes.items():
        for bar, windows in cadences(spec, name).items():
            wanted.setdefault((universe.data, bar), set()).update(windows)
    for (source, bar), windows in wanted.items():
        series = bars[source]
        data[panel_key(source, bar)] = {
            name: LockedSeries(
                name,
                n,
                0,
                date(2020, 1, 2) if n else None,
                date(2025, 12, 31) if n else None,
                hexed(source, name, n, name == changed),
                {
                    # Like the real one it is of the bars in the window, whichever cadence asks for them.
                    cadence(*window): hexed(source, name, nightly_window(n, *window[:2]), name == changed)
                    for window in windows
                },
            )
            for name, n in series.items()
        }
    universes = {name: tuple(sorted(bars[universe.data])) for name, universe in spec.universes.items()}
    return Lock(data, universes, declared(spec), "catalog")


def compiled(
    text: str = SPEC, run: RunKind = RunKind.NIGHTLY, bars: dict[str, dict[str, int]] | None = None, changed: str = ""
) -> JobGraph:
    spec = read_spec(text)
    return lower(spec, make_lock(spec, bars or BARS, changed), TOYS, run, date(2025, 12, 31))
