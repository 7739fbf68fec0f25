"""A state of a repository as a folder: the files that specs are made of, written out of git's objects.

Written are specs, Defaults, their locks, and what these name. The data of a fleet are not: a lock stands for them.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path, PurePosixPath
from posixpath import dirname, join, normpath
from typing import TYPE_CHECKING, Any

from msgspec import Struct
from msgspec.structs import replace

from fleetspec.revisions.git import LINK, Entry, contents, listing

if TYPE_CHECKING:
    from fleetspec.diagnostics import Diagnostic, Place, Report
    from fleetspec.revisions.git import Repository

_YAML = (".yaml", ".yml")
_NAMED = re.compile(rb"file:[ \t]*([^\"'\n,}\]#]+)|([^\"'\n,{}\[\]#:]+\.ya?ml)\b")
_OURS = re.compile(rb"^(?:\{.*)?[\"']?kind[\"']?:[ \t]*[\"']?(?:Fleet|Defaults|Approvals)\b", re.MULTILINE)
_ODD = {"", ".", "..", ".git"}
_FLEET = re.compile(rb"^(?:\{.*)?[\"']?kind[\"']?:[ \t]*[\"']?Fleet\b", re.MULTILINE)


class Tree(Struct, frozen=True):
    """A state: what a person calls it, its commit, the folder it lies in, and the content of its files by path.

    ``here`` are those of the files that do lie in the folder: what specs are made of.
    """

    label: str
    commit: str
    folder: Path
    blobs: Mapping[str, str]
    here: frozenset[str]

    def file(self, path: str) -> Path:
        return self.folder / path if path else self.folder

    def fleets(self) -> list[str]:
        """Paths of the specs in it. A text counts by its ``kind:``, so that one which cannot be read counts too."""
        yaml = [path for path in self.here if path.endswith(_YAML)]
        return sorted(path for path in yaml if _is_fleet(self.file(path)))


def _is_fleet(file: Path) -> bool:
    try:
        return file.is_file() and _FLEET.search(file.read_bytes()) is not None
    except OSError:
        return False


def written(repo: Repository, commit: str, label: str, into: Path) -> Tree:
    """Write a commit's files below ``into``, a folder of our own. Links that lead out of the tree are left out."""
    root = into / repo.name
    # What a spec may extend lies in its repository: this folder is one.
    (root / ".git").mkdir(parents=True)
    # Nobody's git makes such names; somebody's hand might.
    files = {path: one for path, one in listing(repo, commit).items() if not _ODD & set(path.split("/"))}
    links = {path: one for path, one in files.items() if one.mode == LINK}
    texts = {path: one for path, one in files.items() if path.endswith(_YAML) and path not in links}
    named: set[str] = set()
    here = set(links)
    for path, data in _read(repo, texts):
        # A repository may hold thousands of YAML files for other programs.
        if _OURS.search(data):
            _target(root, path).write_bytes(data)
            here.add(path)
            named |= {*_named_in(path, data), str(PurePosixPath(path).with_suffix(".lock"))}
    for path, data in _read(repo, {path: files[path] for path in sorted(named & files.keys() - here)}):
        _target(root, path).write_bytes(data)
        here.add(path)
    for path, data in _read(repo, links):
        _target(root, path).symlink_to(os.fsdecode(data))
    for path in links:
        if not _leads_inside(root, root / path):
            (root / path).unlink()
            here.discard(path)
    return Tree(label, commit, root, {path: one.blob for path, one in files.items()}, frozenset(here))


def lying(folder: Path) -> Tree:
    """A folder on disk as a state; what begins with a dot is none of it."""
    files = {}
    for path in folder.rglob("*"):
        place = path.relative_to(folder)
        if path.suffix in (*_YAML, ".lock") and path.is_file() and not any(part[0] == "." for part in place.parts):
            files[place.as_posix()] = hashlib.sha256(path.read_bytes()).hexdigest()
    return Tree(str(folder), "", folder, files, frozenset(files))


def within(tree: Tree, path: str) -> Tree:
    """A folder of a state, as a state of its own."""
    prefix = f"{path}/" if path else ""
    blobs = {name.removeprefix(prefix): blob for name, blob in tree.blobs.items() if name.startswith(prefix)}
    here = frozenset(name.removeprefix(prefix) for name in tree.here if name.startswith(prefix))
    return Tree(f"{tree.label}:{path}", tree.commit, tree.file(path), blobs, here)


def _read(repo: Repository, files: Mapping[str, Entry]) -> Iterable[tuple[str, bytes]]:
    return zip(files, contents(repo, (one.blob for one in files.values())), strict=True)


def _target(root: Path, path: str) -> Path:
    target = root / path
    target.parent.mkdir(parents=True, exist_ok=True)
    return target


def _leads_inside(root: Path, link: Path) -> bool:
    try:
        return link.resolve().is_relative_to(root.resolve())
    except (OSError, RuntimeError):
        return False


def _named_in(path: str, data: bytes) -> set[str]:
    """Files that a YAML text may name, by ``file:`` or below ``extends``, from the top."""
    names = (os.fsdecode(listed or extended).strip().removeprefix("- ") for listed, extended in _NAMED.findall(data))
    return {normpath(join(dirname(path), name)) for name in names}


class Naming(Struct, frozen=True):
    """What stands for the folders of trees wherever a person reads: ``main:specs/prod.yaml``."""

    labels: tuple[tuple[str, str], ...]

    @classmethod
    def of(cls, trees: Iterable[Tree]) -> Naming:
        return cls(tuple((str(tree.folder), tree.label) for tree in trees))

    def text(self, text: str) -> str:
        for folder, label in self.labels:
            text = text.replace(f"{folder}/", f"{label}:").replace(folder, f"{label}:")
        return text

    def plain(self, text: str) -> str:
        """Without the ref: a path that a person can use in a command."""
        for folder, _ in self.labels:
            text = text.replace(f"{folder}/", "").replace(folder, ".")
        return text

    def data(self, value: Any) -> Any:
        """Plain data with every text in it named."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, dict):
            return {key: self.data(item) for key, item in value.items()}
        return [self.data(item) for item in value] if isinstance(value, list | tuple) else value

    def report(self, report: Report) -> Report:
        """The same report, its findings named."""
        report.findings = [self._finding(found) for found in report.findings]
        return report

    def _finding(self, found: Diagnostic) -> Diagnostic:
        related = tuple((where if isinstance(where, tuple) else self._place(where), t) for where, t in found.related)
        return replace(
            found,
            message=self.text(found.message),
            help=None if found.help is None else self.plain(found.help),
            place=None if found.place is None else self._place(found.place),
            related=related,
        )

    def _place(self, place: Place) -> Place:
        return replace(place, source=replace(place.source, name=self.text(place.source.name)))
