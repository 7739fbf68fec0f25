"""A cluster that answers over HTTP, and connections to it that do not wait between tries."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from fake_cluster import FakeCluster, kubeconfig, serving

from fleetspec.cluster.connection import Connection, connect
from fleetspec.cluster.objects import Objects


@pytest.fixture
def fake() -> Iterator[FakeCluster]:
    with serving() as served:
        yield served


@pytest.fixture
def waits() -> list[float]:
    """Seconds that were waited, without waiting."""
    return []


@pytest.fixture
def connection(fake: FakeCluster, waits: list[float], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Connection:
    pytest.importorskip("kubernetes", reason="NO CLUSTER WAS SPOKEN TO: the kube extra is absent")
    path = tmp_path / "kubeconfig"
    path.write_text(kubeconfig(fake.url))
    monkeypatch.setenv("KUBECONFIG", str(path))
    monkeypatch.setattr("kubernetes.config.kube_config.KUBE_CONFIG_DEFAULT_LOCATION", str(path))
    made = connect("test")
    made.pause = waits.append
    return made


@pytest.fixture
def objects(connection: Connection) -> Objects:
    return Objects(connection)
