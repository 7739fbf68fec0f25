"""Paths into an object store, ``s3://bucket/prefix`` or ``gs://bucket/prefix``, that read and write as paths do.

An :class:`ObjectPath` is a :class:`~pathlib.Path` in all that is only about names, and goes to the object store where a
path would touch a disk. What a bucket lacks is left out: there are no folders to make, and no renames. A put is whole
or not there, so nothing needs a temporary name. Whose key it is, the environment says (``AWS_ACCESS_KEY_ID``,
``AWS_PROFILE``, ``AWS_ENDPOINT_URL``, ``GOOGLE_APPLICATION_CREDENTIALS``, ``STORAGE_EMULATOR_HOST``, an instance's
role): nothing of it is in a path, so paths can be printed, pickled and kept.
"""

from __future__ import annotations

import io
import os
from collections.abc import Generator, Mapping
from fnmatch import fnmatchcase
from functools import lru_cache
from pathlib import Path, PosixPath
from typing import TYPE_CHECKING, Any, NoReturn, Self

if TYPE_CHECKING:
    from pyarrow import fs

SCHEMES = ("s3://", "gs://")


def as_path(text: str) -> Path:
    """A path into an object store where ``text`` names one, else one on this machine."""
    return ObjectPath(text) if text.startswith(SCHEMES) else Path(text)


def is_object(path: Path) -> bool:
    """Whether a path leads into an object store."""
    return isinstance(path, ObjectPath)


class ObjectPath(PosixPath):
    """A path into an object store. Methods raise OSError where the store fails, FileNotFoundError where a name has no
    object, and :class:`io.UnsupportedOperation` where a bucket has no such thing."""

    def __str__(self) -> str:
        # A path keeps one slash of two; one relative to another has no scheme.
        text = super().__str__()
        return text.replace(":/", "://", 1) if text.startswith(("s3:/", "gs:/")) else text

    @property
    def key(self) -> str:
        """Bucket and name, as pyarrow's file systems want them."""
        return str(self).partition("://")[2]

    @property
    def _files(self) -> fs.FileSystem:
        return file_system(str(self)[:5])

    def put(self, content: bytes) -> None:
        """Let the name hold ``content``: the object appears with the close of the stream, or not at all."""
        with self._files.open_output_stream(self.key) as sink:
            sink.write(content)

    def read_bytes(self) -> bytes:
        with self._files.open_input_file(self.key) as source:
            return bytes(source.read())

    def read_text(self, encoding: str | None = None, errors: str | None = None) -> str:
        return self.read_bytes().decode(encoding or "utf-8", errors or "strict")

    def write_bytes(self, data: Any) -> int:
        self.put(bytes(data))
        return len(data)

    def exists(self, **_: Any) -> bool:
        return bool(self._info().type != _type("NotFound"))

    def is_file(self, **_: Any) -> bool:
        return bool(self._info().type == _type("File"))

    def is_dir(self, **_: Any) -> bool:
        return bool(self._info().type == _type("Directory"))

    def stat(self, **_: Any) -> os.stat_result:
        """Size and time of the last write, by the object store's clock."""
        info = self._info()
        if info.type == _type("NotFound"):
            raise FileNotFoundError(f"{self} is not there")
        written = 0.0 if info.mtime is None else info.mtime.timestamp()
        return os.stat_result((0, 0, 0, 1, 0, 0, info.size or 0, written, written, written))

    def iterdir(self) -> Generator[Self, None, None]:
        """Objects and prefixes right below this one; none where there is nothing."""
        from pyarrow import fs

        # Of Google's buckets pyarrow lists objects alone: prefixes are seen by what lies below them.
        below = str(self).startswith("gs://")
        found = self._files.get_file_info(fs.FileSelector(self.key, allow_not_found=True, recursive=below))
        start = len(self.key) + 1
        for name in dict.fromkeys(info.path[start:].partition("/")[0] for info in found):
            yield self / name

    def glob(self, pattern: str) -> Generator[Self, None, None]:
        """Objects right below this prefix whose names match; no pattern reaches further down."""
        if "/" in pattern or "**" in pattern:
            raise io.UnsupportedOperation(f"{self} is searched one level deep")
        return (path for path in self.iterdir() if fnmatchcase(path.name, pattern))

    def unlink(self, missing_ok: bool = False) -> None:
        try:
            self._files.delete_file(self.key)
        except FileNotFoundError:
            if not missing_ok:
                raise

    def mkdir(self, mode: int = 0o777, parents: bool = False, exist_ok: bool = False) -> None:
        """Nothing: prefixes are where objects are."""

    def resolve(self, strict: bool = False) -> Self:
        return self

    def _info(self) -> fs.FileInfo:
        return self._files.get_file_info(self.key)

    def _no(self, *_: Any, **__: Any) -> NoReturn:
        raise io.UnsupportedOperation(f"{self} is in an object store, which has no such operation")

    open = touch = rename = replace = symlink_to = rmdir = _no


@lru_cache(maxsize=8)
def file_system(scheme: str) -> fs.FileSystem:
    """The object store behind a scheme, by what the environment says. One a process: it keeps its connections."""
    return connect(scheme, {})


def connect(scheme: str, told: Mapping[str, str]) -> fs.FileSystem:
    """An object store by ``told`` (``endpoint``, ``region``, keys), what is left out by the environment. Raises OSError
    or ValueError for what cannot be."""
    from pyarrow import fs

    anonymous = told.get("anonymous") == "true"
    if scheme == "s3://":
        names = ("region", "access_key", "secret_key", "session_token")
        named: dict[str, Any] = {name: told[name] for name in names if name in told}
        endpoint = told.get("endpoint") or os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL")
        if endpoint:
            named["endpoint_override"] = endpoint
            # Stores that are not Amazon's have no region to look up.
            named.setdefault("region", os.environ.get("AWS_REGION") or "us-east-1")
        return fs.S3FileSystem(anonymous=anonymous, **named)
    named = {}
    emulator = os.environ.get("STORAGE_EMULATOR_HOST")
    if endpoint := told.get("endpoint") or emulator:
        kind, _, host = endpoint.rpartition("://")
        named |= {"endpoint_override": host, "scheme": kind or ("https" if "endpoint" in told else "http")}
        # An emulator knows nobody: asking for Google's keys would only fail.
        anonymous = anonymous or "endpoint" not in told
    if "access_token" in told:
        named["access_token"] = told["access_token"]
    return fs.GcsFileSystem(anonymous=anonymous, **named)


def _type(name: str) -> Any:
    from pyarrow import fs

    return getattr(fs.FileType, name)
