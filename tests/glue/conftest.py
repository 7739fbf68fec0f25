"""What the tests of this folder run: the runner of composite actions, forges on loopback, and this fleetspec."""

from __future__ import annotations

import stat
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path += [str(ROOT / "scripts"), str(ROOT / "tests" / "forges")]


@pytest.fixture(scope="session")
def tools(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for PATH with a ``fleetspec`` that is this one."""
    folder = tmp_path_factory.mktemp("tools")
    file = folder / "fleetspec"
    file.write_text(f'#!/bin/sh\nPYTHONPATH={ROOT} exec {sys.executable} -m fleetspec "$@"\n')
    file.chmod(file.stat().st_mode | stat.S_IXUSR)
    return folder
