"""The hand-made plan of the renderer's tests, and its saved file."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).resolve().parents[1] / "renderer"))  # where the hand-made plan lives

import handmade

from fleetspec.planfile import write_planfile


@pytest.fixture
def made() -> handmade.Made:
    return handmade.make()


@pytest.fixture
def saved(made: handmade.Made, tmp_path: Path) -> Path:
    path = tmp_path / "plan.fsp"
    write_planfile(path, made.plan, made.graph, made.render(), made.resolved, made.lock)
    return path
