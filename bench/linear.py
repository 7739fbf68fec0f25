"""Batched linear models against scikit-learn in one run and on one core: microseconds a fit, ratios, differences.

    python bench/linear.py            # a minute or two
    python bench/linear.py --rows 500 --repeats 9

Features are real: those of ``panel/features.py`` on the S&P 500, the NASDAQ and WTI crude (``arch.data``), 50 columns,
standardised beforehand so that both sides solve the same problem. Targets are the returns over 1 to 10 bars of the 30
Dow Jones constituents on the same days where ``../shared/data`` is, else returns over 1 to 100 bars of the three
series. Rolling windows are of one target each. Times are of the processor, medians of alternating rounds, so that a
busy machine slows both alike. ``per model`` is ``ElasticNet.fit`` for each target; ``Gram path`` is ``enet_path`` with
``precompute`` and checks off, the Gram matrix made once outside of its loop. ``difference`` is the largest of any
coefficient from that of ``ElasticNet`` at the same tolerance: scikit-learn's own, 1e-4, and 1e-10.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import time
import warnings
from collections.abc import Callable
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any

os.environ |= {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}

import numpy as np

from fleetspec.kernels.linear import fit_many, ridge_many
from fleetspec.panel.features import compute

if TYPE_CHECKING:
    from fleetspec.kernels.linear.types import Floats

SHARED = Path(__file__).resolve().parents[1].parent / "shared" / "data" / "dji30_returns.parquet"
FEATURES = tuple(
    f"{kind}({n})"
    for kind, looks in (
        ("momentum", (1, 2, 5, 10, 20, 60)),
        ("rsi", (5, 14, 30)),
        ("bollinger", (10, 20, 60)),
        ("volatility", (5, 10, 20, 60)),
        ("volume_ratio", (5, 20)),
    )
    for n in looks
)
FACTORS, WINDOW, STEP = 50, 250, 5
PENALTIES = ((0.01, 0.5), (0.05, 0.5), (0.01, 1.0))
DEFAULT, TIGHT = 1e-4, 1e-10


def real_factors(rows: int) -> tuple[Floats, Floats, str]:
    """Features (rows, 50) and targets (rows, K) of the same days, and what the targets are."""
    import pandas as pd
    from arch.data import nasdaq, sp500, wti

    prices = {"sp500": sp500.load()["Adj Close"], "nasdaq": nasdaq.load()["Adj Close"], "wti": wti.load()["DCOILWTICO"]}
    volumes = {"sp500": sp500.load()["Volume"], "nasdaq": nasdaq.load()["Volume"]}
    series = {name: np.log(price.dropna()).diff().dropna() for name, price in prices.items()}
    columns = {}
    for name, returns in series.items():
        volume = volumes[name].reindex(returns.index).to_numpy(np.float64) if name in volumes else None
        names = [f for f in FEATURES if volume is not None or not f.startswith("volume")]
        values = compute(names, returns.to_numpy(), volume)
        columns |= {f"{name} {f}": pd.Series(values[:, i], returns.index) for i, f in enumerate(names)}
    table = pd.DataFrame(columns).iloc[:, :FACTORS]
    assert table.shape[1] == FACTORS, table.shape
    if SHARED.is_file():
        long = pd.read_parquet(SHARED)
        wide = long.pivot(index="date", columns="asset", values="returns")
        told, horizons = "30 Dow Jones constituents, 1 to 10 bars ahead", range(1, 11)
    else:
        wide = pd.DataFrame(series)
        told, horizons = "three indices, 1 to 100 bars ahead", range(1, 101)
        print(f"{SHARED} is not there: targets are those of the features' own series", file=sys.stderr)
    ahead = pd.concat([wide.rolling(h).sum().shift(-h) for h in horizons], axis=1)
    both = pd.concat([table, ahead], axis=1).dropna().to_numpy()[-rows:]
    x, y = both[:, :FACTORS], both[:, FACTORS:]
    return np.ascontiguousarray((x - x.mean(axis=0)) / x.std(axis=0)), (y - y.mean(axis=0)) / y.std(axis=0), told


def seconds(calls: dict[str, Callable[[], Any]], repeats: int) -> tuple[dict[str, float], dict[str, Any]]:
    """Median processor seconds of each, in alternating rounds after one to warm up, and what the last round gave."""
    spent: dict[str, list[float]] = {name: [] for name in calls}
    results = {}
    for attempt in range(repeats + 1):
        for name, call in calls.items():
            begun = time.process_time()
            results[name] = call()
            if attempt:
                spent[name].append(time.process_time() - begun)
    return {name: statistics.median(each) for name, each in spent.items()}, results


def per_model(x: Floats, y: Floats, alpha: float, l1_ratio: float, tol: float) -> Floats:
    from sklearn.linear_model import ElasticNet

    models = (ElasticNet(alpha=alpha, l1_ratio=l1_ratio, tol=tol, max_iter=10_000) for _ in range(y.shape[1]))
    return np.array([model.fit(x, y[:, k]).coef_ for k, model in enumerate(models)])


def gram_path(x: Floats, y: Floats, alpha: float, l1_ratio: float, tol: float) -> Floats:
    from sklearn.linear_model import enet_path

    columns = np.asfortranarray(x)
    settings = {"l1_ratio": l1_ratio, "alphas": [alpha], "precompute": columns.T @ columns, "tol": tol}
    settings |= {"max_iter": 10_000, "copy_X": False, "check_input": False}
    found = [enet_path(columns, np.ascontiguousarray(y[:, k]), **settings)[1][:, 0] for k in range(y.shape[1])]
    return np.array(found)


def printed(label: str, fits: int, spent: dict[str, float], difference: str) -> None:
    own = spent["ours"]
    cells = [f"{label:<38}{1e6 * own / fits:>8.1f}"]
    for name in ("per model", "Gram path"):
        cells.append(f"{1e6 * spent[name] / fits:>11.1f}{spent[name] / own:>7.1f} x" if name in spent else " " * 20)
    print("".join(cells) + f"  {difference}", flush=True)


def shared_design(x: Floats, y: Floats, repeats: int) -> None:
    for (alpha, l1_ratio), tol in product(PENALTIES, (DEFAULT, TIGHT)):
        setting = (alpha, l1_ratio, tol)
        calls = {
            "ours": lambda s=setting: fit_many(x, y, s[0], s[1], tol=s[2]),
            "per model": lambda s=setting: per_model(x, y, *s),
            "Gram path": lambda s=setting: gram_path(x, y, *s),
        }
        spent, made = seconds(calls, repeats)
        assert made["ours"].ok.all()
        difference = np.abs(made["ours"].coef - made["per model"]).max()
        printed(f"tol {tol:.0e}, alpha {alpha}, l1_ratio {l1_ratio}", y.shape[1], spent, f"{difference:.1e}")


def ridges(x: Floats, y: Floats, repeats: int) -> None:
    from sklearn.linear_model import Ridge

    def each() -> Floats:
        return np.array([Ridge(alpha=0.1 * len(x)).fit(x, y[:, k]).coef_ for k in range(y.shape[1])])

    spent, made = seconds({"ours": lambda: ridge_many(x, y, 0.1), "per model": each}, repeats)
    printed("ridge, alpha 0.1", y.shape[1], spent, f"{np.abs(made['ours'].coef - made['per model']).max():.1e}")


def rolling(x: Floats, y: Floats, repeats: int) -> None:
    """Windows of 250 rows, 5 apart, each standardised anew on neither side: a fit of the rows as they are."""
    windows = [(s, s + WINDOW) for s in range(0, len(x) - WINDOW + 1, STEP)]
    for count in (1, 10):
        targets = y[:, :count]

        def each(targets: Floats = targets) -> Floats:
            return np.array([per_model(x[a:b], targets[a:b], 0.05, 0.5, DEFAULT) for a, b in windows])

        def by_gram(targets: Floats = targets) -> Floats:
            parts = [(x[a:b] - x[a:b].mean(axis=0), targets[a:b] - targets[a:b].mean(axis=0)) for a, b in windows]
            return np.array([gram_path(part, target, 0.05, 0.5, DEFAULT) for part, target in parts])

        calls = {
            "ours": lambda targets=targets: fit_many(x, targets, 0.05, 0.5, windows=windows),
            "per model": each,
            "Gram path": by_gram,
        }
        spent, made = seconds(calls, repeats)
        difference = np.abs(made["ours"].coef - made["per model"]).max()
        printed(
            f"{len(windows)} windows of {WINDOW}, {count} target(s)", len(windows) * count, spent, f"{difference:.1e}"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1000)
    parser.add_argument("--repeats", type=int, default=5)
    asked = parser.parse_args()
    warnings.simplefilter("ignore")
    x, y, told = real_factors(asked.rows)
    condition = np.linalg.cond(x)
    print(f"{len(x)} rows, {x.shape[1]} factors (condition {condition:.0f}), {y.shape[1]} targets: {told}")
    print(
        f"{'microseconds a fit':<38}{'ours':>8}{'per model':>11}{'ratio':>9}{'Gram path':>11}{'ratio':>9}  difference"
    )
    shared_design(x, y, asked.repeats)
    ridges(x, y, asked.repeats)
    rolling(x, y, asked.repeats)


if __name__ == "__main__":
    main()
