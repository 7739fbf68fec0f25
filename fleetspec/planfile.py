"""The saved plan (``plan --out plan.fsp``): everything that was reviewed, in one reproducible file.

A zip archive with fixed dates and sorted members:

=================  ====================================================================================
``meta.json``      format, version, fleet, run, session, graph, where it comes from, and the BLAKE2b-256 digest of
                   every member
``plan.json``      the plan's canonical bytes
``fleet.yaml``     the resolved spec
``fleet.lock``     its lock
``jobs.parquet``   one row per job, in graph order; columns in :data:`JOB_COLUMNS`
``models.parquet`` one row per model; columns in :data:`MODEL_COLUMNS`
``manifests/…``    the rendered manifests
=================  ====================================================================================

The archive's comment is a digest of all bytes before it, so any changed byte is noticed. Digests prove that a
file is whole, not who wrote it. There are no secrets in it.
"""

from __future__ import annotations

import hashlib
import io
import json
import struct
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from fleetspec import __version__
from fleetspec.compiler.jobgraph import NONE, Task
from fleetspec.diagnostics import Rejected, Rule, reject
from fleetspec.files import write_atomically
from fleetspec.planner.planjson import PlanJsonError, plan_from_json
from fleetspec.renderer.layout import is_name
from fleetspec.renderer.manifests import Manifests
from fleetspec.rules import manifests as rules

if TYPE_CHECKING:
    from fleetspec.compiler.jobgraph import JobGraph
    from fleetspec.planner.plans import Plan

FORMAT = "fleetspec-plan/1"
SIZE_LIMIT = 512 * 1024 * 1024
"""Bytes of all members unpacked; a plan of a million jobs takes about 30 MB."""
ROW_LIMIT = 20_000_000

_WORD = pa.dictionary(pa.int32(), pa.string())
JOB_COLUMNS = pa.schema(
    [
        pa.field("digest", pa.binary(16), nullable=False),  # content digest of the job
        pa.field("task", _WORD, nullable=False),  # fit, forecast or evaluate
        pa.field("class", _WORD, nullable=False),  # universe/group/family/task, as in plan.json
        pa.field("model", pa.int32(), nullable=False),  # row of models.parquet
        pa.field("window", pa.int32(), nullable=False),  # step of the walk-forward, 0 in a nightly run
        pa.field("start", pa.int32(), nullable=False),  # first bar of the window
        pa.field("end", pa.int32(), nullable=False),  # bar after the last one
        pa.field(
            "parents", pa.list_(pa.field("item", pa.int32(), nullable=False)), nullable=False
        ),  # rows, all earlier
    ]
)
MODEL_COLUMNS = pa.schema(
    [
        pa.field("address", pa.string(), nullable=False),  # fleet/universe/group/family/series-or-_/horizon-or-_
        pa.field("universe", _WORD, nullable=False),
        pa.field("group", _WORD, nullable=False),
        pa.field("family", _WORD, nullable=False),
        pa.field("series", pa.string()),  # null for a model over a whole universe
        pa.field("horizon", pa.int32()),  # in bars; null for a horizon-free model
        pa.field("digest", pa.binary(16), nullable=False),  # content digest of the model
    ]
)
_UNPACK_ERRORS = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError, struct.error)
_FIXED = ("fleet.lock", "fleet.yaml", "jobs.parquet", "models.parquet", "plan.json")
_MANIFESTS = "manifests/"


@dataclass(frozen=True, slots=True)
class SavedPlan:
    """A saved plan as read: whole and unchanged since it was written."""

    meta: dict[str, Any]
    plan: Plan
    """Floats as in its JSON, rounded to a millionth; its bytes are the written ones."""
    resolved_text: str
    lock_bytes: bytes
    manifests: Manifests
    jobs_bytes: bytes
    models_bytes: bytes

    def jobs(self) -> pa.Table:
        """One row per job, with :data:`JOB_COLUMNS`. Rejected (FS422) for another table."""
        return _table(self.jobs_bytes, JOB_COLUMNS, "jobs.parquet")

    def models(self) -> pa.Table:
        """One row per model, with :data:`MODEL_COLUMNS`. Rejected (FS422) for another table."""
        return _table(self.models_bytes, MODEL_COLUMNS, "models.parquet")


def write_planfile(
    path: Path,
    plan: Plan,
    graph: JobGraph,
    manifests: Manifests,
    resolved_text: str,
    lock_bytes: bytes,
    origin: Mapping[str, Any] | None = None,
) -> None:
    """Write a saved plan in one step. The same arguments give the same bytes. OSError where it cannot be written."""
    members = {
        "fleet.lock": lock_bytes,
        "fleet.yaml": resolved_text.encode(),
        "jobs.parquet": _parquet(_jobs(graph)),
        "models.parquet": _parquet(_models(graph)),
        "plan.json": plan.to_bytes(),
        **{_MANIFESTS + name: text.encode() for name, text in manifests.files.items()},
    }
    meta = {
        "format": FORMAT,
        "version": __version__,
        "fleet": graph.fleet,
        "run": graph.run.value,
        "session": graph.session.isoformat(),
        "graph": graph.content,
        "origin": origin,
        "members": {name: _digest(content) for name, content in sorted(members.items())},
    }
    members["meta.json"] = json.dumps(meta, sort_keys=True, indent=1).encode() + b"\n"
    write_atomically(path, _archive(members))


def read_planfile(path: Path) -> SavedPlan:
    """Read a saved plan and check all of it.

    Raises Rejected: FS421 for a file that is none, FS422 for a damaged or changed one, FS423 for one that would
    unpack to too much, FS424 for another format version. OSError where it cannot be read.
    """
    if path.stat().st_size > SIZE_LIMIT:
        raise _refused(rules.PLAN_FILE_TOO_LARGE, path, f"is larger than {SIZE_LIMIT:,} bytes")
    data = path.read_bytes()
    if not data.startswith(b"PK\x03\x04"):
        raise _refused(rules.NOT_A_PLAN_FILE, path, "is not a saved plan")
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = _members(path, data, archive)
    except _UNPACK_ERRORS as error:
        raise _refused(rules.DAMAGED_PLAN_FILE, path, f"cannot be unpacked ({error})") from error
    return _checked(path, members)


def _members(path: Path, data: bytes, archive: zipfile.ZipFile) -> dict[str, bytes]:
    """Every member's content, after the archive as a whole has been found unchanged and of a bearable size."""
    if not archive.comment.startswith(b"fleetspec-plan/"):
        raise _refused(rules.NOT_A_PLAN_FILE, path, "is an archive, but not a saved plan")
    if archive.comment.split(b" ")[0] != FORMAT.encode():
        raise _refused(rules.OTHER_FORMAT, path, f"has the format {archive.comment[:32].decode(errors='replace')}")
    if archive.comment != _seal(data[: -len(archive.comment)]):
        raise _refused(rules.DAMAGED_PLAN_FILE, path, "was changed after it was written")
    entries = archive.infolist()
    if sum(entry.file_size for entry in entries) > SIZE_LIMIT:
        raise _refused(rules.PLAN_FILE_TOO_LARGE, path, f"would unpack to more than {SIZE_LIMIT:,} bytes")
    if len({entry.filename for entry in entries}) != len(entries):
        raise _refused(rules.DAMAGED_PLAN_FILE, path, "holds a member twice")
    if any(entry.compress_type != zipfile.ZIP_DEFLATED for entry in entries):
        raise _refused(rules.DAMAGED_PLAN_FILE, path, "is packed in another way than plans are")
    return {entry.filename: _unpacked(archive, entry) for entry in entries}


def _unpacked(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> bytes:
    """A member's content. Reading no more than the declared size holds a lying header to its word."""
    with archive.open(entry) as stream:
        return stream.read(entry.file_size)


def _checked(path: Path, members: dict[str, bytes]) -> SavedPlan:
    try:
        meta = json.loads(members.pop("meta.json"))
        expected = dict(meta["members"])
    except (KeyError, ValueError, TypeError) as error:
        raise _refused(rules.DAMAGED_PLAN_FILE, path, "has no readable meta.json") from error
    if expected.keys() != members.keys() or not set(_FIXED) <= members.keys():
        odd = sorted((expected.keys() ^ members.keys()) | (set(_FIXED) - members.keys()))
        raise _refused(rules.DAMAGED_PLAN_FILE, path, f"lacks or adds members: {', '.join(odd)}")
    for name, content in members.items():
        if _digest(content) != expected[name]:
            raise _refused(rules.DAMAGED_PLAN_FILE, path, f"holds another {name} than was saved")
    files = {name: text for name, text in members.items() if name not in _FIXED}
    if not all(name.startswith(_MANIFESTS) and is_name(name.removeprefix(_MANIFESTS)) for name in files):
        raise _refused(rules.DAMAGED_PLAN_FILE, path, "holds members that no plan has")
    try:
        return SavedPlan(
            meta=meta,
            plan=plan_from_json(json.loads(members["plan.json"])),
            resolved_text=members["fleet.yaml"].decode(),
            lock_bytes=members["fleet.lock"],
            manifests=Manifests({name.removeprefix(_MANIFESTS): text.decode() for name, text in files.items()}),
            jobs_bytes=members["jobs.parquet"],
            models_bytes=members["models.parquet"],
        )
    except PlanJsonError as error:
        raise _refused(rules.OTHER_FORMAT, path, f"holds a plan of another version ({error})") from error
    except ValueError as error:
        raise _refused(rules.DAMAGED_PLAN_FILE, path, f"holds a member that cannot be read ({error})") from error


def check_members(path: Path, saved: SavedPlan) -> None:
    """Whether spec and lock are those that the plan was made of: in a file that somebody sealed anew they need not be.

    Raises Rejected (FS422).
    """
    for name, content, digest in (
        ("fleet.yaml", saved.resolved_text.encode(), saved.plan.inputs.spec),
        ("fleet.lock", saved.lock_bytes, saved.plan.inputs.lock),
    ):
        if hashlib.blake2b(content, digest_size=16).hexdigest() != digest:
            raise _refused(rules.DAMAGED_PLAN_FILE, path, f"holds another {name} than it was planned with")
    for key, said in (("fleet", saved.plan.fleet), ("run", saved.plan.run), ("graph", saved.plan.inputs.graph)):
        if saved.meta.get(key) != said:
            raise _refused(rules.DAMAGED_PLAN_FILE, path, f"says another {key} in meta.json than in plan.json")


def _refused(rule: Rule, path: Path, what: str) -> Rejected:
    return reject(rule, f"{path} {what}", help="save it again: `fleetspec plan SPEC --out plan.fsp`")


def _digest(content: bytes) -> str:
    return hashlib.blake2b(content, digest_size=32).hexdigest()


def _seal(archive: bytes) -> bytes:
    return f"{FORMAT} {_digest(archive)}".encode()


def _archive(members: dict[str, bytes]) -> bytes:
    """A zip of sorted members with one fixed date, whose comment is the digest of everything before it."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as archive:
        for name in sorted(members):
            entry = zipfile.ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0))
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.create_system = 3
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, members[name])
        archive.comment = bytes(len(_seal(b"")))  # its length stands in the bytes that the digest covers
    data = buffer.getvalue()[: -len(archive.comment)]
    return data + _seal(data)


def _parquet(table: pa.Table) -> bytes:
    """Uncompressed: the archive compresses once, and its declared sizes then bound what a reader unpacks."""
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, compression="NONE", write_statistics=False)
    return bytes(sink.getvalue().to_pybytes())


def _table(content: bytes, schema: pa.Schema, name: str) -> pa.Table:
    try:
        stored = pq.ParquetFile(pa.BufferReader(content))
        rows = stored.metadata.num_rows
        table = stored.read() if rows <= ROW_LIMIT and stored.schema_arrow.equals(schema) else None
    except (pa.ArrowException, OSError) as error:
        raise reject(rules.DAMAGED_PLAN_FILE, f"{name} cannot be read ({error})") from error
    if table is None:
        raise reject(rules.DAMAGED_PLAN_FILE, f"{name} has {rows:,} rows or columns that no saved plan has")
    return table


def _jobs(graph: JobGraph) -> pa.Table:
    tasks, classes = [task.label for task in Task], [klass.name for klass in graph.classes]
    columns = [
        _digests(graph.digest),
        _words(graph.task, tasks),
        _words(graph.klass, classes),
        pa.array(graph.model, pa.int32()),
        pa.array(graph.window, pa.int32()),
        pa.array(graph.start, pa.int32()),
        pa.array(graph.end, pa.int32()),
        pa.ListArray.from_arrays(
            pa.array(graph.parent_ptr, pa.int32()),
            pa.array(graph.parent_index, pa.int32()),
            type=JOB_COLUMNS.field("parents").type,
        ),
    ]
    return pa.Table.from_arrays(columns, schema=JOB_COLUMNS)


def _models(graph: JobGraph) -> pa.Table:
    models = graph.models
    rows = range(len(models))
    series = [
        None if code == NONE else models.series_names[universe][code]
        for universe, code in zip(models.universe.tolist(), models.series.tolist(), strict=True)
    ]
    horizons = [None if code == NONE else models.horizons[code] for code in models.horizon.tolist()]
    columns = [
        pa.array([graph.address(row) for row in rows], pa.string()),
        _words(models.universe, list(models.universes)),
        _words(models.setting, [setting.group for setting in models.settings]),
        _words(models.setting, [setting.family.name for setting in models.settings]),
        pa.array(series, pa.string()),
        pa.array(horizons, pa.int32()),
        _digests(models.digest),
    ]
    return pa.Table.from_arrays(columns, schema=MODEL_COLUMNS)


def _digests(rows: np.ndarray[Any, np.dtype[np.uint8]]) -> pa.Array:
    """(n, 16) uint8 as n values of 16 bytes, without a Python object each."""
    packed = np.ascontiguousarray(rows)
    return pa.FixedSizeBinaryArray.from_buffers(pa.binary(16), len(packed), [None, pa.py_buffer(packed)])


def _words(codes: np.ndarray[Any, Any], words: list[str]) -> pa.Array:
    """``words[code]`` per row, as a dictionary that holds each word once."""
    distinct = sorted(set(words))
    place = np.array([distinct.index(word) for word in words], np.int32)
    return pa.DictionaryArray.from_arrays(pa.array(place[codes], pa.int32()), pa.array(distinct, pa.string()))
