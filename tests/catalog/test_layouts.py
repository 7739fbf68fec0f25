"""MIG layouts: derived here, held against a second enumeration and against layouts written down by hand elsewhere."""

from __future__ import annotations

import itertools
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import yaml
from msgspec.structs import replace

from fleetspec.catalog.layouts import layouts, positioned_maximal
from fleetspec.catalog.loading import shipped
from fleetspec.catalog.types import Device

FACTS = Path(__file__).resolve().parents[3] / "shared" / "facts" / "mig_profiles.yaml"
DEVICES = shipped().devices
CUTTABLE = sorted(name for name, device in DEVICES.items() if device.slices)


def without_wide(device: Device) -> Device:
    """The device without its wide one-slice profile: one compute slice on two memory slots of eight."""
    return replace(
        device, slices=tuple(s for s in device.slices if (s.compute, s.size, device.memory_slots) != (1, 2, 8))
    )


def facts() -> dict[str, Any]:
    if not FACTS.is_file():
        pytest.skip(f"{FACTS} is not there: layouts are not held against the written-down lists")
    content: dict[str, Any] = yaml.safe_load(FACTS.read_text())["gpus"]
    return content


def multisets(device: Device) -> set[tuple[tuple[str, int], ...]]:
    return {layout.slices for layout in layouts(device)}


def by_bitmask(device: Device) -> set[tuple[tuple[str, int], ...]]:
    """Every choice of one instance or none per (profile, start), as bit masks; then the maximal multisets."""
    masks = [
        (piece.name, piece.compute, sum(1 << slot for slot in range(start, start + piece.size)))
        for piece in device.slices
        for start in piece.starts
    ]
    limit = {piece.name: piece.max_instances for piece in device.slices}
    legal: set[tuple[tuple[str, int], ...]] = set()
    frontier: dict[tuple[int, int, tuple[tuple[str, int], ...]], None] = {(0, 0, ()): None}
    for name, compute, mask in masks:
        for used, slices, counts in list(frontier):
            grown = Counter(dict(counts))
            grown[name] += 1
            if not used & mask and slices + compute <= device.compute_slices and grown[name] <= limit[name]:
                frontier[used | mask, slices + compute, tuple(sorted(grown.items()))] = None
    legal = {counts for _, _, counts in frontier if counts}
    return {
        one
        for one in legal
        if not any(one != other and all(dict(other).get(n, 0) >= c for n, c in one) for other in legal)
    }


@pytest.mark.parametrize("name", CUTTABLE)
def test_layouts_equal_a_second_enumeration(name: str) -> None:
    assert multisets(DEVICES[name]) == by_bitmask(DEVICES[name])


@pytest.mark.parametrize("name", CUTTABLE)
@pytest.mark.parametrize("wide", [True, False])
def test_layouts_equal_the_written_down_lists(name: str, wide: bool) -> None:
    keys = {"RTX-PRO-6000-96GB": "rtx-pro-6000-blackwell"}
    listed = facts()[keys.get(name, name.lower())]["layouts"]
    expected = listed.get("with_wide_1g", listed["standard"]) if wide else listed["standard"]
    device = DEVICES[name] if wide else without_wide(DEVICES[name])
    assert multisets(device) == {tuple(sorted(entry.items())) for entry in expected["non_dominated"]}
    assert len(positioned_maximal(device)) == expected["positioned_maximal"]


def test_an_a100_has_nineteen_positioned_layouts() -> None:
    # The count of rows in the figure of MIG configurations that NVIDIA publishes for the A100.
    assert len(positioned_maximal(without_wide(DEVICES["A100-40GB"]))) == 19


def test_an_a30_by_hand() -> None:
    names = [layout.name for layout in layouts(DEVICES["A30-24GB"])]
    assert names == ["1x4g.24gb", "2x2g.12gb", "2x1g.6gb+1x2g.12gb", "4x1g.6gb"]


@pytest.mark.parametrize("name", CUTTABLE)
def test_no_layout_contains_another(name: str) -> None:
    for one, other in itertools.permutations(layouts(DEVICES[name]), 2):
        has = dict(other.slices)
        assert any(has.get(piece, 0) < count for piece, count in one.slices)


def test_a_gpu_without_slices_has_no_layout() -> None:
    assert layouts(DEVICES["L4"]) == ()


def test_variants_of_a_profile_are_left_out() -> None:
    assert not [s.name for device in DEVICES.values() for s in device.slices if "+" in s.name or "-me" in s.name]
