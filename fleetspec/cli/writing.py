"""``--write KIND=PATH``: one review in the forms that a CI job, a forge and a reader need, made in one go."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from fleetspec.files import write_atomically

SUMMARY_LIMIT = 900_000
"""Bytes of a job summary; GitHub takes 1 MiB a step, and shows nothing of a longer one."""


def _annotations(data: dict[str, Any]) -> str:
    from fleetspec.sheets.remarks import worst
    from fleetspec.views import as_github

    return as_github.view(worst(data))


def _summary(data: dict[str, Any]) -> str:
    from fleetspec.views import as_comment

    return as_comment.view(data, "", SUMMARY_LIMIT).text.lstrip()


def _json(value: Any) -> str:
    return json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False, allow_nan=False) + "\n"


def _code_quality(data: dict[str, Any]) -> str:
    from fleetspec.views import as_gitlab

    return _json(as_gitlab.code_quality(data))


def _widget(data: dict[str, Any]) -> str:
    from fleetspec.views import as_gitlab

    return _json(as_gitlab.widget(data))


_TEXTS: Mapping[str, Callable[[dict[str, Any]], str]] = {
    "json": _json,
    "summary": _summary,
    "annotations": _annotations,
    "code-quality": _code_quality,
    "widget": _widget,
}
_APPENDED = frozenset({"summary", "outputs"})
"""Kinds of which a CI job's steps share one file."""
_WHOLE = ("page", "charts")
"""Kinds that need both plans whole, and more plans beside them."""
KINDS = (*_TEXTS, *_WHOLE, "plans", "outputs")

Wanted = tuple[tuple[str, Path], ...]


def _wanted(ctx: click.Context, param: click.Parameter, listed: tuple[str, ...]) -> Wanted:
    found: dict[str, Path] = {}
    for entry in listed:
        kind, sign, path = entry.partition("=")
        if not sign or not path:
            raise click.BadParameter(f"'{entry}' names no file; write --write KIND=PATH: json=review.json", ctx, param)
        if kind not in KINDS:
            raise click.BadParameter(f"'{kind}' is none of {', '.join(KINDS)}", ctx, param)
        if kind in found:
            raise click.BadParameter(f"'{kind}' is given twice; keep one of the two", ctx, param)
        if path == "-" and kind in ("charts", "plans"):
            raise click.BadParameter(f"{kind} are files; name a folder: {kind}=out/{kind}", ctx, param)
        found[kind] = Path(path)
    return tuple(found.items())


write_option = click.option(
    "--write", "wanted", multiple=True, metavar="KIND=PATH", callback=_wanted,
    help=f"Also write the review as {', '.join(KINDS)}; '-' is stdout, charts and plans are folders. May be repeated. "
         "Summary and outputs are appended to, as $GITHUB_STEP_SUMMARY and $GITHUB_OUTPUT want it.",
)  # fmt: skip


def asking(wanted: Wanted) -> dict[str, Any]:
    """What a comparison has to be asked for beside its JSON."""
    plans = dict(wanted).get("plans")
    return {"whole": any(kind in _WHOLE for kind, _ in wanted), "plans": plans}


def write(data: dict[str, Any], wanted: Wanted, sides: Sequence[dict[str, Any] | None]) -> None:
    """Write the JSON of a diff between two states in every form that is asked for; outputs, which name them, last.

    ``sides`` are what was weighed of each spec, for a page and charts.
    """
    from fleetspec.views import as_outputs, as_review_page

    for kind, path in wanted:
        if kind in _TEXTS:
            _put(path, _TEXTS[kind](data), appended=kind in _APPENDED)
        elif kind == "page":
            _put(path, as_review_page.view(data, sides), appended=False)
        elif kind == "charts":
            for name, drawing in as_review_page.pictures(data, sides):
                _put(path / name, drawing, appended=False)
    for kind, path in wanted:
        if kind == "outputs":
            # Of a spec that cannot be compared there is no plan and no chart.
            others = {other: str(place) for other, place in wanted if other not in _APPENDED and place.exists()}
            _put(path, as_outputs.view(data, others), appended=True)


def _put(path: Path, text: str, *, appended: bool) -> None:
    if str(path) == "-":
        click.echo(text, nl=False)
    elif appended:
        with path.open("a", encoding="utf-8") as sink:
            sink.write(text)
    else:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, text.encode())
