"""Partition modes: what the facts say of an MI300X, and memory that divides as the driver divides it."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from fleetspec.catalog.listing import gpus
from fleetspec.catalog.loading import shipped

FACTS = Path(__file__).resolve().parents[3] / "shared" / "facts" / "mig_profiles.yaml"
# drivers/gpu/drm/amd/amdgpu/aqua_vanjaram.c: memory modes that go with each compute mode of eight dies, without NPS2,
# which AMD's guide does not list for MI300X.
DRIVER = {"spx": {1}, "dpx": {1}, "qpx": {1, 4}, "cpx": {1, 4}}


def test_modes_are_the_drivers_and_split_eight_dies() -> None:
    device = shipped().devices["MI300X"]
    assert {mode.name for mode in device.partitions if mode.auto} == {"spx-nps1", "cpx-nps4"}
    for mode in device.partitions:
        compute, memory = mode.name.split("-nps")
        assert int(memory) in DRIVER[compute]
        assert mode.parts == {"spx": 1, "dpx": 2, "qpx": 4, "cpx": 8}[compute]
        # A memory domain's size, divided by the partitions in it, as the driver reports it.
        domain = device.memory_mib / int(memory)
        assert mode.memory_mib == pytest.approx(domain / (mode.parts / int(memory)), abs=1)


def test_modes_are_those_of_the_facts() -> None:
    if not FACTS.is_file():
        pytest.skip(f"{FACTS} is not there: partitions are not held against the facts they come from")
    fact = yaml.safe_load(FACTS.read_text())["amd"]["mi300x"]
    modes = {mode.name: mode for mode in shipped().devices["MI300X"].partitions}
    assert {name.split("-")[0].upper() for name in modes} == set(fact["compute_partitions"])
    assert modes["cpx-nps4"].parts == fact["cpx_partitions_per_gpu"] == fact["xcd"]
    assert {f"amd.com/{name.replace('-', '_')}" for name in modes} >= set(fact["resource_mixed"])
    # 24 GB nominal, inferred: what is planned with is less.
    assert modes["cpx-nps4"].memory_mib < fact["memory_gb"] / 8 * 1024


def test_no_other_gpu_has_both_ways_to_be_cut() -> None:
    assert not [name for name, device in shipped().devices.items() if device.partitions and device.slices]


def test_the_list_of_gpus_names_them() -> None:
    (row,) = [one for one in gpus(shipped())["gpus"] if one["name"] == "MI300X"]
    assert {"name": "cpx-nps4", "memory_mib": 23347, "parts": 8} in row["partitions"]
