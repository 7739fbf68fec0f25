"""What public scanners say of the pods of every shipped fleet, of what stands between runs, and of the Dockerfile.

They are no dependencies of ours: checkov pins networkx below 3, fleetspec needs 3.3. `make scan` installs them apart.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from handmade import make_spec
from shipped import every_rendering
from variants import variants

from fleetspec.renderer.manifests import render
from fleetspec.renderer.pods import as_text

ROOT = Path(__file__).resolve().parents[2]
CONFIG = ROOT / "ops" / "checkov.yaml"
UNPINNED = {
    # The images of specs/ are examples in a registry that does not exist: there is no digest to pin them to. `render`
    # says so of each (FS403), and a fleet with a digest has none of these.
    "CKV_K8S_14": "the quickstart's image has the tag latest",
    "CKV_K8S_15": "a tag is pulled once a node, not for every pod",
    "CKV_K8S_43": "the image has a tag and no digest",
}


def scanner(name: str) -> str:
    venv = ROOT / os.environ.get("FLEETSPEC_SCANNERS", ".venv-scanners")
    found = shutil.which(name, path=f"{venv}/bin") or shutil.which(name)
    if found is None:
        pytest.skip(f"NOT SCANNED: {name} is absent; `make scan` installs it and runs this file")
    return found


def failed(folder: Path, *options: str) -> dict[str, set[str]]:
    """Checks of checkov that fail, and the resources that they fail for."""
    command = [scanner("checkov"), "-d", str(folder), "--skip-download", "-o", "json", *options]
    run = subprocess.run(command, capture_output=True, text=True, cwd=folder)
    report: Any = json.loads(run.stdout)
    report = report[0] if isinstance(report, list) else report
    assert report["summary"]["passed"] > 50, "checkov has read nothing"
    assert report["summary"]["parsing_errors"] == 0
    found: dict[str, set[str]] = {}
    for each in report["results"]["failed_checks"]:
        found.setdefault(each["check_id"], set()).add(each["resource"])
    return found


def test_pods_of_every_fleet_have_what_is_named_and_nothing_else(tmp_path: Path) -> None:
    for made, manifests in every_rendering():
        (tmp_path / f"{made.plan.fleet}-{made.plan.run}.yaml").write_text(as_text(manifests.pods()))
    found = failed(tmp_path, "--config-file", str(CONFIG))
    assert set(found) <= set(UNPINNED)
    assert "CKV_K8S_43" in found, "an image without a digest is no longer found"


def test_with_a_digest_nothing_is_left(tmp_path: Path) -> None:
    """The same fleets, and every way of rendering, at an image that is pinned."""
    pinned = make_spec().cluster.image
    assert "@sha256:" in pinned
    for made, _ in every_rendering():
        source = made.compiled.read.spec
        spec = source.model_copy(update={"cluster": source.cluster.model_copy(update={"image": pinned})})
        manifests = render(made.plan, made.compiled.graph, spec, "text\n", made.compiled.lock_bytes)
        (tmp_path / f"{made.plan.fleet}-{made.plan.run}.yaml").write_text(as_text(manifests.pods()))
    for name, variant in variants().items():
        (tmp_path / f"{name.replace(' ', '-')}.yaml").write_text(as_text(variant.render().pods()))
    assert failed(tmp_path, "--config-file", str(CONFIG)) == {}


def test_every_suppression_has_a_reason_and_is_needed(tmp_path: Path) -> None:
    """A check that nothing fails any more is not passed over."""
    text = CONFIG.read_text()
    skipped = yaml.safe_load(text)["skip-check"]
    lines = text[text.index("skip-check:") :].splitlines()[1:]
    reasons = [line for line in lines if line.strip().startswith("#")]
    assert len(reasons) >= len(skipped) - 1
    for name, variant in variants().items():
        (tmp_path / f"{name.replace(' ', '-')}.yaml").write_text(as_text(variant.render().pods()))
    assert set(failed(tmp_path, "--framework", "kubernetes")) == set(skipped)


def test_what_stands_between_runs_is_scanned_as_it_is(tmp_path: Path) -> None:
    for name, variant in variants().items():
        for file, text in variant.render().files.items():
            if file.startswith(("fleet/", "platform/")) and "kustomization" not in file:
                place = tmp_path / name.replace(" ", "-") / file
                place.parent.mkdir(parents=True, exist_ok=True)
                place.write_text(text)
    assert failed(tmp_path, "--config-file", str(CONFIG)) == {}


def test_the_dockerfile() -> None:
    run = subprocess.run(
        [scanner("hadolint"), "--format", "json", str(ROOT / "docker" / "Dockerfile")], capture_output=True, text=True
    )
    found = [(each["code"], each["line"]) for each in json.loads(run.stdout)]
    assert found == []
    ignored = re.findall(r"# hadolint ignore=(\S+)", (ROOT / "docker" / "Dockerfile").read_text())
    assert ignored == ["DL3008"], "what is passed over has a reason beside it"
