"""A saved plan is reproducible, holds what was planned, and is read whole and unchanged or not at all."""

from __future__ import annotations

import hashlib
import io
import json
import struct
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import handmade
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from fleetspec import planfile
from fleetspec.diagnostics import Rejected
from fleetspec.planfile import read_planfile, write_planfile


def refusal(path: Path) -> tuple[str, str]:
    """Code and message of the one error that reading ends with."""
    with pytest.raises(Rejected) as caught:
        read_planfile(path)
    (error,) = caught.value.report.errors
    assert error.help
    return error.rule.code, error.message


def sealed(archive_without_comment: bytes, mark: str = planfile.FORMAT) -> bytes:
    digest = hashlib.blake2b(archive_without_comment, digest_size=32).hexdigest()
    return archive_without_comment + f"{mark} {digest}".encode()


def packed(members: dict[str, bytes], mark: str = planfile.FORMAT) -> bytes:
    """An archive with a right digest as its comment: what a careful forger would send."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
        archive.comment = bytes(len(sealed(b"", mark)))
    return sealed(buffer.getvalue()[: -len(sealed(b"", mark))], mark)


def unpacked(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def test_it_holds_what_was_planned(made: handmade.Made, saved: Path) -> None:
    read = read_planfile(saved)
    assert read.plan == made.plan
    assert (read.resolved_text, read.lock_bytes) == (made.resolved, made.lock)
    assert read.manifests.files == made.render().files
    assert {key: read.meta[key] for key in ("fleet", "run", "session", "graph")} == {
        "fleet": "demo",
        "run": "nightly",
        "session": "2026-11-23",
        "graph": made.graph.content,
    }


def test_jobs_and_models_are_the_graphs(made: handmade.Made, saved: Path) -> None:
    read = read_planfile(saved)
    jobs, models = read.jobs().to_pylist(), read.models().to_pylist()
    assert [job["digest"].hex() for job in jobs] == [made.graph.hex(row) for row in range(4)]
    assert [(job["task"], job["class"], job["parents"]) for job in jobs] == [
        ("fit", "market/deep/toy/fit", []),
        ("fit", "market/deep/toy/fit", []),
        ("forecast", "market/deep/toy/forecast", [0]),
        ("forecast", "market/deep/toy/forecast", [1]),
    ]
    assert [(job["model"], job["window"], job["start"], job["end"]) for job in jobs[:2]] == [
        (0, 0, 200, 1200),
        (1, 0, 200, 1200),
    ]
    assert [(model["address"], model["series"], model["horizon"]) for model in models] == [
        ("demo/market/deep/toy/syn0001/1", "SYN0001", 1),
        ("demo/market/deep/toy/syn0002/1", "SYN0002", 1),
    ]


def test_absent_series_and_horizons_are_null(made: handmade.Made, tmp_path: Path) -> None:
    none = np.array([-1, -1], np.int32)
    graph = replace(made.graph, models=replace(made.graph.models, series=none, horizon=none))
    path = tmp_path / "plan.fsp"
    write_planfile(path, made.plan, graph, made.render(), made.resolved, made.lock)
    assert [(m["series"], m["horizon"]) for m in read_planfile(path).models().to_pylist()] == [(None, None)] * 2


def test_the_same_plan_gives_the_same_bytes(made: handmade.Made, saved: Path, tmp_path: Path) -> None:
    again = tmp_path / "elsewhere" / "other.fsp"
    again.parent.mkdir()
    fresh = handmade.make()
    write_planfile(again, fresh.plan, fresh.graph, fresh.render(), fresh.resolved, fresh.lock)
    assert again.read_bytes() == saved.read_bytes()
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == ["plan.fsp"]


def test_another_plan_gives_other_bytes(made: handmade.Made, saved: Path, tmp_path: Path) -> None:
    other = replace(made, plan=handmade.make_plan(cost_usd=3.3))
    path = tmp_path / "other.fsp"
    write_planfile(path, other.plan, other.graph, other.render(), other.resolved, other.lock)
    assert path.read_bytes() != saved.read_bytes()


def test_any_changed_byte_is_noticed(saved: Path) -> None:
    """Every 37th byte flipped, and the first and last hundred: header fields that zip readers ignore included."""
    whole = saved.read_bytes()
    unnoticed = []
    for place in sorted({*range(0, len(whole), 37), *range(100), *range(len(whole) - 100, len(whole))}):
        changed = bytearray(whole)
        changed[place] ^= 0x20
        saved.write_bytes(changed)
        if refusal(saved)[0] not in ("FS421", "FS422", "FS424"):
            unnoticed.append(place)
    assert unnoticed == []
    saved.write_bytes(whole)
    read_planfile(saved)


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.99])
def test_a_truncated_file_is_refused(saved: Path, share: float) -> None:
    whole = saved.read_bytes()
    saved.write_bytes(whole[: int(len(whole) * share)])
    assert refusal(saved)[0] in ("FS421", "FS422")


@pytest.mark.parametrize("content", [b"", b"apiVersion: fleetspec/v1\n", b"PK\x03\x04", b"\x00" * 100])
def test_a_foreign_file_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "notes.fsp"
    path.write_bytes(content)
    code, message = refusal(path)
    assert code in ("FS421", "FS422")
    assert str(path) in message


def test_somebody_elses_archive_is_no_plan(tmp_path: Path) -> None:
    path = tmp_path / "notes.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("notes.txt", "milk")
    assert refusal(path)[0] == "FS421"


def test_another_format_version_is_named(saved: Path) -> None:
    saved.write_bytes(packed(unpacked(saved), mark="fleetspec-plan/2"))
    code, message = refusal(saved)
    assert code == "FS424"
    assert "fleetspec-plan/2" in message


def test_a_plan_of_another_shape_is_of_another_version(saved: Path) -> None:
    members = unpacked(saved)
    plan = json.loads(members["plan.json"])
    del plan["gap"]
    _declared(members, "plan.json", json.dumps(plan).encode())
    saved.write_bytes(packed(members))
    code, message = refusal(saved)
    assert code == "FS424"
    assert "gap" in message


def _other_spec(members: dict[str, bytes]) -> None:
    members["fleet.yaml"] = b"kind: Fleet\n"


def _no_lock(members: dict[str, bytes]) -> None:
    del members["fleet.lock"]


def _additional(members: dict[str, bytes]) -> None:
    members["manifests/evil.yaml"] = b"kind: Pod\n"


def _no_meta(members: dict[str, bytes]) -> None:
    del members["meta.json"]


def _outside(members: dict[str, bytes]) -> None:
    _declared(members, "../outside.yaml", b"kind: Pod\n")


def _below(members: dict[str, bytes]) -> None:
    _declared(members, "manifests/../../outside.yaml", b"kind: Pod\n")


def _not_text(members: dict[str, bytes]) -> None:
    _declared(members, "fleet.yaml", b"\xff\xfe")


def _not_json(members: dict[str, bytes]) -> None:
    _declared(members, "plan.json", b"{")


def _declared(members: dict[str, bytes], name: str, content: bytes) -> None:
    """A member together with its digest in meta.json."""
    meta = json.loads(members["meta.json"])
    meta["members"][name] = hashlib.blake2b(content, digest_size=32).hexdigest()
    members["meta.json"] = json.dumps(meta).encode()
    members[name] = content


@pytest.mark.parametrize(
    "change", [_other_spec, _no_lock, _additional, _no_meta, _outside, _below, _not_text, _not_json]
)
def test_a_repacked_file_is_refused(saved: Path, change: Callable[[dict[str, bytes]], None]) -> None:
    members = unpacked(saved)
    saved.write_bytes(packed(members))
    read_planfile(saved)  # repacking alone changes nothing that matters
    change(members)
    saved.write_bytes(packed(members))
    assert refusal(saved)[0] == "FS422"


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_member_twice_is_refused(saved: Path) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in [*unpacked(saved).items(), ("fleet.yaml", b"kind: Fleet\n")]:
            archive.writestr(name, content)
        archive.comment = bytes(len(sealed(b"")))
    saved.write_bytes(sealed(buffer.getvalue()[: -len(sealed(b""))]))
    assert refusal(saved) == ("FS422", f"{saved} holds a member twice")


def test_a_zip_bomb_is_not_unpacked(saved: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    members = unpacked(saved)
    _declared(members, "manifests/rayjob.yaml", b"#" * 3_000_000)
    saved.write_bytes(packed(members))
    monkeypatch.setattr(planfile, "SIZE_LIMIT", 1_000_000)
    assert saved.stat().st_size < 100_000
    assert refusal(saved)[0] == "FS423"


def test_a_size_that_lies_is_held_to(saved: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The archive says 10 bytes and packs three million: no more than ten are unpacked, and the file is refused."""
    members = unpacked(saved)
    _declared(members, "manifests/rayjob.yaml", b"#" * 3_000_000)
    honest = packed(members)[: -len(sealed(b""))]
    saved.write_bytes(sealed(honest.replace(struct.pack("<I", 3_000_000), struct.pack("<I", 10))))
    monkeypatch.setattr(planfile, "SIZE_LIMIT", 1_000_000)
    assert refusal(saved)[0] == "FS422"


def test_another_table_is_refused(saved: Path) -> None:
    sink = pa.BufferOutputStream()
    pq.write_table(pa.table({"digest": [1, 2]}), sink)
    members = unpacked(saved)
    _declared(members, "jobs.parquet", sink.getvalue().to_pybytes())
    saved.write_bytes(packed(members))
    read = read_planfile(saved)
    with pytest.raises(Rejected, match=r"jobs\.parquet"):
        read.jobs()


def test_an_interrupted_write_leaves_the_earlier_file(
    made: handmade.Made, saved: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = saved.read_bytes()

    def fail(descriptor: int) -> None:
        raise OSError("disk full")

    monkeypatch.setattr("os.fsync", fail)
    with pytest.raises(OSError, match="disk full"):
        write_planfile(saved, handmade.make_plan(cost_usd=9.9), made.graph, made.render(), made.resolved, made.lock)
    assert saved.read_bytes() == before
    assert [path.name for path in saved.parent.iterdir()] == ["plan.fsp"]
