"""Runs, stores, results and written files as blocks."""

from __future__ import annotations

from typing import Any

from fleetspec.sheets import Block, Example, Facts, Heading, Line, Table, Tone
from fleetspec.sheets.figures import count, percent, plural, span

_SHOWN_ESTIMATES = 6


def render_sheet(data: dict[str, Any]) -> list[Block]:
    """The files ``render`` wrote."""
    rows = tuple((file["name"], count(file["bytes"])) for file in data["files"])
    asked = tuple(
        (row["pod"], count(row["count"]), f"{row['cpu']:g}", count(row["memory_mib"]), _devices(row["devices"]))
        for row in data["requests"]
    )
    numbers = frozenset({"pods", "cores each", "MiB each"})
    return [
        Line(f"wrote {data['folder']}", "good"),
        Table(("file", "bytes"), rows, frozenset({"bytes"})),
        Heading("Asked of the cluster at the plan's peak"),
        Table(("group", "pods", "cores each", "MiB each", "devices each"), asked, numbers),
    ]


def _devices(devices: dict[str, int]) -> str:
    return ", ".join(f"{amount} {name}" for name, amount in devices.items()) or "none"


def rendered_sheet(data: dict[str, Any]) -> list[Block]:
    """What ``render --check`` found different in a folder."""
    if not data["differences"]:
        return [Line(f"{data['folder']} is what the spec renders: {plural(data['files'], 'file')}", "good")]
    words = {
        "changed": "is not as rendered",
        "missing": "is missing",
        "stale": "is no longer rendered",
        "foreign": "was not rendered by fleetspec, and stands where a rendered file belongs",
    }
    blocks: list[Block] = []
    for each in data["differences"]:
        blocks.append(Line(f"{each['name']} {words[each['state']]}", "bad"))
        if each["lines"]:
            blocks.append(Example("\n".join(each["lines"])))
    return blocks


def apply_sheet(data: dict[str, Any]) -> list[Block]:
    """What a run did: counts, time inside and outside the fits, and what was left out."""
    if data["run"] is None:
        line = f"{data['fleet']} · {data['kind']} · session {data['session']}: nothing to do, "
        blocks: list[Block] = [Line(f"{line}all {plural(data['jobs'], 'job')} are in the store", "good")]
        return blocks + _published(data["publication"]) + _quarantine(data)
    state: tuple[str, Tone] = ("finished", "good")
    if data["interrupted"]:
        state = ("INTERRUPTED: the same command goes on from here", "warn")
    elif data["failed"]:
        state = (f"INCOMPLETE: {plural(data['failed'], 'job')} failed", "bad")
    available = data["wall_seconds"] * data["cores"]
    overhead = data["overhead_seconds"] / available if available else 0.0
    facts = (
        ("jobs", f"{count(data['done'])} done now, {count(data['reused'])} reused, "
                 f"{count(data['quarantined'])} quarantined, {count(data['remaining'])} missing"),
        ("models", f"{count(data['models'])}, {count(data['quarantined_models'])} of them quarantined"),
        ("time", f"{span(data['wall_seconds'])} on {plural(data['cores'], 'core')} ({data['executor']}), "
                 f"{span(data['startup_seconds'])} of it before the first job"),
        ("inside jobs", f"{span(data['fit_seconds'])} of core time"),
        ("overhead", f"{span(data['overhead_seconds'])} of core time beyond the jobs ({percent(overhead)})"),
        *_pace(data),
    )  # fmt: skip
    head = f"{data['fleet']} · {data['kind']} · session {data['session']} · {data['run']}"
    blocks = [Line(head, "strong"), Line(state[0], state[1]), Facts(facts)]
    ran = [row for row in data["classes"] if row["ran"]]
    if ran:
        rows = tuple(
            (
                row["name"],
                count(row["ran"]),
                span(row["predicted_seconds"] / row["ran"]),
                span(row["actual_seconds"] / row["ran"]),
                row["ran_on"],
            )
            for row in ran
        )
        columns = ("class", "ran", "planned per job", "actual per job", "on")
        blocks += [Heading("Planned against actual"), Table(columns, rows, frozenset(columns[1:4]))]
    blocks += _slowest(data.get("slowest", []))
    blocks += _left_out(data.get("left_out", []))
    blocks += [Line(note, "warn") for note in data["notes"]]
    return blocks + _published(data["publication"]) + _quarantine(data)


def _pace(data: dict[str, Any]) -> list[tuple[str, str]]:
    """Jobs a second once the first had begun, and how much of the cores they kept busy since."""
    worked, ran = data["wall_seconds"] - data["startup_seconds"], data["done"] + data["newly_quarantined"]
    if worked <= 0 or not ran:
        return []
    busy = min(data["fit_seconds"] / (worked * data["cores"]), 1.0) if data["cores"] else 0.0
    return [("throughput", f"{ran / worked:,.1f} jobs a second after the start, cores {percent(busy)} inside jobs")]


def _slowest(data: list[dict[str, Any]]) -> list[Block]:
    """The jobs that took longest."""
    if not data:
        return []
    rows = tuple((one["address"], one["task"], span(one["seconds"]), one["device"]) for one in data)
    columns = ("model", "job", "took", "on")
    return [Heading("Slowest jobs"), Table(columns, rows, frozenset({"took"}))]


def _left_out(data: list[dict[str, Any]]) -> list[Block]:
    """What the plan or a late night did without."""
    if not data:
        return []
    planned = tuple(one for one in data if one["at_seconds"] is None)
    late = tuple(one for one in data if one["at_seconds"] is not None)
    blocks: list[Block] = []
    if planned:
        columns: tuple[str, ...] = ("line", "jobs", "models")
        rows: list[tuple[str, ...]] = [(one["name"], count(one["jobs"]), count(one["models"])) for one in planned]
        blocks += [Heading("Left out by the plan, to keep what is worth most"), _numbers(columns, rows)]
    if late:
        columns = ("on_miss.degrade", "jobs", "models", "decided after", "would have ended after")
        rows = [
            (one["name"], count(one["jobs"]), count(one["models"]), span(one["at_seconds"]), span(one["end_seconds"]))
            for one in late
        ]
        blocks += [Heading("Left out to be in time"), _numbers(columns, rows)]
    return blocks


def _numbers(columns: tuple[str, ...], rows: list[tuple[str, ...]]) -> Table:
    """A table whose columns but the first are numbers."""
    return Table(columns, tuple(rows), frozenset(columns[1:]))


def _published(data: dict[str, Any]) -> list[Block]:
    """What became of each group's forecasts; nothing where the spec publishes none."""
    if not data["groups"]:
        return []
    where = data["to"] if data["failed"] is None else "nowhere, the place cannot be written"
    return [Heading(f"Published to {where}"), *_pointers(data["groups"])]


def _pointers(pointers: list[dict[str, Any]]) -> list[Block]:
    rows = tuple(
        (
            one["group"],
            one["state"] if one["edition"] else "nothing yet",
            one["made_for"] or "",
            plural(one["age"], "session"),
            *(count(one[state]) for state in ("current", "carried", "held", "absent")),
        )
        for one in pointers
    )
    columns = ("group", "edition", "of the night", "age", "models current", "carried", "held", "absent")
    reasons = [Line(f"{one['group']}: {reason}", "warn") for one in pointers for reason in one["reasons"]]
    return [Table(columns, rows, frozenset(columns[3:])), *reasons]


def _quarantine(data: dict[str, Any]) -> list[Block]:
    if not data["causes"]:
        return []
    rows = tuple((cause["reason"], count(cause["jobs"]), cause["address"]) for cause in data["causes"])
    share = f"{percent(data['quarantined_share'])} of the models, the limit is {percent(data['max_quarantined'])}"
    return [Heading(f"Quarantine ({share})"), Table(("reason", "jobs", "first model"), rows, frozenset({"jobs"}))]


def status_sheet(data: dict[str, Any]) -> list[Block]:
    """What a store holds of a fleet's runs."""
    rows = tuple(
        (
            run["kind"],
            run["session"],
            count(run["jobs"]),
            count(run["done"]),
            count(run["quarantined"]),
            count(run["missing"]),
            run["last"] or "never run",
        )
        for run in data["runs"]
    )
    columns = ("run", "session", "jobs", "done", "quarantined", "missing", "last run")
    blocks: list[Block] = [
        Line(f"{data['fleet']} in {data['store']}", "strong"),
        Table(columns, rows, frozenset(columns[2:6])),
    ]
    for run in data["runs"]:
        if run["causes"]:
            causes = tuple((cause["reason"], count(cause["jobs"]), cause["address"]) for cause in run["causes"])
            blocks += [
                Heading(f"Quarantined in the {run['kind']} run"),
                Table(("reason", "jobs", "first model"), causes, frozenset({"jobs"})),
            ]
    pointers = [group["pointer"] for group in data["published"] if group["pointer"] is not None]
    if pointers:
        blocks += [Heading("Published"), *_pointers(pointers)]
    elif data["published"]:
        blocks.append(Line("Nothing is published yet: the next night that counts does it.", "warn"))
    return blocks


def results_sheet(data: dict[str, Any]) -> list[Block]:
    """Rows of one table of the store, the columns that vary."""
    head = f"{plural(data['total'], 'row')} of {data['table']}, {plural(data['models'], 'model')} selected"
    blocks: list[Block] = [Line(head, "strong")]
    if not data["total"] and data["table"] != "quarantine":
        blocks.append(
            Line("Nothing is stored of them: `fleetspec apply` runs what is missing, `status` counts it.", "warn")
        )
    if data["rows"]:
        # What no row shown has, such as a level or a reason, takes room that the others need.
        columns = [name for name in data["columns"] if any(row[name] is not None for row in data["rows"])]
        rows = tuple((_model(row), *(_cell(row[column]) for column in columns)) for row in data["rows"])
        blocks.append(Table(("model", *columns), rows, frozenset(data["numbers"])))
    if data["total"] > len(data["rows"]):
        blocks.append(
            Line(f"{count(data['total'] - len(data['rows']))} more: --limit shows them, --out saves all", "dim")
        )
    return blocks


def _model(row: dict[str, Any]) -> str:
    """The address without its fleet, and the series' name where the address stands for all of a universe."""
    universe, group, family, series, horizon = row["address"].split("/")[1:]
    if series == "_" and row.get("series"):
        series = row["series"]
    return "/".join((universe, group, family, series, horizon)).removesuffix("/_")


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, dict):
        parts = list(value.items())[:_SHOWN_ESTIMATES]
        shown = [f"{name}={one:.4g}" if isinstance(one, float) else f"{name}={one}" for name, one in parts]
        return " ".join(shown) + (f" and {len(value) - len(shown)} more" if len(value) > len(shown) else "")
    return str(value)


def report_sheet(data: dict[str, Any]) -> list[Block]:
    """Where the report is."""
    size = f"{data['bytes'] / 1e6:.1f} MB"
    return [Line(f"wrote {data['file']} ({size}): open it in a browser, it needs no network", "good")]
