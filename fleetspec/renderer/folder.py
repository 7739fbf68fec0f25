"""A rendering in a folder: written whole, held against what would be written, and nobody else's file touched."""

from __future__ import annotations

import difflib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from fleetspec.diagnostics import reject
from fleetspec.files import Staged, stage
from fleetspec.renderer.layout import FOLDERS, is_name
from fleetspec.rules import manifests as rules

if TYPE_CHECKING:
    from fleetspec.renderer.manifests import Manifests

MARK = "# Rendered by fleetspec:"
"""How every rendered file begins; a file without it belongs to somebody else."""
_DIFF_LINES = 12
_LONGEST = 200


@dataclass(frozen=True, slots=True)
class Difference:
    """A file that is not as rendered. ``state`` is changed, missing, stale (ours, no longer rendered) or foreign;
    ``lines`` is the head of a unified diff from the folder's file to the rendered one, for one that changed."""

    name: str
    state: str
    lines: tuple[str, ...] = ()


def write_manifests(manifests: Manifests, folder: Path) -> None:
    """Write the files and remove those of an earlier rendering that are no longer among them.

    All texts are on the disk before the first file is replaced, each in one step, and only where fleetspec wrote it:
    Rejected (FS411) before anything is touched otherwise. OSError where the folder cannot be written.
    """
    for name in sorted(manifests.files):
        if os.path.lexists(folder / name) and not is_ours(folder / name):
            raise reject(
                rules.FOREIGN_FILE,
                f"{folder / name} was not rendered by fleetspec",
                help="render into a folder of its own, or move that file away",
            )
    staged: list[Staged] = []
    try:
        for name, text in sorted(manifests.files.items()):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            staged.append(stage(folder / name, text.encode()))
        for each in staged:
            each.commit()
    finally:
        for each in staged:
            each.discard()
    for name in _stale(manifests, folder):
        (folder / name).unlink()


def differences(manifests: Manifests, folder: Path) -> list[Difference]:
    """What of a folder is not what ``manifests`` would make of it; [] where writing would change nothing."""
    found = [Difference(name, "stale") for name in _stale(manifests, folder)]
    for name, text in manifests.files.items():
        path = folder / name
        if not os.path.lexists(path):
            found.append(Difference(name, "missing"))
        elif not is_ours(path):
            found.append(Difference(name, "foreign"))
        elif (held := path.read_bytes()) != text.encode():
            found.append(Difference(name, "changed", _diff(name, held.decode(errors="replace"), text)))
    return sorted(found, key=lambda difference: difference.name)


def is_ours(path: Path) -> bool:
    """Whether fleetspec rendered a file, as its first line says; a link is nobody's."""
    if path.is_symlink() or not path.is_file():
        return False
    with path.open("rb") as stream:
        return stream.read(len(MARK)) == MARK.encode()


def _stale(manifests: Manifests, folder: Path) -> list[str]:
    paths = [path for each in ("", *FOLDERS) for path in (folder / each).glob("*.yaml")]
    names = {path.relative_to(folder).as_posix() for path in paths} - manifests.files.keys()
    return sorted(name for name in names if is_name(name) and is_ours(folder / name))


def _diff(name: str, held: str, text: str) -> tuple[str, ...]:
    lines = difflib.unified_diff(
        held.splitlines(), text.splitlines(), f"{name} (in the folder)", f"{name} (rendered)", n=1, lineterm=""
    )
    shown = [line for line, _ in zip(lines, range(_DIFF_LINES), strict=False)]
    return tuple(line if len(line) <= _LONGEST else line[:_LONGEST] + " …" for line in shown)
