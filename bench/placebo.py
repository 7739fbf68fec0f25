"""How many alphas are promoted on returns that hold nothing, beside those that are on returns that hold something.

    python bench/placebo.py                      # the study
    python bench/placebo.py --draws 5            # a look
    python bench/placebo.py --blocks 1 20        # longer blocks too
    python bench/placebo.py --markdown study.md

A fleet of linear alphas and boosted trees (signals x families x series x horizons, fixed before any result was seen) on
three real daily series that the package arch ships (S&P 500, NASDAQ, WTI crude), and on six simulated ones whose
returns are a share of the day before. Each is run as it is, and as ``fleetspec placebo`` runs it: shuffled, through
lock, walk-forward, Diebold-Mariano against the mean so far, and the false discovery rate of the gates. One table: of so
many tests how many are promoted, and in how many draws there is any.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

os.environ |= {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}

import numpy as np

from fleetspec import pipeline
from fleetspec.compiler.jobgraph import RunKind
from fleetspec.compiler.lock import lock_path
from fleetspec.diagnostics import Report
from fleetspec.placebo import Asked, placebo

RATE = 0.10
SIGNALS = {
    "trend": "[momentum(5), momentum(20), momentum(60)]",
    "return-back": "[reversal(1), reversal(5), bollinger(20)]",
    "strength": "[rsi(14), rsi(5)]",
    "risk": "[volatility(5), volatility(20), volatility(60)]",
    "all": "[momentum(1), momentum(5), momentum(20), rsi(14), bollinger(20), volatility(20)]",
}
REAL = '{from: "sample:arch"}', "[sp500, nasdaq, wti]"
MEMORY = 0.10


def spec(data: str, series: str) -> str:
    signals = ", ".join(f"{name}: {features}" for name, features in SIGNALS.items())
    group = "target: return, train: 750 bars, refit: 20 sessions"
    return (
        "apiVersion: fleetspec/v1\nkind: Fleet\nname: placebo\nowner: sceptics\nseed: 1\n"
        f"data: {{us: {data}}}\n"
        f"universes: {{us: {{data: us, series: {series}, calendar: XNYS, bar: 1 session}}}}\n"
        "quality: {max_missing: 10%}\nhorizons: [1 bar, 5 bars]\n"
        f"features: {{all: {SIGNALS['all']}}}\n"
        "models:\n"
        f"  linear: {{families: [elasticnet, lasso, ridge], {group}, axes: {{signal: {{{signals}}}}}}}\n"
        f"  trees: {{family: lightgbm, {group}, params: {{n_estimators: 25}}, features: all}}\n"
        "fleet: [{universes: us, models: [linear, trees]}]\n"
        "backtest: {scheme: walk-forward, models: [linear, trees], step: 1000 bars, tests: [diebold_mariano],\n"
        "  within: 24h}\n"
        f"gates: [{{models: [linear, trees], test: diebold_mariano, shows: better, fdr: {RATE:.0%}}}]\n"
        "schedule: {calendar: XNYS, start: close + 45m, deadline: open - 90m}\nbudget: {nightly: 1000 USD}\n"
        "hardware: {here: {cpu: 4, memory: 8Gi, price: 0.10 USD/h, max: 50, boot: 10s}}\n"
    )


def simulated(folder: Path) -> tuple[str, str]:
    """Six series of 3,000 days, a return 10 % of the one before and Student-t noise of 1 %."""
    rng, names = np.random.default_rng(11), [f"s{number}" for number in range(1, 7)]
    days = np.arange(np.datetime64("2000-01-03"), np.datetime64("2014-01-01"))
    days = days[np.is_busday(days)][:3000]
    lines = ["name,date,r"]
    for name in names:
        value = 0.0
        for day in days:
            value = MEMORY * value + 0.01 * rng.standard_t(5) * np.sqrt(3 / 5)
            lines.append(f"{name},{day},{value:.10f}")
    (folder / "simulated.csv").write_text("\n".join(lines) + "\n")
    return "{from: simulated.csv, key: name, time: date, returns: r}", f"[{', '.join(names)}]"


def as_it_is(path: Path) -> list[dict]:
    from fleetspec.placebo import _promoted

    around, report = pipeline.world(), Report()
    read = pipeline.read(path, around, report)
    lock_path(path).write_bytes(pipeline.lock(read, around).to_bytes())
    compiled = pipeline.compile(read, around, report, RunKind.BACKTEST)
    pipeline.run(pipeline.plan(compiled, around), path.parent / f"store-{path.stem}", "inline")
    return [_promoted(path.parent / f"store-{path.stem}", compiled, group, RATE) for group in ("linear", "trees")]


def study(draws: int, blocks: list[int]) -> Iterator[list[str]]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for what, (data, series) in {"three real series": REAL, "six with memory": simulated(folder)}.items():
            path = folder / f"{what.replace(' ', '-')}.yaml"
            path.write_text(spec(data, series))
            for one in as_it_is(path):
                yield [what, "as they are", one["group"], "1", f"{one['tests']:,}", f"{one['below']:.1%}",
                       f"{one['promoted']:,}", "–", "–"]  # fmt: skip
            for block in blocks:
                begun = time.process_time()
                found = placebo(path, Asked(draws=draws, seed=1, block=block, fdr=RATE), Report())
                for one in found["groups"]:
                    yield [what, f"shuffled, blocks of {block}", one["group"], str(draws), f"{one['tests']:,}",
                           f"{one['below_5_percent']:.1%}", f"{one['promoted']:,}",
                           f"{one['draws_with_any']} of {draws}", "yes" if one["holds"] else "NO"]  # fmt: skip
                spent = time.process_time() - begun
                print(f"{what}, blocks of {block}: {spent / draws:.1f} s of processor a draw", file=sys.stderr)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--draws", type=int, default=16)
    parser.add_argument("--blocks", type=int, nargs="+", default=[1], help="rows that stay together")
    parser.add_argument("--markdown", type=Path)
    asked = parser.parse_args()
    heads = ["series", "returns", "group", "draws", "tests", "p < 5 %", "promoted", "draws with any",
             f"within {RATE:.0%}"]  # fmt: skip
    lines = ["| " + " | ".join(heads) + " |", "|---" * len(heads) + "|"]
    for row in study(asked.draws, asked.blocks):
        lines.append("| " + " | ".join(row) + " |")
        print(lines[-1], flush=True)
    if asked.markdown:
        asked.markdown.write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
