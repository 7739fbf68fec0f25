"""Toy fleets on disk, ready to run."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import time
import urllib.request
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import toy_fleet

from fleetspec.objects import ObjectPath, file_system
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


@pytest.fixture(scope="session")
def object_store() -> Iterator[str]:
    """The address of an object store on this machine that speaks S3: moto's server, from a venv of its own."""
    own = Path(__file__).parents[2] / ".venv-moto" / "bin" / "moto_server"
    server = os.environ.get("MOTO_SERVER") or (str(own) if own.exists() else shutil.which("moto_server"))
    if server is None:
        pytest.skip("there is no moto_server, buckets are not tested: `make .venv-moto/stamp` installs it")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = subprocess.Popen([server, "-H", "127.0.0.1", "-p", str(port)], stderr=subprocess.DEVNULL)
    address = f"http://127.0.0.1:{port}"
    try:
        for _ in range(600):
            with contextlib.suppress(OSError):
                urllib.request.urlopen(address, timeout=5).close()
                break
            time.sleep(0.1)
        yield address
    finally:
        process.kill()
        process.wait()


@pytest.fixture
def bucket(object_store: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[ObjectPath]:
    """An empty bucket that the environment leads to."""
    for name, value in (
        ("AWS_ENDPOINT_URL", object_store),
        ("AWS_ACCESS_KEY_ID", "anybody"),
        ("AWS_SECRET_ACCESS_KEY", "anything"),
        ("AWS_EC2_METADATA_DISABLED", "true"),
    ):
        monkeypatch.setenv(name, value)
    file_system.cache_clear()
    name = f"lake-{uuid.uuid4().hex[:12]}"
    urllib.request.urlopen(urllib.request.Request(f"{object_store}/{name}", method="PUT"), timeout=30).close()
    yield ObjectPath(f"s3://{name}/store")
    file_system.cache_clear()
