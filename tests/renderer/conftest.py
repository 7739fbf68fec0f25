"""The hand-made plan and its manifests, and the published CRDs."""

from __future__ import annotations

from pathlib import Path

import handmade
import pytest

from fleetspec.renderer.manifests import Manifests

SHARED = Path(__file__).resolve().parents[3] / "shared"


@pytest.fixture
def made() -> handmade.Made:
    return handmade.make()


@pytest.fixture(scope="session")
def manifests() -> Manifests:
    return handmade.make().render()


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of CRDs and lint cases beside the checkout; tests against them are skipped without it."""
    if not (SHARED / "crds").is_dir():
        pytest.skip(f"NOT CHECKED AGAINST THE CRDS: {SHARED} is absent, so no schema of KubeRay is at hand")
    return SHARED
