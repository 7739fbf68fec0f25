"""Toy fleets on disk, ready to run."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import toy_fleet

from fleetspec.objects import ObjectPath, file_system
from fleetspec.runtime.request import RunRequest


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


@contextlib.contextmanager
def _served(variable: str, program: str, *arguments: str) -> Iterator[str]:
    """The address of an object store on this machine, from a venv of its own, which ``variable`` may name."""
    own = Path(__file__).parents[2] / ".venv-moto" / "bin" / program
    server = os.environ.get(variable) or (str(own) if own.exists() else shutil.which(program))
    if server is None:
        pytest.skip(f"there is no {program}, such buckets are not tested: `make .venv-moto/stamp` installs it")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [server, *arguments, str(port)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    address = f"http://127.0.0.1:{port}"
    try:
        for _ in range(600):
            try:
                urllib.request.urlopen(address, timeout=5).close()
            except urllib.error.HTTPError:
                break
            except OSError:
                time.sleep(0.1)
            else:
                break
        yield address
    finally:
        process.kill()
        process.wait()


@pytest.fixture(scope="session")
def object_store() -> Iterator[str]:
    """A store that speaks S3: moto's server."""
    with _served("MOTO_SERVER", "moto_server", "-H", "127.0.0.1", "-p") as address:
        yield address


@pytest.fixture(scope="session")
def google_store() -> Iterator[str]:
    """A store that speaks Google Cloud Storage's JSON interface: gcp-storage-emulator."""
    arguments = ("start", "--in-memory", "--host", "127.0.0.1", "--port")
    with _served("GCS_EMULATOR", "gcp-storage-emulator", *arguments) as address:
        yield address


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


@pytest.fixture
def google_bucket(google_store: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[ObjectPath]:
    """The same at ``gs://``."""
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", google_store)
    file_system.cache_clear()
    name = f"lake-{uuid.uuid4().hex[:12]}"
    made = urllib.request.Request(
        f"{google_store}/storage/v1/b?project=any",
        data=json.dumps({"name": name}).encode(),
        headers={"Content-Type": "application/json"},
        method="POST",
    )
    urllib.request.urlopen(made, timeout=30).close()
    yield ObjectPath(f"gs://{name}/store")
    file_system.cache_clear()
