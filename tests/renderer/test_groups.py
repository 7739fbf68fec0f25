"""Names and resources of worker groups."""

from __future__ import annotations

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleetspec.catalog.types import Slice
from fleetspec.renderer.groups import _group_names, mig_profile, mig_resources, vendor_resource

KEYS = st.tuples(
    st.from_regex(r"[a-z0-9]([-a-z0-9]{0,60}[a-z0-9])?", fullmatch=True),
    st.sampled_from(["7x1g.10gb", "1x3g.40gb+4x1g.10gb", "node", "8xgpu", ""]),
    st.sampled_from(["cpu", "gpu", "mig-1g.10gb", "mig-1g.10gb+me", "mig-3g.40gb"]),
)


@given(st.lists(KEYS, unique=True, max_size=12))
def test_every_group_has_a_legal_name_of_its_own(keys: list[tuple[str, str, str]]) -> None:
    names = _group_names(keys)
    assert len(set(names)) == len(keys)
    for name in names:
        assert len(name) <= 40
        assert name not in ("head", "headgroup")
        assert all(c.isascii() and (c.islower() or c.isdigit() or c == "-") for c in name)
        assert name[0] != "-" != name[-1]


def test_names_do_not_depend_on_the_order_of_the_plan() -> None:
    keys = list(product(["a", "b"], ["7x1g.10gb", "node"], ["mig-1g.10gb", "cpu"]))
    assert dict(zip(keys, _group_names(keys), strict=True)) == dict(
        zip(keys[::-1], _group_names(keys[::-1]), strict=True)
    )


@pytest.mark.parametrize("profile", ["1g.10gb", "1g.5gb+me", "2g.20gb", "3g.40gb", "7g.80gb", "1g.12gb+me.all"])
def test_slices_are_called_as_the_catalog_calls_them(profile: str) -> None:
    piece = Slice(profile, 1, 1, (0,), 1, 1)
    assert mig_resources(profile) == (piece.kubernetes_resource, piece.ray_resource)
    assert mig_profile("mig-" + profile) == profile


def test_a_slot_that_is_no_slice_has_no_profile() -> None:
    assert [mig_profile(slot) for slot in ("cpu", "gpu")] == [None, None]


def test_vendors() -> None:
    assert [vendor_resource(gpu) for gpu in ("MI300X", "mi250", "H100-80GB", "RTX-4090", "A30", "MIG-1")] == [
        "amd.com/gpu",
        "amd.com/gpu",
        "nvidia.com/gpu",
        "nvidia.com/gpu",
        "nvidia.com/gpu",
        "nvidia.com/gpu",
    ]
