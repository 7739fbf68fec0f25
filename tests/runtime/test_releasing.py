"""What a run may begin when: by stages, or by classes where the plan lets stages overlap."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from msgspec import structs

from fleetspec.compiler.jobgraph import Task
from fleetspec.planner.plans import Overlap
from fleetspec.runtime import driver
from fleetspec.runtime.bundles import Bundle, Need
from fleetspec.runtime.driver import run
from fleetspec.runtime.executor import InlineExecutor, Started
from fleetspec.runtime.ledger import Ledger, State
from fleetspec.runtime.releasing import Releases
from fleetspec.runtime.request import RunRequest
from fleetspec.runtime.store import Store, read_forecasts
from fleetspec.runtime.workload import Station

OVERLAP = Overlap(1.0, 10.0, ((0, 1, 5.0),))


def two_chains(request: RunRequest, overlap: Overlap | None) -> RunRequest:
    """The toy fleet with classes of their own for its second series: two chains of fit, forecast and double."""
    graph = request.graph
    second = graph.models.series[graph.model] == 1
    marked = tuple(structs.replace(one, mark="~b") for one in graph.classes)
    klass = np.where(second, graph.klass + len(graph.classes), graph.klass).astype(np.int32)
    graph = replace(graph, classes=(*graph.classes, *marked), klass=klass)
    return replace(request, graph=graph, plan=replace(request.plan, overlap=overlap))


class Reluctant(InlineExecutor):
    """One worker that takes fits of the second chain only when there is nothing else to do, and tells what it began."""

    def __init__(self, work: Any, began: list[str]) -> None:
        super().__init__(work)
        self.names = [one.name for one in work.graph.classes]
        self.began = began

    def events(self, stopping: Callable[[], bool]) -> Iterator[Any]:
        while self._queue:
            self._queue.rotate(-next((at for at, one in enumerate(self._queue) if not self.late(one)), 0))
            first = self._queue.popleft()
            rest, self._queue = self._queue, type(self._queue)([first])
            for event in super().events(stopping):
                if isinstance(event, Started):
                    self.began.append(self.names[event.bundle.klass])
                self._queue, rest = rest, self._queue
                yield event
                self._queue, rest = rest, self._queue
            self._queue = rest

    def late(self, bundle: Bundle) -> bool:
        return "~b" in self.names[bundle.klass] and self.names[bundle.klass].endswith("fit")


@pytest.fixture
def began(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    listed: list[str] = []
    monkeypatch.setattr(driver, "executor_of", lambda request, work: Reluctant(work, listed))
    return listed


@pytest.mark.parametrize("overlap", [None, OVERLAP])
def test_a_class_begins_when_what_it_reads_is_there(toys, began: list[str], overlap: Overlap | None) -> None:
    request = two_chains(toys.request("A", "B"), overlap)
    summary = run(request)
    assert (summary.done, summary.failed, summary.remaining) == (8, 0, 0)
    last = began.index("main/mean~b/toy-mean/fit")
    ahead = ["main/mean/toy-mean/fit", "main/mean/toy-mean/forecast", "main/double/toy-double/forecast"]
    assert began[:last] == (ahead[:1] if overlap is None else ahead)
    assert sorted(began) == sorted([*ahead, *(name.replace("/toy", "~b/toy") for name in ahead)])


def test_results_do_not_depend_on_what_overlaps(toys, began: list[str]) -> None:
    values = []
    for overlap, place in ((None, "one"), (OVERLAP, "two")):
        request = replace(two_chains(toys.request("A", "B"), overlap), store=toys.root / place)
        run(request)
        rows = read_forecasts(request.store, request.graph).to_pylist()
        values.append(sorted((row["address"], row["horizon"], row["value"]) for row in rows))
    assert values[0] == values[1]
    assert len(values[0]) == 8


def test_a_failed_fit_takes_its_own_chain_along_at_once(toys, began: list[str]) -> None:
    summary = run(two_chains(toys.request("RAISE", "S"), OVERLAP))
    assert (summary.done, summary.quarantined, summary.remaining) == (4, 4, 0)
    assert began == [
        "main/mean/toy-mean/fit",
        "main/mean~b/toy-mean/fit",
        "main/mean~b/toy-mean/forecast",
        "main/double~b/toy-double/forecast",
    ]


def releases(request: RunRequest, cores: Callable[[Need], int] = lambda need: 1) -> Releases:
    ledger = Ledger.load(Store.of(request.store, "toys"), request.graph)
    left = np.zeros(len(request.graph), dtype=bool)

    def station(need: Need) -> Station:
        return Station("cuda" if need.gpu else "cpu", "x", need.slot, cores(need))

    return Releases(ledger, request.plan, ledger.missing(), left, station)


def test_what_the_store_has_holds_nobody_up(toys) -> None:
    request = two_chains(toys.request("A", "B"), OVERLAP)
    run(request)
    found = releases(request)
    graph, ledger = request.graph, found.ledger
    # All forecasts of the first chain are lost again, and nothing else.
    gone = np.flatnonzero((graph.task == Task.FORECAST) & (graph.klass < 3))
    ledger.state[gone] = State.MISSING
    again = Releases(ledger, request.plan, ledger.missing(), found.left, found.station)
    assert [number for number, _ in again.fresh()] == [1]
    assert again.stage == 1
    ledger.state[gone] = State.DONE
    assert [(number, len(jobs)) for number, jobs in again.fresh()] == [(2, 0)]
    assert again.fresh() == []
    assert again.stages == 3


def test_jobs_that_are_left_out_hold_nobody_up(toys) -> None:
    found = releases(two_chains(toys.request("A", "B"), OVERLAP))
    first = found.fresh()
    assert [number for number, _ in first] == [0, 3]
    assert found.fresh() == []
    found.left[first[0][1]] = True
    assert [number for number, _ in found.fresh()] == [1]


def test_cpu_bundles_of_one_size_at_a_time_and_gpus_at_once(toys) -> None:
    request = two_chains(toys.request("A", "B"), OVERLAP)
    found = releases(request, lambda need: need.cores)

    def bundle(job: int, cores: int, gpu: str = "") -> Bundle:
        need = Need("p", "gpu" if gpu else "cpu", gpu, cores, 1)
        return Bundle(f"{job}", 0, np.array([job]), need, 1.0, ())

    narrow, wide, card = bundle(0, 1), bundle(1, 4), bundle(2, 2, "H100")
    found.queue([narrow, wide, card])
    assert found.next() == [card, wide]
    assert found.next() == []
    more = bundle(3, 4)
    found.queue([more])
    assert found.next() == [more]
    found.ledger.state[1] = State.DONE
    assert found.next() == []
    found.ledger.state[3] = State.FAILED
    assert found.next() == [narrow]


def test_what_came_to_nothing_does_not_stop_the_rest(toys) -> None:
    found = releases(two_chains(toys.request("A", "B"), None))
    assert [number for number, _ in found.fresh()] == [0]
    assert found.fresh() == []
    found.drained()
    assert [number for number, _ in found.fresh()] == [1]


def test_a_class_waits_for_results_that_another_group_asks_for_first(toys) -> None:
    """The fits of ``twin`` have the digests of those of ``mean``, which run for both; its forecasts are its own."""
    request = toys.request("A", "B", twin=True)
    graph = request.graph
    names = [one.name for one in graph.classes]
    own = graph.klass == names.index("main/twin/toy-mean/forecast")
    digest = graph.digest.copy()
    digest[own] += 1
    graph = replace(graph, digest=digest)
    assert [names[code] for code in graph.reads[names.index("main/twin/toy-mean/forecast")]] == [
        "main/mean/toy-mean/fit"
    ]
    plan = replace(request.plan, overlap=OVERLAP)
    ledger = Ledger.load(Store.of(request.store, "toys"), graph)
    nothing = np.zeros(len(graph), dtype=bool)
    releases = Releases(ledger, plan, ledger.missing(), nothing, lambda need: Station("cpu", 1, None, "cpu"))
    assert [names[number] for number, _ in releases.fresh()] == ["main/mean/toy-mean/fit"]
    for job in np.flatnonzero(graph.klass == names.index("main/mean/toy-mean/fit")):
        ledger.settle(int(job), State.DONE)
    assert {names[number] for number, _ in releases.fresh()} == {
        "main/mean/toy-mean/forecast",
        "main/twin/toy-mean/forecast",
    }
