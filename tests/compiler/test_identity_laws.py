"""Identity as laws: the same meaning has the same digests, and another meaning has others downstream of it alone."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from toy_specs import BARS, RICH, TOYS, compiled, make_lock, read_spec

from fleetspec.compiler.changes import Changes, Side, changes
from fleetspec.compiler.compose import compose
from fleetspec.compiler.decode import decode
from fleetspec.compiler.jobgraph import JobGraph, RunKind, Task
from fleetspec.compiler.lower import lower
from fleetspec.diagnostics import Report

VALUE: dict[str, Any] = yaml.load(RICH, Loader=yaml.BaseLoader)  # noqa: S506 - plain texts, as the language reads them
SPELLINGS = {
    "close + 45m": ["close + 2700s", "close+45m"],
    "open - 90m": ["open - 1h30m"],
    "12h": ["720m", "43200s"],
    "1 bar": ["1bar"],
    "5 bars": ["5bars"],
    "8Gi": ["8192Mi", "8 GiB"],
    "0.5": ["5e-1", "0.50"],
    "0.1..1": ["0.10 .. 1.0", "1e-1..1"],
    "99%": ["99.0%"],
    "rsi(14)": ["rsi( 14 )"],
    "bars.csv": ["./bars.csv"],
}
SETS = ("families", "levels", "horizons", "universes", "models", "over", "tests", "p", "refit")
DEFAULTS: list[tuple[tuple[str, ...], str]] = [
    (("models", "vol", "params", "p"), "1"),
    (("models", "vol", "forecast"), "every session"),
    (("models", "var", "side"), "long"),
    (("models", "line", "measure"), "returns"),
    (("models", "tuned", "search", "method"), "random"),
    (("models", "tuned", "search", "validation"), "20%"),
    (("quality", "max_missing"), "5%"),
    (("backtest", "purge"), "horizon"),
    (("tier",), "low"),
    (("owner",), "somebody else"),
    (("budget", "month"), "9 USD"),
]


def put(value: dict[str, Any], route: tuple[str, ...], text: str) -> None:
    for key in route[:-1]:
        value = value.setdefault(key, {})
    value[route[-1]] = text


class Writer:
    """Writes a value as YAML in one of the many ways it can be written."""

    def __init__(self, draw: st.DrawFn) -> None:
        self.draw, self.anchors = draw, {}

    def yes(self) -> bool:
        return self.draw(st.booleans())

    def scalar(self, text: str) -> str:
        if text in self.anchors and self.yes():
            return f"*{self.anchors[text]} "
        told = self.draw(st.sampled_from([text, *SPELLINGS.get(text, [])]))
        plain = re.fullmatch(r"[\w.%/+()-]+( [\w.%/+()-]+)*", told) is not None and not told.startswith("-")
        written = told if plain and self.yes() else f'"{told}"'
        if text not in self.anchors and self.yes():
            self.anchors[text] = f"a{len(self.anchors)}"
            return f"&{self.anchors[text]} {written}"
        return written

    def shuffled(self, items: list[Any]) -> list[Any]:
        return self.draw(st.permutations(items))

    def flow(self, value: Any, key: str) -> str:
        if isinstance(value, dict):
            return "{" + ", ".join(f"{k}: {self.flow(value[k], k)}" for k in self.shuffled(list(value))) + "}"
        if isinstance(value, list):
            items = self.shuffled(value) if key in (*SETS, "fleet") else value
            return "[" + ", ".join(self.flow(item, "") for item in items) + "]"
        return self.scalar(value)

    def block(self, value: dict[str, Any], indent: str = "") -> list[str]:
        lines = []
        for key in self.shuffled(list(value)):
            item = value[key]
            if self.yes():
                lines.append(f"{indent}# {key}, as it happens")
            if isinstance(item, dict) and item and len(indent) < 4 and self.yes():
                lines += [f"{indent}{key}:", *self.block(item, indent + "  ")]
            else:
                lines.append(f"{indent}{key}: {self.flow(item, key)}" + ("   # indeed" if self.yes() else ""))
        return lines


@st.composite
def written_otherwise(draw: st.DrawFn) -> tuple[str, str | None]:
    """A spec that means what RICH means, and a file that it extends, if any."""
    value = yaml.load(RICH, Loader=yaml.BaseLoader)  # noqa: S506
    for route, text in draw(st.lists(st.sampled_from(DEFAULTS), unique_by=lambda one: one[0], max_size=4)):
        put(value, route, text)
    if draw(st.booleans()):
        tree = value["models"]["tree"]
        tree["families"] = [tree.pop("family")]
    if draw(st.booleans()):
        row = value["fleet"].pop(0)
        value["fleet"] += [{**row, "universes": "fx"}, {**row, "universes": ["main"]}]
    below = None
    if draw(st.booleans()):
        moved = draw(st.lists(st.sampled_from(sorted(set(value) - {"apiVersion", "kind", "name"})), unique=True))
        held = {key: value.pop(key) for key in moved}
        below = "\n".join(Writer(draw).block({"apiVersion": "fleetspec/v1", "kind": "Defaults", **held})) + "\n"
        value["extends"] = ["below.yaml"]
    return "\n".join(Writer(draw).block(value)) + "\n", below


def graph_of(text: str, below: str | None, run: RunKind) -> JobGraph:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "fleet.yaml").write_text(text)
        if below is not None:
            (folder / "below.yaml").write_text(below)
        report = Report()
        document = compose(folder / "fleet.yaml", report)
        spec = decode(document, report) if document is not None else None
        assert spec is not None, ([finding.message for finding in report], text)
    lock = make_lock(spec, BARS)
    return lower(spec, lock, TOYS, run, compiled(RICH).session)


def models_of(graph: JobGraph) -> dict[str, bytes]:
    return {graph.address(m): bytes(graph.models.digest[m]) for m in range(len(graph.models))}


@settings(max_examples=40, deadline=None)
@given(otherwise=written_otherwise(), run=st.sampled_from([RunKind.NIGHTLY, RunKind.BACKTEST]))
def test_the_same_meaning_has_the_same_digests(otherwise: tuple[str, str | None], run: RunKind) -> None:
    one, two = compiled(RICH, run), graph_of(*otherwise, run)
    assert models_of(one) == models_of(two)
    assert sorted(one.keys.tolist()) == sorted(two.keys.tolist())


Key = tuple[str, str, int, int, int]
Seeds = Callable[[str, Task], bool]


def jobs_of(graph: JobGraph) -> dict[Key, int]:
    names = [graph.address(m) for m in range(len(graph.models))]
    columns = (graph.model, graph.task, graph.window, graph.rung, graph.part)
    rows = zip(*(column.tolist() for column in columns), strict=True)
    return {(names[m], Task(t).label, w, r, p): job for job, (m, t, w, r, p) in enumerate(rows)}


def group(*names: str) -> Seeds:
    return lambda address, task: address.split("/")[2].split("~")[0] in names


def series(universe: str, *slugs: str) -> Seeds:
    return lambda address, task: address.split("/")[1] == universe and address.split("/")[4] in slugs


MEANINGS: dict[str, tuple[str, str, Seeds, str]] = {
    # what: (old, new, the jobs that it changes by itself, the class of their models)
    "a parameter": ("params: {alpha: 0.5}", "params: {alpha: 0.25}", group("line"), "model"),
    "the training window": ("[wave, calm], target: variance, train: 100", "[wave, calm], target: variance, train: 99",
                            group("vol"), "model"),
    "features": ("momentum(5)", "momentum(6)", group("line", "tuned", "tree"), "model"),
    "levels": ("[99%, 95%]", "[99%, 90%]", group("var"), "model"),
    "the seed": ("seed: 7", "seed: 8", lambda address, task: True, "model"),
    "the side": ("levels: [99%, 95%]", "levels: [99%, 95%], side: short", group("var"), "model"),
    "a horizon more": ("horizons: [1 bar, 5 bars]\nf", "horizons: [1 bar, 5 bars, 20 bars]\nf",
                       lambda address, task: group("vol", "grid")(address, task) and task is Task.FORECAST, "model"),
    "a wider space": ("alpha: 0.1..1", "alpha: 0.1..2", group("tuned"), "model"),
    "more trials": ("trials: 8", "trials: 9", group("tuned"), "model"),
    "another metric": ("metric: rmse", "metric: mae", group("tuned"), "model"),
    "a value of an axis": ("p: [1, 2]", "p: [1, 2, 3]", lambda address, task: False, "model"),
    "the price column": ("rates.csv, key: ticker, time: date, price: close",
                         "rates.csv, key: ticker, time: date, price: open",
                         lambda address, task: address.split("/")[1] == "fx", "data"),
}  # fmt: skip
UPSTREAM = {"var", "blend"}


def compare(before: str, after: str, run: RunKind = RunKind.NIGHTLY, revised: str = "") -> tuple[Changes, set[Key]]:
    """The changes, and the jobs that both have under other digests."""
    specs = read_spec(before), read_spec(after)
    locks = make_lock(specs[0], BARS), make_lock(specs[1], BARS, revised)
    session = compiled(RICH).session
    one, two = (Side(lower(s, lock, TOYS, run, session), s) for s, lock in zip(specs, locks, strict=True))
    old, new = jobs_of(one.graph), jobs_of(two.graph)
    other = {key for key in old.keys() & new.keys() if one.graph.keys[old[key]] != two.graph.keys[new[key]]}
    return changes(one, two), other


def downstream(graph: JobGraph, seeds: Seeds) -> set[Key]:
    """The seeds and all that is made from them, one job at a time."""
    jobs = jobs_of(graph)
    hit: set[int] = set()
    for (address, task, *_), job in sorted(jobs.items(), key=lambda one: one[1]):
        if seeds(address, Task[task.upper()]) or hit & set(graph.parents(job).tolist()):
            hit.add(job)
    return {key for key, job in jobs.items() if job in hit}


@pytest.mark.parametrize("run", [RunKind.NIGHTLY, RunKind.BACKTEST])
@pytest.mark.parametrize("what", MEANINGS)
def test_another_meaning_reaches_what_is_downstream_and_nothing_else(what: str, run: RunKind) -> None:
    before, after, seeds, klass = MEANINGS[what]
    assert RICH.count(before) >= 1
    changed, other = compare(RICH, RICH.replace(before, after), run)
    if what == "the training window" and run is RunKind.BACKTEST:
        # Windows are numbered from the first that fits, and begin together with those they are combined with.
        assert {key[0] for key in other} == {key[0] for key in downstream(changed.base, group("vol", "var"))}
        return
    both = jobs_of(changed.base).keys() & jobs_of(changed.head).keys()
    assert other == downstream(changed.head, seeds) & both
    head = changed.head
    for model in np.flatnonzero(changed.state("changed")).tolist():
        address = head.address(model)
        own = any(seeds(address, task) for task in Task)
        assert changed.state(klass if own else "upstream")[model], address
    assert {head.address(m) for m in np.flatnonzero(changed.state("changed"))} == {key[0] for key in other}


@settings(max_examples=25, deadline=None)
@given(
    st.lists(
        st.sampled_from([name for name in MEANINGS if name != "the price column"]), unique=True, min_size=2, max_size=4
    )
)
def test_several_changes_reach_what_each_of_them_reaches(names: list[str]) -> None:
    text = RICH
    for name in names:
        text = text.replace(MEANINGS[name][0], MEANINGS[name][1])
    changed, other = compare(RICH, text)
    both = jobs_of(changed.base).keys() & jobs_of(changed.head).keys()
    each = [downstream(changed.head, MEANINGS[name][2]) for name in names if MEANINGS[name][1] in text]
    assert other == set().union(*each) & both


def test_a_member_more_reaches_what_is_over_it() -> None:
    changed, other = compare(RICH.replace("[wave, calm], target", "[wave], target"), RICH)
    # On fx the member is excepted.
    assert {key[0].rsplit("/", 3)[0] for key in other} == {"toys/main/var"}
    assert changed.state("upstream").sum() == changed.state("changed").sum() > 0
    assert {a.split("/")[3] for a in addresses(changed.head, changed.state("new"))} == {"calm"}


def test_an_exception_taken_back_reaches_its_universe() -> None:
    changed, other = compare(RICH, RICH.replace("except:\n  - {universes: fx, families: calm}\n", ""))
    assert {key[0].rsplit("/", 3)[0] for key in other} == {"toys/fx/var"}
    assert {a.rsplit("/", 2)[0] for a in addresses(changed.head, changed.state("new"))} == {"toys/fx/vol/calm"}


@pytest.mark.parametrize("name", ["A", "B"])
def test_a_revised_series_reaches_its_jobs_and_those_over_it(name: str) -> None:
    changed, other = compare(RICH, RICH, revised=name)
    assert other == downstream(changed.head, series("main", name.lower(), "_"))
    assert changed.state("data").sum() == changed.state("changed").sum() == len({key[0] for key in other})
    assert models_of(changed.base) == models_of(changed.head)


def test_another_cadence_reaches_the_windows_that_move() -> None:
    group = "[wave, calm], target: variance, train: 100 bars, refit: "
    changed, other = compare(RICH, RICH.replace(group + "5", group + "7"))
    old, new = jobs_of(changed.base), jobs_of(changed.head)
    moved = {
        key for key in old.keys() & new.keys()
        if key[1] == "fit" and changed.base.end[old[key]] != changed.head.end[new[key]]
    }  # fmt: skip
    assert moved
    names = {key[0] for key in moved}
    assert other == downstream(changed.head, lambda address, task: address in names)
    assert {a.split("/")[2] for a in addresses(changed.head, changed.state("model"))} == {"vol"}
    assert {a.split("/")[2] for a in addresses(changed.head, changed.state("upstream"))} == {"var"}


def addresses(graph: JobGraph, mask: np.ndarray[Any, Any]) -> set[str]:
    return {graph.address(int(model)) for model in np.flatnonzero(mask)}
