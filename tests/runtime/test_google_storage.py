"""The store of :mod:`test_buckets` behind ``gs://``, against a server that speaks Google's JSON interface."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace

import pytest
import test_buckets

from fleetspec.compiler.spec_hardware import Publish
from fleetspec.objects import ObjectPath
from fleetspec.runtime.driver import run
from fleetspec.runtime.places import open_place
from fleetspec.runtime.publishing import published_fits


@pytest.mark.parametrize(
    "same",
    [
        test_buckets.test_a_second_driver_is_refused,
        test_buckets.test_a_run_cut_at_a_write_goes_on_from_there,
        test_buckets.test_garbage_in_a_bucket_goes,
    ],
)
def test_what_holds_at_amazon_holds_at_google(toys, google_bucket: ObjectPath, same: Callable[..., None]) -> None:
    same(toys, google_bucket)


def test_a_bucket_holds_what_a_folder_would(toys, google_bucket: ObjectPath, trace) -> None:
    test_buckets.test_a_bucket_holds_what_a_folder_would(toys, google_bucket, trace)


def test_claims_run_out_by_the_stores_clock(toys, google_bucket: ObjectPath) -> None:
    test_buckets.test_a_dead_drivers_claim_runs_out(toys, google_bucket)


def test_a_path_tells_what_is_there(google_bucket: ObjectPath) -> None:
    one = google_bucket / "a" / "one.bin"
    assert not one.exists()
    with pytest.raises(FileNotFoundError):
        one.read_bytes()
    one.put(b"12345")
    assert (one.read_bytes(), one.stat().st_size, one.is_file()) == (b"12345", 5, True)
    assert one.stat().st_mtime > 0
    one.put(b"")
    assert one.read_bytes() == b""
    assert [path.name for path in (google_bucket / "a").iterdir()] == ["one.bin"]
    assert [path.name for path in google_bucket.iterdir()] == ["a"]
    one.unlink()
    one.unlink(missing_ok=True)
    with pytest.raises(FileNotFoundError):
        one.unlink()
    assert list((google_bucket / "a").iterdir()) == []


def test_fits_that_published_forecasts_need_are_found(toys, google_bucket: ObjectPath) -> None:
    request = replace(toys.request("A"), store=google_bucket)
    spec = request.spec.model_copy(update={"publish": Publish(to="lake")})
    run(replace(request, spec=spec))
    assert len(published_fits(google_bucket, "toys")) == 1


def test_nights_are_published_to_google(toys, google_bucket: ObjectPath, google_store: str, monkeypatch) -> None:
    monkeypatch.delenv("STORAGE_EMULATOR_HOST")
    options = {"endpoint": google_store, "anonymous": "true"}
    to = str(google_bucket.parent / "forecasts")
    request = toys.request("A")
    spec = request.spec.model_copy(update={"publish": Publish(to=to, options=options)})
    assert run(replace(request, spec=spec)).publication.failed is None
    told = json.loads(open_place(to, options, toys.root).read("toys/mean/current.json") or b"")
    assert told["state"] == "current"
