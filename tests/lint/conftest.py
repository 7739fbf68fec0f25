"""The folder of CRDs and recorded verdicts beside the checkout."""

from __future__ import annotations

from pathlib import Path

import pytest

SHARED = next(
    (parent / "shared" for parent in Path(__file__).resolve().parents if (parent / "shared" / "lint_cases").is_dir()),
    None,
)


@pytest.fixture(scope="session")
def shared() -> Path:
    if SHARED is None:
        pytest.skip(
            "NOT CHECKED AGAINST THE REAL TOOLS: no folder `shared` with CRDs and their verdicts is beside this one"
        )
    return SHARED
