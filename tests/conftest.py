"""Options and paths that every room's tests share."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# How long an example takes says nothing on a machine that others use.
settings.register_profile("fleetspec", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("fleetspec")
# What lands is judged by its own changes: the same tree draws the same examples. At a desk they are drawn anew.
settings.register_profile("landing", settings.get_profile("fleetspec"), derandomize=True)

ROOT = Path(__file__).resolve().parent.parent


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--golden-rewrite", action="store_true", help="write golden files instead of comparing with them")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A file's tests share its fixtures, so they stay in one process; two clusters at once are one too many."""
    for item in items:
        room = item.path.parent.name
        item.add_marker(pytest.mark.xdist_group("clusters" if room in ("e2e", "runtime") else str(item.path)))


@pytest.fixture(scope="session", autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """What is kept between runs (market hours) is kept for this one only, also by the commands that tests start."""
    before = os.environ.get("XDG_CACHE_HOME")
    os.environ["XDG_CACHE_HOME"] = str(tmp_path_factory.mktemp("cache"))
    yield
    if before is None:
        del os.environ["XDG_CACHE_HOME"]
    else:
        os.environ["XDG_CACHE_HOME"] = before


@pytest.fixture
def golden(request: pytest.FixtureRequest):
    """Compare a text with a committed file; `make golden` rewrites the file instead."""

    def check(relative: str, text: str) -> None:
        path = ROOT / "tests" / "golden" / relative
        if request.config.getoption("--golden-rewrite"):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
            return
        assert path.is_file(), f"{path} is missing: run `make golden` and read what it writes"
        assert text == path.read_text()

    return check
