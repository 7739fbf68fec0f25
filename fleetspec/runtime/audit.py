"""The audit log of a fleet: what was saved, approved, overridden and applied, each line bound to the one before.

``STORE/<fleet>/audit.jsonl`` holds a JSON object a line, in canonical form: its number ``n``, the time ``at``, the
``event``, who caused it (``by``), what it is about, ``before``: the digest of the line before, and ``digest``: that of
the line itself without it. ``audit.head`` holds number and digest of a line that is known to be there, so that lines
missing at the end are noticed, too.

A line counts once its end of line is on disk. What a killed process left without one is cut off by the next that
writes. The chain shows changes to whoever reads it; it does not keep anybody who may write to the store from making a
new chain: who has to know that keeps a digest elsewhere (``fleetspec audit verify --head DIGEST``).
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import json
import os
import secrets
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from fleetspec.diagnostics import Rejected
from fleetspec.files import sync_folder, write_atomically
from fleetspec.objects import ObjectPath
from fleetspec.rules import running
from fleetspec.runtime.clock import now
from fleetspec.runtime.leases import EXPIRES_SECONDS, leased
from fleetspec.runtime.store import Store

FIRST = "0" * 64
"""What the first line says is the digest before it."""
_PAUSE_SECONDS = 0.5
_TRIES = int(2 * EXPIRES_SECONDS / _PAUSE_SECONDS)
"""Of a bucket's log that others write to: for twice as long as a dead one's claim counts."""
EVENTS = ("plan-saved", "approval", "override", "apply-begun", "apply-ended")


@dataclass(frozen=True, slots=True)
class Entry:
    """A line that is what it was when it was written. ``said`` is all of it."""

    number: int
    digest: str
    before: str
    said: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong at a line, counted from 1 as it stands in the file; ``line`` is one more than there are where
    lines are missing at the end."""

    line: int
    what: str

    def __str__(self) -> str:
        return f"line {self.line}: {self.what}"


@dataclass(frozen=True, slots=True)
class Log:
    """A log as it was read. ``torn`` counts bytes after the last whole line."""

    path: Path
    lines: tuple[bytes, ...]
    entries: tuple[Entry | None, ...]
    faults: tuple[Fault, ...]
    torn: int

    @property
    def head(self) -> str:
        """The digest of the last line, to be kept elsewhere; that before the first where there is none."""
        return _digest_of(self.lines[-1]) if self.lines else FIRST

    @property
    def sound(self) -> list[Entry]:
        """Lines that are what they were when they were written, in order."""
        return [entry for entry in self.entries if entry is not None]


def place(store: Path, fleet: str) -> Path:
    """Where the log of a fleet lies."""
    return Store.of(store, fleet).root / "audit.jsonl"


def append(store: Path, fleet: str, event: str, by: str, /, **about: Any) -> Entry:
    """Add a line and wait until it is on disk. Other processes that write at once come after one another.

    ``about`` is plain data without secrets. Raises OSError where the store cannot be written.
    """
    if event not in EVENTS:
        raise ValueError(f"'{event}' is not an event of the audit log")
    path = place(store, fleet)
    if isinstance(path, ObjectPath):
        return _put(path, event, by, about)
    path.parent.mkdir(parents=True, exist_ok=True)
    with _alone(path), _opened(path) as file:
        lines, torn = _split(file.read())
        if torn:
            file.truncate(file.seek(-torn, os.SEEK_END))
            about = {**about, "cut": torn}
        line, entry = _following(path, lines, event, by, about)
        end = file.seek(0, os.SEEK_END)
        try:
            if file.write(line) != len(line):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
            os.fsync(file.fileno())
        except OSError:
            # A disk that is full must not leave half a line for others to wonder at.
            file.truncate(end)
            raise
        _keep_head(path, entry.number, entry.digest)
    return entry


def _put(path: ObjectPath, event: str, by: str, about: dict[str, Any]) -> Entry:
    """The same in a bucket, where a log is put anew with one line more: whole or not at all, by one at a time."""
    with _claimed(path.parent / "audit"):
        try:
            data = path.read_bytes()
        except FileNotFoundError:
            data = b""
            if not _head(path).exists():
                _keep_head(path, 0, FIRST)
        lines, torn = _split(data)
        line, entry = _following(path, lines, event, by, {**about, "cut": torn} if torn else about)
        path.put(b"".join([*lines, line]))
        _keep_head(path, entry.number, entry.digest)
    return entry


def _following(path: Path, lines: Sequence[bytes], event: str, by: str, about: dict[str, Any]) -> tuple[bytes, Entry]:
    """The line that comes after these."""
    if fault := _missing_at_the_end(path, [_entry(line) for line in lines]):
        # The head that is written next would hide it.
        about = {**about, "found": str(fault)}
    return _line(len(lines) + 1, _digest_of(lines[-1]) if lines else FIRST, event, by, about)


def _line(number: int, before: str, event: str, by: str, about: dict[str, Any]) -> tuple[bytes, Entry]:
    said = {**about, "n": number, "at": now(), "event": event, "by": by, "before": before}
    said["digest"] = _digest(_canonical(said))
    return _canonical(said) + b"\n", Entry(number, said["digest"], before, said)


def read(store: Path, fleet: str) -> Log:
    """The log of a fleet and all that is wrong with it; an empty one where nothing has been logged."""
    path = place(store, fleet)
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        data = b""
    lines, torn = _split(data)
    entries, faults = _checked(lines)
    fault = _missing_at_the_end(path, entries)
    faults += [] if fault is None else [fault]
    return Log(path, tuple(lines), tuple(entries), tuple(faults), torn)


def _checked(lines: Sequence[bytes]) -> tuple[list[Entry | None], list[Fault]]:
    entries = [_entry(line) for line in lines]
    known = {entry.digest: place for place, entry in enumerate(entries, 1) if entry is not None}
    faults = []
    before, expected, whole = FIRST, 1, True
    for number, entry in enumerate(entries, 1):
        if entry is None:
            faults.append(Fault(number, "it is not what was written: it has been edited"))
            whole = False
        else:
            # What an edited line was cannot be told; the number of the next one still says whether it follows.
            if (whole and entry.before != before) or (not whole and entry.number != expected):
                faults.append(Fault(number, _out_of_place(number, entry, expected, entries, known)))
            if "found" in entry.said:
                faults.append(Fault(number, f"when it was written, {entry.said['found']}"))
            before, expected, whole = entry.digest, entry.number, True
        expected += 1
    return entries, faults


def _out_of_place(
    number: int, entry: Entry, expected: int, entries: Sequence[Entry | None], known: dict[str, int]
) -> str:
    """Why a line that is whole does not follow the one above it."""
    follows = known.get(entry.before)
    above = entries[number - 2] if number > 1 else None
    if above is not None and above.digest == entry.digest:
        return "it stands here twice"
    if follows is not None and follows != number - 1:
        return f"it was written after what is line {follows} now: lines have changed places, or been copied"
    if entry.before == FIRST:
        return "it was the first line of a log, and is not here"
    if entry.number > expected:
        gone = entry.number - expected
        which = f"line {expected} is" if gone == 1 else f"lines {expected} to {entry.number - 1} are"
        return f"{which} missing above it: deleted"
    return "what stands above it is not what it was written after: edited and sealed anew, or exchanged"


def _missing_at_the_end(path: Path, entries: Sequence[Entry | None]) -> Fault | None:
    """What ``audit.head`` knows and the log does not hold. A log may be ahead of it, by what a kill came between."""
    end = len(entries) + 1
    try:
        head = json.loads(_head(path).read_bytes())
        number, digest = int(head["n"]), str(head["digest"])
    except FileNotFoundError:
        return Fault(end, "audit.head, which says how many lines there are, is missing: deleted") if entries else None
    except (ValueError, KeyError, TypeError):
        return Fault(end, "audit.head, which says how many lines there are, cannot be read: edited")
    if digest == FIRST or any(entry is not None and entry.digest == digest for entry in entries):
        return None
    if 0 < number <= len(entries) and entries[number - 1] is None:
        # Told of that line already.
        return None
    last = max((entry.number for entry in entries if entry is not None), default=0)
    if number > max(last, len(entries)):
        return Fault(end, f"the log ended with line {number} when it was written last: lines at the end are deleted")
    return Fault(min(number, end), "it is not the line that audit.head knows here: edited or replaced")


def holds(log: Log, digest: str) -> bool:
    """Whether a line with that digest is in a log: one that somebody noted earlier."""
    return any(entry.digest == digest for entry in log.sound)


def _entry(line: bytes) -> Entry | None:
    """A line as it was written; None for any other."""
    try:
        said = json.loads(line)
        digest = said.pop("digest")
        if _digest(_canonical(said)) != digest or _canonical({**said, "digest": digest}) != line.rstrip(b"\n"):
            return None
        return Entry(int(said["n"]), digest, said["before"], {**said, "digest": digest})
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None


def _digest_of(line: bytes) -> str:
    """What the next line has to name: the digest in a line, or one of its bytes where it has been edited."""
    entry = _entry(line)
    return _digest(line) if entry is None else entry.digest


def _canonical(said: dict[str, Any]) -> bytes:
    return json.dumps(said, sort_keys=True, separators=(",", ":"), allow_nan=False).encode()


def _digest(content: bytes) -> str:
    return hashlib.blake2b(content, digest_size=32).hexdigest()


def _split(data: bytes) -> tuple[list[bytes], int]:
    """Whole lines, and how many bytes there are after them."""
    *lines, rest = data.split(b"\n")
    return [line + b"\n" for line in lines], len(rest)


def _head(path: Path) -> Path:
    return path.with_name("audit.head")


def _keep_head(path: Path, number: int, digest: str) -> None:
    write_atomically(_head(path), json.dumps({"n": number, "digest": digest}).encode() + b"\n")


@contextmanager
def _opened(path: Path) -> Iterator[BinaryIO]:
    if not path.exists() and not _head(path).exists():
        # There first: a log without it has lost it.
        _keep_head(path, 0, FIRST)
    new = not path.exists()
    with os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT, 0o644), "r+b", buffering=0) as file:
        if new:
            sync_folder(path.parent)
        yield file


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Wait for the others that write. A killed one leaves nothing to clean."""
    with path.with_name("audit.lock").open("a") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


@contextmanager
def _claimed(root: ObjectPath) -> Iterator[None]:
    """The same in a bucket; of a killed writer the claim runs out. Raises Rejected (FS502) where others never end."""
    with ExitStack() as stack:
        for left in reversed(range(_TRIES)):
            try:
                stack.enter_context(leased(root))
                break
            except Rejected as fault:
                held = any(one.rule is running.STORE_HELD for one in fault.report)
                if not held or not left:
                    raise
                # Two that saw each other's claim both went back: not for the same time again.
                time.sleep(_PAUSE_SECONDS * (0.5 + secrets.randbelow(1000) / 1000))
        yield
