"""A fleet of toy families on a CSV of small series: what the runtime's tests run.

Importable by worker processes (pytest puts this folder on the path). Series whose names begin with a keyword
misbehave: RAISE raises, FLAKY raises the first time, DIE kills its process, DIEONCE kills it the first time, SLEEP
takes 0.15 s, HANG an hour, EAT asks for more
memory than there can be. ``MANY`` is the family of means that takes whole bundles.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any

import networkx as nx
import numpy as np
from msgspec.structs import replace

from fleetspec.compiler.jobgraph import NONE, GroupFamily, JobClass, JobGraph, Models, RunKind, Task
from fleetspec.compiler.lock import Lock, LockedSeries
from fleetspec.compiler.spec import FleetSpec
from fleetspec.family import Family, Fit, FitRequest, ForecastRequest, Forecasts, Params, Profile, Rejection
from fleetspec.panel.sources import SourceRequest, load
from fleetspec.planner.plans import Inputs, Lane, Plan, PoolLine, WorkerLine
from fleetspec.scalars import Number

TRAIN = 40
HORIZONS = (1, 5)


class ToyParams(Params):
    """``folder`` is where fits leave a trace of themselves, in whichever process they run."""

    scale: Number = 1.0
    folder: str = ""


def fit_mean(request: FitRequest) -> Fit:
    window = request.windows[0]
    name, folder = window.series, Path(request.params.folder)  # type: ignore[attr-defined]
    with (folder / "trace.txt").open("a") as log:
        log.write(f"{name}\n")
    if name.startswith("RAISE"):
        raise ValueError("no such luck\nsecond line")
    if name.startswith("FLAKY") and not (folder / name).exists():
        (folder / name).touch()
        raise ConnectionError("the licence server is away")
    if name.startswith("DIEONCE"):
        flag = folder / name
        if not flag.exists():
            flag.touch()
            os.kill(os.getpid(), signal.SIGKILL)
    elif name.startswith("DIE"):
        os.kill(os.getpid(), signal.SIGKILL)
    if name.startswith("SLEEP"):
        time.sleep(0.15)
    if name.startswith("HANG"):
        time.sleep(3600)
    if name.startswith("EAT"):
        # More than a process can address, so that it fails whatever the machine promises.
        np.empty(2**50)
    if np.ptp(window.returns) == 0:
        raise Rejection("all returns are equal")
    assert request.horizon is None
    every = np.concatenate([w.returns for w in request.windows])
    scale: float = request.params.scale  # type: ignore[attr-defined]
    return Fit(
        {"mean": scale * float(np.mean(every)), "seed": float(request.seed)},
        observations=len(every),
        log_likelihood=-1.5,
        artifact=name.encode() * 3,
        device=request.device,
    )


def forecast_mean(request: ForecastRequest) -> Forecasts:
    assert request.fit is not None
    assert request.fit.artifact == request.windows[0].series.encode() * 3
    blocks = []
    for window in request.windows:
        origins = window.dates[request.first_origin :]
        for horizon in request.horizons:
            blocks.append(
                Forecasts.block(window.series, origins, horizon, "return", horizon * request.fit.estimates["mean"])
            )
    return Forecasts.joined(blocks)


def forecast_double(request: ForecastRequest) -> Forecasts:
    (window,) = request.windows
    origins = window.dates[request.first_origin :]
    total = np.zeros(len(origins))
    for member in request.members:
        rows = member.horizon == request.horizons[0]
        assert (member.origin[rows] == origins).all()
        total += member.value[rows]
    return Forecasts.block(window.series, origins, request.horizons[0], "return", 2 * total)


_PROFILE = Profile(memory_mib=100, basis="toy")
MEAN = Family(
    "toy-mean", "1", "the mean", ToyParams, frozenset({"return"}), frozenset({"series", "universe"}), True, False, 2,
    _PROFILE, forecast_mean, fit_mean,
)  # fmt: skip
DOUBLE = Family(
    "toy-double", "1", "twice its members", ToyParams, frozenset({"return"}), frozenset({"series"}), False, False, 1,
    _PROFILE, forecast_double,
)  # fmt: skip


def fit_many_means(requests: Sequence[FitRequest]) -> list[Fit | Rejection]:
    with (Path(requests[0].params.folder) / "trace.txt").open("a") as log:  # type: ignore[attr-defined]
        log.write(f"together:{len(requests)}\n")
    return [_returned(fit_mean, request) for request in requests]


def forecast_many_means(requests: Sequence[ForecastRequest]) -> list[Forecasts | Rejection]:
    return [_returned(forecast_mean, request) for request in requests]


def _returned(call, request):
    try:
        return call(request)
    except Rejection as rejection:
        return rejection


def warm(params: ToyParams) -> None:
    with (Path(params.folder) / "trace.txt").open("a") as log:
        log.write("warm\n")


MANY = replace(MEAN, fit_many=fit_many_means, forecast_many=forecast_many_means, warm=warm)


def write_prices(path: Path, names: tuple[str, ...], bars: int = 60, seed: int = 7) -> None:
    """Long CSV of returns. EMPTY has only missing values, FLAT only zeros, LATE zeros in its first 40, SHORT five rows,
    GAPS a fifth missing."""
    days = np.arange(np.datetime64("2024-01-01"), np.datetime64("2024-01-01") + bars)
    lines = ["ticker,date,ret"]
    for i, name in enumerate(names):
        values: list[Any] = [f"{v:.8f}" for v in np.random.default_rng((seed, i)).normal(0, 0.01, bars)]
        if name.startswith("EMPTY"):
            values = [""] * bars
        elif name.startswith("FLAT"):
            values = ["0.0"] * bars
        elif name.startswith("LATE"):
            values[:TRAIN] = ["0.0"] * TRAIN
        elif name.startswith("SHORT"):
            values = values[:5]
        elif name.startswith("GAPS"):
            values = ["" if k % 5 == 0 else v for k, v in enumerate(values)]
        lines += [f"{name},{day},{value}" for day, value in zip(days, values, strict=False)]
    path.write_text("\n".join(lines) + "\n")


def toy_spec(max_quarantined: str = "50%") -> FleetSpec:
    return FleetSpec.model_validate(
        {
            "apiVersion": "fleetspec/v1",
            "kind": "Fleet",
            "name": "toys",
            "owner": "me",
            "data": {"bars": {"from": "prices.csv", "key": "ticker", "time": "date", "returns": "ret"}},
            "quality": {"max_missing": "10%", "max_quarantined": max_quarantined},
            "universes": {"main": {"data": "bars", "calendar": "XNYS", "bar": "1 session"}},
            "horizons": tuple(f"{h} bars" for h in HORIZONS),
            "models": {"mean": {"family": "toy-mean", "target": "return"}},
            "fleet": ({"universes": "main", "models": "mean"},),
            "schedule": {"calendar": "XNYS", "start": "close", "deadline": "open"},
            "budget": {"nightly": "1 USD"},
            "hardware": {"laptop": {"cpu": "2", "memory": "8Gi", "price": "0.10 USD/h", "max": "1"}},
        }
    )


def toy_lock(root: Path) -> Lock:
    series = load(SourceRequest("prices.csv", root, key="ticker", time="date", returns="ret"))
    return lock_of({s.name: LockedSeries(s.name, len(s), s.missing, None, None, s.digest()) for s in series.values()})


def lock_of(locked: dict[str, LockedSeries]) -> Lock:
    return Lock({"bars": locked}, {"main": tuple(sorted(locked))})


def toy_graph(
    lock: Lock,
    folder: Path,
    per: str = "series",
    run: RunKind = RunKind.NIGHTLY,
    twin: bool = False,
    family: Family = MEAN,
) -> JobGraph:
    """Nightly: per series a fit and a forecast of ``mean``, then per horizon a forecast of ``double`` over it.

    Backtest: two windows each and an evaluation. ``twin`` adds a second group of the same content and digests.
    ``per="universe"`` makes one model of all series, without ``double``.
    """
    names = lock.universes["main"]
    groups = ("mean", "twin") if twin else ("mean",)
    settings = tuple(
        GroupFamily(g, family, "return", per, {"scale": 1.0, "folder": str(folder)}, (), (), TRAIN, 5, (), None)
        for g in groups
    )
    settings += (GroupFamily("double", DOUBLE, "return", per, {}, (), ("mean",), TRAIN, 5, (), None),)
    rows: list[tuple[int, int, int, bytes]] = []
    jobs: list[tuple[Task, int, int, int, int, int, list[int], bytes]] = []
    classes: dict[tuple[str, str, Task, int], int] = {}

    def model(setting: int, series: int, horizon: int) -> int:
        content = settings[setting].family.name, series, horizon
        rows.append((setting, series, horizon, _digest(content)))
        return len(rows) - 1

    def job(task: Task, of: int, window: int, start: int, end: int, parents: list[int]) -> int:
        setting = settings[rows[of][0]]
        stage = 0 if not parents else 1 + max(stage_of[p] for p in parents)
        stage_of.append(stage)
        key = setting.group, setting.family.name, task, stage
        klass = classes.setdefault(key, len(classes))
        content = task, rows[of][3], start, end, [jobs[p][7] for p in parents]
        jobs.append((task, of, window, start, end, klass, parents, _digest(content)))
        return len(jobs) - 1

    stage_of: list[int] = []
    if per == "universe":
        bars = lock.data["bars"][names[0]].bars
        of = model(0, NONE, NONE)
        fit = job(Task.FIT, of, 0, *_window(bars), [])
        job(Task.FORECAST, of, 0, bars - 1, bars, [fit])
    else:
        for code, name in enumerate(names):
            bars = lock.data["bars"][name].bars
            for group in range(len(groups)):
                of = model(group, code, NONE)
                scored = []
                spans = [(*_window(bars), bars - 1, bars)]
                if run is RunKind.BACKTEST:
                    spans = [(w * 10, w * 10 + TRAIN, w * 10 + TRAIN - 1, w * 10 + TRAIN + 9) for w in range(2)]
                for window, (start, end, first, last) in enumerate(spans):
                    fit = job(Task.FIT, of, window, start, end, [])
                    scored.append(job(Task.FORECAST, of, window, first, last, [fit]))
                    if group == 0 and run is RunKind.NIGHTLY:
                        for h in range(len(HORIZONS)):
                            job(Task.FORECAST, model(len(groups), code, h), 0, first, last, [scored[-1]])
                if run is RunKind.BACKTEST:
                    job(Task.EVALUATE, of, 0, 0, bars, scored)
    parents = [j[6] for j in jobs]
    return JobGraph(
        fleet="toys",
        run=run,
        session=date(2024, 2, 28),
        seed=0,
        models=Models(
            ("main",),
            settings,
            (names,),
            HORIZONS,
            np.zeros(len(rows), dtype=np.int32),
            np.array([r[0] for r in rows], dtype=np.int32),
            np.array([r[1] for r in rows], dtype=np.int32),
            np.array([r[2] for r in rows], dtype=np.int32),
            np.array([list(r[3]) for r in rows], dtype=np.uint8),
        ),
        classes=tuple(JobClass("main", g, f, t, s, float(TRAIN)) for g, f, t, s in classes),
        task=np.array([j[0] for j in jobs], dtype=np.uint8),
        model=np.array([j[1] for j in jobs], dtype=np.int32),
        window=np.array([j[2] for j in jobs], dtype=np.int32),
        start=np.array([j[3] for j in jobs], dtype=np.int32),
        end=np.array([j[4] for j in jobs], dtype=np.int32),
        klass=np.array([j[5] for j in jobs], dtype=np.int32),
        rung=np.zeros(len(jobs), dtype=np.int8),
        part=np.zeros(len(jobs), dtype=np.int32),
        digest=np.array([list(j[7]) for j in jobs], dtype=np.uint8),
        parent_ptr=np.concatenate([[0], np.cumsum([len(p) for p in parents])]).astype(np.int64),
        parent_index=np.array([p for ps in parents for p in ps], dtype=np.int32),
        stages=nx.DiGraph(),
        content="0" * 32,
    )


def _window(bars: int) -> tuple[int, int]:
    end = TRAIN + max(bars - TRAIN, 0) // 5 * 5
    return (0, bars) if bars < TRAIN else (end - TRAIN, end)


def _digest(content: object) -> bytes:
    import hashlib

    return hashlib.blake2b(repr(content).encode(), digest_size=16).digest()


def toy_plan(graph: JobGraph, seconds: float = 0.01, slot: str = "cpu", gpu: str | None = None) -> Plan:
    """One lane per class, all on one pool."""
    counts = np.bincount(graph.klass, minlength=len(graph.classes))
    pool = "laptop" if slot == "cpu" else "gpus"
    lanes = tuple(
        Lane(c.stage, c.name, pool, slot, int(n), 2, seconds) for c, n in zip(graph.classes, counts, strict=True)
    )
    worker = WorkerLine("", slot, 1, 1, 2, 8192)
    return Plan(
        fleet=graph.fleet,
        run=str(graph.run),
        session=graph.session.isoformat(),
        night="",
        inputs=Inputs("", "", graph.content, "", "", ""),
        verdict="feasible",
        deadline_seconds=3600,
        overhead_seconds=0,
        end_seconds=10.0,
        budget_usd=1.0,
        cost_usd=0.1,
        bound_usd=0.1,
        gap=0.0,
        method="",
        rounds=1,
        models=len(graph.models),
        jobs=len(graph),
        reused=0,
        measured_share=0.0,
        stages=(),
        lanes=lanes,
        classes=(),
        pools=(PoolLine(pool, gpu, 1 if gpu else 0, 2, 8192, 0.1, "toy", 1, 1, 0, (worker,)),),
        binding=(),
        suggestions=(),
        assumptions=(),
    )
