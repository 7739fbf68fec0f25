"""The laws of a job graph, on random fleets, and against a graph spelled out one object at a time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from toy_specs import BARS, SPEC, TOYS, compiled, hexed, make_lock, read_spec

from fleetspec.compiler.jobgraph import NONE, JobGraph, RunKind, Task
from fleetspec.compiler.lower import default_session, lower
from fleetspec.compiler.spec import FleetSpec
from fleetspec.diagnostics import Rejected

lengths = st.dictionaries(st.sampled_from(["A", "B", "C.X", "D", "ON"]), st.integers(0, 180), min_size=1, max_size=4)
fleets = st.builds(lambda a, b: {"bars": a, "rates": b}, lengths, lengths)
runs = st.sampled_from(list(RunKind))


def addresses(graph: JobGraph) -> dict[str, bytes]:
    return {graph.address(m): bytes(graph.models.digest[m]) for m in range(len(graph.models))}


Key = tuple[str, Task, int]
"""A job by address, task and window."""


@dataclass
class Spelled:
    """A graph as dictionaries: bounds and parents by job."""

    bounds: dict[Key, tuple[int, int]]
    parents: dict[Key, set[Key]]


def from_columns(graph: JobGraph) -> Spelled:
    names = [graph.address(m) for m in range(len(graph.models))]
    keys = [(names[graph.model[j]], Task(int(graph.task[j])), int(graph.window[j])) for j in range(len(graph))]
    assert len(set(keys)) == len(keys)
    return Spelled(
        {key: (int(graph.start[j]), int(graph.end[j])) for j, key in enumerate(keys)},
        {key: {keys[p] for p in graph.parents(j)} for j, key in enumerate(keys)},
    )


def spelled_out(spec: FleetSpec, bars: dict[str, dict[str, int]], run: RunKind) -> Spelled:
    """The same graph by nested loops over the toy spec: the definition, without a single array."""
    found = Spelled({}, {})
    horizons = {("main", "tree"): [5]}
    free = {"wave": True, "calm": True}
    kept = ["vol", "var", "line"] if run is RunKind.BACKTEST else ["vol", "var", "line", "tree"]
    train = {"vol": 100, "var": 100, "line": 60, "tree": 60}
    refit = {"vol": 5, "line": 3, "tree": 5}
    for universe, source in (("main", "bars"), ("fx", "rates")):
        for group in kept:
            if group == "tree" and universe == "fx":
                continue
            for family in spec.models[group].family_names:
                series = ["_"] if group == "tree" else sorted(bars[source])
                for name in series:
                    n = max(bars[source].values()) if name == "_" else bars[source][name]
                    spot = "_" if name == "_" else "".join(c if c.isalnum() else "-" for c in name.lower())
                    for h in ["_"] if family in free else horizons.get((universe, group), [1, 5]):
                        address = f"toys/{universe}/{group}/{family}/{spot}/{h}"
                        spans = list(walk(n, train[group], refit.get(group, 0), run))
                        for w, (start, end, first, last) in enumerate(spans):
                            job: Key = (address, Task.FORECAST, w)
                            found.bounds[job] = (first, last)
                            if group == "var":
                                found.parents[job] = {
                                    (f"toys/{universe}/vol/{member}/{spot}/_", Task.FORECAST, w)
                                    for member in ("wave", "calm")
                                }
                                continue
                            fit: Key = (address, Task.FIT, w)
                            found.bounds[fit], found.parents[fit] = (start, end), set()
                            found.parents[job] = {fit}
                        if run is RunKind.BACKTEST and group in ("var", "line"):
                            final: Key = (address, Task.EVALUATE, 0)
                            found.bounds[final] = (spans[0][2], spans[-1][3])
                            found.parents[final] = {(address, Task.FORECAST, w) for w in range(len(spans))}
    return found


def walk(bars: int, train: int, refit: int, run: RunKind):
    """(fit from, to, first origin, after the last origin) of each window."""
    if run is not RunKind.BACKTEST:
        end = bars
        if bars >= train:
            end = max(range(train, bars + 1, refit or 5))
        yield max(end - train, 0) if bars >= train else 0, end, max(bars - 1, 0), bars
    elif bars <= train:
        yield 0, bars, max(bars - 1, 0), bars
    else:
        for end in range(train, bars, 20):
            yield end - train, end, end - 1, min(end + 19, bars - 1)


@settings(max_examples=40, deadline=None)
@given(bars=fleets, run=runs)
def test_a_graph_is_what_its_definition_says(bars: dict[str, dict[str, int]], run: RunKind) -> None:
    spec = read_spec(SPEC)
    graph = compiled(SPEC, run, bars)
    columns, loops = from_columns(graph), spelled_out(spec, bars, run)
    assert columns.bounds == loops.bounds
    assert columns.parents == loops.parents


@settings(max_examples=40, deadline=None)
@given(bars=fleets, run=runs)
def test_parents_come_before_their_children_and_in_earlier_stages(
    bars: dict[str, dict[str, int]], run: RunKind
) -> None:
    graph = compiled(SPEC, run, bars)
    child = np.repeat(np.arange(len(graph)), np.diff(graph.parent_ptr))
    assert graph.parent_ptr[0] == 0
    assert graph.parent_ptr[-1] == len(graph.parent_index)
    assert (graph.parent_index < child).all()
    stage = np.array([k.stage for k in graph.classes])
    assert (stage[graph.klass[graph.parent_index]] < stage[graph.klass[child]]).all()
    edges = {
        (graph.classes[a].name, graph.classes[b].name)
        for a, b in zip(graph.klass[graph.parent_index], graph.klass[child], strict=True)
    }
    assert edges == set(graph.stages.edges)
    assert {k.name: k.stage for k in graph.classes} == dict(graph.stages.nodes(data="stage"))
    assert np.bincount(graph.klass, minlength=len(graph.classes)).tolist() == [
        graph.stages.nodes[k.name]["jobs"] for k in graph.classes
    ]


@settings(max_examples=20, deadline=None)
@given(bars=fleets, run=runs)
def test_other_content_has_another_digest(bars: dict[str, dict[str, int]], run: RunKind) -> None:
    graph = compiled(SPEC, run, bars)
    assert len(np.unique(graph.keys)) == len(graph)
    assert len(set(addresses(graph).values())) == len(graph.models)


SAME = {
    "a comment": ("owner: me", "owner: me   # really"),
    "another owner": ("owner: me", "owner: you"),
    "another budget": ("nightly: 5 USD", "nightly: 50 USD"),
    "other hardware": ("cpu: 2, memory: 8Gi", "cpu: 64, memory: 256Gi"),
    "60 minutes for an hour": ("close + 45m", "close + 2700s"),
    "hours in minutes": ("within: 12h", "within: 720m"),
    "families in another order": ("[wave, calm]", "[calm, wave]"),
    "levels in another order": ("[99%, 95%]", "[95.0%, 99%]"),
    "horizons in another order": ("[1 bar, 5 bars]", "[5bars, 1 bar]"),
    "groups in another order": ("[vol, var, line]", "[line, var, vol]"),
    "a number spelled otherwise": ("alpha: 0.5", "alpha: 5e-1"),
    "a default spelled out": ("families: [wave, calm], ", "families: [wave, calm], params: {p: 1}, "),
    "a feature spelled otherwise": ("rsi(14)", '"rsi( 14 )"'),
    "a path spelled otherwise": ("bars.csv", "./bars.csv"),
    "universes in another order": (
        "  main: {data: bars, calendar: XNYS, bar: 1 session}\n  fx: {data: rates, calendar: 24/5, bar: 1 session}\n",
        "  fx: {bar: 1 session, data: rates, calendar: 24/5}\n  main: {data: bars, calendar: XNYS, bar: 1 session}\n",
    ),
}


@pytest.mark.parametrize("what", SAME)
@pytest.mark.parametrize("run", list(RunKind))
def test_what_changes_no_result_changes_no_digest(what: str, run: RunKind) -> None:
    before, after = SAME[what]
    assert before in SPEC
    one, two = compiled(SPEC, run), compiled(SPEC.replace(before, after), run)
    assert one.content == two.content
    assert (one.keys == two.keys).all()


CHANGES = {
    # what is changed: (old, new, groups whose models are others, of those with an address in both)
    "a family's parameter": ("alpha: 0.5", "alpha: 0.25", {"line"}),
    "the training window": ("train: 100 bars", "train: 99 bars", {"vol", "var"}),
    "the levels": ("[99%, 95%]", "[99%, 90%]", {"var"}),
    "the features": ("momentum(5)", "momentum(6)", {"line", "tree"}),
    "the seed": ("seed: 7", "seed: 8", {"vol", "var", "line", "tree"}),
    "a member of the transform": ("families: [wave, calm]", "families: [wave]", {"var"}),
    "the price column": (
        "key: ticker, time: date, price: close}\n  rates",
        "key: ticker, time: date, price: open}\n  rates",
        None,
    ),
}


@pytest.mark.parametrize("what", CHANGES)
def test_a_change_reaches_what_rests_on_it_and_nothing_else(what: str) -> None:
    before, after, groups = CHANGES[what]
    assert before in SPEC
    one, two = addresses(compiled(SPEC)), addresses(compiled(SPEC.replace(before, after)))
    other = {address for address in one.keys() & two.keys() if one[address] != two[address]}
    if groups is None:
        assert other == {address for address in one if address.startswith("toys/main/")}
    else:
        assert other == {address for address in one.keys() & two.keys() if address.split("/")[2] in groups}


def test_a_new_version_of_a_family_reaches_its_models_and_what_is_over_them() -> None:
    spec = read_spec(SPEC)
    lock = make_lock(spec, BARS)
    newer = replace(TOYS, families=dict(TOYS.families) | {"wave": replace(TOYS["wave"], version="2")})
    day = date(2025, 12, 31)
    one, two = (addresses(lower(spec, lock, known, RunKind.NIGHTLY, day)) for known in (TOYS, newer))
    assert {a for a in one if one[a] != two[a]} == {a for a in one if a.split("/")[3] in ("wave", "scaled")}


@pytest.mark.parametrize("run", list(RunKind))
def test_a_revised_series_reaches_its_jobs_and_no_model(run: RunKind) -> None:
    one, two = compiled(SPEC, run), compiled(SPEC, run, changed="B")
    assert addresses(one) == addresses(two)
    names = [one.address(int(m)) for m in one.model]
    other = {names[j] for j in np.flatnonzero(one.keys != two.keys)}
    # Every job of B, and the one model over the whole universe B is in.
    assert other == {a for a in names if a.startswith("toys/main/") and a.split("/")[4] in ("b", "_")}
    assert all(one.keys[j] != two.keys[j] for j, a in enumerate(names) if a in other)


def test_new_bars_leave_a_fit_alone_until_the_window_moves() -> None:
    """The lock's window digest stays while the window does; the forecast is made anew every session."""
    spec = read_spec(SPEC)
    lock = make_lock(spec, BARS)
    old = lock.data["bars"]["A"]
    # 150 bars, refit every 5: the window of `vol` ends at bar 150 and moves with bar 155.
    longer = replace(old, bars=153, digest=hexed("longer"))
    data = lock.data | {"bars": lock.data["bars"] | {"A": longer}}
    day = date(2025, 12, 31)
    one, two = (lower(spec, known, TOYS, RunKind.NIGHTLY, day) for known in (lock, replace(lock, data=data)))
    vol = [m for m in range(len(one.models)) if one.address(m) == "toys/main/vol/wave/a/_"]
    jobs = np.flatnonzero(one.model == vol[0])
    same = {Task(int(one.task[j])).label: bool(one.keys[j] == two.keys[j]) for j in jobs}
    assert same == {"fit": True, "forecast": False}


def test_a_gate_that_lets_a_series_in_or_out_makes_other_jobs_of_it_alone() -> None:
    spec = read_spec(SPEC)
    lock = make_lock(spec, BARS)
    gaps = replace(lock.data["bars"]["B"], missing=10)  # 10 of 141: 7.1 %
    lock = replace(lock, data=lock.data | {"bars": lock.data["bars"] | {"B": gaps}})
    limits = {limit: read_spec(SPEC + f"quality: {{max_missing: {limit}}}\n") for limit in ("5%", "7%", "8%")}
    day = date(2025, 12, 31)
    keys = {limit: lower(s, lock, TOYS, RunKind.NIGHTLY, day) for limit, s in limits.items()}
    assert (keys["5%"].keys == keys["7%"].keys).all()
    graph = keys["7%"]
    other = {graph.address(int(graph.model[j])).split("/")[4] for j in np.flatnonzero(graph.keys != keys["8%"].keys)}
    assert other == {"b", "_"}


def test_two_groups_of_one_content_have_one_digest() -> None:
    text = SPEC.replace(
        "  tree:", "  twin: {families: [wave, calm], target: variance, train: 100 bars, refit: 5 sessions}\n  tree:"
    )
    graph = compiled(text.replace("[vol, var, line]", "[vol, twin, var, line]"))
    known = addresses(graph)
    assert known["toys/fx/twin/wave/eur/_"] == known["toys/fx/vol/wave/eur/_"]


def test_a_universe_of_other_members_is_another_pooled_model_and_no_other_series() -> None:
    more = {"bars": BARS["bars"] | {"Z": 150}, "rates": BARS["rates"]}
    one, two = addresses(compiled(SPEC)), addresses(compiled(SPEC, bars=more))
    assert {a for a in one if one[a] != two[a]} == {"toys/main/tree/wood/_/5"}


def test_horizon_free_models_forecast_every_horizon_of_the_run() -> None:
    graph = compiled(SPEC)
    assert graph.models.horizons == (1, 5)
    free = {graph.models.settings[s].family.name for s in graph.models.setting[graph.models.horizon == NONE]}
    assert free == {"wave", "calm"}
    longer = compiled(SPEC.replace("[1 bar, 5 bars]", "[1 bar, 5 bars, 20 bars]"))
    # Fits stay as they are; their forecasts now hold a horizon more.
    kept = set(graph.keys.tolist()) & set(longer.keys.tolist())
    vol = np.array([s.group == "vol" for s in graph.models.settings])[graph.models.setting[graph.model]]
    assert set(graph.keys[vol & (graph.task == Task.FIT)].tolist()) <= kept
    assert not set(graph.keys[vol & (graph.task == Task.FORECAST)].tolist()) & kept


def test_the_content_names_the_run_the_session_and_the_fleet() -> None:
    spec = read_spec(SPEC)
    lock = make_lock(spec, BARS)
    day = date(2025, 12, 31)
    contents = {
        lower(spec, lock, TOYS, RunKind.NIGHTLY, day).content,
        lower(spec, lock, TOYS, RunKind.BACKTEST, day).content,
        lower(spec, lock, TOYS, RunKind.NIGHTLY, date(2025, 12, 30)).content,
        lower(read_spec(SPEC.replace("name: toys", "name: boys")), lock, TOYS, RunKind.NIGHTLY, day).content,
        compiled(SPEC, changed="A").content,
    }
    assert len(contents) == 5
    assert compiled(SPEC).content in contents


def test_the_class_of_a_job_says_what_it_sees() -> None:
    graph = compiled(SPEC)
    work = {k.name: k.work for k in graph.classes}
    # fx has one series of 200 bars: `vol` is fitted on 100 of them and forecasts from the last of bars 100 to 199.
    assert work["fx/vol/wave/fit"] == 100
    assert work["fx/vol/wave/forecast"] == 100
    # `tree` sees a window of 60 bars of each of three series (A: bars 90 to 149).
    assert work["main/tree/wood/fit"] == 180


def test_a_backtest_of_a_spec_without_one_is_refused() -> None:
    text = "".join(line + "\n" for line in SPEC.splitlines() if not line.startswith("backtest"))
    spec = read_spec(text)
    with pytest.raises(Rejected) as ending:
        lower(spec, make_lock(spec, BARS), TOYS, RunKind.BACKTEST, date(2025, 12, 31))
    assert ending.value.report.findings[0].rule.code == "FS242"


def test_the_session_is_the_last_one_the_data_have_seen() -> None:
    spec = read_spec(SPEC)
    lock = make_lock(spec, BARS)
    assert default_session(spec, lock) == date(2025, 12, 31)
    # The data end on New Year's Day, on which New York was closed.
    ends = {name: replace(s, last=date(2026, 1, 1)) for name, s in lock.data["bars"].items()}
    assert default_session(spec, replace(lock, data=lock.data | {"bars": ends})) == date(2025, 12, 31)
    with pytest.raises(Rejected) as ending:
        default_session(spec, make_lock(spec, {"bars": {"A": 0}, "rates": {"EUR": 0}}))
    assert ending.value.report.findings[0].rule.code == "FS240"


def test_jobs_are_columns_of_fixed_width() -> None:
    """A graph of 300,000 jobs holds arrays and a few names, and no object per job."""
    bars = {"bars": {f"S{i:04d}": 600 for i in range(1000)}, "rates": {"EUR": 200}}
    text = SPEC.replace("step: 20 bars", "step: 10 bars")
    graph = compiled(text, RunKind.BACKTEST, bars)
    # Per series 50 windows of 2 families and 54 windows of 2 horizons, fit and forecast; var forecasts 50 × 2;
    # var and line are evaluated at 2 horizons each.
    assert len(graph) == 1000 * (2 * 50 * 2 + 2 * 54 * 2 + 50 * 2 + 4) + (2 * 10 * 2 + 2 * 14 * 2 + 10 * 2 + 4)
    per_job = sum(
        getattr(graph, name).nbytes
        for name in ("task", "model", "window", "start", "end", "klass", "digest", "parent_ptr", "parent_index")
    ) / len(graph)
    assert per_job < 64


def test_no_forecast_is_made_from_before_its_fit_and_combined_ones_share_their_bars() -> None:
    text = SPEC.replace("refit: 5 sessions", "refit: 6 sessions, forecast: 3 sessions", 1)
    assert text != SPEC
    for bars in range(95, 125):
        graph = compiled(text, bars={"bars": {"A": bars}, "rates": {"A": bars}})
        for job in np.flatnonzero(graph.task == Task.FORECAST):
            for parent in graph.parents(int(job)):
                if graph.task[parent] == Task.FIT:
                    assert graph.end[parent] - 1 <= graph.start[job]
                else:
                    assert (graph.start[parent], graph.end[parent]) == (graph.start[job], graph.end[job])
