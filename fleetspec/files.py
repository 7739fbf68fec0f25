"""Writing files so that a crash at any moment leaves the old one or the new one, never half of one."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from fleetspec.objects import ObjectPath, is_object


@dataclass(frozen=True, slots=True)
class Staged:
    """Content that is on the disk under a temporary name beside ``path``, and takes its place on ``commit``."""

    path: Path
    partial: Path

    def commit(self) -> None:
        """Rename it into place and make that durable. Raises OSError."""
        with _named(self.path, self.partial):
            os.replace(self.partial, self.path)
        sync_folder(self.path.parent)

    def discard(self) -> None:
        """Remove what was not committed."""
        self.partial.unlink(missing_ok=True)


def stage(path: Path, content: bytes) -> Staged:
    """Write ``content`` to a temporary name beside ``path`` and make it durable. Raises OSError."""
    # Of a folder that machines share, process numbers are no names: a worker that passed for dead may write it, too.
    partial = path.with_name(f".{path.name}.{os.getpid()}-{os.urandom(4).hex()}.tmp")
    with _named(path, partial), partial.open("wb") as sink:
        sink.write(content)
        sink.flush()
        os.fsync(sink.fileno())
    return Staged(path, partial)


def write_atomically(path: Path, content: bytes) -> None:
    """Write ``content`` to a temporary name beside ``path``, make it durable, and rename; in an object store, put it,
    which is whole or nothing by itself. Raises OSError."""
    if isinstance(path, ObjectPath):
        path.put(content)
        return
    stage(path, content).commit()


@contextmanager
def _named(path: Path, partial: Path) -> Iterator[None]:
    """No temporary file is left by what fails, and an error names the file that was asked for: that is what a person
    can do something about."""
    try:
        yield
    except OSError as error:
        partial.unlink(missing_ok=True)
        if error.errno is None:
            raise
        raise OSError(error.errno, error.strerror, str(path)) from error
    except BaseException:
        partial.unlink(missing_ok=True)
        raise


def sync_folder(folder: Path) -> None:
    """Make the renames in a folder durable. An object store has none, and answers when a write is."""
    if is_object(folder):
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
