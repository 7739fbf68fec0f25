"""Fixtures of the compiler's tests."""

from __future__ import annotations

import pytest
from toy_specs import SPEC, read_spec

from fleetspec.compiler.spec import FleetSpec


@pytest.fixture
def spec() -> FleetSpec:
    return read_spec(SPEC)
