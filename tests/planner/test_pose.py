"""From a graph and a spec to numbers: what a job needs, what a node has, how long one takes in the other."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import date
from typing import Any

import networkx as nx
import numpy as np
import pytest
from msgspec import structs
from numpy.typing import NDArray

from fleetspec.catalog.loading import shipped, with_measured
from fleetspec.catalog.types import Runtime
from fleetspec.compiler.jobgraph import GroupFamily, JobClass, JobGraph, Models, Rung, RunKind, SearchSetting, Task
from fleetspec.compiler.spec import FleetSpec
from fleetspec.diagnostics import ExitCode, Rejected
from fleetspec.families import registry
from fleetspec.family import Family, Params, Profile
from fleetspec.planner.offers import usable_memory
from fleetspec.planner.planning import make_plan
from fleetspec.planner.pose import header_of, pose
from fleetspec.planner.problem import CapacityProblem
from fleetspec.planner.violations import violations

POOLS: dict[str, dict[str, str]] = {
    "cpu": {"cpu": "16", "memory": "64Gi", "price": "0.80 USD/h", "max": "20", "boot": "2m"},
    "mig": {"offer": "gcp/a3-highgpu-1g", "mig": "auto", "max": "2", "boot": "5m"},
    "whole": {"gpu": "RTX-4090", "per_node": "2", "cpu": "32", "memory": "128Gi", "price": "0.62 USD/h", "max": "1"},
}


def make_spec(pools: tuple[str, ...] = ("cpu", "mig", "whole"), **changes: Any) -> FleetSpec:
    value: dict[str, Any] = {
        "apiVersion": "fleetspec/v1",
        "kind": "Fleet",
        "name": "demo",
        "owner": "research",
        "data": {"d": {"from": "synthetic:market"}},
        "universes": {"u": {"data": "d", "calendar": "XNYS", "bar": "1 session"}},
        "horizons": ("1 bar",),
        "models": {"g": {"family": "garch", "target": "variance"}},
        "fleet": ({"universes": "u", "models": "g"},),
        "backtest": {"scheme": "walk-forward", "models": ("g",), "step": "20 bars", "within": "24h"},
        "schedule": {"calendar": "XNYS", "start": "close + 45m", "deadline": "open - 90m"},
        "budget": {"nightly": "60 USD"},
        "hardware": {name: POOLS[name] for name in pools},
    }
    return FleetSpec.model_validate(value | changes)


def family(name: str, **profile: Any) -> Family:
    return Family(
        name=name,
        version="1",
        summary="stands in a graph",
        params=Params,
        targets=frozenset({"return"}),
        per=frozenset({"series"}),
        horizon_free=True,
        uses_features=False,
        min_bars=10,
        profile=Profile(**({"memory_mib": 300, "basis": "made up"} | profile)),
        forecast=_no_forecast,
    )


def _no_forecast(request: Any) -> Any:
    raise AssertionError("nothing is forecast here")


def make_graph(
    *families: Family, run: RunKind = RunKind.NIGHTLY, work: float = 1000.0, gpu_memory: int | None = None
) -> JobGraph:
    """Three fits, three forecasts and three evaluations of every family, one class per task."""
    settings = tuple(
        GroupFamily(f"g-{one.name}", one, "return", "series", {}, (), (), 1000, 5, (), gpu_memory) for one in families
    )
    classes = tuple(
        JobClass("u", setting.group, setting.family.name, task, int(task), work)
        for setting in settings
        for task in (Task.FIT, Task.FORECAST, Task.EVALUATE)
    )
    klass = np.repeat(np.arange(len(classes), dtype=np.int32), 3)
    n = len(klass)
    models = Models(
        universes=("u",),
        settings=settings,
        series_names=(("A", "B", "C"),),
        horizons=(1,),
        universe=np.zeros(3 * len(settings), np.int32),
        setting=np.repeat(np.arange(len(settings), dtype=np.int32), 3),
        series=np.tile(np.arange(3, dtype=np.int32), len(settings)),
        horizon=np.full(3 * len(settings), -1, np.int32),
        digest=np.zeros((3 * len(settings), 16), np.uint8),
    )
    return JobGraph(
        fleet="demo",
        run=run,
        session=date(2026, 11, 23),
        seed=0,
        models=models,
        classes=classes,
        task=np.array([classes[k].task for k in klass], np.uint8),
        model=(np.tile(np.arange(3), len(classes)) + 3 * (klass // 3)).astype(np.int32),
        window=np.zeros(n, np.int32),
        start=np.zeros(n, np.int32),
        end=np.full(n, 1000, np.int32),
        klass=klass,
        rung=np.zeros(n, np.int8),
        part=np.zeros(n, np.int32),
        digest=np.zeros((n, 16), np.uint8),
        parent_ptr=np.zeros(n + 1, np.int64),
        parent_index=np.zeros(0, np.int32),
        stages=nx.DiGraph(),
        content="5eed" * 8,
    )


def none_done(graph: JobGraph) -> NDArray[np.bool_]:
    return np.zeros(len(graph), dtype=bool)


def posed(graph: JobGraph, spec: FleetSpec | None = None) -> CapacityProblem:
    return pose(graph, spec or make_spec(), shipped(), none_done(graph))


def test_what_a_node_has_for_jobs() -> None:
    cpu, mig, whole = posed(make_graph(family("garch"))).pools
    # One of 16 cores and 8 % of the memory stay with the system.
    assert (cpu.cpu, cpu.memory_mib) == (15, usable_memory(65536))
    assert (cpu.slots, cpu.patterns, cpu.price_basis) == ((), (), "spec")
    assert (mig.cpu, mig.gpu, mig.gpus, mig.usd_per_hour) == (25, "H100-80GB", 1, 11.0612)
    assert "2026-08-03" in mig.price_basis
    assert len(mig.patterns) == 28
    sevenths = next(pattern for pattern in mig.patterns if pattern.name == "7x1g.10gb")
    assert (sevenths.slots, sevenths.cores_per_slot) == ((("mig-1g.10gb", 7),), 3)
    assert {slot.name: slot.share for slot in mig.slots}["mig-3g.40gb"] == pytest.approx(3 / 7)
    assert [slot.name for slot in whole.slots] == ["gpu"]
    assert (whole.patterns[0].slots, whole.patterns[0].cores_per_slot) == ((("gpu", 2),), 15)


def test_a_small_node_keeps_all_its_cores() -> None:
    spec = make_spec(hardware={"laptop": {"cpu": "2", "memory": "8Gi", "price": "0.10 USD/h", "max": "1"}})
    assert posed(make_graph(family("garch")), spec).pools[0].cpu == 2


def test_where_classes_may_run() -> None:
    never, may, must = (
        family("a"),
        family("b", gpu="optional", gpu_memory_mib=5000),
        family("c", gpu="required", gpu_memory_mib=15_000),
    )
    classes = {one.name: one for one in posed(make_graph(never, may, must)).classes}
    assert {p.pool for p in classes["u/g-a/a/fit"].placements} == {"cpu"}
    assert {p.pool for p in classes["u/g-b/b/fit"].placements} == {"cpu", "mig", "whole"}
    # 15,000 MiB do not fit into a slice of 9,984 MiB, and fit into the wide one of 20,091.
    required = {(p.pool, p.slot) for p in classes["u/g-c/c/fit"].placements}
    assert required == {("whole", "gpu")} | {
        ("mig", f"mig-{name}") for name in ("1g.20gb", "2g.20gb", "3g.40gb", "4g.40gb", "7g.80gb")
    }
    # Evaluation looks at stored forecasts: no GPU.
    assert {p.pool for p in classes["u/g-c/c/evaluate"].placements} == {"cpu"}


@pytest.mark.parametrize("name", ["garch", "gjr", "egarch", "tgarch"])
def test_volatility_goes_to_a_gpu_once_it_is_measured_to_pay(name: str) -> None:
    graph, spec = make_graph(registry()[name]), make_spec()
    assumed = {p.slot: p for p in pose(graph, spec, shipped(), none_done(graph)).classes[0].placements}
    assert assumed["gpu"].basis == "assumed"
    assert assumed["gpu"].seconds > assumed["cpu"].seconds
    row = shipped().runtimes[name, "fit", "H100-80GB"]
    quick = structs.replace(row, seconds=1e-6, basis="measured", n=50, source="a store")
    measured = pose(graph, spec, with_measured(shipped(), [quick]), none_done(graph)).classes[0].placements
    assert min((p.seconds, p.pool) for p in measured)[1] == "mig"


def test_a_groups_gpu_memory_overrides_the_familys() -> None:
    graph = make_graph(family("c", gpu="required", gpu_memory_mib=1000), gpu_memory=30_000)
    slots = {p.slot for p in posed(graph).classes[0].placements if p.pool == "mig"}
    assert slots == {"mig-3g.40gb", "mig-4g.40gb", "mig-7g.80gb"}


def test_cores_and_memory_of_a_slot_count_too() -> None:
    graph = make_graph(family("c", gpu="required", gpu_memory_mib=1000, cores=13))
    # Of 25 cores two slots get 12 each, so only a GPU in one piece has 13. A 4090 node has 15 for each of two.
    found = {(p.pool, p.slot) for p in posed(graph).classes[0].placements}
    assert found == {("mig", "mig-7g.80gb"), ("whole", "gpu")}


def test_seconds_are_the_mean_at_the_classs_work_and_share() -> None:
    row = Runtime("garch", "fit", "cpu", 2.0, 1000.0, 1.0, 0.0, 0.5, "measured", 9, "bench")
    catalog = with_measured(shipped(), [row])
    graph = make_graph(family("garch"), work=4000.0)
    known = catalog.runtimes["garch", "fit", "cpu"]
    place = pose(graph, make_spec(), catalog, none_done(graph)).classes[0].placements[0]
    # The mean of a lognormal is its median times exp(spread^2 / 2).
    assert place.seconds == pytest.approx(known.seconds * 4**known.exponent * math.exp(known.spread**2 / 2))
    assert place.p50 == pytest.approx(known.seconds * 4**known.exponent)
    assert place.p50 < place.seconds < place.p95
    assert (place.basis, place.n, place.error) == ("measured", 9, known.error)


def test_a_slice_is_slower_by_its_share() -> None:
    graph = make_graph(family("nbeats", gpu="required", gpu_memory_mib=1000))
    seconds = {p.slot: p.seconds for p in posed(graph).classes[0].placements if p.pool == "mig"}
    exponent = shipped().runtimes["nbeats", "fit", "H100-80GB"].share_exponent
    assert seconds["mig-1g.10gb"] / seconds["mig-7g.80gb"] == pytest.approx(7**exponent)


def test_done_jobs_are_reused() -> None:
    graph = make_graph(family("garch"))
    done = none_done(graph)
    done[:2] = True
    classes = pose(graph, make_spec(), shipped(), done).classes
    assert [(one.jobs, one.reused) for one in classes] == [(1, 2), (3, 0), (3, 0)]


def test_the_window_and_the_budget_of_a_night() -> None:
    graph = make_graph(family("garch"))
    problem = posed(graph)
    # From 45 minutes after the close (16:00) to 90 minutes before the open (09:30): 16:45 to 08:00 is 15 h 15 min.
    # Thanksgiving week of 2026 has an early close on Friday 27, whose night is longer, and no shorter one.
    assert problem.deadline_seconds == 15 * 3600 + 15 * 60
    assert problem.budget_usd == 60.0
    assert problem.overhead_seconds == make_spec().cluster.startup.seconds == 120
    header = header_of(graph, make_spec(), shipped(), "text", b"lock")
    assert header.deadline == "open - 1h30m"
    assert header.night.endswith("2026-11-24 13:00 UTC")


def test_the_window_and_the_budget_of_a_backtest() -> None:
    graph = make_graph(family("garch"), run=RunKind.BACKTEST)
    problem = posed(graph)
    assert (problem.deadline_seconds, problem.budget_usd) == (24 * 3600, None)
    limited = make_spec(budget={"nightly": "1 USD", "backtest": "7 USD"})
    assert posed(graph, limited).budget_usd == 7.0
    assert header_of(graph, make_spec(), shipped(), "text", b"lock").deadline == "1d"


def test_the_window_and_the_budget_of_a_change() -> None:
    graph = make_graph(family("garch"), run=RunKind.CHANGE)
    problem = posed(graph)
    # A day, and no limit, where the spec does not say.
    assert (problem.deadline_seconds, problem.budget_usd) == (24 * 3600, None)
    spec = make_spec(budget={"nightly": "1 USD", "change": "9 USD"}, change={"within": "3h"})
    problem = posed(graph, spec)
    assert (problem.deadline_seconds, problem.budget_usd) == (3 * 3600, 9.0)
    header = header_of(graph, spec, shipped(), "text", b"lock")
    assert (header.deadline, header.night) == ("3h", "from the start of the change")


def searched(jobs: int, trials: int) -> JobGraph:
    """Fits of a family whose forecasts are taken for the trials of a search: three jobs, each of its share."""
    graph = make_graph(family("elasticnet", gpu="optional", gpu_memory_mib=100), work=1000.0 * trials / jobs)
    search = SearchSetting(20, "rmse", 0.2, (), (Rung(trials, 1.0, jobs),))
    (setting,) = graph.models.settings
    models = replace(graph.models, settings=(structs.replace(setting, search=search),))
    task = np.where(graph.task == Task.FORECAST, Task.TRIAL, graph.task).astype(np.uint8)
    classes = tuple(structs.replace(k, task=Task.TRIAL) if k.task is Task.FORECAST else k for k in graph.classes)
    return replace(graph, models=models, task=task, classes=classes)


def test_trials_take_as_long_as_so_many_fits() -> None:
    """A fit's time grows with less than its work, but two fits take twice as long as one."""
    one = {k.task: k.placements[0] for k in posed(make_graph(family("elasticnet"))).classes}
    for jobs, trials in ((1, 40), (40, 40)):
        by_task = {k.task: k for k in posed(searched(jobs, trials)).classes}
        trial = next(p for p in by_task["trial"].placements if p.pool == "cpu")
        assert trial.seconds == pytest.approx(one["fit"].seconds * trials / jobs)
        # Trials are fits: a family that may use a GPU may use it for them.
        assert {p.pool for p in by_task["trial"].placements} == {p.pool for p in by_task["fit"].placements}


def test_measured_trials_stand_for_themselves() -> None:
    row = Runtime("elasticnet", "trial", "cpu", 0.5, 40_000.0, 1.0, 0.0, 0.0, "measured", 9, "bench")
    graph = searched(1, 40)
    problem = pose(graph, make_spec(), with_measured(shipped(), [row]), none_done(graph))
    trial = next(k for k in problem.classes if k.task == "trial")
    # One fit of the forty varies as the row says, all of them together far less.
    spread = with_measured(shipped(), [row]).runtimes["elasticnet", "trial", "cpu"].spread
    assert trial.placements[0].seconds == pytest.approx(0.5 * math.exp(spread**2 / 2))
    assert trial.placements[0].spread < spread / 5
    assert (trial.placements[0].basis, trial.placements[0].n) == ("measured", 9)


def test_digests_follow_what_they_are_of() -> None:
    graph, spec = make_graph(family("garch")), make_spec()
    row = Runtime("garch", "fit", "cpu", 2.0, 1000.0, 1.0, 0.0, 0.5, "measured", 9, "bench")
    base = header_of(graph, spec, shipped(), "text", b"lock").inputs
    assert header_of(graph, spec, shipped(), "text", b"lock").inputs == base
    measured = header_of(graph, spec, with_measured(shipped(), [row]), "text", b"lock").inputs
    assert (measured.spec, measured.lock, measured.graph) == (base.spec, base.lock, base.graph)
    assert measured.measured != base.measured
    assert measured.catalog == base.catalog
    assert header_of(graph, spec, shipped(), "other", b"lock").inputs.spec != base.spec
    assert header_of(graph, spec, shipped(), "text", b"other").inputs.lock != base.lock
    assert "HiGHS" in base.solver


@pytest.mark.parametrize(
    ("one", "pools", "words", "way"),
    [
        (
            {"gpu": "required", "gpu_memory_mib": 100_000},
            ("cpu", "mig"),
            "81152 MiB of GPU memory in mig-7g.80gb",
            "gpu_memory",
        ),
        ({"gpu": "required", "gpu_memory_mib": 1000}, ("cpu",), "there is no pool of GPU nodes", "mig: auto"),
        ({"memory_mib": 100_000}, ("cpu",), "15 cores and 59824 MiB on a node of 'cpu'", "larger nodes"),
        ({"cores": 16}, ("cpu",), "a job needs 16 cores", "larger nodes"),
        ({}, ("mig",), "there is no pool of CPU nodes", "without GPUs"),
    ],
)
def test_a_class_that_fits_nowhere(one: dict[str, Any], pools: tuple[str, ...], words: str, way: str) -> None:
    graph = make_graph(family("deep", **one))
    with pytest.raises(Rejected) as caught:
        posed(graph, make_spec(pools))
    finding = caught.value.report.errors[0]
    assert finding.rule.code == "FS303"
    assert finding.route == ("hardware",)
    assert "u/g-deep/deep/fit" in finding.message
    assert words in finding.message
    assert way in (finding.help or "")
    assert caught.value.exit_code is ExitCode.INFEASIBLE


def test_gpu_memory_written_in_the_spec_is_to_blame() -> None:
    graph = make_graph(family("deep", gpu="required"), gpu_memory=100_000)
    models = {"g-deep": {"family": "deep", "target": "return", "gpu_memory": "100000Mi"}}
    with pytest.raises(Rejected) as caught:
        posed(graph, make_spec(models=models))
    (finding,) = caught.value.report.errors
    assert finding.route == ("models", "g-deep", "gpu_memory")
    assert "(and 1 more class of models.g-deep)" in finding.message


def test_what_is_done_need_not_fit() -> None:
    graph = make_graph(family("deep", gpu="required", gpu_memory_mib=100_000))
    done = graph.task != Task.EVALUATE
    problem = pose(graph, make_spec(), shipped(), done)
    plan = make_plan(problem, header_of(graph, make_spec(), shipped(), "text", b"lock"))
    assert plan.verdict == "feasible"
    assert violations(problem, plan) == []


def test_from_graph_to_plan() -> None:
    graph = make_graph(family("garch"), family("nbeats", gpu="required", gpu_memory_mib=9000))
    problem = posed(graph)
    plan = make_plan(problem, header_of(graph, make_spec(), shipped(), "text", b"lock"))
    assert plan.verdict == "feasible"
    assert violations(problem, plan) == []
    assert (plan.jobs, plan.models) == (18, 6)
    assert [stage.title for stage in plan.stages] == ["fit", "forecast", "evaluate"]
    assert any("ASSUMED nbeats fit" in line for line in plan.assumptions)


def test_a_backtest_needs_a_backtest() -> None:
    graph = replace_run(make_graph(family("garch")))
    with pytest.raises(ValueError, match="backtest"):
        posed(graph, make_spec(backtest=None))


def replace_run(graph: JobGraph) -> JobGraph:
    return replace(graph, run=RunKind.BACKTEST)


def test_memory_that_pods_get() -> None:
    # By hand, in MiB: a quarter of the first 4096, a fifth of the next, a tenth of the next 8192, 6 % up to 131072,
    # 2 % above, and 100 for eviction. 65536 - 1024 - 819.2 - 819.2 - 2949.12 - 100; 8192 - 1024 - 819.2 - 100.
    assert usable_memory(65536) == 59824
    assert usable_memory(8192) == 6248
    assert usable_memory(262144) == int(262144 - 1024 - 819.2 - 819.2 - 6881.28 - 2621.44 - 100)


@pytest.mark.parametrize(("asked", "devices"), [(None, {"gpu"}), ("optional", {"cpu", "gpu"}), ("never", {"cpu"})])
def test_a_group_says_whether_its_jobs_need_a_gpu(asked: str | None, devices: set[str]) -> None:
    graph = make_graph(family("nbeats", gpu="required", gpu_memory_mib=1000))
    (setting,) = graph.models.settings
    models = replace(graph.models, settings=(structs.replace(setting, gpu=asked),))
    fit = posed(replace(graph, models=models)).classes[0]
    assert {"cpu" if place.pool == "cpu" else "gpu" for place in fit.placements} == devices
