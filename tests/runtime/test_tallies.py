"""What a run counts: groups, its end against the deadline, its slowest jobs; and what it does where nothing can be
stored."""

from __future__ import annotations

import errno
import os
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from fleetspec.cli.running import told
from fleetspec.diagnostics import ExitCode, Rejected
from fleetspec.runtime import segments
from fleetspec.runtime import store as stored
from fleetspec.runtime.driver import run
from fleetspec.runtime.ledger import LedgerRow, State
from fleetspec.runtime.tallies import Progress, Tally
from fleetspec.sheets.running import apply_sheet


def test_progress_is_told_by_group_and_ends_with_everything(toys) -> None:
    seen: list[Progress] = []
    summary = run(replace(toys.request("A", "B", "RAISE"), progress=seen.append))
    assert (summary.done, summary.quarantined) == (8, 4)
    last = seen[-1]
    assert [(one.name, one.done, one.total, one.quarantined) for one in last.groups] == [
        ("double", 6, 6, 2),
        ("mean", 6, 6, 2),
    ]
    assert sum(one.total for one in last.groups) == last.total
    assert last.end_seconds == last.wall_seconds
    assert last.deadline_seconds == 3600


def test_the_slowest_jobs_are_named(toys) -> None:
    summary = run(toys.request("A", "B", "SLEEP"))
    assert len(summary.slowest) == 5
    first = summary.slowest[0]
    assert (first.address, first.task, first.device) == ("toys/main/mean/toy-mean/sleep/_", "fit", "cpu")
    assert first.seconds >= 0.15
    assert [one.seconds for one in summary.slowest] == sorted((one.seconds for one in summary.slowest), reverse=True)
    text = str(apply_sheet(summary.to_json()))
    assert "Slowest jobs" in text
    assert "jobs a second after the start" in text


def test_of_the_windows_of_one_model_the_slowest_is_named() -> None:
    """Jobs of one call share its time evenly: five windows of one model would say one thing five times."""
    graph = SimpleNamespace(
        classes=[], klass=np.zeros(9, dtype=int), model=np.arange(9) // 3, task=np.zeros(9, dtype=int)
    )
    tally = Tally(SimpleNamespace(graph=graph), np.zeros(0, dtype=int), None)
    seconds = [3.0, 3.0, 3.0, 1.0, 2.0, 1.0, 0.5, 0.5, 2.5]
    rows = [LedgerRow(job, State.DONE, each, "cpu", "cpu") for job, each in enumerate(seconds)]
    tally.receive(SimpleNamespace(rows=rows[:5]))
    tally.receive(SimpleNamespace(rows=rows[5:]))
    assert [job for _, job, _ in tally._slowest] == [2, 8, 4]


def test_the_end_is_held_against_the_deadline() -> None:
    now = Progress("run-0001", 0, 2, 10, 100, 2, 5.0, 60.0, (), 600.0, 3600.0)
    assert told(now) == "2 quarantined, 9m00s left, 50m00s before the deadline"
    assert told(replace(now, deadline_seconds=300.0)).endswith("5m00s LATE")
    assert told(replace(now, end_seconds=None, quarantined=0)) == ""


class Disk:
    """A disk that is full: nothing can be written to some tables of a store."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *tables: str) -> None:
        self.tables, self.asked = tables, 0
        whole = segments.write_atomically

        def write(path: Path, content: bytes) -> None:
            if path.parent.name in self.tables:
                self.asked += 1
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
            whole(path, content)

        monkeypatch.setattr(segments, "write_atomically", write)


def test_a_full_disk_stops_the_run_and_the_next_one_goes_on(toys, trace, monkeypatch: pytest.MonkeyPatch) -> None:
    names = [f"S{i:03d}" for i in range(40)]
    asked = toys.request(*names)
    # A second a fit, so that each is a bundle of its own.
    slow = tuple(replace(lane, seconds_per_job=1.0) for lane in asked.plan.lanes)
    request = replace(asked, plan=replace(asked.plan, lanes=slow))
    disk = Disk(monkeypatch, "fits")
    summary = run(request)
    assert summary.exit_code is ExitCode.ERROR
    assert not summary.interrupted
    assert all("No space left on device" in cause.reason for cause in summary.failures)
    assert any("stopped after 10 faults in a row: OSError: [Errno 28]" in note for note in summary.notes)
    # Not three attempts for each of the forty.
    assert (disk.asked, len(trace()), summary.done) == (10, 10, 0)
    # The one that was tried last, with what rests on it.
    assert summary.failed >= 1
    assert summary.failed + summary.remaining == 160
    assert summary.remaining >= 150
    disk.tables = ()
    assert run(request).done == 160


def test_a_disk_that_fills_up_at_the_end_loses_nothing(toys, trace, monkeypatch: pytest.MonkeyPatch) -> None:
    request = toys.request("A", "B")
    monkeypatch.setattr(stored.segments, "write_segment", _unless_compacted(segments.write_segment))
    summary = run(request)
    assert (summary.done, summary.failed) == (8, 0)
    assert any("left in many segments" in note for note in summary.notes)
    monkeypatch.undo()
    before = trace()
    assert run(request).run is None
    assert trace() == before


def _unless_compacted(whole):
    def write(path: Path, table) -> None:
        if path.stem.startswith("all-"):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
        whole(path, table)

    return write


def test_a_record_that_cannot_be_written_is_refused_in_words(toys, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(path: Path, content: bytes) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))

    monkeypatch.setattr(stored, "write_atomically", full)
    with pytest.raises(Rejected) as refused:
        run(toys.request("A"))
    (finding,) = refused.value.report
    assert finding.rule.code == "FS536"
    assert "No space left on device" in finding.message
