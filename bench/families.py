"""Every family on real series beside naive forecasts: losses, Diebold-Mariano tests and seconds.

    python bench/families.py --markdown docs/families-measured.md    # about ten minutes on one core
    python bench/families.py --step 500                              # a quick look

The S&P 500, NASDAQ, WTI crude and the VIX of the ``arch`` package, daily; ``fleetspec apply --run backtest`` walks
forward with windows of 1,000 days, refitted every ``--step`` days (60), and forecasts one day ahead from every day in
between. Parameters are the defaults; none was chosen by what came out. Families that read a range run on the two series
that have one, and so do covariances. Losses are compared with those of naive forecasts from the same days:

- variance, QLIKE against the squared return: mean squared return of the last 250 days; RiskMetrics (1996), decay 0.94;
- return, squared error: zero, a random walk; the mean return of the last 1,000 days;
- value at risk at 99 %, quantile loss: the empirical quantile of the last 1,000 days; RiskMetrics with a normal tail;
- covariance, matrix QLIKE: the mean product of returns over the last 250 days; RiskMetrics.

The test is two-sided with Newey and West's variance. A statistic below 0 says that the family's loss is smaller.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

os.environ |= {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}

import numpy as np
import pandas as pd

from fleetspec.evaluation.contests import diebold_mariano
from fleetspec.evaluation.covariances import Matrices, losses
from fleetspec.panel.sources import SAMPLE, SourceRequest, load

TRAIN, RECENT, DECAY = 1000, 250, 0.94
SERIES, RANGED = ("sp500", "nasdaq", "wti", "vix"), ("sp500", "nasdaq")
VARIANCE = {
    "garch": "family: garch",
    "gjr": "family: gjr",
    "egarch": "family: egarch",
    "tgarch": "family: tgarch",
}
ON_RANGES = {"har": "family: har", "ets-range": "family: ets", "arima-range": "family: arima"}
RETURN = {
    "elasticnet": "family: elasticnet, features: tech",
    "lasso": "family: lasso, features: tech",
    "ridge": "family: ridge, features: tech",
    "xgboost": "family: xgboost, features: tech",
    "lightgbm": "family: lightgbm, features: tech",
    "catboost": "family: catboost, features: tech",
    "arima": "family: arima",
    "ets": "family: ets",
    "prophet": "family: prophet",
}
NAIVE = {
    "variance": ("mean of 250 days", "RiskMetrics"),
    "return": ("zero", "mean of 1,000 days"),
    "value_at_risk": ("quantile of 1,000 days", "RiskMetrics"),
    "covariance": ("mean of 250 days", "RiskMetrics"),
}
LOSS = {"variance": "QLIKE", "return": "squared error", "value_at_risk": "quantile loss", "covariance": "matrix QLIKE"}
UNIT = {"variance": 1.0, "return": 1e4, "value_at_risk": 1e4, "covariance": 1.0}
"""What a loss is multiplied by in the tables."""


def spec(step: int) -> str:
    cadence = f"train: {TRAIN} bars, refit: {step} bars"
    over = ", ".join(VARIANCE)
    groups = [f"  {name}: {{{said}, target: variance, {cadence}}}" for name, said in VARIANCE.items()]
    groups += [f"  {name}: {{{said}, target: variance, measure: range, {cadence}}}" for name, said in ON_RANGES.items()]
    groups += [f"  {name}: {{{said}, target: return, {cadence}}}" for name, said in RETURN.items()]
    groups += [
        f"  average: {{family: average, over: [{over}], target: variance}}",
        f"  average-aic: {{family: average, over: [{over}], target: variance, params: {{weights: aic}}}}",
        "  vol-scaled: {family: vol-scaled, over: average, target: value_at_risk, levels: [99%]}",
        f"  dcc: {{family: dcc, per: universe, target: covariance, {cadence}}}",
    ]
    whole, ranged = [*VARIANCE, *RETURN, "average", "average-aic", "vol-scaled"], [*ON_RANGES, "dcc"]
    return "\n".join(
        [
            "apiVersion: fleetspec/v1\nkind: Fleet\nname: measured\nowner: research\nseed: 7",
            "data: {samples: {from: sample:arch}}",
            "universes:",
            f"  all: {{data: samples, series: [{', '.join(SERIES)}], calendar: XNYS, bar: 1 session}}",
            f"  ranged: {{data: samples, series: [{', '.join(RANGED)}], calendar: XNYS, bar: 1 session}}",
            "horizons: [1 bar]",
            "features: {tech: [momentum(5), momentum(20), rsi(14), bollinger(20)]}",
            "models:",
            *groups,
            "fleet:",
            f"  - {{universes: all, models: [{', '.join(whole)}]}}",
            f"  - {{universes: ranged, models: [{', '.join(ranged)}]}}",
            "quality: {max_missing: 5%, max_quarantined: 100%}",
            "backtest: {scheme: walk-forward, within: 24h, "
            f"models: [{', '.join([*whole, *ranged])}], step: {step} bars}}",
            "schedule: {calendar: XNYS, start: close + 45m, deadline: open - 90m}",
            "budget: {nightly: 100 USD, backtest: 1000 USD}",
            "hardware: {here: {cpu: 2, memory: 8Gi, price: 0.10 USD/h, max: 1, boot: 0s}}\n",
        ]
    )


def backtest(folder: Path, step: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Forecasts, and the ledger's seconds."""
    (folder / "measured.yaml").write_text(spec(step))
    for command in (
        ["lock", "measured.yaml"],
        ["apply", "measured.yaml", "--run", "backtest", "--yes", "--executor", "inline", "--store", "store"],
        [
            "results",
            "measured.yaml",
            "--run",
            "backtest",
            "--table",
            "forecasts",
            "--store",
            "store",
            "--out",
            "f.parquet",
        ],
    ):
        begun = time.perf_counter()
        done = subprocess.run(
            [sys.executable, "-m", "fleetspec", *command], cwd=folder, capture_output=True, text=True, check=False
        )
        if done.returncode:
            sys.exit(f"fleetspec {' '.join(command)} ended with {done.returncode}:\n{done.stdout}\n{done.stderr}")
        print(f"fleetspec {command[0]}: {time.perf_counter() - begun:.0f} s", file=sys.stderr, flush=True)
    return pd.read_parquet(folder / "f.parquet"), pd.read_parquet(folder / "store" / "measured" / "ledger")


def riskmetrics(returns: np.ndarray) -> np.ndarray:
    """(T,) or (T, N, N): what is expected after each bar, from the mean of the first 250 days on."""
    products = returns**2 if returns.ndim == 1 else returns[:, :, None] * returns[:, None, :]
    path, state = np.empty_like(products), products[:RECENT].mean(axis=0)
    for bar, product in enumerate(products):
        state = path[bar] = DECAY * state + (1 - DECAY) * product
    return path


def rolling(values: np.ndarray, length: int) -> np.ndarray:
    """Mean of the last ``length`` values after each bar, NaN before there are so many."""
    return pd.DataFrame(values.reshape(len(values), -1)).rolling(length).mean().to_numpy().reshape(values.shape)


def naive(target: str, returns: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The two naive forecasts after each bar."""
    if target == "variance":
        return rolling(returns**2, RECENT), riskmetrics(returns)
    if target == "return":
        return np.zeros_like(returns), rolling(returns, TRAIN)
    quantile = -pd.Series(returns).rolling(TRAIN).quantile(0.01).to_numpy()
    return quantile, 2.3263478740408408 * np.sqrt(riskmetrics(returns))


def loss(target: str, forecast: np.ndarray, followed: np.ndarray) -> np.ndarray:
    if target == "variance":
        return np.log(forecast) + followed**2 / forecast
    if target == "return":
        return (forecast - followed) ** 2
    return (0.01 - (followed < -forecast)) * (followed + forecast)


def of_series(forecasts: pd.DataFrame, name: str, target: str) -> Iterator[tuple[str, str, list[np.ndarray]]]:
    """For every group its loss and those of the two naive forecasts, at its own origins."""
    whole = load(SourceRequest(SAMPLE, Path()), only=[name])[name]
    others = naive(target, whole.returns)
    own = forecasts[(forecasts["series"] == name) & (forecasts["quantity"] == target)]
    for group, rows in own.sort_values("origin").groupby("group"):
        bars = np.searchsorted(whole.dates, rows["origin"].to_numpy().astype("datetime64[s]"))
        value, bars = rows["value"].to_numpy()[bars + 1 < len(whole.returns)], bars[bars + 1 < len(whole.returns)]
        followed = whole.returns[bars + 1]
        yield str(group), name, [loss(target, one, followed) for one in (value, *(other[bars] for other in others))]


def of_matrices(forecasts: pd.DataFrame) -> Iterator[tuple[str, str, list[np.ndarray]]]:
    both = load(SourceRequest(SAMPLE, Path()), only=RANGED)
    dates, at, other = np.intersect1d(both["sp500"].dates, both["nasdaq"].dates, return_indices=True)
    returns = np.column_stack([both["sp500"].returns[at], both["nasdaq"].returns[other]])
    rows = forecasts[forecasts["quantity"] == "covariance"]
    wide = rows.assign(pair=rows["series"] + "|" + rows["other"]).pivot(index="origin", columns="pair", values="value")
    bars = np.searchsorted(dates, wide.index.to_numpy().astype("datetime64[s]"))
    wide, bars = wide[bars + 1 < len(dates)], bars[bars + 1 < len(dates)]
    cross = wide[next(name for name in wide if len(set(name.split("|"))) == 2)]
    made = np.stack([wide["sp500|sp500"], cross, cross, wide["nasdaq|nasdaq"]], axis=1).reshape(-1, 2, 2)
    followed = returns[bars + 1]
    products = returns[:, :, None] * returns[:, None, :]
    naives = (rolling(products, RECENT)[bars], riskmetrics(returns)[bars])
    yield "dcc", "both", [losses(Matrices(dates[bars], h, followed))["matrix_qlike"] for h in (made, *naives)]


def table(target: str, found: list[tuple[str, str, list[np.ndarray]]]) -> Iterator[str]:
    first, second = NAIVE[target]
    unit = UNIT[target]
    yield f"| model | series | forecasts | {LOSS[target]} | {first} | test | {second} | test |"
    yield "|---|---|---|---|---|---|---|---|"
    order = [*VARIANCE, *ON_RANGES, *RETURN, "average", "average-aic", "vol-scaled", "dcc"]
    for group, name, (own, *others) in sorted(found, key=lambda one: (order.index(one[0]), one[1])):
        cells = []
        for other in others:
            test = diebold_mariano(own, other)
            mark = "**" if test.p_value < 0.05 else ""
            cells += [f"{unit * other.mean():.4f}", f"{mark}{test.statistic:.2f} (p {test.p_value:.3f}){mark}"]
        yield f"| `{group}` | {name} | {len(own):,} | {unit * own.mean():.4f} | {' | '.join(cells)} |"


def seconds(ledger: pd.DataFrame) -> Iterator[str]:
    yield "| family | fits | seconds a fit | forecasts | seconds a forecast | quarantined |\n|---|---|---|---|---|---|"
    for family, rows in ledger.groupby("family"):
        done, cells = rows[rows["state"] == "done"], []
        for task in ("fit", "forecast"):
            spent = done[done["task"] == task]["seconds"]
            cells.append(f"{len(spent):,} | {spent.median():.5f}" if len(spent) else "– | –")
        yield f"| `{family}` | {' | '.join(cells)} | {int((rows['state'] == 'quarantined').sum())} |"


def study(step: int) -> Iterator[str]:
    begun = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        forecasts, ledger = backtest(Path(folder), step)
    for target in NAIVE:
        if target == "covariance":
            found = list(of_matrices(forecasts))
        else:
            found = [one for name in SERIES for one in of_series(forecasts, name, target)]
        scaled = f", times {UNIT[target]:,.0f}" if UNIT[target] != 1 else ""
        yield f"\n## Forecasts of {target}: {LOSS[target]}{scaled}\n"
        yield from table(target, found)
    yield "\n## Seconds of a job\n\nMedians of the ledger, wall clock, in the order of the alphabet:\n"
    yield from seconds(ledger)
    yield f"\nThe whole study took {time.perf_counter() - begun:.0f} s."


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--step", type=int, default=60, help="days between refits")
    parser.add_argument("--markdown", type=Path, help="a page whose tables are replaced: what follows its marker")
    asked = parser.parse_args()
    text = "\n".join(study(asked.step)) + "\n"
    print(text)
    if asked.markdown:
        head, marker, _ = asked.markdown.read_text().partition("<!-- tables -->\n")
        asked.markdown.write_text(head + marker + text)


if __name__ == "__main__":
    main()
