"""Findings, locks and job graphs as blocks."""

from __future__ import annotations

from typing import Any

from fleetspec.sheets import Block, Facts, Heading, Line, Snippet, Table
from fleetspec.sheets.figures import count, plural


def findings_sheet(data: list[dict[str, Any]]) -> list[Block]:
    """Diagnostics in reading order: what, where, the line itself, and the way out."""
    blocks: list[Block] = []
    for finding in data:
        bad = finding["severity"] == "error"
        blocks.append(Line(f"{finding['severity']}[{finding['code']}]: {finding['message']}", "bad" if bad else "warn"))
        if finding["place"]:
            blocks.append(_snippet(finding["place"], "", bad))
        blocks += [_snippet(related["place"], related["text"], False) for related in finding["related"]]
        if finding["help"]:
            blocks.append(Line(f"  help: {finding['help']}"))
    errors = sum(finding["severity"] == "error" for finding in data)
    if errors > 1:
        blocks.append(Line(plural(errors, "error"), "bad"))
    return blocks


def _snippet(place: dict[str, Any], note: str, bad: bool) -> Snippet:
    where = f"{place['file']}:{place['line']}:{place['column']}"
    tone = "bad" if bad else "warn"
    return Snippet(where, place["line"], place["snippet"], place["column"], place["width"], note, tone)  # type: ignore[arg-type]


def validate_sheet(data: dict[str, Any]) -> list[Block]:
    """The answer to ``validate`` when nothing is wrong."""
    line = f"{data['file']}: sound ({plural(data['universes'], 'universe')}, {plural(data['groups'], 'model group')})"
    return [Line(line, "good")]


def lock_sheet(data: dict[str, Any]) -> list[Block]:
    """What a lock has pinned."""
    rows = tuple(
        (
            source["name"],
            source["location"],
            count(source["series"]),
            f"{count(source['shortest'])} – {count(source['longest'])}",
            count(source["missing"]),
            f"{source['first'] or '-'} – {source['last'] or '-'}",
        )
        for source in data["data"]
    )
    columns = ("data", "from", "series", "bars", "missing", "dates")
    return [Line(f"wrote {data['file']}", "good"), Table(columns, rows, frozenset({"series", "bars", "missing"}))]


def compile_sheet(data: dict[str, Any]) -> list[Block]:
    """Counts of a job graph by universe, group and family, and its stages."""
    facts = (
        ("session", data["session"]),
        ("jobs", f"{count(data['jobs'])} with {plural(data['edges'], 'edge')} between them"),
        ("classes", count(data["classes"])),
        ("digest", data["graph"]),
    )
    stages = tuple((str(stage["stage"]), ", ".join(stage["classes"]), count(stage["jobs"])) for stage in data["stages"])
    return [
        Line(f"{data['fleet']} · {data['run']}", "strong"),
        Facts(facts),
        Heading("Counts"),
        words_table(data["words"]),
        Heading("Stages"),
        Table(("stage", "classes", "jobs"), stages, frozenset({"jobs"})),
    ]


_WORDS = ("models", "variants", "fits", "trials", "windows", "forecasts", "evaluations", "reused")
_ALWAYS = ("models", "fits", "trials", "windows", "forecasts")


def words_table(words: dict[str, Any], left_out: frozenset[str] = frozenset()) -> Table:
    """The project's five counts by group, always all of them; variants, evaluations and reuse where there are any.
    ``left_out`` names groups that a plan does without."""
    rows, total = words["rows"], words["total"]
    least = {"variants": 1}
    shown = [w for w in _WORDS if w in _ALWAYS or any(row[w] > least.get(w, 0) for row in rows)]
    names = ["/".join((row["universe"], row["group"], row["family"])) for row in rows]
    cells = [
        (f"{name} (left out)" if name in left_out else name, *(count(row[word]) for word in shown))
        for name, row in zip(names, rows, strict=True)
    ]
    cells.append(("total", *(count(total[word]) if word in total else "" for word in shown)))
    return Table(("model group", *shown), tuple(cells), frozenset(shown), last_is_total=True)


def init_sheet(data: dict[str, Any]) -> list[Block]:
    """What ``init`` wrote, what it took for granted, and what to type next."""
    blocks: list[Block] = [Line(f"wrote {data['file']}", "good")]
    blocks += [Line(f"· {text}") for text in data["notes"]]
    blocks.append(Heading("Next"))
    blocks += [Line(f"  {command}") for command in data["next"]]
    return blocks
