"""The one door to git: commits, merge bases, listings and contents of files. Reads objects, never a work tree or index.

Objects are taken as they are stored: no filter, no end-of-line conversion, no hook of the repository runs.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterable, Iterator
from pathlib import Path

from msgspec import Struct

from fleetspec.diagnostics import did_you_mean, nearest, reject
from fleetspec.rules import revisions as rules

FILE, PROGRAM, LINK = "100644", "100755", "120000"
"""Modes of what a tree may hold; submodules have another."""


class Repository(Struct, frozen=True):
    """Where git is run, what the repository is called, and the folder of the command in it: ``""`` or ``"specs/"``."""

    folder: Path
    name: str
    prefix: str


class Entry(Struct, frozen=True):
    """A file of a tree: its mode, the name of its content, and bytes."""

    mode: str
    blob: str
    size: int


def _run(folder: Path, *arguments: str, given: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    # Optional locks would refresh the user's index; git must not ask a person for anything either.
    calm = {"GIT_OPTIONAL_LOCKS": "0", "GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C"}
    command = ["git", "-c", "core.quotePath=false", *arguments]
    try:
        return subprocess.run(command, cwd=folder, env={**os.environ, **calm}, input=given, capture_output=True)
    except FileNotFoundError:
        help = "install git, or compare two files: fleetspec diff main.yaml branch.yaml"
        raise reject(rules.NO_REPOSITORY, "there is no git on this machine", help=help) from None


def _said(answer: subprocess.CompletedProcess[bytes]) -> str:
    return answer.stderr.decode(errors="replace").strip()


def _output(folder: Path, *arguments: str, given: bytes = b"") -> bytes:
    answer = _run(folder, *arguments, given=given)
    if answer.returncode:
        raise reject(
            rules.NO_REPOSITORY,
            f"git {arguments[0]} failed: {_said(answer).splitlines()[0] if _said(answer) else answer.returncode}",
            help=f"see what it says: git {' '.join(arguments)}",
        )
    return answer.stdout


def repository(folder: Path) -> Repository:
    """The repository a folder is in. Rejected (FS601) where there is none that git may read."""
    answer = _run(folder, "rev-parse", "--show-prefix", "--absolute-git-dir")
    if answer.returncode:
        said = _said(answer)
        owned = "dubious ownership" in said
        raise reject(
            rules.NO_REPOSITORY,
            f"git does not trust the repository of '{folder}': another user owns it"
            if owned
            else f"'{folder}' is in no git repository",
            help=f"trust it: git config --global --add safe.directory {folder}"
            if owned
            else "compare two files instead, or go to the folder of the repository",
        )
    prefix, git_dir = answer.stdout.decode().split("\n")[:2]
    top = _run(folder, "rev-parse", "--show-toplevel")
    # A bare repository has no work tree; its objects are all that is needed.
    root = Path(top.stdout.decode().rstrip("\n")) if top.returncode == 0 else Path(git_dir)
    return Repository(folder, root.name.removesuffix(".git") or "repository", prefix)


def setting(folder: Path, key: str) -> str:
    """What git's configuration says in a folder, in a repository or not; empty where it says nothing."""
    return _run(folder, "config", "--get", key).stdout.decode(errors="replace").strip()


def first_commit(repo: Repository) -> str | None:
    """The oldest commit that HEAD comes from, which copies of a repository share; None where a clone does not know."""
    if is_shallow(repo):
        return None
    answer = _run(repo.folder, "rev-list", "--max-parents=0", "HEAD")
    found = sorted(answer.stdout.decode().split())
    return found[0] if answer.returncode == 0 and found else None


def is_shallow(repo: Repository) -> bool:
    return _run(repo.folder, "rev-parse", "--is-shallow-repository").stdout.strip() == b"true"


def commit_of(repo: Repository, ref: str) -> str:
    """The commit that a ref names. Rejected (FS602) where the clone does not have it."""
    answer = _run(repo.folder, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{ref}^{{commit}}")
    found = answer.stdout.decode().split()
    # Older versions of git print the end of options as well.
    if answer.returncode == 0 and found:
        return found[-1]
    raise reject(rules.NO_REF, f"there is no ref '{ref}' in this repository", help=_way_to(repo, ref))


def _way_to(repo: Repository, ref: str) -> str:
    listed = _run(repo.folder, "for-each-ref", "--format=%(refname:short)")
    names = listed.stdout.decode().split()
    remote = next((name for name in names if name.partition("/")[2] == ref), None)
    if remote is not None:
        return f"this clone knows it as '{remote}'"
    branch = ref.removeprefix("origin/")
    fetch = f"git fetch origin {branch}:refs/remotes/origin/{branch}, and name it origin/{branch}"
    close = nearest(ref, names)
    if is_shallow(repo):
        return f"this clone is shallow; fetch it: {fetch} (in actions/checkout: fetch-depth: 0)"
    return f"{did_you_mean(ref, names)} or fetch it: {fetch}" if close is not None else f"fetch it: {fetch}"


def merge_base(repo: Repository, base: str, head: str) -> str:
    """The best common ancestor of two refs. Rejected (FS602, FS603) where the clone lacks a ref or the ancestor."""
    commits = commit_of(repo, base), commit_of(repo, head)
    answer = _run(repo.folder, "merge-base", *commits)
    found = answer.stdout.decode().split()
    if answer.returncode == 0 and found:
        return found[0]
    shallow = is_shallow(repo)
    raise reject(
        rules.NO_MERGE_BASE,
        f"'{base}' and '{head}' have no common ancestor" + (" in this shallow clone" if shallow else ""),
        help="fetch the rest: git fetch --unshallow (in actions/checkout: fetch-depth: 0)"
        if shallow
        else f"compare their states as they are: {base}..{head}",
    )


def listing(repo: Repository, commit: str) -> dict[str, Entry]:
    """Every file of a commit by its path from the top."""
    # From a folder of the work tree git would list that folder alone.
    listed = _output(repo.folder, "ls-tree", "-r", "-l", "-z", "--full-tree", commit)
    found = {}
    for line in listed.split(b"\0"):
        if not line:
            continue
        about, _, path = line.partition(b"\t")
        mode, kind, blob, size = about.decode().split()
        if kind == "blob":
            found[os.fsdecode(path)] = Entry(mode, blob, int(size))
    return found


def contents(repo: Repository, blobs: Iterable[str]) -> Iterator[bytes]:
    """The bytes of blobs, in their order."""
    names = list(blobs)
    if not names:
        return
    data = _output(repo.folder, "cat-file", "--batch", given="".join(f"{name}\n" for name in names).encode())
    at = 0
    for name in names:
        end = data.index(b"\n", at)
        head = data[at:end].split()
        if len(head) != 3:
            raise reject(
                rules.NO_REPOSITORY,
                f"the object {name} is missing in this clone",
                help="fetch what is missing: git fetch --refetch",
            )
        size = int(head[2])
        yield data[end + 1 : end + 1 + size]
        at = end + 2 + size


def renamed(repo: Repository, base: str, head: str) -> dict[str, str]:
    """New path → old path of the files that git takes for renamed between two commits."""
    listed = _output(repo.folder, "diff-tree", "-r", "-M", "-z", "--diff-filter=R", "--name-status", base, head)
    fields = [os.fsdecode(part) for part in listed.split(b"\0")]
    return {fields[at + 2]: fields[at + 1] for at in range(0, len(fields) - 2, 3)}
