"""The placebo: a fleet's alphas on shuffled returns, through the same path, and how many of them would be promoted.

A sceptic's question of a thousand alphas is how many a search through noise would have found. So the data are dealt out
anew (:mod:`fleetspec.panel.shuffling`), and lock, walk-forward, Diebold-Mariano tests and the false discovery rate of
the gates run on them as they run on the truth. A model that is promoted there is a false discovery, every one; the
rate of Benjamini and Hochberg bounds the share of draws in which there is any.
"""

from __future__ import annotations

import math
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fleetspec import pipeline
from fleetspec.compiler.given import NOTHING, Given
from fleetspec.diagnostics import Report, reject
from fleetspec.rules import evaluation

if TYPE_CHECKING:
    from fleetspec.compiler.lock import Lock
    from fleetspec.compiler.spec import FleetSpec
    from fleetspec.panel.series import Rows
    from fleetspec.stages import Read, World

CREDIBLE = 0.01
"""Below this chance of as many false promotions, the stated rate does not hold."""
_METRIC = "dm_better_p_value"


@dataclass(frozen=True, slots=True)
class Asked:
    """How many times, with which first seed, in blocks of how many rows, at which rate where no gate says one, and who
    runs it. ``keep`` is a folder for the shuffled data and their stores; without one they are gone afterwards."""

    draws: int = 1
    seed: int = 1
    block: int = 1
    fdr: float = 0.05
    executor: str = "inline"
    keep: Path | None = None


def placebo(
    path: Path, asked: Asked, report: Report, given: Given = NOTHING, told: Callable[[int], None] = lambda _: None
) -> dict[str, Any]:
    """Draw, run and judge; ``told`` hears of each draw that is done.

    Raises Rejected: FS417 where the spec backtests no group that forecasts returns, FS512 where jobs of a draw could
    not be run; and KeyboardInterrupt where SIGINT or SIGTERM has ended a draw early: what is left of it says nothing.
    """
    around = pipeline.world()
    source = pipeline.read(path, around, report, given)
    rates = _rates(source.spec, asked.fdr)
    pinned = pipeline.lock(source, around)
    rows = {name: _rows(source, name) for name in sorted(_used(source.spec))}
    draws = []
    for number in range(asked.draws):
        seed = asked.seed + number
        with _folder(asked.keep, seed) as folder:
            draws.append({"seed": seed, "groups": _draw(source, pinned, rows, rates, seed, folder, asked, around)})
        told(number + 1)
    return {
        "fleet": source.spec.name,
        "block": asked.block,
        "executor": asked.executor,
        "credible": CREDIBLE,
        "draws": draws,
        "groups": [_summed(group, rate, draws) for group, rate in rates.items()],
    }


def _rates(spec: FleetSpec, fdr: float) -> dict[str, float]:
    """The groups that are judged, and the false discovery rate of each: that of its gate, else ``fdr``."""
    judged = () if spec.backtest is None else spec.backtest.models
    found = {name: fdr for name in judged if spec.models[name].target == "return"}
    if not found:
        raise reject(
            evaluation.BASELINE,
            "a placebo shuffles returns, and the spec backtests no group that forecasts them",
            help="add a group with target: return to backtest.models",
        )
    for gate in spec.gates:
        if gate.test == "diebold_mariano" and gate.shows == "better":
            found |= {name: gate.fdr.fraction for name in gate.model_names if name in found}
    return found


def _used(spec: FleetSpec) -> set[str]:
    return {spec.universes[name].data for row in spec.fleet for name in row.universe_names}


def _rows(source: Read, name: str) -> dict[str, Rows]:
    """The rows of a data source, as fine as they are; of a synthetic market its finest bars that the spec asks for."""
    from fleetspec.compiler.lock import source_request
    from fleetspec.compiler.settings import bars_of
    from fleetspec.panel.series import SourceError
    from fleetspec.panel.shuffling import rows_of
    from fleetspec.panel.sources import SYNTHETIC, load, load_rows
    from fleetspec.rules import running

    spec, root = source.spec, source.path.parent
    universes = {u for row in spec.fleet for u in row.universe_names if spec.universes[u].data == name}
    own = {u: spec.universes[u].bar for u in universes}
    bars = set(own.values()) | {b for group in spec.models for b in bars_of(spec, group) if b is not None}
    finest = min(bars, key=lambda bar: bar.sessions)
    calendar = spec.universes[min(universes)].calendar
    request = source_request(spec.data[name], root, finest, calendar)
    try:
        if request.location == SYNTHETIC:
            return {key: rows_of(series) for key, series in load(request).items()}
        return load_rows(request)
    except SourceError as error:
        raise reject(running.SOURCE_UNREADABLE, f"data '{name}': {error}", help=error.help) from error


@contextmanager
def _folder(keep: Path | None, seed: int) -> Iterator[Path]:
    if keep is None:
        with tempfile.TemporaryDirectory(prefix="fleetspec-placebo-") as name:
            yield Path(name)
        return
    folder = keep / f"placebo-{seed}"
    folder.mkdir(parents=True, exist_ok=True)
    yield folder


def _draw(
    source: Read,
    pinned: Lock,
    rows: dict[str, dict[str, Rows]],
    rates: dict[str, float],
    seed: int,
    folder: Path,
    asked: Asked,
    around: World,
) -> list[dict[str, Any]]:
    """One shuffled fleet, run; what would be promoted of each group."""
    from fleetspec.compiler.jobgraph import RunKind
    from fleetspec.compiler.lock import lock_path
    from fleetspec.files import write_atomically
    from fleetspec.panel.shuffling import shuffled, write_rows

    dealt = {name: shuffled(one, seed, asked.block) for name, one in rows.items()}
    said = {name: write_rows(folder / f"{name}.parquet", one) for name, one in dealt.items()}
    path, quiet = folder / "fleet.yaml", Report()
    write_atomically(path, _text(source, pinned, said, rates).encode())
    again = pipeline.read(path, around, quiet)
    write_atomically(lock_path(path), pipeline.lock(again, around).to_bytes())
    compiled = pipeline.compile(again, around, quiet, RunKind.BACKTEST)
    summary = pipeline.run(pipeline.plan(compiled, around), folder / "store", asked.executor)
    if summary.interrupted:
        raise KeyboardInterrupt
    if summary.failed:
        # Fewer models would be judged than the answer says.
        summary.tell(quiet)
        quiet.require()
    return [_promoted(folder / "store", compiled, group, rate) for group, rate in rates.items()]


def _text(source: Read, pinned: Lock, said: dict[str, dict[str, str]], rates: dict[str, float]) -> str:
    """The spec with shuffled data, its members as they were locked, and no more of its backtest than is judged here."""
    from msgspec.structs import replace

    from fleetspec.compiler.compose import resolved_text

    value = {k: v for k, v in source.document.value.items() if k not in ("gates", "publish", "moved", "policies")}
    kept = ("available", "lag")
    value["data"] = {
        name: ({key: one[key] for key in kept if key in one} | said[name]) if name in said else one
        for name, one in value["data"].items()
    }
    value["universes"] = {
        name: {k: v for k, v in one.items() if k not in ("where", "as_of", "series")}
        | {"series": list(pinned.universes[name]) if name in pinned.universes else one.get("series", "all")}
        for name, one in value["universes"].items()
    }
    dropped = ("tests", "baseline", "stress", "windows", "metrics", "within")
    backtest = {k: v for k, v in value["backtest"].items() if k not in dropped}
    value["backtest"] = backtest | {"models": list(rates), "tests": ["diebold_mariano"], "within": "30d"}
    value["budget"] = {k: v for k, v in value["budget"].items() if k != "backtest"}
    return resolved_text(replace(source.document, value=value))


def _promoted(store: Path, compiled: pipeline.Compiled, group: str, rate: float) -> dict[str, Any]:
    import numpy as np

    from fleetspec.evaluation.contests import benjamini_hochberg
    from fleetspec.runtime.store import read_evaluations

    graph = compiled.graph
    ours = [code for code, setting in enumerate(graph.models.settings) if setting.group == group]
    mask = np.isin(graph.models.setting, ours)
    rows = [row for row in read_evaluations(store, graph, mask).to_pylist() if row["metric"] == _METRIC]
    p_values = np.array([row["value"] for row in rows if math.isfinite(row["value"])])
    return {
        "group": group,
        "models": int(mask.sum()),
        "tests": len(p_values),
        "promoted": int(benjamini_hochberg(p_values, rate).sum()),
        "smallest": float(p_values.min()) if len(p_values) else None,
        "below": float((p_values < 0.05).mean()) if len(p_values) else None,
    }


def _summed(group: str, rate: float, draws: list[dict[str, Any]]) -> dict[str, Any]:
    """All draws of a group: in how many anything was promoted, and the chance of as many at the stated rate."""
    mine = [one for draw in draws for one in draw["groups"] if one["group"] == group]
    false = sum(one["promoted"] > 0 for one in mine)
    tests = sum(one["tests"] for one in mine)
    chance = sum(math.comb(len(mine), k) * rate**k * (1 - rate) ** (len(mine) - k) for k in range(false, len(mine) + 1))
    below = [one["below"] for one in mine if one["below"] is not None]
    return {
        "group": group,
        "fdr": rate,
        "draws": len(mine),
        "models": mine[0]["models"],
        "tests": tests,
        "promoted": sum(one["promoted"] for one in mine),
        "draws_with_any": false,
        "below_5_percent": sum(below) / len(below) if below else None,
        "chance": min(chance, 1.0),
        "holds": chance >= CREDIBLE and tests > 0,
    }
