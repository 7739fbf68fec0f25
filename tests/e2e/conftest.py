"""Each test has a folder of its own and a shell in it."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_fleet import Shell


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    return Shell(tmp_path)
