"""The events of a run: what they say against what the run did, and the log they are written to."""

from __future__ import annotations

import functools
import json
import operator
import os
from collections import Counter
from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np
import pytest

from fleetspec.runtime import events as told
from fleetspec.runtime import store as stored
from fleetspec.runtime.driver import run
from fleetspec.runtime.eventlog import EventLog
from fleetspec.runtime.executor import Death, Fault, InlineExecutor, Started
from fleetspec.runtime.listening import listening
from fleetspec.runtime.worker import run_bundle

NAMES = ("A", "B", "FLAT", "SHORT", "RAISE")


def heard(request) -> tuple[list[told.Event], object]:
    seen: list[told.Event] = []
    summary = run(replace(request, events=seen.append))
    return seen, summary


def of(seen: list[told.Event], kind: type) -> list:
    return [event for event in seen if isinstance(event, kind)]


def test_events_say_what_the_run_did(toys) -> None:
    request = toys.request(*NAMES)
    seen, summary = heard(request)
    assert [event.number for event in seen] == list(range(1, len(seen) + 1))
    assert {(event.fleet, event.run) for event in seen} == {("toys", "run-0001")}
    assert sorted(event.time for event in seen) == [event.time for event in seen]
    start, end = seen[0], seen[-1]
    assert isinstance(start, told.RunStarted)
    assert isinstance(end, told.RunEnded)
    assert (start.jobs, start.missing, start.models) == (summary.jobs, summary.jobs, summary.models)
    assert sum(group.missing for group in start.groups) == start.missing
    bundles = of(seen, told.BundleDone)
    assert [event.bundle for event in of(seen, told.BundleStarted)] == [event.bundle for event in bundles]
    assert sum(event.done for event in bundles) == summary.done == end.done
    assert sum(event.seconds for event in bundles) == pytest.approx(summary.fit_seconds, abs=1e-5)
    rows = stored.read_quarantine(request.store, request.graph).to_pylist()
    quarantined = of(seen, told.JobQuarantined)
    assert sorted((e.address, e.task, e.digest, e.reason) for e in quarantined) == sorted(
        (row["address"], row["task"], row["digest"].hex(), row["reason"]) for row in rows
    )
    assert sum(event.inherited for event in quarantined) == len(rows) - 3
    last = of(seen, told.Progressed)[-1]
    assert (last.done, last.total, last.eta_seconds) == (summary.jobs, summary.jobs, 0.0)
    assert last.quarantined_models == summary.quarantined_models == end.quarantined_models
    assert (end.state, end.exit_code) == ("done", int(summary.exit_code))


def test_a_run_with_nothing_to_do_begins_and_ends(toys) -> None:
    request = toys.request("A", "FLAT")
    run(request)
    seen, _ = heard(request)
    start, end = seen
    assert (start.run, start.missing, start.reused, start.quarantined) == (None, 0, 4, 4)
    assert (end.state, end.done, end.reused, end.quarantined) == ("done", 0, 4, 4)


def test_the_second_run_counts_what_was_there(toys) -> None:
    run(toys.request("A", "FLAT"))
    seen, _ = heard(toys.request("A", "FLAT", "Z"))
    assert (seen[0].missing, seen[0].reused, seen[0].quarantined) == (4, 4, 4)
    assert (seen[-1].done, seen[-1].reused, seen[-1].newly_quarantined) == (4, 4, 0)


class Clumsy(InlineExecutor):
    """Loses a worker in the first job of each bundle once, and faults once more than is forgiven at the forecasts."""

    def __init__(self, work) -> None:
        super().__init__(work)
        self.stumbled: set[bytes] = set()

    def events(self, stopping):
        while self._queue:
            bundle = self._queue.popleft()
            yield Started(bundle)
            key = bundle.jobs[:1].tobytes()
            if self._work.graph.task[bundle.jobs[0]] == 1:
                yield Fault(bundle, "OSError: no space left")
            elif key not in self.stumbled:
                self.stumbled.add(key)
                yield Death(bundle, 0, "the process was killed")
            else:
                yield run_bundle(self._work, bundle, self.station(bundle.need))


def test_deaths_and_faults_are_told(toys, monkeypatch: pytest.MonkeyPatch) -> None:
    from fleetspec.runtime import executor

    monkeypatch.setattr(executor, "InlineExecutor", Clumsy)
    seen, summary = heard(toys.request("A", "B"))
    retries = of(seen, told.Retry)
    assert Counter(event.why for event in retries)["death"] >= 1
    lost = of(seen, told.BundleLost)
    assert {event.cause for event in lost} == {"the process was killed", "OSError: no space left"}
    # Forecasts are tried three times, the third is the last.
    assert len(lost) == len(retries) + 1
    assert sum(event.jobs for event in of(seen, told.JobsFailed)) == 2
    # The forecasts of the means failed, and what rests on them failed with them.
    assert summary.failed == seen[-1].failed == 2 + 4
    started, ended = of(seen, told.BundleStarted), of(seen, (told.BundleDone, told.BundleLost))
    assert len(started) == len(ended)


def test_a_run_that_breaks_off_says_so(toys, monkeypatch: pytest.MonkeyPatch) -> None:
    from fleetspec.runtime import driver

    def broken(*_: object) -> None:
        raise RuntimeError("no more")

    request, seen = toys.request("A"), []
    monkeypatch.setattr(driver, "cut", broken)
    with pytest.raises(RuntimeError):
        run(replace(request, events=seen.append))
    assert (seen[-1].state, seen[-1].done) == ("failed", None)


def test_without_a_listener_nothing_is_made(toys, monkeypatch: pytest.MonkeyPatch) -> None:
    from fleetspec.runtime import telling

    monkeypatch.setattr(telling, "now", lambda: pytest.fail("an event was made"))
    run(toys.request("A", "FLAT"))


def test_lines_hold_the_events_and_are_appended(toys) -> None:
    log = toys.root / "events.jsonl"
    log.write_text('{"event":"half of a li')
    request, seen = toys.request(*NAMES), []
    with listening(str(log), None, print) as listener:
        run(replace(request, events=lambda event: (seen.append(event), listener(event))))
    half, *lines = log.read_text().splitlines()
    assert half == '{"event":"half of a li'
    decoder = msgspec.json.Decoder(functools.reduce(operator.or_, told.EVENTS))
    assert [decoder.decode(line) for line in lines] == seen
    assert all(
        json.loads(line)["event"] == event.__struct_config__.tag for line, event in zip(lines, seen, strict=True)
    )


def test_no_secret_and_no_place_is_in_a_line(toys, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_PASSWORD", "hunter2-hunter2")
    log = toys.root / "events.jsonl"
    with listening(str(log), None, print) as listener:
        run(replace(toys.request(*NAMES), events=listener))
    text = log.read_text()
    assert "hunter2" not in text
    assert str(toys.root) not in text
    # The toys' families have this folder among their parameters.
    assert "folder" not in text
    assert os.environ["HOME"] not in text


def test_a_log_that_breaks_ends_and_the_run_goes_on(toys, monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    real, left = os.write, 3

    def full(handle: int, content: bytes) -> int:
        nonlocal left
        if content.startswith(b'{"event"'):
            left -= 1
            if left < 0:
                raise OSError(28, "No space left on device")
        return real(handle, content)

    log = toys.root / "events.jsonl"
    with monkeypatch.context() as patch, listening(str(log), None, said.append) as listener:
        patch.setattr(os, "write", full)
        summary = run(replace(toys.request("A", "B"), events=listener))
    assert summary.done == 8
    assert len(log.read_text().splitlines()) == 3
    assert said == [f"the event log '{log}' ends early: No space left on device"]


def test_a_line_that_is_written_in_pieces_is_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.write
    monkeypatch.setattr(os, "write", lambda handle, content: real(handle, content[:7]))
    event = told.RunEnded(time="t", number=1, fleet="f", run=None, state="done", wall_seconds=1.0)
    with EventLog(str(tmp_path / "log")) as log:
        log(event)
    assert json.loads((tmp_path / "log").read_text())["state"] == "done"


def test_eta_is_what_the_plan_predicts_scaled_by_how_it_goes(toys, monkeypatch: pytest.MonkeyPatch) -> None:
    from fleetspec.runtime import telling
    from fleetspec.runtime.ledger import Ledger, State
    from fleetspec.runtime.store import Store

    request = toys.request("A", "B")
    graph, ledger = request.graph, Ledger.load(Store.of(request.store, "toys"), request.graph)
    clock, seen = [0.0], []
    monkeypatch.setattr(telling.time, "monotonic", lambda: clock[0])
    teller = telling.Teller(graph, request.plan, seen.append)
    teller.run_started(ledger, "run-0001", "inline", 1, 0.5)
    counts = {"stage": 0, "stages": 3, "total": 8, "quarantined": 0, "busy_seconds": 0.0, "wall_seconds": 0.0}
    for at, done in ((2.0, 0), (10.0, 2), (40.0, 8)):
        clock[0] = at
        ledger.state[:done] = State.DONE
        teller.progressed(ledger, done=done, **counts)
    # A quarter of equal jobs took 10 s, so three quarters take 30 s.
    assert [event.eta_seconds for event in of(seen, told.Progressed)] == [None, 30.0, 0.0]
    assert np.all(ledger.state == State.DONE)
