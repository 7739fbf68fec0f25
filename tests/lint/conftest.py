"""The folder of CRDs and recorded verdicts beside the checkout."""

from __future__ import annotations

from pathlib import Path

import pytest
from sound import SHARED


@pytest.fixture(scope="session")
def shared() -> Path:
    if SHARED is None:
        pytest.skip(
            "NOT CHECKED AGAINST THE REAL TOOLS: no folder `shared` with CRDs and verdicts is beside the checkout"
        )
    return SHARED
