"""Toy fleets on disk, ready to run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import toy_fleet

from fleetspec.runtime.driver import RunRequest


@dataclass
class Toys:
    """A folder with prices, and run requests on it."""

    root: Path

    def request(
        self, *names: str, max_quarantined: str = "50%", plan: dict[str, Any] | None = None, **graph: Any
    ) -> RunRequest:
        if names:
            toy_fleet.write_prices(self.root / "prices.csv", names)
        lock = toy_fleet.toy_lock(self.root)
        made = toy_fleet.toy_graph(lock, self.root, **graph)
        return RunRequest(
            spec=toy_fleet.toy_spec(max_quarantined),
            graph=made,
            plan=toy_fleet.toy_plan(made, **(plan or {})),
            lock=lock,
            root=self.root,
            store=self.root / "store",
            executor="inline",
        )


@pytest.fixture
def toys(tmp_path: Path) -> Toys:
    return Toys(tmp_path)


@pytest.fixture
def trace(tmp_path: Path) -> Callable[[], list[str]]:
    """The series whose fits were called, in any process, in order."""
    path = tmp_path / "trace.txt"
    return lambda: path.read_text().split() if path.exists() else []
