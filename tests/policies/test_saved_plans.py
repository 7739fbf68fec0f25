"""A saved plan is applied as it was reviewed or not at all: changed, of another repository, or out of date."""

from __future__ import annotations

import hashlib
import io
import json
import shutil
import zipfile
from pathlib import Path

import pytest
from in_process import Answer, Run, run_in
from policy_fleet import QUICK as SPEC
from policy_fleet import Fleet

from fleetspec import planfile

APPLY = ("apply", "plan.fsp", "--executor", "inline", "--yes", "--quiet")
MEMBERS = ("fleet.lock", "fleet.yaml", "jobs.parquet", "meta.json", "models.parquet", "plan.json")


@pytest.fixture
def saved(fleet: Fleet, run: Run) -> Fleet:
    fleet.write(SPEC)
    fleet.commit("first")
    answer = run("plan", "prod.yaml", "--out", "plan.fsp")
    assert answer.code == 0, answer.err
    return fleet


def refused(answer: Answer, code: int, rule: str, what: str) -> None:
    assert answer.code == code, answer.err
    assert f"error[{rule}]" in answer.err
    assert what in answer.err
    assert "help: " in answer.err


def repacked(path: Path, change: dict[str, bytes]) -> None:
    """What a careful forger would send: other members, and every digest right."""
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()} | change
    meta = json.loads(members["meta.json"])
    digests = {n: hashlib.blake2b(c, digest_size=32).hexdigest() for n, c in members.items() if n != "meta.json"}
    members["meta.json"] = json.dumps(meta | {"members": digests}).encode()
    path.write_bytes(planfile._archive(members))


def member(path: Path, name: str) -> bytes:
    with zipfile.ZipFile(path) as archive:
        return archive.read(name)


def test_what_is_as_it_was_is_let_through(saved: Fleet, run: Run) -> None:
    # A comment and another layout say nothing else.
    saved.spec.write_text("# a comment\n" + SPEC.replace("owner: research", 'owner:   "research"'))
    assert run(*APPLY).code in (0, 6)
    assert run(*APPLY, "--store", "elsewhere").code in (0, 6)


@pytest.mark.parametrize("name", [*MEMBERS, "manifests"])
def test_a_flipped_byte_in_any_member_is_refused(saved: Fleet, run: Run, name: str) -> None:
    path = saved.folder / "plan.fsp"
    whole = path.read_bytes()
    with zipfile.ZipFile(io.BytesIO(whole)) as archive:
        entry = next(one for one in archive.infolist() if one.filename.startswith(name))
    start = entry.header_offset + 30 + len(entry.filename)
    for place in (entry.header_offset, start, start + entry.compress_size // 2, start + entry.compress_size - 1):
        flipped = bytearray(whole)
        flipped[place] ^= 1
        path.write_bytes(flipped)
        for command in (APPLY, ("show", "plan.fsp")):
            answer = run(*command)
            assert answer.code == 1
            assert "error[FS421]" in answer.err or "error[FS422]" in answer.err


@pytest.mark.parametrize(
    ("name", "before", "after", "what"),
    [
        ("fleet.yaml", b'"medium"', b'"low"', "holds another fleet.yaml than it was planned with"),
        ("fleet.lock", b"\n", b" \n", "holds another fleet.lock than it was planned with"),
        ("meta.json", b'"fleet": "prod"', b'"fleet": "test"', "says another fleet in meta.json than in plan.json"),
        ("meta.json", b'"run": "nightly"', b'"run": "backtest"', "says another run in meta.json than in plan.json"),
    ],
)
def test_what_does_not_belong_together_is_refused_whatever_its_digests(
    saved: Fleet, run: Run, name: str, before: bytes, after: bytes, what: str
) -> None:
    path = saved.folder / "plan.fsp"
    content = member(path, name)
    assert before in content
    repacked(path, {name: content.replace(before, after, 1)})
    refused(run(*APPLY), 1, "FS422", what)


def test_a_plan_that_was_edited_and_sealed_anew_is_another_plan(saved: Fleet, run: Run) -> None:
    """Nothing in a file says who wrote it: the digest that somebody approved does."""
    path = saved.folder / "plan.fsp"
    first = planfile.read_planfile(path).plan.digest
    data = json.loads(member(path, "plan.json"))
    text = json.dumps(data | {"models": 5}, sort_keys=True, separators=(",", ":")) + "\n"
    repacked(path, {"plan.json": text.encode()})
    assert planfile.read_planfile(path).plan.digest != first


@pytest.mark.parametrize(
    ("before", "after", "what"),
    [
        ("nightly: 1 USD", "nightly: 2 USD", "prod.yaml says something else now"),
        ("tier: medium", "tier: low", "prod.yaml says something else now"),
    ],
)
def test_a_spec_that_moved_makes_it_stale(saved: Fleet, run: Run, before: str, after: str, what: str) -> None:
    saved.spec.write_text(SPEC.replace(before, after))
    refused(run(*APPLY), 5, "FS625", f"plan.fsp is out of date: {what}")


def test_defaults_and_lists_that_moved_make_it_stale(fleet: Fleet, run: Run) -> None:
    base = fleet.folder / "defaults" / "base.yaml"
    base.parent.mkdir()
    base.write_text("apiVersion: fleetspec/v1\nkind: Defaults\nbudget: {nightly: 1 USD}\n")
    fleet.write(SPEC.replace("kind: Fleet", "kind: Fleet\nextends: [defaults/base.yaml]"))
    fleet.commit("first")
    assert run("plan", "prod.yaml", "--out", "plan.fsp").code == 0
    base.write_text(base.read_text().replace("1 USD", "3 USD"))
    refused(run(*APPLY), 5, "FS625", "defaults/base.yaml says something else now")
    base.unlink()
    refused(run(*APPLY), 5, "FS625", "defaults/base.yaml is gone")


def test_a_lock_that_moved_and_a_spec_that_is_gone(saved: Fleet, run: Run) -> None:
    lock = saved.folder / "prod.lock"
    kept = lock.read_bytes()
    lock.write_bytes(kept + b" ")
    refused(run(*APPLY), 5, "FS625", "prod.lock says something else now")
    lock.write_bytes(kept)
    saved.spec.unlink()
    refused(run(*APPLY), 5, "FS625", "prod.yaml is gone")


def test_a_plan_of_another_repository(saved: Fleet, run: Run, tmp_path: Path) -> None:
    other = Fleet(tmp_path / "other")
    other.folder.mkdir()
    for name in ("prod.yaml", "prod.lock", "plan.fsp"):
        shutil.copy(saved.folder / name, other.folder / name)
    other.commit("another beginning")
    refused(run_in(other.folder)(*APPLY), 1, "FS624", "is a plan of prod.yaml in another repository")
    # A clone of the same one has the same beginning.
    clone = tmp_path / "clone"
    saved.git("clone", "-q", str(saved.folder), str(clone))
    shutil.copy(saved.folder / "plan.fsp", clone / "plan.fsp")
    assert run_in(clone)(*APPLY).code in (0, 6)


def test_a_plan_alone_is_applied_and_that_is_said(saved: Fleet, tmp_path: Path) -> None:
    alone = tmp_path / "alone"
    alone.mkdir()
    shutil.copy(saved.folder / "plan.fsp", alone / "plan.fsp")
    answer = run_in(alone)(*APPLY)
    assert answer.code in (0, 6)
    assert "warning[FS626]" in answer.err


def test_results_that_it_counts_on_and_that_are_gone(fleet: Fleet, run: Run) -> None:
    fleet.write(SPEC.replace("models: [vol, more]", "models: [vol]"))
    assert run("apply", "prod.yaml", *APPLY[2:]).code in (0, 6)
    fleet.write(SPEC)
    assert run("plan", "prod.yaml", "--out", "plan.fsp").code == 0
    shutil.rmtree(fleet.folder / ".fleetspec")
    refused(run(*APPLY), 5, "FS625", "16 results are missing in the store, 8 jobs were planned")
