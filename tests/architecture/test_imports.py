"""The base install stays light: what a command may load before it does anything."""

import subprocess
import sys

import pytest

HEAVY = {
    "ray",
    "torch",
    "pulp",
    "highspy",
    "pandas",
    "networkx",
    "arch",
    "xgboost",
    "lightgbm",
    "catboost",
    "prophet",
    "sklearn",
    "exchange_calendars",
    "plotly",
}


def loaded_by(*arguments: str) -> set[str]:
    """Top-level packages that a command imports, read from -X importtime."""
    run = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "fleetspec", *arguments], capture_output=True, text=True, check=True
    )
    lines = (line for line in run.stderr.splitlines() if line.startswith("import time:"))
    return {line.rsplit("|", 1)[1].strip().split(".")[0] for line in lines}


@pytest.mark.parametrize("arguments", [("--help",), ("plan", "--help"), ("apply", "--help"), ("report", "--help")])
def test_help_loads_no_heavy_library(arguments: tuple[str, ...]) -> None:
    assert not loaded_by(*arguments) & (HEAVY | {"numpy", "pyarrow", "rich", "pydantic"})


def test_explain_loads_no_heavy_library() -> None:
    assert not loaded_by("explain", "FS201") & (HEAVY | {"numpy", "pyarrow", "pydantic"})


def test_lint_loads_no_heavy_library(tmp_path) -> None:
    manifest = tmp_path / "map.yaml"
    manifest.write_text("{apiVersion: v1, kind: ConfigMap, metadata: {name: a}}")
    assert not loaded_by("lint", str(manifest)) & (HEAVY | {"numpy", "pyarrow", "pydantic", "rich", "jsonschema"})


def test_validate_loads_no_heavy_library(tmp_path) -> None:
    spec = tmp_path / "fleet.yaml"
    subprocess.run([sys.executable, "-m", "fleetspec", "init", "--out", str(spec)], check=True, capture_output=True)
    assert not loaded_by("validate", str(spec)) & (HEAVY | {"numpy", "pyarrow"})
