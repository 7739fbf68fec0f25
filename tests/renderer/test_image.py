"""The image's recipe agrees with what the manifests ask of it."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

from handmade import parsed
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from fleetspec.compiler.spec_hardware import Cluster
from fleetspec.renderer.manifests import Manifests

ROOT = Path(__file__).resolve().parents[2]
DOCKERFILE = (ROOT / "docker" / "Dockerfile").read_text()
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def pins() -> dict[str, str]:
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    return dict(line.split("==") for line in lines if "==" in line and not line.startswith("#"))


def test_ray_in_the_image_is_the_release_that_specs_name_by_default() -> None:
    assert '-c constraints.txt "ray[default]"' in DOCKERFILE
    assert pins()["ray"] == Cluster().ray
    (wanted,) = [Requirement(r) for r in PROJECT["optional-dependencies"]["run"] if Requirement(r).name == "ray"]
    assert pins()["ray"] in wanted.specifier


def test_the_base_has_a_python_that_the_project_takes() -> None:
    found = re.search(r"^ARG BASE=python:(\d+\.\d+)-slim", DOCKERFILE, re.MULTILINE)
    assert found is not None
    assert found[1] in SpecifierSet(PROJECT["requires-python"])


def test_the_image_installs_extras_that_there_are_at_the_versions_that_are_tested() -> None:
    found = re.search(r'pip install -c constraints\.txt "\.\[([a-z,]+)\]"', DOCKERFILE)
    assert found is not None
    (extra,) = found[1].split(",")
    (whole,) = PROJECT["optional-dependencies"][extra]
    assert {"run", "neural"} <= Requirement(whole).extras <= PROJECT["optional-dependencies"].keys()
    assert "torch" in pins()
    assert "grep '^torch==' constraints.txt" in DOCKERFILE


def test_what_is_copied_is_there_and_not_ignored() -> None:
    kept = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    copied = [words.split()[1:-1] for words in re.findall(r"^COPY (?!--).*$", DOCKERFILE, re.MULTILINE)]
    names = {name for each in copied for name in each}
    assert names == kept
    assert all((ROOT / name).exists() for name in names)


def test_pods_run_as_the_images_user(manifests: Manifests) -> None:
    found = re.search(r"^USER (\d+):(\d+)$", DOCKERFILE, re.MULTILINE)
    assert found is not None
    spec = parsed(manifests, "rayjob.yaml")["spec"]
    cluster = spec["rayClusterSpec"]
    templates = [spec["submitterPodTemplate"], cluster["headGroupSpec"]["template"]]
    templates += [group["template"] for group in cluster["workerGroupSpecs"]]
    for template in templates:
        security = template["spec"]["securityContext"]
        assert (security["runAsUser"], security["runAsGroup"]) == (int(found[1]), int(found[2]))
