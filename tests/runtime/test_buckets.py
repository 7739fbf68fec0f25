"""A store in a bucket: results as in a folder, one driver at a time, and whole or absent wherever it breaks."""

from __future__ import annotations

import copy
import io
import json
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from fleetspec.compiler.spec_hardware import Publish
from fleetspec.diagnostics import Rejected
from fleetspec.objects import ObjectPath, as_path, is_object
from fleetspec.runtime import store as stored
from fleetspec.runtime.collecting import collect
from fleetspec.runtime.driver import run
from fleetspec.runtime.leases import leased
from fleetspec.runtime.places import open_place
from fleetspec.runtime.request import RunRequest
from fleetspec.runtime.store import Store


def in_bucket(request: RunRequest, bucket: ObjectPath) -> RunRequest:
    return replace(request, store=bucket)


def forecasts(request: RunRequest) -> list[dict[str, object]]:
    rows = stored.read_forecasts(request.store, request.graph)
    return rows.drop_columns(["level"]).sort_by([("digest", "ascending"), ("horizon", "ascending")]).to_pylist()


def test_a_path_into_a_bucket_is_only_a_name() -> None:
    path = as_path("s3://lake/prod/ledger") / "a.parquet"
    assert is_object(path)
    assert (str(path), path.name, path.stem) == ("s3://lake/prod/ledger/a.parquet", "a.parquet", "a")
    assert str(path.parent.parent) == "s3://lake/prod"
    assert str(path.relative_to(as_path("s3://lake/prod"))).endswith("ledger/a.parquet")
    again = copy.deepcopy(path)
    assert (again, type(again)) == (path, ObjectPath)
    with pytest.raises(io.UnsupportedOperation, match="s3://lake"):
        path.open()
    assert type(as_path("folder/s3")) is type(Path("folder"))


def test_a_bucket_holds_what_a_folder_would(toys, bucket, trace) -> None:
    here = toys.request("A", "B", "SHORT")
    run(here)
    there = in_bucket(here, bucket)
    summary = run(there)
    assert (summary.done, summary.quarantined, summary.failed) == (8, 4, 0)
    assert forecasts(there) == forecasts(here)
    fitted = trace()
    again = run(there)
    assert (again.run, again.done) == (None, 0)
    assert trace() == fitted
    (record,) = stored.read_records(there.store, "toys")
    assert record["state"] == "done"
    assert list((bucket / "toys" / "claims").glob("*.json")) == []


def test_a_second_driver_is_refused(toys, bucket) -> None:
    request = in_bucket(toys.request("A"), bucket)
    with leased(bucket / "toys"):
        with pytest.raises(Rejected) as refused:
            run(request)
        assert [finding.rule.code for finding in refused.value.report] == ["FS502"]
    assert run(request).done == 4


def test_of_drivers_that_begin_at_once_at_most_one_goes_on(bucket) -> None:
    inside, entered, barrier = threading.Semaphore(1), [], threading.Barrier(4)

    def drive() -> None:
        barrier.wait()
        try:
            with leased(bucket / "toys"):
                assert inside.acquire(blocking=False), "two drivers at once"
                entered.append(1)
                time.sleep(0.3)
                inside.release()
        except Rejected:
            return

    drivers = [threading.Thread(target=drive) for _ in range(4)]
    for driver in drivers:
        driver.start()
    for driver in drivers:
        driver.join()
    assert len(entered) <= 1
    with leased(bucket / "toys"):
        pass


def test_a_dead_drivers_claim_runs_out(toys, bucket) -> None:
    claim = bucket / "toys" / "claims" / "dead.json"
    claim.put(json.dumps({"host": "gone", "process": 1}).encode())
    with pytest.raises(Rejected, match="process 1 on gone"), leased(bucket / "toys"):
        pass
    # Times of objects are whole seconds.
    time.sleep(2.1)
    with leased(bucket / "toys", expires=1.0):
        assert not claim.exists()


def test_a_driver_whose_claim_was_taken_stops(bucket) -> None:
    asked = threading.Event()
    before = signal.signal(signal.SIGTERM, lambda *_: asked.set())
    try:
        with leased(bucket / "toys", renewed=0.05):
            for claim in (bucket / "toys" / "claims").glob("*.json"):
                claim.unlink()
            assert asked.wait(10)
    finally:
        signal.signal(signal.SIGTERM, before)


class Cut(BaseException):
    """The process ends here."""


@contextmanager
def cut_after(puts: int) -> Iterator[None]:
    """Every write after the first ``puts`` does not happen: what a kill there leaves, since a put is whole or not."""
    whole, done = ObjectPath.put, 0

    def put(path: ObjectPath, content: bytes) -> None:
        nonlocal done
        if "claims" not in path.parts:
            if done == puts:
                raise Cut
            done += 1
        whole(path, content)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ObjectPath, "put", put)
        yield


def test_a_run_cut_at_a_write_goes_on_from_there(toys, bucket) -> None:
    here = toys.request("A")
    run(here)
    expected = forecasts(here)
    for cut in (1, 3, 6):
        there = in_bucket(here, bucket / str(cut))
        with pytest.raises(Cut), cut_after(cut):
            run(there)
        kept = len(stored.done_keys(there.store, "toys"))
        summary = run(there)
        assert (summary.reused, summary.done) == (kept, 4 - kept)
        assert forecasts(there) == expected


def damage(path: Path, content: bytes) -> None:
    path.put(content) if isinstance(path, ObjectPath) else path.write_bytes(content)


@pytest.mark.parametrize("where", ["folder", "bucket"])
def test_a_file_cut_at_any_byte_is_named_and_what_it_held_runs_again(toys, where: str, request) -> None:
    asked = toys.request("A")
    if where == "bucket":
        asked = in_bucket(asked, request.getfixturevalue("bucket"))
    run(asked)
    expected = forecasts(asked)
    place = Store.of(asked.store, "toys")
    (ledger,) = place.ledger_files()
    content = ledger.read_bytes()
    lengths = {0, 1, 4, 11, *np.linspace(12, len(content) - 1, 4, dtype=int).tolist(), len(content) - 8}
    for length in sorted(lengths):
        damage(ledger, content[:length])
        with pytest.raises(Rejected) as named:
            run(asked)
        (finding,) = named.value.report
        assert finding.rule.code == "FS508"
        assert "ledger" in finding.message
        assert "delete" in (finding.help or "")
    ledger.unlink()
    assert run(asked).done == 4
    for table in ("fits", "forecasts"):
        for path in sorted(place.folder(table).glob("*.parquet")):
            damage(path, path.read_bytes()[:-5])
    with pytest.raises(Rejected, match="cannot be read"):
        forecasts(asked)
    (ledger,) = place.ledger_files()
    ledger.unlink()
    run(asked)
    assert forecasts(asked) == expected


def test_garbage_in_a_bucket_goes(toys, bucket) -> None:
    asked = in_bucket(toys.request("A"), bucket)
    run(asked)
    needed = np.zeros(0, dtype="V16")
    said = collect(Store.of(bucket, "toys"), needed, keep_days=-1.0, dry_run=False)
    assert (said["rows"], len(stored.done_keys(bucket, "toys"))) == (4, 0)
    assert list((bucket / "toys" / "fits").glob("*.parquet")) == []


def test_nights_are_published_with_the_keys_that_options_name(toys, bucket, object_store, monkeypatch) -> None:
    monkeypatch.delenv("AWS_ENDPOINT_URL")
    monkeypatch.setenv("FLEETSPEC_SECRET_LAKE", "anything")
    options = {"endpoint": object_store, "access_key": "me", "secret_key": "${secret.lake}", "region": "eu-central-1"}
    to = str(bucket.parent / "forecasts")
    request = toys.request("A")
    spec = request.spec.model_copy(update={"publish": Publish(to=to, options=options)})
    assert run(replace(request, spec=spec)).publication.failed is None
    place = open_place(to, options, toys.root)
    assert "current.json" in place.names("toys/mean")
    told = json.loads(place.read("toys/mean/current.json") or b"")
    assert told["edition"] in place.names("toys/mean")
    assert place.read("toys/mean/nothing") is None
