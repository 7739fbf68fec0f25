"""Events as JSON lines in a file or on stdout: one whole line per event, appended."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Self

import msgspec

if TYPE_CHECKING:
    from fleetspec.runtime.events import Event

STDOUT = "-"


class EventLog:
    """Appends to ``target``, a path or ``-``. A log that can no longer be written is given up, never the run:
    ``broken`` then says why. Opening raises OSError."""

    def __init__(self, target: str) -> None:
        self.broken: str | None = None
        self._encoder = msgspec.json.Encoder()
        if target == STDOUT:
            sys.stdout.flush()
            self._handle, self._own = sys.stdout.fileno(), False
            return
        self._handle, self._own = os.open(target, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o644), True
        if not _ends_with_a_line(self._handle, Path(target)):
            # What a writer that was killed left in half must not swallow the first event.
            os.write(self._handle, b"\n")

    def __call__(self, event: Event) -> None:
        if self.broken is not None:
            return
        line = self._encoder.encode(event) + b"\n"
        try:
            while line:
                line = line[os.write(self._handle, line) :]
        except OSError as error:
            self.broken = error.strerror or str(error)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._own:
            os.close(self._handle)


def _ends_with_a_line(handle: int, path: Path) -> bool:
    if not path.is_file():
        return True
    end = os.fstat(handle).st_size
    return end == 0 or os.pread(handle, 1, end - 1) == b"\n"
