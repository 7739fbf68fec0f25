"""Repositories as people have them: branches, shallow and bare clones, work in progress, links, odd places."""

from __future__ import annotations

import hashlib
import os
import shutil
from pathlib import Path

import pytest
from in_process import Run, run_in
from scripted_history import FLEET, History, git

from fleetspec.revisions import git as door
from fleetspec.revisions.tree import written


@pytest.fixture
def clone(history: History, tmp_path: Path) -> Path:
    """A clone at "a second spec", the last commit at which all is sound but two."""
    folder = tmp_path / "clone"
    git(tmp_path, "clone", "-q", str(history.folder), str(folder))
    git(folder, "reset", "-q", "--hard", history.pair("both at once")[1])
    return folder


def at(history: History, name: str) -> str:
    return history.pair(name)[1]


def test_one_spec_at_two_refs(history: History, fleets: Run) -> None:
    base, head = history.pair("raise trials")
    answer = fleets("diff", f"{base}:specs/fleet.yaml", f"{head}:specs/fleet.yaml", "--format", "json")
    data = answer.json
    assert sum(group["changed"] for group in data["groups"]) == 6
    (change,) = data["settings"]
    assert change["place"].startswith(f"{head}:specs/fleet.yaml:")


def test_a_spec_at_a_ref_against_the_file_here(clone: Path) -> None:
    path = clone / "specs/night.yaml"
    path.write_text(path.read_text().replace("trials: 6", "trials: 5"))
    run = run_in(clone / "specs")
    for base in ("HEAD:specs/night.yaml", "HEAD:./night.yaml"):
        data = run("diff", base, "night.yaml", "--format", "json").json
        (change,) = data["settings"]
        assert (change["base"], change["head"]) == ("6", "5")
        assert change["place"].startswith("night.yaml:")


def test_two_folders(history: History, clone: Path, tmp_path: Path) -> None:
    run = run_in(clone)
    base = run("diff", "HEAD~1..HEAD", "--format", "json").json
    shutil.copytree(clone / "specs", tmp_path / "new")
    git(clone, "checkout", "-q", "HEAD~1")
    new = str(tmp_path / "new")
    sides = [("main~1:specs", "main:specs"), ("main~1:specs", new), ("specs", new), ("main~1:./specs", "main:specs/")]
    for one, other in sides:
        data = run("diff", one, other, "--format", "json").json
        assert [(s["path"], s["state"]) for s in data["specs"]] == [("day.yaml", "changed"), ("night.yaml", "changed")]
        assert data["total"] == base["total"]
    assert run("diff", "specs", "main~1:specs", "--detailed-exitcode").code == 0
    places = [change["place"] for s in run("diff", "main~1:specs", "main:specs", "--format", "json").json["specs"]
              for change in s["review"]["settings"]]  # fmt: skip
    assert all(place.startswith("main:specs/") for place in places)


def test_what_a_folder_extends_may_lie_above_it(clone: Path) -> None:
    git(clone, "mv", "specs/base.yaml", "above.yaml")
    for name in ("day", "night"):
        path = clone / f"specs/{name}.yaml"
        path.write_text(path.read_text().replace("[base.yaml]", "[../above.yaml]"))
    git(clone, "commit", "-qam", "above")
    above = clone / "above.yaml"
    above.write_text(above.read_text().replace("0.30 USD/h", "0.40 USD/h"))
    git(clone, "commit", "-qam", "dearer")
    data = run_in(clone)("diff", "HEAD~1:specs", "HEAD:specs", "--format", "json").json
    assert [one["state"] for one in data["specs"]] == ["changed", "changed"]


def test_two_refs_as_two_words(history: History, fleets: Run) -> None:
    base, head = history.pair("both at once")
    data = fleets("diff", base, head, "--format", "json", "--", "specs/night.yaml").json
    assert [one["path"] for one in data["specs"]] == ["specs/night.yaml"]


def test_paths_start_from_the_folder_of_the_command(clone: Path) -> None:
    run = run_in(clone / "specs")
    data = run("diff", "HEAD~1..HEAD", "--format", "json", "--", "day.yaml").json
    assert [one["path"] for one in data["specs"]] == ["specs/day.yaml"]
    assert len(run("diff", "HEAD~1..HEAD", "--format", "json").json["specs"]) == 2


def test_a_branch_shows_its_own_changes_alone(clone: Path) -> None:
    git(clone, "checkout", "-q", "-b", "topic", "HEAD~1")
    path = clone / "specs/night.yaml"
    path.write_text(path.read_text().replace("owner: both desks", "owner: one desk"))
    git(clone, "commit", "-qam", "owner")
    run = run_in(clone)
    forked = run("diff", "main...topic", "--format", "json").json
    (only,) = forked["specs"]
    assert [one["route"] for one in only["review"]["settings"]] == ["owner"]
    assert forked["base"]["commit"].startswith(forked["base"]["ref"])
    # The state of main has moved on: seen from there, the branch takes it back.
    assert len(run("diff", "main..topic", "--format", "json").json["specs"]) == 2


def test_nothing_of_the_user_is_touched(clone: Path, tmp_path: Path) -> None:
    (clone / "specs/night.yaml").write_text("staged: true\n")
    git(clone, "add", "specs/night.yaml")
    (clone / "specs/night.yaml").write_text("work in progress: true\n")
    (clone / "untracked.yaml").write_text("kind: Fleet\n")
    hooks = clone / ".git/hooks/post-checkout"
    hooks.write_text(f"#!/bin/sh\ntouch {tmp_path}/hook-ran\n")
    hooks.chmod(0o755)

    def everything() -> dict[str, tuple[str, int]]:
        files = [path for path in clone.rglob("*") if path.is_file()]
        return {str(p): (hashlib.sha256(p.read_bytes()).hexdigest(), p.stat().st_mtime_ns) for p in files}

    before = everything()
    answer = run_in(clone)("diff", "HEAD~1..HEAD", "--detailed-exitcode")
    assert answer.code == 2, answer.err
    assert everything() == before
    assert not (tmp_path / "hook-ran").exists()
    assert git(clone, "worktree", "list").count("\n") == 1


def test_the_temporary_folder_goes_also_when_a_spec_is_broken(
    history: History, fleets: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    base, head = history.pair("conflict markers")
    assert fleets("diff", f"{base}..{head}").code == 1
    assert fleets("diff", f"{base}:specs/fleet.yaml", f"{head}:specs/fleet.yaml").code == 1
    assert not list(tmp_path.iterdir())


def test_a_conflict_in_one_spec_at_a_ref_is_told_there(history: History, fleets: Run) -> None:
    base, head = history.pair("conflict markers")
    answer = fleets("diff", f"{base}:specs/fleet.yaml", f"{head}:specs/fleet.yaml")
    assert "FS039" in answer.err
    assert f"{head}:specs/fleet.yaml:6:1" in answer.err


def test_a_broken_spec_keeps_no_other_from_being_told(clone: Path) -> None:
    day = clone / "specs/day.yaml"
    day.write_text(day.read_text().replace("horizons:", "horizon:"))
    git(clone, "commit", "-qam", "a typing error")
    answer = run_in(clone)("diff", "HEAD~2..HEAD", "--format", "json")
    states = {one["path"]: one["state"] for one in answer.json["specs"]}
    assert states == {"specs/day.yaml": "broken", "specs/night.yaml": "changed"}
    assert answer.code == 1


def test_a_spec_broken_all_along_is_not_of_this_change(clone: Path) -> None:
    (clone / "specs/old.yaml").write_text("kind: Fleet\nname: [\n")
    git(clone, "add", "-A")
    git(clone, "commit", "-qm", "broken")
    night = clone / "specs/night.yaml"
    night.write_text(night.read_text().replace("owner: both desks", "owner: one desk"))
    git(clone, "commit", "-qam", "owner")
    answer = run_in(clone)("diff", "HEAD~1..HEAD", "--format", "json")
    assert [one["path"] for one in answer.json["specs"]] == ["specs/night.yaml"]
    assert answer.code == 0


class TestShallow:
    @pytest.fixture
    def shallow(self, history: History, tmp_path: Path) -> Path:
        folder = tmp_path / "shallow"
        git(tmp_path, "clone", "-q", "--depth", "2", f"file://{history.folder}", str(folder))
        return folder

    def test_what_it_has_is_compared(self, shallow: Path) -> None:
        data = run_in(shallow)("diff", "HEAD~1..HEAD", "--format", "json").json
        assert [one["state"] for one in data["specs"]] == ["broken"]

    def test_a_commit_before_its_end(self, shallow: Path) -> None:
        answer = run_in(shallow)("diff", "HEAD~2..HEAD")
        assert answer.code == 1
        assert "FS602" in answer.err
        assert "shallow" in answer.err
        assert "fetch-depth: 0" in answer.err

    def test_a_merge_base_before_its_end(self, shallow: Path, history: History) -> None:
        git(history.folder, "branch", "-f", "old", at(history, "owner"))
        git(shallow, "fetch", "-q", "--depth", "1", "origin", "old:refs/remotes/origin/old")
        answer = run_in(shallow)("diff", "origin/old...HEAD")
        assert answer.code == 1
        assert "FS603" in answer.err
        assert "git fetch --unshallow" in answer.err
        git(shallow, "fetch", "-q", "--unshallow")
        assert "FS603" not in run_in(shallow)("diff", "origin/old...HEAD").err


def test_a_branch_that_only_the_remote_has(clone: Path) -> None:
    git(clone, "checkout", "-q", "-b", "topic")
    git(clone, "branch", "-q", "-D", "main")
    answer = run_in(clone)("diff", "main..HEAD")
    assert answer.code == 1
    assert "FS602" in answer.err
    assert "origin/main" in answer.err


def test_histories_without_a_common_commit(clone: Path) -> None:
    git(clone, "checkout", "-q", "--orphan", "alone")
    git(clone, "commit", "-qm", "alone")
    answer = run_in(clone)("diff", "main...HEAD")
    assert "FS603" in answer.err
    assert "main..HEAD" in answer.err
    assert run_in(clone)("diff", "main..HEAD", "--detailed-exitcode").code == 0


def test_a_bare_repository(history: History, tmp_path: Path) -> None:
    git(tmp_path, "clone", "-q", "--bare", str(history.folder), "fleets.git")
    base, head = history.pair("raise trials")
    data = run_in(tmp_path / "fleets.git")("diff", f"{base}..{head}", "--format", "json").json
    assert data["total"]["changed"] == 6


def test_no_repository(tmp_path: Path) -> None:
    answer = run_in(tmp_path)("diff", "main..HEAD")
    assert answer.code == 1
    assert "FS601" in answer.err


def test_no_git(clone: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    answer = run_in(clone)("diff", "HEAD~1..HEAD")
    assert answer.code == 1
    assert "there is no git" in answer.err


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("HEAD~1..HEAD", "--", "spec"), "there is no 'spec'"),
        (("HEAD~1:specs/nigth.yaml", "HEAD:specs/night.yaml"), "did you mean 'specs/night.yaml'"),
        (("HEAD~1:specs", "HEAD:specs/night.yaml"), "is a folder"),
        (("HEAD~1:spec", "HEAD:specs"), "there is no 'spec' at HEAD~1"),
        (("HAED~1..HEAD",), "there is no ref 'HAED~1'"),
        (("--upload-pack=x..HEAD",), "No such option"),
    ],
)
def test_what_is_not_there(clone: Path, arguments: tuple[str, ...], says: str) -> None:
    answer = run_in(clone)("diff", *arguments)
    assert answer.code in (1, 64)
    assert says in answer.err


def test_links_are_followed_inside_the_tree_alone(tmp_path: Path) -> None:
    repo, out = tmp_path / "repo", tmp_path / "out"
    (repo / "a/b").mkdir(parents=True)
    (tmp_path / "secret.yaml").write_text("kind: Defaults\n")
    (repo / "real.yaml").write_text("kind: Defaults\n")
    for name, target in {
        "inside.yaml": "real.yaml",
        "outside.yaml": "../secret.yaml",
        "absolute.yaml": str(tmp_path / "secret.yaml"),
        "a/b/up": "../..",
        "a/b/round.yaml": "up/../secret.yaml",
        "circle.yaml": "circle.yaml",
    }.items():
        (repo / name).symlink_to(target)
    git(tmp_path, "init", "-q", str(repo))
    git(repo, "add", "-A")
    git(repo, "commit", "-qm", "links")
    found = door.repository(repo)
    tree = written(found, door.commit_of(found, "HEAD"), "HEAD", out)
    here = {str(path.relative_to(tree.folder)) for path in tree.folder.rglob("*") if path.is_symlink()}
    assert here == {"inside.yaml", "a/b/up"}
    assert (tree.folder / "inside.yaml").read_text() == "kind: Defaults\n"


def test_only_what_specs_are_made_of_is_written(tmp_path: Path) -> None:
    repo = tmp_path / "repo"
    (repo / "deep er").mkdir(parents=True)
    (repo / "deep er/fleet.yaml").write_text(FLEET.replace("file:lists/fx.csv", '"file:../lists/fx names"'))
    (repo / "lists").mkdir()
    (repo / "lists/fx names").write_text("EUR\n")
    (repo / "lists/unused.csv").write_text("EUR\n")
    (repo / "model.bin").write_bytes(b"\0" * 1000)
    (repo / "ümlaut.yml").write_text("kind: Defaults\r\n", newline="")
    (repo / "other.yaml").write_text("kind: Deployment\n")
    (repo / "deep er/base.yaml").write_text("no: defaults\n")
    (repo / ".gitattributes").write_text("* text=auto eol=crlf export-ignore\n")
    git(tmp_path, "init", "-q", str(repo))
    git(repo, "-c", "core.autocrlf=false", "add", "-A")
    git(repo, "commit", "-qm", "files")
    found = door.repository(repo)
    tree = written(found, door.commit_of(found, "HEAD"), "HEAD", tmp_path / "out")
    files = {str(path.relative_to(tree.folder)) for path in tree.folder.rglob("*") if path.is_file()}
    # What a spec extends is there also when it is none of ours: that is then said of it.
    assert files == {"deep er/fleet.yaml", "deep er/base.yaml", "lists/fx names", "ümlaut.yml"}
    # As it is committed; a checkout would have given the line another end.
    assert (tree.folder / "ümlaut.yml").read_bytes() == b"kind: Defaults\n"
    assert tree.fleets() == ["deep er/fleet.yaml"]


def test_git_is_asked_without_locks(clone: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_OPTIONAL_LOCKS", "1")
    (clone / ".git/index.lock").write_text("")
    assert run_in(clone)("diff", "HEAD~1..HEAD").code == 0
    assert os.environ["GIT_OPTIONAL_LOCKS"] == "1"
