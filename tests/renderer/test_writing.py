"""Manifests go into a folder whole, replace what was rendered before, and touch nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest

from fleetspec.diagnostics import Rejected
from fleetspec.renderer.manifests import MARK, NAMES, Manifests, write_manifests


def contents(folder: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in folder.iterdir()}


def test_the_files_are_written_as_rendered(manifests: Manifests, tmp_path: Path) -> None:
    folder = tmp_path / "deploy" / "nightly"
    write_manifests(manifests, folder)
    assert contents(folder) == manifests.files
    write_manifests(manifests, folder)
    assert contents(folder) == manifests.files


def test_every_file_says_who_wrote_it(manifests: Manifests) -> None:
    assert sorted(manifests.files) == sorted(set(NAMES) - {"sharing-config.yaml"})
    assert all(text.startswith(MARK) for text in manifests.files.values())


def test_a_file_that_is_no_longer_rendered_goes(manifests: Manifests, tmp_path: Path) -> None:
    write_manifests(manifests, tmp_path)
    (tmp_path / "README.md").write_text("# by hand\n")
    (tmp_path / "rayjob-old.yaml").write_text(manifests.files["rayjob.yaml"])
    fewer = Manifests({name: text for name, text in manifests.files.items() if name != "mig-config.yaml"})
    write_manifests(fewer, tmp_path)
    assert sorted(contents(tmp_path)) == [
        "README.md",
        "configmap.yaml",
        "kustomization.yaml",
        "rayjob-old.yaml",
        "rayjob.yaml",
    ]


def test_a_file_by_hand_is_neither_replaced_nor_removed(manifests: Manifests, tmp_path: Path) -> None:
    by_hand = tmp_path / "kustomization.yaml"
    by_hand.write_text("resources: [../other]\n")
    with pytest.raises(Rejected) as caught:
        write_manifests(manifests, tmp_path)
    (error,) = caught.value.report.errors
    assert error.rule.code == "FS411"
    assert contents(tmp_path) == {"kustomization.yaml": "resources: [../other]\n"}
    by_hand.rename(tmp_path / "mig-config.yaml")
    fewer = Manifests({name: text for name, text in manifests.files.items() if name != "mig-config.yaml"})
    write_manifests(fewer, tmp_path)
    assert (tmp_path / "mig-config.yaml").read_text() == "resources: [../other]\n"


def test_a_link_is_not_followed(manifests: Manifests, tmp_path: Path) -> None:
    target = tmp_path / "target.yaml"
    target.write_text(MARK + " elsewhere\n")
    folder = tmp_path / "deploy"
    folder.mkdir()
    (folder / "rayjob.yaml").symlink_to(target)
    with pytest.raises(Rejected, match=r"rayjob\.yaml"):
        write_manifests(manifests, folder)
    assert target.read_text() == MARK + " elsewhere\n"


def test_an_interrupted_write_leaves_whole_files(
    manifests: Manifests, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_manifests(manifests, tmp_path)
    before = contents(tmp_path)

    def fail(descriptor: int) -> None:
        raise OSError("disk full")

    monkeypatch.setattr("os.fsync", fail)
    changed = Manifests({name: text + "# more\n" for name, text in manifests.files.items()})
    with pytest.raises(OSError, match="disk full"):
        write_manifests(changed, tmp_path)
    assert contents(tmp_path) == before
