"""Editions: what is published of a group for one night, and the pointer that says which one counts.

``PLACE/<fleet>/<group>/`` holds ``<session>-<digest>.parquet`` (or ``.csv``), which never change, and ``current.json``,
written last: whoever reads it first sees one whole night, the old one or the new one. Gates and failures hold: the
pointer then stays at an earlier edition and says so, with its age.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

from fleetspec.diagnostics import reject
from fleetspec.rules import running

if TYPE_CHECKING:
    from fleetspec.runtime.places import Place

FORMAT = "fleetspec-edition/1"
CURRENT, CARRIED, HELD, ABSENT = "current", "carried", "held", "absent"
POINTER = "current.json"


def _column(name: str, kind: pa.DataType, about: str) -> pa.Field:
    return pa.field(name, kind, metadata={"about": about})


EDITION = pa.schema(
    [
        _column("address", pa.string(), "the model"),
        _column("universe", pa.string(), "its universe"),
        _column("group", pa.string(), "its group"),
        _column("family", pa.string(), "its family"),
        _column("series", pa.string(), "series forecast"),
        _column("horizon", pa.int32(), "bars ahead"),
        _column("quantity", pa.string(), "what value is, as in forecasts"),
        _column("level", pa.float64(), "level of a value at risk as a fraction, NaN for other quantities"),
        _column("value", pa.float64(), "the prediction"),
        _column("origin", pa.timestamp("s"), "end of the last bar used"),
        _column("session", pa.date32(), "the night it was made for"),
        _column("known", pa.timestamp("s", tz="UTC"), "when the last bar used was known"),
        _column("age", pa.int32(), "sessions from the origin to the night of the edition"),
        _column("model", pa.string(), "content digest of the model, hex"),
        _column("fit", pa.string(), "content digest of the fit it was made with, hex; null where nothing is fitted"),
        _column("fitted_to", pa.timestamp("s"), "last bar the fit has learned from"),
        _column("state", pa.string(), "current, carried or held"),
        _column("reason", pa.string(), "why it is not current; null when it is"),
        _column("other", pa.string(), "second series of a covariance, as in forecasts; null elsewhere"),
    ]
)


@dataclass(frozen=True, slots=True)
class Pointer:
    """What ``current.json`` says: the file that counts on the night of ``session``, and what is in it. ``digest`` is
    that of the file as Parquet.

    ``state`` is ``current``, or ``held`` where the file is that of an earlier night, ``reasons`` say why; ``edition``
    is None where nothing has ever been published. ``made_for`` is the edition's own night, ``age`` the sessions since.
    ``current``, ``carried``, ``held`` and ``absent`` count models.
    """

    fleet: str
    group: str
    session: str
    state: str
    reasons: tuple[str, ...]
    edition: str | None = None
    made_for: str | None = None
    age: int = 0
    models: int = 0
    current: int = 0
    carried: int = 0
    held: int = 0
    absent: int = 0
    rows: int = 0
    digest: str = ""

    def to_json(self) -> dict[str, Any]:
        return {"format": FORMAT, **asdict(self)}

    def to_bytes(self) -> bytes:
        return json.dumps(self.to_json(), sort_keys=True, indent=1).encode() + b"\n"


def read_pointer(place: Place, fleet: str, group: str) -> Pointer | None:
    """What counts of a group, None where nothing does. Raises Rejected (FS508) for one that cannot be read."""
    name = f"{fleet}/{group}/{POINTER}"
    content = place.read(name)
    if content is None:
        return None
    try:
        said = json.loads(content)
        if said.pop("format") != FORMAT:
            raise ValueError("its format is of another version")
        return Pointer(**{**said, "reasons": tuple(said["reasons"])})
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise reject(
            running.STORE_UNREADABLE,
            f"'{name}' cannot be read: {error}",
            help="delete it: the next run publishes the group again",
        ) from error


def encoded(rows: pa.Table, format_: str) -> bytes:
    """The file of an edition."""
    sink = pa.BufferOutputStream()
    if format_ == "csv":
        from pyarrow import csv

        csv.write_csv(rows, sink)
    else:
        pq.write_table(rows, sink, compression="zstd")
    return bytes(sink.getvalue().to_pybytes())


def file_name(session: str, content: bytes) -> tuple[str, str]:
    """Name and digest of an edition's Parquet file: equal rows have one name, so that they are written once."""
    digest = hashlib.blake2b(content, digest_size=16).hexdigest()
    return f"{session}-{digest[:12]}.parquet", digest


def read_edition(place: Place, pointer: Pointer | None) -> pa.Table:
    """The rows that a pointer of a Parquet place leads to; none where there are none. Raises Rejected (FS508)."""
    if pointer is None or pointer.edition is None:
        return EDITION.empty_table()
    name = f"{pointer.fleet}/{pointer.group}/{pointer.edition}"
    content = place.read(name)
    try:
        if content is None:
            raise OSError("it is not there")
        return pq.read_table(pa.BufferReader(content), schema=EDITION)
    except (OSError, pa.ArrowException) as error:
        raise reject(
            running.STORE_UNREADABLE,
            f"'{name}' cannot be read: {str(error).splitlines()[0]}",
            help=f"delete its {POINTER}: the next run publishes the group again",
        ) from error


def put(place: Place, pointer: Pointer, content: bytes | None, keep: int) -> bool:
    """Write an edition and then its pointer, and remove what ``keep`` sessions are newer than. False where the place
    has all of it already."""
    folder = f"{pointer.fleet}/{pointer.group}"
    if place.read(f"{folder}/{POINTER}") == pointer.to_bytes():
        return False
    if content is not None and pointer.edition is not None:
        place.write(f"{folder}/{pointer.edition}", content)
    place.write(f"{folder}/{POINTER}", pointer.to_bytes())
    for name in _old(place.names(folder), pointer.edition, keep):
        place.remove(f"{folder}/{name}")
    return True


def mirror(own: Place, target: Place, pointer: Pointer, format_: str, keep: int) -> bool:
    """Bring a group of another place to what ``pointer`` says of the store's own. False where it is there already."""
    there = pointer
    if pointer.edition is not None:
        there = replace(pointer, edition=pointer.edition.removesuffix("parquet") + format_)
    folder = f"{pointer.fleet}/{pointer.group}"
    if target.read(f"{folder}/{POINTER}") == there.to_bytes():
        return False
    content = None
    if there.edition is not None and there.edition not in target.names(folder):
        content = encoded(read_edition(own, pointer), format_)
    return put(target, there, content, keep)


def _old(names: list[str], current: str | None, keep: int) -> list[str]:
    """Editions of other nights than the newest ``keep``; the one that counts is never among them."""
    editions = [name for name in names if name.endswith((".parquet", ".csv"))]
    kept = set(sorted({name[:10] for name in editions}, reverse=True)[:keep])
    return [name for name in editions if name[:10] not in kept and name != current]
