"""Reviews of the specs that differ between two states of a repository, one after the other, and what they come to."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from msgspec import Struct, field

from fleetspec.diagnostics import Rejected, Report, did_you_mean, reject
from fleetspec.revisions import git
from fleetspec.revisions.asked import AtRef, Between, from_top, is_below
from fleetspec.revisions.tree import Naming, Tree, lying, within, written

if TYPE_CHECKING:
    from fleetspec.comparing import Asking
    from fleetspec.pipeline import Planned
    from fleetspec.review.diff import Review

_CLASSES = ("model", "upstream", "data")


class SpecReview(Struct):
    """What became of one spec. ``path`` is the head's where it has one, ``was`` the base's where it is another.

    ``state`` is ``changed``, ``renamed``, ``added``, ``deleted``; ``mended`` when only the base cannot be read, and
    ``broken`` when the head cannot. ``relocked`` says that the spec's lock is another, too. ``sides`` is what
    :func:`fleetspec.weighing.weighed` says, where that was asked for.
    """

    state: str
    path: str
    was: str | None
    relocked: bool
    review: Review | None
    report: Report
    sides: dict[str, Any] | None = None

    @property
    def is_empty(self) -> bool:
        return self.state in ("changed", "renamed") and (self.review is None or self.review.is_empty)

    def to_json(self, naming: Naming) -> dict[str, Any]:
        review = None if self.review is None else naming.data(self.review.to_json())
        return {
            "state": self.state,
            "path": self.path,
            "was": self.was,
            "relocked": self.relocked,
            "changes": not self.is_empty,
            "review": review,
            "findings": self.report.to_json(),
        } | ({} if self.sides is None else {"sides": naming.data(self.sides)})


class Reviews(Struct):
    """All specs that differ, by path, between two named states."""

    base: Tree
    head: Tree
    run: str
    data: bool
    naming: Naming
    specs: list[SpecReview] = field(default_factory=list)

    @property
    def is_empty(self) -> bool:
        return all(one.is_empty for one in self.specs)

    def findings(self, *, shown: bool) -> Report:
        """Of all specs; with ``shown`` without those that the text of the answer has itself."""
        told = ("broken", "mended") if shown else ()
        return Report([found for one in self.specs if one.state not in told for found in one.report.findings])

    @property
    def failed(self) -> bool:
        """Whether anything that the head says cannot be taken."""
        return any(one.report.errors for one in self.specs if one.state != "mended")

    def to_json(self) -> dict[str, Any]:
        """The answer to ``diff`` of many specs; ``total`` adds up what those that could be compared come to.

        A mended one is not among them: what it was is not known.
        """
        specs = [one.to_json(self.naming) for one in self.specs]
        return {
            "base": {"ref": self.base.label, "commit": self.base.commit},
            "head": {"ref": self.head.label, "commit": self.head.commit},
            "run": self.run,
            "data": "own" if self.data else "base",
            "specs": specs,
            "total": total([one["review"] for one in specs if one["review"] is not None and one["state"] != "mended"]),
            "changes": not self.is_empty,
        }


def total(reviews: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Sums over reviews as plain data: models by what became of them, jobs by task, dollars of a run on both sides."""
    groups = [group for review in reviews for group in review["groups"]]
    counts = {key: sum(group[key] for group in groups) for key in ("added", "changed", *_CLASSES, "removed", "renamed")}
    work: dict[str, dict[str, int]] = {}
    for one in (one for review in reviews for one in review["work"]):
        sums = work.setdefault(one["task"], {"needed": 0, "reused": 0, "stored": 0})
        for key in sums:
            sums[key] += one[key]
    cost, models = (
        {side: sum(review[side][key] for review in reviews if review[side] is not None) for side in ("base", "head")}
        for key in ("cost_usd", "models")
    )
    return counts | {
        "unchanged": sum(review["unchanged"] for review in reviews),
        "work": [{"task": task, **sums} for task, sums in work.items()],
        "jobs_to_run": sum(review["jobs_to_run"] for review in reviews),
        "policies": _outcomes([ruling for review in reviews for ruling in review.get("policies", ())]),
        "cost_usd": cost,
        "models": models,
    }


def _outcomes(rulings: Sequence[dict[str, Any]]) -> dict[str, int]:
    counts = dict.fromkeys(("pass", "warn", "fail", "overridden"), 0)
    for ruling in rulings:
        counts[ruling["outcome"]] += 1
    return counts


@contextmanager
def trees(asked: Between) -> Iterator[tuple[git.Repository, Tree, Tree]]:
    """Both states of a repository, written into a temporary folder that goes when this ends."""
    repo = git.repository(Path.cwd())
    head = git.commit_of(repo, asked.head)
    base = git.merge_base(repo, asked.base, asked.head) if asked.forked else git.commit_of(repo, asked.base)
    label = base[:12] if asked.forked else asked.base
    with _folder() as folder:
        yield repo, written(repo, base, label, folder / "base"), written(repo, head, asked.head, folder / "head")


@contextmanager
def _folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="fleetspec-") as name:
        yield Path(name).resolve()


@contextmanager
def files(sides: Sequence[AtRef | Path]) -> Iterator[tuple[list[Path], Naming]]:
    """Files to read for sides of a comparison: those at a ref are written out, with all that their commit has."""
    at_refs = list(dict.fromkeys(side.ref for side in sides if isinstance(side, AtRef)))
    with _folder() as folder:
        repo = git.repository(Path.cwd())
        made = {ref: written(repo, git.commit_of(repo, ref), ref, folder / str(n)) for n, ref in enumerate(at_refs)}
        naming = Naming.of(made.values())
        try:
            yield [side if isinstance(side, Path) else _at(repo, made[side.ref], side.path) for side in sides], naming
        except Rejected as ending:
            naming.report(ending.report)
            raise


def _at(repo: git.Repository, tree: Tree, path: str) -> Path:
    place = from_top(path, repo.prefix, here=False)
    if place not in tree.blobs:
        below = [known for known in tree.fleets() if is_below(known, [place])]
        raise _missing(f"'{path}' at {tree.label}", below or tree.fleets(), path, folder=bool(below))
    return tree.file(place)


def _missing(what: str, known: Sequence[str], path: str, *, folder: bool = False) -> Rejected:
    from fleetspec.rules.revisions import NOT_AT_REF

    if folder:
        help = f"compare all specs in it: fleetspec diff A..B -- {path}; or name one: {', '.join(known[:4])}"
        return reject(NOT_AT_REF, f"{what} is a folder", help=help)
    return reject(
        NOT_AT_REF,
        f"there is no {what}",
        help=f"paths start from the top of the repository; {did_you_mean(path, known)}",
    )


def reviews(asked: Between, paths: Sequence[str], how: Asking) -> Reviews:
    """Every spec below ``paths`` that is not the same in both states. Rejected (FS601 to FS604) before any is read."""
    with trees(asked) as (repo, base, head):
        below = [from_top(path, repo.prefix, here=True) for path in paths]
        for path, place in zip(paths, below, strict=True):
            if not any(is_below(known, [place]) for tree in (base, head) for known in tree.blobs):
                known = list(dict.fromkeys([*base.fleets(), *head.fleets()]))
                raise _missing(f"'{path}' at {base.label} or {head.label}", known, path)
        alike = git.renamed(repo, base.commit, head.commit)
        return _reviewed(base, head, pairs(base, head, below, alike), how, Naming.of((base, head)))


def folders(sides: Sequence[AtRef | Path], how: Asking) -> Reviews | None:
    """Every spec that is not the same in two folders, on disk or at a ref; None where either side is no folder."""
    at_refs = [side for side in sides if isinstance(side, AtRef)]
    if len(sides) != 2 or not all(side.is_dir() for side in sides if isinstance(side, Path)):
        return None
    if not at_refs:
        base, head = (lying(side) for side in sides if isinstance(side, Path))
        return _reviewed(base, head, pairs(base, head), how, Naming(()))
    repo = git.repository(Path.cwd())
    commits = {side.ref: git.commit_of(repo, side.ref) for side in at_refs}
    places = {side: from_top(side.path, repo.prefix, here=False) for side in at_refs}
    for side, place in places.items():
        files = git.listing(repo, commits[side.ref])
        if place in files or not any(is_below(path, [place]) for path in files):
            return None
    with _folder() as into:
        trees = {ref: written(repo, one, ref, into / str(n)) for n, (ref, one) in enumerate(commits.items())}
        base, head = (within(trees[s.ref], places[s]) if isinstance(s, AtRef) else lying(s) for s in sides)
        return _reviewed(base, head, pairs(base, head), how, Naming.of(trees.values()))


def _reviewed(
    base: Tree, head: Tree, both: Sequence[tuple[str | None, str | None]], how: Asking, naming: Naming
) -> Reviews:
    kept = [{path: tree.blobs[path] for path in tree.here} for tree in (base, head)]
    # Objects of git and files on disk have other names for the same content, and what lies above a folder counts too.
    touched = kept[0] != kept[1] or not (base.commit and head.commit) or ":" in base.label + head.label
    reviewing = _Reviewing(base, head, how, naming, touched)
    specs = [one for before, after in both if (one := reviewing.of(before, after)) is not None]
    return Reviews(base, head, str(how.run), how.data, naming, specs)


def pairs(
    base: Tree, head: Tree, below: Sequence[str] = (), alike: Mapping[str, str] = MappingProxyType({})
) -> list[tuple[str | None, str | None]]:
    """Paths of specs in both states that belong together, by the head's path; None on a side that has none.

    A file that went belongs to one that came when both say the same ``name:``, else when it is ``alike``: what git
    takes for renamed, new path → old.
    """
    old, new = base.fleets(), head.fleets()
    both = {path: path for path in old if path in head.blobs} | {path: path for path in new if path in base.blobs}
    gone, came = [path for path in old if path not in both], [path for path in new if path not in both]
    names = {path: _name(base.file(path)) for path in gone}
    for path in came:
        name = _name(head.file(path))
        was = next((other for other in gone if name is not None and names[other] == name), None)
        was = alike.get(path) if was is None else was
        if was in gone:
            gone.remove(was)
            both[path] = was
    made: list[tuple[str | None, str | None]] = [(was, path) for path, was in both.items()]
    made += [(path, None) for path in gone] + [(None, path) for path in came if path not in both]
    kept = [pair for pair in made if any(path is not None and is_below(path, below) for path in pair)]
    return sorted(kept, key=lambda pair: pair[1] or pair[0] or "")


def _name(file: Path) -> str | None:
    """What a fleet calls itself; None where its text cannot be read."""
    from fleetspec.compiler.compose import read_source
    from fleetspec.compiler.document import parse

    source = read_source(file, Report())
    document = None if source is None else parse(source, Report())
    name = None if document is None else document.value.get("name")
    return name if isinstance(name, str) else None


class _Reviewing(Struct):
    """The review of one pair of specs after the other. ``touched``: a file that specs are made of differs somewhere."""

    base: Tree
    head: Tree
    how: Asking
    naming: Naming
    touched: bool

    def of(self, before: str | None, after: str | None) -> SpecReview | None:
        """None where both sides say the same, in the same words."""
        if before is None or after is None:
            return self._alone(before, after)
        if self._same(before, after):
            return None
        state, was = ("changed", None) if before == after else ("renamed", before)
        relocked = self.base.blobs.get(_lock(before)) != self.head.blobs.get(_lock(after))
        report = Report()
        sides = None
        try:
            review, sides = self._compared(before, after, report)
        except Rejected as ending:
            report, review, state = ending.report, None, "broken"
        if isinstance(review, Rejected):
            # What is wrong with the base is mended by the head: that is told, and keeps nobody from it.
            return self._added(after, was, relocked, mends=review.report)
        if state != "broken":
            self._save(after, report)
        return SpecReview(state, after, was, relocked, review, self.naming.report(report), sides)

    def _compared(self, before: str, after: str, report: Report) -> tuple[Review | Rejected, dict[str, Any] | None]:
        """The review and, if asked for, its sides; what is wrong with the base where that is why there is none.

        Rejected for the head's faults.
        """
        from fleetspec.comparing import compare, first_side, judged, second_side

        how = self.how
        try:
            left = first_side(self.base.file(before), how.run, how.session, Report(), how.given)
        except Rejected as fault:
            return fault, None
        head = self.head.file(after)
        right = second_side(left, head, how.run, how.session, report, how.given, data=how.data)
        found = compare(left, right, report, how.store)
        found = judged(found, left, right, head.parent, how, report)
        return found, self._weighed(left, right, head, found)

    def _weighed(
        self, base: Planned | None, head: Planned | None, file: Path | None, review: Review
    ) -> dict[str, Any] | None:
        if not self.how.whole:
            return None
        from fleetspec.weighing import weighed

        return weighed(base, head, file, review, self.how)

    def _save(self, path: str, report: Report) -> None:
        """Save the head's plan on its own lock, as ``plan --out`` does, if it is asked for; why there is none is added
        to the report."""
        if self.how.plans is None:
            return
        from fleetspec import pipeline
        from fleetspec.revisions import git

        how = self.how
        try:
            made = pipeline.planned(self.head.file(path), how.run, how.session, None, Report(), how.given)
        except Rejected as ending:
            report.findings += ending.report.findings
            return
        into = self.how.plans / PurePosixPath(path).with_suffix(".fsp")
        into.parent.mkdir(parents=True, exist_ok=True)
        first = git.first_commit(git.repository(Path.cwd())) or ""
        pipeline.save(made, into, (self.head.folder, first))

    def _alone(self, before: str | None, after: str | None) -> SpecReview:
        if after is not None:
            return self._added(after, None, True)
        assert before is not None
        report = Report()
        try:
            review, sides = self._sole(before, self.base.file(before), report, added=False)
        except Rejected:
            # It is gone; what was wrong with it is no longer of interest.
            review, sides, report = None, None, Report()
        return SpecReview("deleted", before, None, True, review, self.naming.report(report), sides)

    def _added(self, after: str, was: str | None, relocked: bool, mends: Report | None = None) -> SpecReview:
        report = Report()
        try:
            review, sides = self._sole(after, self.head.file(after), report, added=True)
        except Rejected as ending:
            return SpecReview("broken", after, was, relocked, None, self.naming.report(ending.report))
        self._save(after, report)
        state, told = ("added", report) if mends is None else ("mended", mends)
        return SpecReview(state, after, was, relocked, review, self.naming.report(told), sides)

    def _sole(self, path: str, file: Path, report: Report, *, added: bool) -> tuple[Review, dict[str, Any] | None]:
        from fleetspec.comparing import first_side, judged
        from fleetspec.review.diff import Reviewed, alone

        said = report if added else Report()
        made = first_side(file, self.how.run, self.how.session, said, self.how.given)
        found = alone(Reviewed(made.compiled.side, made.compiled.lock, made.plan), added=added)
        base, head = (None, made) if added else (made, None)
        folder = self.head.file(str(PurePosixPath(path).parent))
        found = judged(found, base, head, folder, self.how, report)
        return found, self._weighed(base, head, None, found)

    def _same(self, before: str, after: str) -> bool:
        files = ((before, after), (_lock(before), _lock(after)))
        if before != after or any(self.base.blobs.get(old) != self.head.blobs.get(new) for old, new in files):
            return False
        return not self.touched or self._said(self.base.file(before)) == self._said(self.head.file(after))

    def _said(self, file: Path) -> list[str]:
        """A spec with all that it extends and names, or what is wrong with it."""
        from fleetspec.compiler.compose import compose, repository, resolved_text
        from fleetspec.compiler.named_files import inline

        report = Report()
        document = compose(file, report, self.how.given)
        if document is not None:
            inline(document, repository(file), report)
        faults = [self.naming.plain(found.message) for found in report]
        return faults if document is None else [resolved_text(document), *faults]


def _lock(path: str) -> str:
    return str(PurePosixPath(path).with_suffix(".lock"))
