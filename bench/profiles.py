"""Rows for ``fleetspec/catalog/measured.yaml``: how long a job of a family takes, and how much memory its worker.

    python bench/profiles.py [garch … dcc]              # all families that run on a CPU
    python bench/profiles.py --memory [garch … dcc]     # of a worker of Ray each
    python bench/profiles.py --evaluations variance return value_at_risk covariance

The synthetic market, one window each, default parameters, five features, one thread, seconds of the processor including
those of processes that a family starts. A family that answers bundles is timed on ten bundles of 120 series, the
better of two calls, shared out over the bundle; another one job by job, on 24 series, again the better of two. A row
has the median at 1,000 units of work (bars x series), the exponent over the cases, the spread of log seconds, and the
number of jobs. A model of a universe is timed on several sizes of universe; its row comes from a line through logs.

Before them stands what arch takes for a GARCH(1,1) with Student t here and now: on a quiet core it is 14 ms, so a
larger figure tells how busy the machine is.
"""

from __future__ import annotations

import argparse
import math
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

os.environ |= {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}

import numpy as np

from fleetspec.evaluation.judging import Judging
from fleetspec.evaluation.metrics import evaluate
from fleetspec.evaluation.pairing import Realised
from fleetspec.families import registry
from fleetspec.family import Family, Fit, FitRequest, ForecastRequest, Forecasts, SeriesWindow
from fleetspec.kernels.arch_fit import estimate
from fleetspec.kernels.garch import Specification
from fleetspec.panel.series import Series
from fleetspec.panel.synthetic import market

BUNDLES, SIZE, SINGLES, LENGTHS, SEED = 10, 120, 24, (500, 1000, 2000), 3
UNIVERSES = ((5, 500), (5, 1000), (10, 1000), (30, 1000), (30, 2000))
REFERENCE = 1000
LEAST = 0.01
"""A smaller spread is told as this: with none, what a fleet measures itself would never count."""
FEATURES = ("momentum(5)", "momentum(20)", "rsi(14)", "bollinger(20)", "volume_ratio(20)")


class Timed(NamedTuple):
    """Seconds of jobs that each had ``work`` units."""

    work: float
    seconds: list[float]


def clock() -> float:
    used = os.times()
    return used.user + used.system + used.children_user + used.children_system


def best_of_two(call: Callable[[], Any]) -> tuple[float, Any]:
    best, made = math.inf, None
    for _ in range(2):
        # process_time is finer than the clock of the children, and equal to it where there are none.
        begun, children = time.process_time(), clock() - time.process_time()
        made = call()
        spent = time.process_time() - begun + max(clock() - time.process_time() - children, 0.0)
        best = min(best, spent)
    return best, made


def window(series: Series, bars: int) -> SeriesWindow:
    assert series.volume is not None
    measures = {name: values[-bars:] for name, values in series.measures.items()}
    return SeriesWindow(series.name, series.dates[-bars:], series.returns[-bars:], series.volume[-bars:], measures)


def fit_request(family: Family, windows: tuple[SeriesWindow, ...]) -> FitRequest:
    measure = "returns" if "returns" in family.measures else min(family.measures)
    features, horizon = FEATURES if family.uses_features else (), None if family.horizon_free else 1
    return FitRequest(windows, family.params(), features, horizon, 0, measure=measure)


def forecast_request(family: Family, fit: Fit | None, asked: FitRequest) -> ForecastRequest:
    first = len(asked.windows[0]) - 1
    members = tuple(_member(asked.windows[0], first) for _ in range(3)) if family.transforms else ()
    return ForecastRequest(
        fit,
        asked.windows,
        first,
        (1, 5) if family.horizon_free else (1,),
        asked.params,
        asked.features,
        levels=(0.99, 0.975) if family.transforms else (),
        members=members,
        measure=asked.measure,
    )


def _member(one: SeriesWindow, first: int) -> Forecasts:
    values = {"variance": 1e-4, "mean": 0.0, "nu": 6.0}
    return Forecasts.joined(
        Forecasts.block(one.series, one.dates[first:], 1, name, value) for name, value in values.items()
    )


def in_bundles(family: Family, panel: list[Series], bars: int) -> tuple[Timed, Timed]:
    """Seconds per fit and per forecast, one figure a bundle."""
    assert family.fit_many is not None
    assert family.forecast_many is not None
    fits, forecasts = [], []
    for begin in range(0, BUNDLES * SIZE, SIZE):
        requests = [fit_request(family, (window(series, bars),)) for series in panel[begin : begin + SIZE]]
        spent, made = best_of_two(lambda asked=requests: family.fit_many(asked))
        fits.append(spent / SIZE)
        ahead = [forecast_request(family, f, r) for f, r in zip(made, requests, strict=True) if isinstance(f, Fit)]
        spent, _ = best_of_two(lambda asked=ahead: family.forecast_many(asked))
        forecasts.append(spent / len(ahead))
    return Timed(bars, fits), Timed(bars, forecasts)


def one_by_one(family: Family, panel: list[Series], width: int, bars: int, count: int) -> tuple[Timed, Timed]:
    """Seconds of ``count`` fits and forecasts, each of ``width`` series."""
    fits, forecasts = [], []
    for number in range(count):
        members = tuple(window(series, bars) for series in panel[number * width : (number + 1) * width])
        asked, fit = fit_request(family, members), None
        if family.fit is not None:
            spent, fit = best_of_two(lambda asked=asked: family.fit(asked))
            fits.append(spent)
        ahead = forecast_request(family, fit, asked)
        spent, _ = best_of_two(lambda ahead=ahead: family.forecast(ahead))
        forecasts.append(spent)
    return Timed(width * bars, fits), Timed(width * bars, forecasts)


def timed(family: Family, panel: list[Series]) -> tuple[list[Timed], list[Timed]]:
    if family.warm is not None:
        family.warm(family.params())
    one_by_one(family, panel, 1 if "series" in family.per else 3, LENGTHS[0], 1)
    if family.fit_many is not None and family.forecast_many is not None:
        pairs = [in_bundles(family, panel, bars) for bars in LENGTHS]
    elif "series" in family.per:
        pairs = [one_by_one(family, panel, 1, bars, SINGLES) for bars in LENGTHS]
    else:
        pairs = [one_by_one(family, panel, width, bars, 3) for width, bars in UNIVERSES]
    return [fit for fit, _ in pairs], [forecast for _, forecast in pairs]


def row(cases: list[Timed], jobs: int) -> str:
    """Through the cases: where one has the reference's work, its median, else the line's value there."""
    work = np.log([case.work / REFERENCE for case in cases])
    median = np.log([np.median(case.seconds) for case in cases])
    exponent, level = np.polyfit(work, median, 1)
    if len(cases) == len(LENGTHS):
        exponent, level = (median[-1] - median[0]) / (work[-1] - work[0]), median[1]
        spread = float(np.std(np.log(cases[1].seconds)))
    else:
        spread = float(np.std(median - level - exponent * work))
    return f"[{math.exp(level):.6f}, {exponent:.2f}, {max(spread, LEAST):.2f}, {jobs}]"


def evaluations(target: str, panel: list[Series]) -> str:
    """The evaluation of a model with forecasts from 250, 500 and 1,000 origins: of a series, or of five together."""
    cases = []
    joint = target == "covariance"
    for origins in (250, 500, 1000):
        seconds = []
        for number in range(SINGLES):
            of = panel[number * 5 : number * 5 + 5] if joint else [panel[number]]
            members = [window(s, origins + 2) for s in of]
            series = {one.series: Realised(one.dates, one.returns) for one in members}
            made = [_made(target, members, begin, begin + 25) for begin in range(0, origins, 25)]
            tests = ("kupiec", "christoffersen", "dynamic_quantile", "shortfall")
            judging = Judging(target, tests if target == "value_at_risk" else (), ranked=joint)
            spent, _ = best_of_two(lambda j=judging, m=made, s=series: evaluate(j, m, s))
            seconds.append(spent)
        cases.append(Timed(origins * len(members), seconds))
    return row(cases, SINGLES)


def _made(target: str, members: list[SeriesWindow], begin: int, end: int) -> Forecasts:
    """Forecasts of a window of a walk, of the size and shape they have; a fifth of the days lie beyond the risk."""
    blocks = []
    for number, one in enumerate(members):
        dates, spread = one.dates[begin:end], float(one.returns.std())
        if target == "value_at_risk":
            for name, times in (("value_at_risk", 0.8), ("expected_shortfall", 1.4)):
                blocks.append(Forecasts.block(one.series, dates, 1, name, times * spread, 0.99))
        elif target == "covariance":
            for other in members[number:]:
                value = spread**2 if other is one else 0.0
                blocks.append(Forecasts.block(one.series, dates, 1, "covariance", value, other=other.series))
        else:
            blocks.append(Forecasts.block(one.series, dates, 1, target, spread**2))
            beside = {"mean": 0.0, "nu": 6.0} if target == "variance" else {}
            blocks += [Forecasts.block(one.series, dates, 1, name, value) for name, value in beside.items()]
    return Forecasts.joined(blocks)


def memory(names: list[str]) -> None:
    """Peak resident MiB of a worker of Ray that has loaded what a job needs and made fits of 2,000 bars, and of the
    largest process that it starts; a worker for each family."""
    import ray

    ray.init(num_cpus=1, include_dashboard=False, log_to_driver=False)
    try:
        measured = ray.remote(max_calls=1)(alone)
        for name in names:
            width = 1 if "series" in registry()[name].per else 30
            print(ray.get(measured.remote(name, width)), flush=True)
    finally:
        ray.shutdown()


def alone(name: str, width: int) -> str:
    import resource
    import threading

    from fleetspec.runtime import worker  # noqa: F401

    family = registry()[name]
    if family.warm is not None:
        family.warm(family.params())
    started, over = [0.0], threading.Event()
    watch = threading.Thread(target=_watch, args=(started, over))
    watch.start()
    one_by_one(family, list(market(3 * width, LENGTHS[-1], SEED).values()), width, LENGTHS[-1], 3)
    over.set()
    watch.join()
    own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return f"{name}: {own:.0f} MiB" + (f", {started[0]:.0f} MiB in a process that it starts" if started[0] else "")


def _watch(most: list[float], over: Any) -> None:
    """The largest process started meanwhile; not one that is still this program, before it becomes another."""
    mine = os.readlink("/proc/self/exe")
    while not over.wait(0.002):
        for child in Path(f"/proc/self/task/{os.getpid()}/children").read_text().split():
            try:
                if os.readlink(f"/proc/{child}/exe") != mine:
                    pages = int(Path(f"/proc/{child}/statm").read_text().split()[1])
                    most[0] = max(most[0], pages * os.sysconf("SC_PAGE_SIZE") / 2**20)
            except (OSError, IndexError):
                continue


def arch_seconds(panel: list[Series], count: int = 12) -> float:
    specification = Specification("garch", distribution="t")
    windows = [100 * series.returns[-LENGTHS[1] :] for series in panel[:count]]
    estimate(windows[0], specification)
    begun = time.process_time()
    for one in windows:
        estimate(one, specification)
    return (time.process_time() - begun) / count


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*")
    parser.add_argument("--memory", action="store_true")
    parser.add_argument("--evaluations", action="store_true")
    asked = parser.parse_args()
    names = asked.names or [name for name, family in registry().families.items() if family.profile.gpu != "required"]
    if asked.memory:
        memory(names)
        return
    panel = list(market(BUNDLES * SIZE, LENGTHS[-1], SEED).values())
    print(f"arch: {1000 * arch_seconds(panel):.1f} ms", flush=True)
    for name in names:
        if asked.evaluations:
            print(f"{name}: {{evaluate: {evaluations(name, panel)}}}", flush=True)
            continue
        family = registry()[name]
        fits, forecasts = timed(family, panel)
        jobs = sum(map(len, (case.seconds for case in forecasts))) if "series" not in family.per else (
            BUNDLES * SIZE if family.fit_many is not None else SINGLES
        )  # fmt: skip
        told = [] if family.transforms else [f"fit: {row(fits, jobs)}"]
        print(f"{name}: {{{', '.join([*told, f'forecast: {row(forecasts, jobs)}'])}}}", flush=True)


if __name__ == "__main__":
    main()
