"""Where files lie that others read too: a folder, or a bucket behind ``s3://`` or ``gs://``.

A place has names and contents, and one promise: a name holds its old content or its new one, never a part of either.
A folder keeps it by renaming, a bucket since an object appears when its last byte has arrived.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from fleetspec.files import write_atomically
from fleetspec.objects import SCHEMES, connect, is_object

if TYPE_CHECKING:
    from pyarrow import fs

SECRET = "FLEETSPEC_SECRET_"
"""How the environment variable begins that holds a secret; its name follows in capitals, every other sign as ``_``."""
_SECRET = re.compile(r"\$\{secret\.([A-Za-z0-9][-A-Za-z0-9_./]*)\}")


class PlaceError(Exception):
    """A place that cannot be opened, read or written; ``help`` is what to do about it."""

    def __init__(self, message: str, help: str) -> None:
        super().__init__(message)
        self.help = help


class Place(Protocol):
    """Names and contents. Names may hold ``/``. Every method raises OSError where the place fails."""

    def read(self, name: str) -> bytes | None:
        """What a name holds, None where there is none."""
        ...

    def write(self, name: str, content: bytes) -> None:
        """Let a name hold ``content``: wholly or not at all."""
        ...

    def remove(self, name: str) -> None:
        """Take a name away; one that is not there stays so."""
        ...

    def names(self, folder: str) -> list[str]:
        """The names right below a folder, sorted; without those of writes that were broken off."""
        ...


@dataclass(frozen=True, slots=True)
class Folder:
    """A place that is a path: on this machine, or in an object store that the environment leads to."""

    root: Path

    def read(self, name: str) -> bytes | None:
        try:
            return (self.root / name).read_bytes()
        except FileNotFoundError:
            return None

    def write(self, name: str, content: bytes) -> None:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, content)

    def remove(self, name: str) -> None:
        (self.root / name).unlink(missing_ok=True)

    def names(self, folder: str) -> list[str]:
        here = self.root / folder
        if not is_object(here) and not here.is_dir():
            return []
        return sorted(path.name for path in here.iterdir() if path.name[0] != ".")


@dataclass(frozen=True, slots=True)
class Bucket:
    """A place in an object store. ``root`` is bucket and prefix, without a slash at its end."""

    files: fs.FileSystem
    root: str

    def read(self, name: str) -> bytes | None:
        try:
            with self.files.open_input_file(f"{self.root}/{name}") as source:
                return bytes(source.read())
        except FileNotFoundError:
            return None

    def write(self, name: str, content: bytes) -> None:
        # One write and one close: the object appears with the close or not at all.
        with self.files.open_output_stream(f"{self.root}/{name}") as sink:
            sink.write(content)

    def remove(self, name: str) -> None:
        try:
            self.files.delete_file(f"{self.root}/{name}")
        except FileNotFoundError:
            return

    def names(self, folder: str) -> list[str]:
        from pyarrow import fs

        selector = fs.FileSelector(f"{self.root}/{folder}".rstrip("/"), allow_not_found=True)
        found = self.files.get_file_info(selector)
        return sorted(str(info.base_name) for info in found if info.type == fs.FileType.File)


def open_place(text: str, options: Mapping[str, str], root: Path) -> Place:
    """The place that ``text`` names: a bucket, or a folder, a relative one below ``root``.

    Values of ``options`` may hold ``${secret.name}``, taken from the environment now and kept nowhere. Raises
    :class:`PlaceError` for a bucket that cannot be opened.
    """
    if not text.startswith(SCHEMES):
        return Folder((root / text).resolve())
    told = {name: _revealed(value) for name, value in options.items()}
    scheme, rest = text[:5], text[5:].strip("/")
    try:
        files = connect(scheme, told)
    except (OSError, ValueError, NotImplementedError) as error:
        raise PlaceError(f"'{text}' cannot be opened: {error}", "correct its options, or the environment") from error
    return Bucket(files, rest)


def _revealed(value: str) -> str:
    def secret(found: re.Match[str]) -> str:
        variable = SECRET + re.sub(r"[^A-Z0-9]", "_", found[1].upper())
        if variable not in os.environ:
            raise PlaceError(f"the secret '{found[1]}' is not here", f"set the environment variable {variable}")
        return os.environ[variable]

    return _SECRET.sub(secret, value)
