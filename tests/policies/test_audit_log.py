"""The audit log: what is edited, deleted or moved is found and named, and a kill at any byte loses nothing else."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fleetspec.runtime import audit

LINES = 8


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    store = tmp_path_factory.mktemp("log")
    for number in range(LINES):
        audit.append(store, "prod", "apply-begun", f"person{number}", plan=f"{number:064x}", note="später")
    return store


@pytest.fixture
def store(made: Path, tmp_path: Path) -> Path:
    for name in ("audit.jsonl", "audit.head"):
        target = tmp_path / "prod" / name
        target.parent.mkdir(exist_ok=True)
        target.write_bytes((made / "prod" / name).read_bytes())
    return tmp_path


def lines_of(store: Path) -> list[bytes]:
    return audit.place(store, "prod").read_bytes().splitlines(keepends=True)


def faults(store: Path) -> list[tuple[int, str]]:
    return [(fault.line, fault.what) for fault in audit.read(store, "prod").faults]


def with_lines(store: Path, lines: list[bytes]) -> list[tuple[int, str]]:
    audit.place(store, "prod").write_bytes(b"".join(lines))
    return faults(store)


def test_a_log_that_nobody_touched_is_whole(store: Path) -> None:
    log = audit.read(store, "prod")
    assert not log.faults
    assert not log.torn
    assert [entry.number for entry in log.sound] == list(range(1, LINES + 1))
    assert log.entries[0] is not None
    assert log.entries[0].before == audit.FIRST
    assert audit.holds(log, log.head)
    assert not audit.holds(log, "0" * 64)


@pytest.mark.parametrize("at", range(LINES))
def test_any_edit_of_a_line_is_found_at_that_line(store: Path, at: int) -> None:
    lines = lines_of(store)
    for before, after in ((b'"person', b'"Person'), (b'"by":', b'"by": '), (b'"n":', b'"m":')):
        assert before in lines[at]
        edited = [*lines[:at], lines[at].replace(before, after, 1), *lines[at + 1 :]]
        assert with_lines(store, edited) == [(at + 1, "it is not what was written: it has been edited")]


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_any_flipped_bit_is_found_where_it_is(made: Path, data: st.DataObject) -> None:
    path = audit.place(made, "prod")
    whole = path.read_bytes()
    place = data.draw(st.integers(0, len(whole) - 1))
    flipped = bytearray(whole)
    flipped[place] ^= 1 << data.draw(st.integers(0, 7))
    try:
        path.write_bytes(flipped)
        log = audit.read(made, "prod")
    finally:
        path.write_bytes(whole)
    line = whole.count(b"\n", 0, place) + 1
    assert log.faults
    assert min(abs(fault.line - line) for fault in log.faults) <= 1


@pytest.mark.parametrize("at", range(LINES))
@pytest.mark.parametrize("gone", [1, 3])
def test_deleted_lines_are_found_and_counted(store: Path, at: int, gone: int) -> None:
    lines = lines_of(store)
    told = with_lines(store, [*lines[:at], *lines[at + gone :]])
    assert told
    line, what = told[0]
    assert line == at + 1
    left = min(gone, LINES - at)
    if at + gone >= LINES:
        assert what == f"the log ended with line {LINES} when it was written last: lines at the end are deleted"
    else:
        named = f"line {at + 1} is" if left == 1 else f"lines {at + 1} to {at + left} are"
        assert what == f"{named} missing above it: deleted"


@pytest.mark.parametrize(("one", "other"), [(0, 1), (2, 3), (1, 5), (6, 7)])
def test_lines_that_changed_places_are_found(store: Path, one: int, other: int) -> None:
    lines = lines_of(store)
    lines[one], lines[other] = lines[other], lines[one]
    told = with_lines(store, lines)
    assert {one + 1, other + 1} <= {line for line, _ in told}
    assert any("changed places" in what for _, what in told)


def test_a_line_that_stands_twice_is_found(store: Path) -> None:
    lines = lines_of(store)
    assert with_lines(store, [*lines[:4], lines[3], *lines[4:]]) == [(5, "it stands here twice")]


def test_a_line_edited_and_sealed_anew_breaks_the_chain_behind_it(store: Path) -> None:
    lines = lines_of(store)
    said = json.loads(lines[3])
    said.pop("digest")
    said["by"] = "somebody else"
    said["digest"] = audit._digest(audit._canonical(said))
    lines[3] = audit._canonical(said) + b"\n"
    ((line, what),) = with_lines(store, lines)
    assert line == 5
    assert "edited and sealed anew" in what


def test_the_last_line_sealed_anew_is_known_by_the_head(store: Path) -> None:
    lines = lines_of(store)
    said = json.loads(lines[-1])
    said.pop("digest")
    said["by"] = "somebody else"
    said["digest"] = audit._digest(audit._canonical(said))
    assert with_lines(store, [*lines[:-1], audit._canonical(said) + b"\n"]) == [
        (LINES, "it is not the line that audit.head knows here: edited or replaced")
    ]


def test_the_next_line_does_not_hide_what_was_deleted_before_it(store: Path) -> None:
    lines = lines_of(store)
    audit.place(store, "prod").write_bytes(b"".join(lines[:-2]))
    audit.append(store, "prod", "apply-begun", "later")
    assert any("deleted" in what for _, what in faults(store))
    (store / "prod" / "audit.head").unlink()
    audit.append(store, "prod", "apply-ended", "later", outcome="ok")
    assert any("audit.head" in what for _, what in faults(store))


def test_a_log_made_anew_is_whole_and_lacks_a_digest_that_was_noted(store: Path) -> None:
    noted = audit.read(store, "prod").head
    for name in ("audit.jsonl", "audit.head"):
        (store / "prod" / name).unlink()
    audit.append(store, "prod", "apply-begun", "later")
    log = audit.read(store, "prod")
    assert not log.faults
    assert not audit.holds(log, noted)


def test_a_write_cut_off_at_any_byte_loses_that_line_alone(store: Path) -> None:
    path, head = audit.place(store, "prod"), store / "prod" / "audit.head"
    whole, known = path.read_bytes(), head.read_bytes()
    entry = audit.append(store, "prod", "apply-begun", "later")
    line = path.read_bytes()[len(whole) :]
    for cut in range(len(line)):
        # Killed while the line was written, before the head was.
        path.write_bytes(whole + line[:cut])
        head.write_bytes(known)
        log = audit.read(store, "prod")
        assert not log.faults
        assert log.torn == cut
        assert len(log.sound) == LINES
        if cut % 37 == 0:
            again = audit.append(store, "prod", "apply-begun", "later")
            log = audit.read(store, "prod")
            assert (again.number, log.torn, len(log.faults)) == (entry.number, 0, 0)
            assert again.said.get("cut", 0) == cut
    # Killed between the line and the head: the log is ahead of it.
    path.write_bytes(whole + line)
    head.write_bytes(known)
    assert not audit.read(store, "prod").faults


WRITER = """
import sys
from pathlib import Path
from fleetspec.runtime import audit
number = 0
while number < int(sys.argv[3]):
    audit.append(Path(sys.argv[1]), "prod", "apply-begun", sys.argv[2], turn=number)
    number += 1
    print(number, flush=True)
"""


def test_writers_at_once_make_one_chain(tmp_path: Path) -> None:
    command = [sys.executable, "-c", WRITER, str(tmp_path)]
    writers = [subprocess.Popen([*command, f"w{n}", "25"], stdout=subprocess.DEVNULL) for n in range(3)]
    assert [writer.wait(60) for writer in writers] == [0, 0, 0]
    log = audit.read(tmp_path, "prod")
    assert not log.faults
    turns: dict[str, list[int]] = {}
    for entry in log.sound:
        turns.setdefault(entry.said["by"], []).append(entry.said["turn"])
    assert turns == {f"w{n}": list(range(25)) for n in range(3)}


def test_a_writer_killed_at_any_moment_leaves_all_that_it_had_written(tmp_path: Path) -> None:
    chance = random.Random(5)
    for turn in range(4):
        writer = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(tmp_path), f"w{turn}", "100000"], stdout=subprocess.PIPE, text=True
        )
        assert writer.stdout is not None
        wanted = chance.randrange(1, 12)
        told = 0
        while told < wanted:
            told = int(writer.stdout.readline())
        os.kill(writer.pid, signal.SIGKILL)
        writer.wait(30)
        log = audit.read(tmp_path, "prod")
        assert not log.faults
        assert sum(entry.said["by"] == f"w{turn}" for entry in log.sound) >= told


def test_only_known_events_are_logged(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="not an event"):
        audit.append(tmp_path, "prod", "something", "me")
