"""Where a saved plan comes from: the repository and the files of its spec, and whether they are still what they were.

Files are known by what they say: a comment or another layout of a spec moves nothing.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msgspec import Struct, field

from fleetspec.diagnostics import ExitCode, Rejected, Report, Source, reject
from fleetspec.revisions import git
from fleetspec.rules import policies as rules

if TYPE_CHECKING:
    from fleetspec.compiler.document import Document

_YAML = (".yaml", ".yml")


class Origin(Struct, frozen=True):
    """``repository`` is the first commit of the repository that holds the spec, empty where it lies in none or the
    clone does not know; ``spec`` is its path from the top, from its own folder where there is none; ``files`` is the
    digest of what each file says that it was made of, by path."""

    spec: str
    repository: str = ""
    files: Mapping[str, str] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        return {"spec": self.spec, "repository": self.repository, "files": dict(self.files)}


def origin_of(spec: Path, document: Document, lock: Path, top: tuple[Path, str] | None = None) -> Origin:
    """Of a spec that was read, with all that it extends and names. Files outside of the repository are left out.

    ``top`` is the folder that stands for a repository, and that one's first commit, where the files are a copy of it.
    """
    root, first = top or _root(spec.resolve().parent)
    sources = {spec, lock, *map(Path, _named(document))}
    files = {}
    for path in sources:
        place = path.resolve()
        if place.is_relative_to(root) and place.is_file():
            files[place.relative_to(root).as_posix()] = _says(place)
    return Origin(spec.resolve().relative_to(root).as_posix(), first, dict(sorted(files.items())))


def from_json(said: Any) -> Origin | None:
    """An origin as it is saved; None for a plan that does not say where it comes from."""
    try:
        files = {str(name): str(digest) for name, digest in said["files"].items()}
        return Origin(str(said["spec"]), str(said["repository"]), files)
    except (TypeError, KeyError, AttributeError):
        return None


def check_current(origin: Origin | None, plan: Path, report: Report) -> None:
    """Whether a saved plan is of the repository it lies in, or is applied from, and of its files as they are now.

    Raises Rejected: FS624 for another repository's, FS625 (exit 5) where a file says something else now or is gone. The
    report gets a warning (FS626) where neither the repository nor the spec is here.
    """
    if origin is None:
        return
    places = [_root(plan.resolve().parent), _root(Path.cwd().resolve())]
    for _, first in places:
        if origin.repository and first and first != origin.repository:
            raise reject(
                rules.PLAN_ELSEWHERE,
                f"{plan} is a plan of {origin.spec} in another repository (first commit {origin.repository[:12]}, here "
                f"{first[:12]})",
                help="apply it where it was made, or plan the spec of this repository: fleetspec plan SPEC --out FILE",
            )
    root = next((root for root, _ in places if (root / origin.spec).is_file()), None)
    if root is None:
        if any(first and first == origin.repository for _, first in places):
            raise _moved(plan, f"{origin.spec} is gone")
        report.add(
            rules.PLAN_ALONE,
            f"{plan} was made of {origin.spec}, which is not here: whether it has changed since is not known",
            help="apply it from the folder or the repository of its spec",
        )
        return
    moved = list(_differing(origin, root))
    if moved:
        raise _moved(plan, "; ".join(moved))


def _differing(origin: Origin, root: Path) -> Iterable[str]:
    for name, digest in origin.files.items():
        path = root / name
        if not path.is_file():
            yield f"{name} is gone"
        elif _says(path) != digest:
            yield f"{name} says something else now"


def _moved(plan: Path, what: str) -> Rejected:
    return reject(
        rules.PLAN_MOVED,
        f"{plan} is out of date: {what}",
        help="plan again, and have it reviewed again: fleetspec plan SPEC --out FILE",
        exit_code=ExitCode.STALE,
    )


def check_results(plan: Path, planned: int, missing: int) -> None:
    """Whether a store still has the results that a plan counts on: ``missing`` jobs are not in it, ``planned`` ones are
    to be run. Raises Rejected (FS625, exit 5)."""
    if missing > planned:
        raise _moved(plan, f"{missing:,} results are missing in the store, {planned:,} jobs were planned")


def _root(folder: Path) -> tuple[Path, str]:
    """The top of the repository around a folder and its first commit; the folder itself where there is none."""
    try:
        repo = git.repository(folder)
    except Rejected:
        return folder, ""
    depth = len(Path(repo.prefix).parts)
    top = folder.parents[depth - 1] if depth else folder
    return top, git.first_commit(repo) or ""


def _named(document: Document) -> set[str]:
    """Files that a document has values of, those that later ones replaced among them."""
    before = (place for each in document.origins.values() for place in each)
    return {place.source.name for place in (*document.keys.values(), *document.values.values(), *before)}


def _says(path: Path) -> str:
    """A digest of what a file says: of YAML its values, of others their bytes."""
    data = path.read_bytes()
    if path.suffix in _YAML:
        from fleetspec.compiler.document import parse_part

        try:
            found = parse_part(Source(str(path), data.decode()), Report())
        except UnicodeDecodeError:
            found = None
        if found is not None:
            data = json.dumps(found[0], sort_keys=True).encode()
    return hashlib.blake2b(data, digest_size=16).hexdigest()
