"""The shipped data: equal to the facts it was taken from, complete, and replaced by what a user measures."""

from __future__ import annotations

import csv
import math
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import yaml
from msgspec.structs import replace

from fleetspec.catalog import loading
from fleetspec.catalog.loading import ANY_FAMILY, CPU, catalog_of, runtime_of, runtimes_digest, shipped, with_measured
from fleetspec.catalog.types import Runtime
from fleetspec.families import registry

FACTS = Path(__file__).resolve().parents[3] / "shared" / "facts"
GPUS = {"a10g": "A10G", "l40s": "L40S", "l4": "L4", "t4": "T4", "h100": "H100-80GB", "h200": "H200-141GB",
        "b200": "B200-180GB", "a100-40": "A100-40GB", "a100-80": "A100-80GB", "h100-nvl": "H100-NVL-94GB",
        "mi300x": "MI300X", "rtx4090": "RTX-4090"}  # fmt: skip


def need(name: str) -> Path:
    path = FACTS / name
    if not path.is_file():
        pytest.skip(f"{path} is not there: the catalog is not held against the facts it comes from")
    return path


def row(**changes: Any) -> Runtime:
    made = Runtime("garch", "fit", CPU, 0.5, 2000.0, 1.0, 1.0, 0.2, "measured", 7, "a fleet's own jobs")
    return replace(made, **changes)


def test_offers_equal_the_price_list() -> None:
    with need("prices.csv").open() as stream:
        listed = list(csv.DictReader(stream))
    offers = shipped().offers
    seen = set()
    for line in listed:
        model = line["gpu_model"]
        if model == "a100":
            model = f"a100-{float(line['gpu_mem_gib']):.0f}"
        if not line["vcpu"] or not line["mem_gib"] or (model and model not in GPUS):
            continue
        name = f"{line['provider']}/{line['instance']}"
        offer = offers["on-prem/2x-rtx-4090" if line["provider"] == "on-prem" else name]
        seen.add(offer.name)
        assert (offer.cpu, offer.memory_mib) == (int(line["vcpu"]), round(float(line["mem_gib"]) * 1024))
        assert (offer.gpu, offer.gpus) == (GPUS.get(model), int(line["gpus"]))
        assert offer.usd_per_hour == float(line["ondemand_usd_h"])
        assert ("UNVERIFIED" in offer.note) == ("UNVERIFIED" in line["notes"])
        if line["price_date"][:2] == "20":
            assert offer.price_date == line["price_date"]
            assert offer.region == line["region"]
    assert seen == set(offers)


def test_memory_and_slices_equal_the_measured_ones() -> None:
    gpus = yaml.safe_load(need("mig_profiles.yaml").read_text())["gpus"]
    checked = 0
    for name, device in shipped().devices.items():
        facts = gpus.get("rtx-pro-6000-blackwell" if name == "RTX-PRO-6000-96GB" else name.lower())
        if facts is None:
            assert not device.slices
            continue
        assert (device.compute_slices, device.memory_slots) == (facts["compute_slices"], facts["memory_slots"])
        known = {profile["name"]: profile for profile in facts["profiles"]}
        for piece in device.slices:
            fact = known[piece.name]
            assert (piece.compute, piece.max_instances) == (fact["compute_slices"], fact["max_instances"])
            assert (list(piece.starts), piece.size) == (fact["placements"]["starts"], fact["placements"]["size"])
            if fact.get("memory_mib") is not None:
                assert piece.memory_mib == fact["memory_mib"]
                checked += 1
    assert checked >= 30


def test_usable_memory_is_below_what_the_name_says() -> None:
    for device in shipped().devices.values():
        for piece in device.slices:
            nominal = float(piece.name.split(".")[1].removesuffix("gb")) * 1024
            assert piece.memory_mib < nominal * 1.02


def test_names_a_spec_may_use() -> None:
    catalog = shipped()
    assert catalog.offers["gcp/a3-highgpu-1g"].gpu == "H100-80GB"
    assert catalog.offers["aws/p5.48xlarge"].gpus == 8
    assert catalog.offers["gcp/n2-standard-32"].gpu is None
    assert all(offer.source and offer.price_date and offer.region for offer in catalog.offers.values())
    assert all(device.source for device in catalog.devices.values())


def test_every_family_has_a_figure_of_its_own_and_says_where_it_is_from() -> None:
    catalog = shipped()
    for family in registry().families.values():
        tasks = ("forecast", "evaluate") if family.transforms else ("fit", "forecast", "evaluate")
        for task in tasks:
            gpu = family.profile.gpu == "required" and task != "evaluate"
            known = catalog.runtimes[family.name, task, "H100-80GB" if gpu else CPU]
            assert known.source
            assert (known.basis == "measured") == (known.n > 0) == (known.measured_on is not None)


def test_an_unknown_family_is_assumed_on_every_device() -> None:
    catalog = shipped()
    for device in (CPU, *catalog.devices):
        for task in ("fit", "forecast", "evaluate"):
            found = runtime_of(catalog, "plugged-in", task, device)
            assert (found.family, found.basis) == (ANY_FAMILY, "assumed")
            assert "no figure for this family" in found.source


def test_assumed_seconds_follow_the_speed_of_the_gpu() -> None:
    catalog = shipped()
    fast, slow = (catalog.runtimes["nbeats", "fit", gpu] for gpu in ("H100-80GB", "RTX-4090"))
    # 3.5 and 1.0 are the published relative speeds of the two.
    assert slow.seconds == pytest.approx(3.5 * fast.seconds)
    assert "RTX-4090" in slow.source


def test_seconds_grow_with_work_and_shrink_with_the_share() -> None:
    made = row(seconds=2.0, work=1000.0, exponent=0.5, share_exponent=0.3)
    assert made.seconds_for(4000.0) == pytest.approx(4.0)
    assert made.seconds_for(1000.0, 1 / 7) == pytest.approx(2.0 * 7**0.3)


def test_what_is_measured_changes_its_own_row_and_nothing_else() -> None:
    before = shipped()
    after = with_measured(before, [row()])
    changed = {key for key in after.runtimes if after.runtimes[key] != before.runtimes.get(key)}
    assert changed == {("garch", "fit", CPU)}
    mine, old = after.runtimes["garch", "fit", CPU], before.runtimes["garch", "fit", CPU]
    assert (mine.work, mine.n, mine.basis) == (pytest.approx(2000.0), 7, "measured")
    # A thousand times the shipped figure: that counts next to nothing against seven jobs.
    assert old.seconds_for(2000.0) < mine.seconds < 0.5
    assert mine.error < old.error
    # One point says nothing of a slope.
    assert (mine.exponent, mine.share_exponent) == (old.exponent, old.share_exponent)
    assert after.digest != before.digest
    assert runtimes_digest(after) != runtimes_digest(before)


def test_a_row_without_observations_changes_nothing() -> None:
    assert with_measured(shipped(), [row(n=0)]).digest == shipped().digest


def test_a_family_of_a_plug_in_is_taken_as_measured() -> None:
    after = with_measured(shipped(), [row(family="plugged-in", exponent=0.9)])
    assert runtime_of(after, "plugged-in", "fit", CPU).exponent == 0.9


def test_the_digest_is_of_the_content() -> None:
    loading.shipped.cache_clear()
    first = shipped()
    loading.shipped.cache_clear()
    assert shipped().digest == first.digest
    redated = with_measured(first, [row(measured_on=date(2026, 11, 23))])
    assert redated.digest != with_measured(first, [row()]).digest


def test_the_catalog_cannot_be_changed_in_place() -> None:
    with pytest.raises(TypeError):
        shipped().offers["mine"] = next(iter(shipped().offers.values()))  # type: ignore[index]


def files() -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
    devices, offers, measured = (loading._read(f"{name}.yaml") for name in ("devices", "offers", "measured"))
    return devices, offers, measured


def test_an_offer_of_an_unknown_gpu_is_refused() -> None:
    devices, offers, measured = files()
    offers["lists"]["gcp"]["machines"]["odd"] = [4, 16, 1.0, "H300", 1]
    with pytest.raises(ValueError, match="H300"):
        catalog_of(devices, offers, measured)


def test_a_gpu_without_a_speed_is_refused() -> None:
    devices, offers, measured = files()
    devices["devices"]["NEW"] = {"product": "New", "memory_mib": 1000, "source": "smi"}
    with pytest.raises(ValueError, match="NEW"):
        catalog_of(devices, offers, measured)


def test_a_new_gpu_is_data() -> None:
    devices, offers, measured = files()
    devices["devices"]["NEW"] = {"product": "New", "memory_mib": 1000, "source": "smi"}
    measured["assumed"]["speeds"]["published"]["devices"]["NEW"] = 7.0
    made = catalog_of(devices, offers, measured)
    assert math.isclose(
        made.runtimes["nbeats", "fit", "NEW"].seconds * 2, made.runtimes["nbeats", "fit", "H100-80GB"].seconds
    )
