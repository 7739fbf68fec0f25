"""Batched GARCH against arch in one run and on one core: fits a second, ratios, likelihood deficits, invalid fits.

    python bench/garch.py                    # T = 1000, the main variants: minutes
    python bench/garch.py --table            # T = 250 to 4000, everything, 60 rows: ten minutes of a core
    python bench/garch.py --full             # the same with 1,000 rows each: hours
    python bench/garch.py --rows 200 --only egarch
    python bench/garch.py --walk             # what warm starts would gain in a walk-forward

Rows are a holdout: simulated ones of processes and seeds, and windows of real series (arch.data; the Dow Jones
constituents where ``../shared/data`` is), that no start and no rule was chosen on. Blocks of rows alternate between
arch and the engines, and times are of the processor, so that a busy machine slows both alike. A fit of arch counts as
valid if it converged, lies inside arch's own constraints (SLSQP ends up to 1e-6 outside, where the likelihood is
higher), is an invertible filter (EGARCH) and stays inside arch's variance bounds. ``below`` are rows where the engine's
likelihood is more than 1e-4 under that of a valid fit of arch, in percent of those; ``worst`` is the largest gap, in
units of log-likelihood; ``above`` are rows where arch's is more than 1e-2 under the engine's.
"""

from __future__ import annotations

import argparse
import math
import sys
import time
import warnings
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from fleetspec.kernels.garch import Specification, fit_many
from fleetspec.kernels.garch.fitting import engine_for
from fleetspec.kernels.garch.preparation import inside, prepared
from fleetspec.kernels.garch.types import DISTRIBUTIONS

if TYPE_CHECKING:
    from fleetspec.kernels.garch.types import Flags, Floats

SEED = 20_261_125
LENGTHS = (250, 500, 1000, 2000, 4000)
BLOCK = 25
TIMED_ROWS = 400
SHARED = Path(__file__).resolve().parents[1].parent / "shared" / "data" / "dji30_returns.parquet"
ORDERS: tuple[dict[str, Any], ...] = (
    {"process": "garch"},
    {"process": "gjr", "o": 1},
    {"process": "tgarch", "o": 1},
    {"process": "egarch"},
    {"process": "egarch", "o": 1},
    {"process": "garch", "p": 2, "q": 2},
)
MAIN = [
    *(Specification("garch", distribution=d) for d in DISTRIBUTIONS),
    *(Specification("gjr", o=1, distribution=d) for d in ("normal", "t")),
    *(Specification("tgarch", o=1, distribution=d) for d in ("normal", "t")),
    Specification("egarch"),
    *(Specification("egarch", o=1, distribution=d) for d in ("normal", "t")),
    *(Specification("garch", 2, 0, 2, d) for d in ("normal", "t", "ged")),
]


@dataclass
class Tally:
    """What one specification and length came to; seconds of the processor by engine."""

    rows: int = 0
    seconds: dict[str, float] = field(default_factory=dict)
    fits: dict[str, int] = field(default_factory=dict)
    gaps: dict[str, list[float]] = field(default_factory=dict)
    invalid: dict[str, int] = field(default_factory=dict)

    def spend(self, name: str, since: float, fits: int) -> None:
        self.seconds[name] = self.seconds.get(name, 0.0) + time.process_time() - since
        self.fits[name] = self.fits.get(name, 0) + fits

    def per_fit(self, name: str) -> float:
        return self.seconds[name] / self.fits[name]


def holdout(rows: int, length: int) -> Floats:
    """(rows, length) returns, a shuffle of simulated and real series in equal parts as far as there are real ones."""
    rng = np.random.default_rng((SEED, length))
    real = real_windows(length, rng)[: rows // 2]
    made = simulated(rows - len(real), length, rng)
    both = np.vstack([made, real])
    return both[rng.permutation(len(both))]


def simulated(rows: int, length: int, rng: np.random.Generator) -> Floats:
    """A third each: GJR with t innovations, EGARCH, and log variance as an AR(1) of its own noise."""
    begin, total = 250, 250 + length
    nu = rng.uniform(4.5, 30.0, rows)
    z = rng.standard_t(nu[:, None], (rows, total)) * np.sqrt((nu - 2.0) / nu)[:, None]
    shock = rng.standard_normal((rows, total))
    alpha, gamma = rng.uniform(0.02, 0.12, rows), rng.uniform(0.0, 0.12, rows)
    persistence = 1.0 - np.exp(rng.uniform(math.log(0.004), math.log(0.2), rows))
    beta = np.maximum(persistence - alpha - gamma / 2, 0.0)
    kind = np.arange(rows) % 3
    variance, logs, e = np.ones(rows), np.zeros(rows), np.zeros((rows, total))
    for t in range(total):
        level = np.where(kind == 0, variance, np.exp(logs))
        e[:, t] = np.sqrt(level) * z[:, t]
        squares = e[:, t] ** 2
        variance = (1 - persistence) + (alpha + gamma * (e[:, t] < 0)) * squares + beta * variance
        signed = 2 * alpha * (np.abs(z[:, t]) - 0.8) - gamma * z[:, t]
        logs = persistence * logs + np.where(kind == 1, signed, alpha * shock[:, t])
    return (e[:, begin:] + rng.normal(0.03, 0.03, (rows, 1))) * np.exp(rng.normal(0.0, 0.5, (rows, 1)))


def real_series() -> list[Floats]:
    """Real daily returns in percent."""
    series: list[Floats] = []
    from arch.data import nasdaq, sp500, wti

    for name, frame in (("sp500", sp500.load()), ("nasdaq", nasdaq.load()), ("wti", wti.load())):
        prices = frame["Adj Close" if "Adj Close" in frame else frame.columns[0]].dropna().to_numpy()
        assert (prices > 0).all(), name
        series.append(100.0 * np.diff(np.log(prices)))
    if SHARED.is_file():
        import pandas as pd

        long = pd.read_parquet(SHARED)
        series += [100.0 * group["returns"].to_numpy() for _, group in long.groupby("asset")]
    else:
        print(f"{SHARED} is not there: the Dow Jones constituents are left out", file=sys.stderr)
    return series


def real_windows(length: int, rng: np.random.Generator) -> Floats:
    """Windows of real daily returns in percent, in random order."""
    series = real_series()
    step = max(length // 4, 60)
    cut = [one[at : at + length] for one in series for at in range(0, len(one) - length + 1, step)]
    windows = np.array(cut).reshape(len(cut), length)
    return windows[rng.permutation(len(windows))]


def fitted_by_arch(row: Floats, spec: Specification) -> tuple[float, Floats, bool]:
    """Log-likelihood, parameters and whether the optimiser says that it converged."""
    from arch import arch_model

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            result = arch_model(
                row,
                vol="EGARCH" if spec.process == "egarch" else "GARCH",
                p=spec.p,
                o=spec.o,
                q=spec.q,
                power=1.0 if spec.process == "tgarch" else 2.0,
                dist=spec.distribution,
                rescale=False,
            ).fit(disp="off", show_warning=False)
        except (ValueError, ArithmeticError, np.linalg.LinAlgError):
            return math.nan, np.full(len(spec.names), np.nan), False
    return float(result.loglikelihood), result.params.to_numpy(), result.convergence_flag == 0


def valid(rows: Floats, spec: Specification, parameters: Floats, likelihood: Floats, converged: Flags) -> Flags:
    """Which fits of arch are fits."""
    batch, at = prepared(rows, spec), np.arange(len(rows))
    points = inside(parameters, batch, at)
    sound = converged & np.isfinite(likelihood) & np.isfinite(points).all(axis=1)
    points[~sound] = 0.1
    normals, least = batch.constraints
    sound &= (points @ normals.T >= least - 1e-8).all(axis=1)
    margin, growth = engine_for(spec).checks(batch, at, points)
    return np.asarray(sound & (margin >= 1.0) & ((growth < 0.0) | (spec.process != "egarch")))


def engines(spec: Specification) -> list[str]:
    names = []
    for name in ("numba", "native"):
        try:
            engine_for(spec, name)  # type: ignore[arg-type]
        except LookupError:
            continue
        names.append(name)
    return names


def measured(spec: Specification, length: int, rows: Floats) -> Tally:
    tally, names = Tally(len(rows)), engines(spec)
    for name in names:
        fit_many(rows, spec, engine=name)  # type: ignore[arg-type]
    fitted_by_arch(rows[0], spec)
    # The engines are for many rows at once: in small blocks the calls would be measured, not the fits.
    repeats = {"numba": 1, "native": -(-TIMED_ROWS // len(rows))}
    for begin in range(0, len(rows), BLOCK):
        block = rows[begin : begin + BLOCK]
        if begin in (0, len(rows) // 2 // BLOCK * BLOCK):
            for name in names:
                many = np.tile(rows, (repeats[name], 1))
                since = time.process_time()
                fit_many(many, spec, engine=name)  # type: ignore[arg-type]
                tally.spend(name, since, len(many))
        since = time.process_time()
        theirs = [fitted_by_arch(row, spec) for row in block]
        tally.spend("arch", since, len(block))
        likelihood = np.array([fit[0] for fit in theirs])
        sound = valid(
            block, spec, np.array([fit[1] for fit in theirs]), likelihood, np.array([fit[2] for fit in theirs])
        )
        tally.invalid["arch"] = tally.invalid.get("arch", 0) + int((~sound).sum())
        for name in names:
            fits = fit_many(block, spec, engine=name)  # type: ignore[arg-type]
            mine, ok = fits.log_likelihood, fits.ok
            tally.invalid[name] = tally.invalid.get(name, 0) + int((~ok).sum())
            tally.gaps.setdefault(name, []).extend((mine - likelihood)[ok & sound])
    return tally


def printed(spec: Specification, length: int, tally: Tally) -> None:
    per_arch = tally.per_fit("arch")
    label = f"{spec.process}({spec.p},{spec.o},{spec.q}) {spec.distribution}"
    for name in tally.gaps:
        gaps, per = np.array(tally.gaps[name]), tally.per_fit(name)
        ratio, rate, worst = per_arch / per, 1 / per, min(gaps.min(), 0.0)
        below, above = 100 * np.mean(gaps < -1e-4), 100 * np.mean(gaps > 1e-2)
        ours, theirs = 100 * tally.invalid[name] / tally.rows, 100 * tally.invalid["arch"] / tally.rows
        print(
            f"{label:<22} {length:>5} {tally.rows:>5} {per_arch * 1e3:>8.2f} {name:>7} {per * 1e6:>8.0f} {rate:>7.0f} "
            f"{ratio:>6.0f} x {below:>7.2f} {worst:>9.2g} {above:>7.2f} {ours:>7.2f} {theirs:>7.2f}",
            flush=True,
        )


def table(tallies: dict[tuple[Specification, int], Tally]) -> str:
    """All tallies as one Markdown table: ratios by length, shares over all lengths, and the same shares by length."""
    specs, lengths = list(dict.fromkeys(s for s, _ in tallies)), list(dict.fromkeys(t for _, t in tallies))
    names = sorted({name for tally in tallies.values() for name in tally.gaps})
    both = " / ".join(names)

    def shares(some: list[Tally]) -> tuple[str, str, str]:
        """Rows below arch, invalid fits of arch, and of the engines, in percent."""
        rows = sum(tally.rows for tally in some)
        gaps = [np.concatenate([tally.gaps[name] for tally in some]) for name in names]
        below = " / ".join(f"{100 * np.mean(gap < -1e-4):.2f}" for gap in gaps)
        ours = " / ".join(f"{100 * sum(tally.invalid[name] for tally in some) / rows:.1f}" for name in names)
        return below, f"{100 * sum(tally.invalid['arch'] for tally in some) / rows:.1f}", ours

    lines = [
        f"| {both} | {' | '.join(f'T = {length}' for length in lengths)} | below, % | invalid of arch, % | ours, % |",
        f"|---|{'---|' * len(lengths)}---|---|---|",
    ]
    for spec in specs:
        own = [tallies[spec, length] for length in lengths]
        ratios = [" / ".join(f"{t.per_fit('arch') / t.per_fit(name):.0f}" for name in names) for t in own]
        orders = f"({spec.p},{spec.o},{spec.q})" if spec.o else f"({spec.p},{spec.q})"
        label = f"{spec.process.upper()}{orders}, {spec.distribution}"
        lines.append(f"| {label} | {' | '.join([*ratios, *shares(own)])} |")
    by_length = [shares([tallies[spec, length] for spec in specs]) for length in lengths]
    whole = shares(list(tallies.values()))
    for index, what in enumerate(("below, %", "invalid of arch, %", "ours, %")):
        corner = ["", "", ""]
        corner[index] = whole[index]
        lines.append(f"| {what} | {' | '.join([*(found[index] for found in by_length), *corner])} |")
    return "\n".join(lines)


def walked(length: int = 1000, step: int = 5, windows: int = 60) -> None:
    """What a walk-forward would gain if each window began from the estimates of the window before."""
    walks = [one for one in real_series() if len(one) >= length + step * windows]
    rows = np.array([one[w * step : w * step + length] for one in walks for w in range(windows)])
    print(f"{len(walks)} series, {windows} windows of {length} bars each, {step} bars apart; processor seconds")
    print(f"{'model':<22} {'engine':>7} {'cold us':>8} {'warm us':>8} {'ratio':>7} {'calls':>6} {'warm':>6} "
          f"{'lower':>6} {'worst':>9} {'higher':>7}")  # fmt: skip
    for spec in MAIN:
        for name in engines(spec):
            fit_many(rows[:1], spec, engine=name)  # type: ignore[arg-type]
            begun = time.process_time()
            cold = fit_many(rows, spec, engine=name)  # type: ignore[arg-type]
            between = time.process_time()
            before = np.roll(cold.parameters, 1, axis=0)
            before[::windows] = np.nan
            restarted = time.process_time()
            warm = fit_many(rows, spec, engine=name, starts=before)  # type: ignore[arg-type]
            ended = time.process_time()
            gap = warm.log_likelihood - cold.log_likelihood
            each = [1e6 * (between - begun) / len(rows), 1e6 * (ended - restarted) / len(rows)]
            print(
                f"{f'{spec.process}({spec.p},{spec.o},{spec.q}) {spec.distribution}':<22} {name:>7} {each[0]:>8.0f} "
                f"{each[1]:>8.0f} {each[0] / each[1]:>5.2f} x {cold.evaluations.mean():>6.1f} "
                f"{warm.evaluations.mean():>6.1f} {np.sum(gap < -1e-4):>6d} {np.nanmin(gap):>9.2g} "
                f"{np.sum(gap > 1e-4):>7d}",
                flush=True,
            )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--full", action="store_true", help="every length, process and distribution")
    parser.add_argument("--table", action="store_true", help="the same with few rows, then a table in Markdown")
    parser.add_argument("--rows", type=int, default=0, help="rows for each (default 100, table 60, full 1000)")
    parser.add_argument("--length", type=int, default=0, help="one length of series")
    parser.add_argument("--only", default="", help="processes, separated by commas")
    parser.add_argument("--distribution", default="", help="distributions, separated by commas")
    parser.add_argument("--order", default="", help="p,o,q")
    parser.add_argument("--walk", action="store_true", help="windows begun from the one before, against cold starts")
    asked = parser.parse_args()
    if asked.walk:
        walked()
        return
    every = [Specification(**orders, distribution=d) for orders, d in product(ORDERS, DISTRIBUTIONS)]
    wide = asked.full or asked.table
    chosen = [s for s in (every if wide else MAIN) if not asked.only or s.process in asked.only.split(",")]
    chosen = [s for s in chosen if not asked.distribution or s.distribution in asked.distribution.split(",")]
    chosen = [s for s in chosen if not asked.order or (s.p, s.o, s.q) == tuple(map(int, asked.order.split(",")))]
    lengths = (asked.length,) if asked.length else LENGTHS if wide else (1000,)
    rows = asked.rows or (1000 if asked.full else 60 if asked.table else 100)
    print(
        f"{'model':<22} {'T':>5} {'rows':>5} {'arch ms':>8} {'engine':>7} {'us/fit':>8} {'fits/s':>7} {'ratio':>8} "
        f"{'below %':>7} {'worst':>9} {'above %':>7} {'ours -%':>7} {'arch -%':>7}"
    )
    total: dict[str, list[float]] = {}
    tallies: dict[tuple[Specification, int], Tally] = {}
    for length in lengths:
        data = holdout(rows, length)
        for spec in chosen:
            tally = tallies[spec, length] = measured(spec, length, data)
            printed(spec, length, tally)
            for name, gaps in tally.gaps.items():
                total.setdefault(name, []).extend(gaps)
    for name, gaps in total.items():
        below = np.mean(np.array(gaps) < -1e-4)
        print(f"{name}: {100 * below:.3f} % of {len(gaps)} comparisons are more than 1e-4 below arch")
    if asked.table:
        print(f"\n{table(tallies)}")


if __name__ == "__main__":
    main()
