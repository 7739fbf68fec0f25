"""Manifests go into a folder whole, replace what was rendered before, and touch nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest

from fleetspec.diagnostics import Rejected
from fleetspec.renderer.folder import MARK, differences, write_manifests
from fleetspec.renderer.layout import is_name
from fleetspec.renderer.manifests import Manifests


def contents(folder: Path) -> dict[str, str]:
    return {path.relative_to(folder).as_posix(): path.read_text() for path in folder.rglob("*") if path.is_file()}


def test_the_files_are_written_as_rendered(manifests: Manifests, tmp_path: Path) -> None:
    folder = tmp_path / "deploy" / "nightly"
    write_manifests(manifests, folder)
    assert contents(folder) == manifests.files
    write_manifests(manifests, folder)
    assert contents(folder) == manifests.files


def test_every_file_says_who_wrote_it(manifests: Manifests) -> None:
    assert all(map(is_name, manifests.files))
    assert all(text.startswith(MARK) for text in manifests.files.values())


def test_a_file_that_is_no_longer_rendered_goes(manifests: Manifests, tmp_path: Path) -> None:
    write_manifests(manifests, tmp_path)
    (tmp_path / "README.md").write_text("# by hand\n")
    (tmp_path / "rayjob-old.yaml").write_text(manifests.files["rayjob.yaml"])
    fewer = Manifests({name: text for name, text in manifests.files.items() if name != "platform/mig-config.yaml"})
    write_manifests(fewer, tmp_path)
    assert sorted(contents(tmp_path)) == sorted([*fewer.files, "README.md", "rayjob-old.yaml"])


def test_a_file_by_hand_is_neither_replaced_nor_removed(manifests: Manifests, tmp_path: Path) -> None:
    by_hand = tmp_path / "kustomization.yaml"
    by_hand.write_text("resources: [../other]\n")
    with pytest.raises(Rejected) as caught:
        write_manifests(manifests, tmp_path)
    (error,) = caught.value.report.errors
    assert error.rule.code == "FS411"
    assert contents(tmp_path) == {"kustomization.yaml": "resources: [../other]\n"}
    (tmp_path / "platform").mkdir()
    by_hand.rename(tmp_path / "platform/mig-config.yaml")
    fewer = Manifests({name: text for name, text in manifests.files.items() if name != "platform/mig-config.yaml"})
    write_manifests(fewer, tmp_path)
    assert (tmp_path / "platform/mig-config.yaml").read_text() == "resources: [../other]\n"


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


def test_what_no_rendering_has_is_nobodys_to_remove(manifests: Manifests, tmp_path: Path) -> None:
    write_manifests(manifests, tmp_path)
    kept = tmp_path / "fleet" / "mine.yaml"
    kept.write_text(MARK + " a copy under another name\n")
    (tmp_path / "platform" / "resourceflavor-old.yaml").write_text(MARK + "\n")
    write_manifests(manifests, tmp_path)
    assert kept.is_file()
    assert not (tmp_path / "platform" / "resourceflavor-old.yaml").exists()


def test_no_file_is_replaced_before_all_texts_are_on_the_disk(
    manifests: Manifests, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_manifests(manifests, tmp_path)
    before, calls = contents(tmp_path), []

    def fail_late(descriptor: int) -> None:
        calls.append(descriptor)
        if len(calls) == len(manifests.files):
            raise OSError(28, "no space left")

    monkeypatch.setattr("os.fsync", fail_late)
    changed = Manifests({name: text + "# more\n" for name, text in manifests.files.items()})
    with pytest.raises(OSError, match=r"rayjob\.yaml"):
        write_manifests(changed, tmp_path)
    assert contents(tmp_path) == before


def test_a_folder_is_held_against_what_would_be_written(manifests: Manifests, tmp_path: Path) -> None:
    assert {each.state for each in differences(manifests, tmp_path)} == {"missing"}
    write_manifests(manifests, tmp_path)
    assert differences(manifests, tmp_path) == []
    job = tmp_path / "rayjob.yaml"
    job.write_text(job.read_text().replace("backoffLimit: 1", "backoffLimit: 9"))
    (tmp_path / "kustomization.yaml").write_text("resources: []\n")
    (tmp_path / "fleet" / "serviceaccount.yaml").unlink()
    (tmp_path / "fleet" / "podmonitor.yaml").write_text(MARK + "\n")
    (tmp_path / "README.md").write_text("# by hand\n")
    found = {each.name: each for each in differences(manifests, tmp_path)}
    assert {name: each.state for name, each in found.items()} == {
        "rayjob.yaml": "changed",
        "kustomization.yaml": "foreign",
        "fleet/serviceaccount.yaml": "missing",
        "fleet/podmonitor.yaml": "stale",
    }
    assert {"-  backoffLimit: 9", "+  backoffLimit: 1"} <= set(found["rayjob.yaml"].lines)
    (tmp_path / "kustomization.yaml").unlink()
    write_manifests(manifests, tmp_path)
    assert differences(manifests, tmp_path) == []
