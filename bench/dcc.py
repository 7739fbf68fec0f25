"""DCC-GARCH of the 30 Dow Jones constituents, 1987 to 2009, against plain loops in numpy: figures, time and memory.

    python bench/dcc.py                        # about two minutes
    python bench/dcc.py --data dji30_returns.parquet --bars 1000

Both sides fit DCC(1, 1) with correlation targeting to the same residuals of 30 GARCH(1, 1). The plain side is the
likelihood of ``fleetspec/kernels/dcc/reference.py``, matrix by matrix in numpy, by SciPy's Nelder-Mead from one start,
on the last ``--bars`` days. Seconds are of the processor, on one core. Memory is the peak of a process that has fitted
the family on all days, beside that of one that has only loaded what it runs on.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

os.environ |= {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}

import numpy as np
import pandas as pd

from fleetspec.families import registry
from fleetspec.family import FitRequest, ForecastRequest, SeriesWindow
from fleetspec.kernels.dcc import reference
from fleetspec.kernels.dcc.fitting import fit, log_likelihood, targeted
from fleetspec.kernels.dcc.likelihoods import states
from fleetspec.kernels.garch import Specification, fit_many
from fleetspec.kernels.garch.forecasting import conditional_variances

DATA = Path(__file__).resolve().parents[1].parent / "shared" / "data" / "dji30_returns.parquet"


def windows(source: Path, bars: int) -> tuple[SeriesWindow, ...]:
    frame = pd.read_parquet(source).pivot(index="date", columns="asset", values="returns").dropna().tail(bars)
    dates = frame.index.to_numpy().astype("datetime64[s]")
    return tuple(SeriesWindow(str(name), dates, frame[name].to_numpy(copy=True), None) for name in frame.columns)


def residuals(panel: tuple[SeriesWindow, ...]) -> np.ndarray:
    specification = Specification("garch", distribution="normal")
    returns = np.array([100 * window.returns for window in panel])
    found = fit_many(returns, specification)
    assert found.ok.all()
    paths = [
        conditional_variances(r, specification, p, len(r) - 1) for r, p in zip(returns, found.parameters, strict=True)
    ]
    return np.column_stack([resids / np.sqrt(variances) for resids, variances in paths])


def spent(call: Any, times: int = 1) -> tuple[float, Any]:
    best, made = float("inf"), None
    for _ in range(times):
        begun = time.process_time()
        made = call()
        best = min(best, time.process_time() - begun)
    return best, made


def plain(z: np.ndarray) -> tuple[float, float, int]:
    """Engle's likelihood by plain matrices."""
    from scipy.optimize import minimize

    _, target, _ = targeted(z, 0, 0, "none")

    def loss(at: np.ndarray) -> float:
        p, share = at
        return -reference.log_likelihood(z, p * share, p * (1 - share), target) / len(z)

    found = minimize(
        loss, np.array([0.97, 0.03]), method="Nelder-Mead", bounds=((0, 0.9995), (0, 1)),
        options={"xatol": 1e-6, "fatol": 1e-12},
    )  # fmt: skip
    return found.x[0] * found.x[1], found.x[0] * (1 - found.x[1]), found.nfev


def memory(data: Path, fitted: bool) -> float:
    order = [sys.executable, __file__, "--data", str(data), "--alone", "fitted" if fitted else "imported"]
    return float(subprocess.run(order, capture_output=True, text=True, check=True).stdout)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--bars", type=int, default=500)
    parser.add_argument("--alone", choices=["fitted", "imported"])
    asked = parser.parse_args()
    if not asked.data.exists():
        sys.exit(f"'{asked.data}' is not there: name the data set dji30ret of the R package rugarch with --data")
    family = registry()["dcc"]
    panel = windows(asked.data, 10**6)
    assert family.fit is not None
    assert family.warm is not None
    family.warm(family.params())
    request = FitRequest(panel, family.params(), (), None, 0)
    if asked.alone:
        if asked.alone == "fitted":
            family.fit(request)
        print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
        return
    print(f"{len(panel)} series, {len(panel[0])} days")
    z = residuals(panel)
    print(
        "\n| likelihood | correction | a | b | log likelihood | evaluations | seconds |\n|---|---|---|---|---|---|---|"
    )
    for likelihood in ("pairs", "neighbours", "full"):
        for correction in ("none", "aielli"):
            fit(z[:300], likelihood, correction)
            seconds, found = spent(lambda k=likelihood, c=correction: fit(z, k, c), 2)
            print(f"| {likelihood} | {correction} | {found.a:.5f} | {found.b:.5f} | {found.log_likelihood:.2f} | "
                  f"{found.evaluations} | {seconds:.2f} |")  # fmt: skip
    whole, fitted = spent(lambda: family.fit(request))
    ahead = ForecastRequest(fitted, panel, len(panel[0]) - 1, (1, 5, 20), request.params, ())
    forecast, _ = spent(lambda: family.forecast(ahead), 2)
    print(f"\nthe family, volatility models included: fit {whole:.2f} s, forecast of 3 horizons {forecast:.3f} s")
    print(f"memory: {memory(asked.data, True):.0f} MiB at most, {memory(asked.data, False):.0f} MiB before the fit")
    x, target, _ = targeted(z, fitted.estimates["a"], fitted.estimates["b"], "none")
    path = np.empty((len(z), len(panel), len(panel)))
    states(x, target, fitted.estimates["a"], fitted.estimates["b"], 0, path)
    print(f"smallest eigenvalue of {len(path)} correlation matrices: {np.linalg.eigvalsh(path).min():.4f}")
    part = z[-asked.bars :]
    seconds, found = spent(lambda: fit(part, "full"), 2)
    slow, (a, b, evaluations) = spent(lambda: plain(part))
    _, target, _ = targeted(part, 0, 0, "none")
    one, other = log_likelihood(part, a, b, "full", "none"), reference.log_likelihood(part, a, b, target)
    last = reference.correlations(part, a, b, target)[-1]
    print(f"\nthe last {len(part)} days: full likelihood {seconds:.3f} s ({found.evaluations} evaluations), plain "
          f"loops {slow:.1f} s ({evaluations}): {slow / seconds:.0f} times as long, "
          f"{slow / evaluations / (seconds / found.evaluations):.0f} per evaluation")  # fmt: skip
    print(f"a {found.a:.6f} and {a:.6f}, b {found.b:.6f} and {b:.6f}; log likelihoods at one point differ by "
          f"{abs(one - other):.1e} of {abs(other):.0f}, last correlations by "
          f"{np.abs(last - found.last).max():.1e}")  # fmt: skip


if __name__ == "__main__":
    main()
