"""What an operator asks of a store and does to it, as blocks: why, retry, gc, reproduce."""

from __future__ import annotations

from typing import Any

from fleetspec.sheets import Block, Facts, Heading, Line, Table, Tone
from fleetspec.sheets.figures import count, plural, size, span

_TONES: dict[str, Tone] = {"done": "good", "reused": "good", "quarantined": "bad", "missing": "warn"}


def why_sheet(data: dict[str, Any]) -> list[Block]:
    """Models with their state, what is to blame, and the jobs where there is one model only."""
    last = f"{data['last']['run']}, {data['last']['state']}" if data["last"] else "never run"
    states = ", ".join(f"{count(number)} {state}" for state, number in data["counts"].items() if number)
    blocks: list[Block] = [
        Line(f"{data['fleet']} · {data['kind']} · session {data['session']} · {last}", "strong"),
        Line(f"{plural(sum(data['counts'].values()), 'model')}: {states or 'none'}"),
    ]
    for model in data["models"]:
        blocks += [Heading(model["address"]), Line(model["state"], _TONES.get(model["state"], "dim"))]
        blocks.append(Facts(tuple(_facts(model))))
    if len(data["models"]) == 1 and data["models"][0]["jobs"]:
        blocks += _jobs(data["models"][0])
    if data["more"]:
        blocks.append(Line(f"{count(data['more'])} more: --limit shows them", "dim"))
    return blocks


def _facts(model: dict[str, Any]) -> list[tuple[str, str]]:
    rows = []
    for number, cause in enumerate(model["causes"]):
        jobs = f" ({plural(cause['jobs'], 'job')})" if len(model["causes"]) > 1 else ""
        rows.append(("why" if number == 0 else "and", cause["reason"] + jobs))
        if len(cause["chain"]) > 1:
            rows += _chain(model["address"], cause["chain"])
        rows.append(("would change it", cause["remedy"]))
    if not model["causes"]:
        rows.append(("why", model["why"]))
        if model["remedy"]:
            rows.append(("would change it", model["remedy"]))
    rows += [("computed", _computed(part)) for part in model["computed"]]
    rows += [("note", note) for note in model["notes"]]
    return rows


def _chain(address: str, links: list[dict[str, Any]]) -> list[tuple[str, str]]:
    """From the model's own job down to the one to blame, a line each."""
    rows = []
    for number, link in enumerate(links):
        whose = "its" if link["address"] == address else link["address"]
        rows.append(("chain" if number == 0 else "", f"{whose} {link['task']} {link['window']}: {link['state']}"))
    return rows


def _computed(part: dict[str, Any]) -> str:
    began = f", begun {part['began'][:16].replace('T', ' ')} UTC" if part["began"] else ""
    place = part["device"] if part["device"] == part["slot"] else f"{part['device']} ({part['slot']})"
    return f"{plural(part['jobs'], 'job')} by {part['run']}{began}, on {place}, {span(part['seconds'])}"


def _jobs(model: dict[str, Any]) -> list[Block]:
    rows = tuple(
        (
            job["task"],
            str(job["window"]),
            f"{job['start']} – {job['end']}",
            job["state"],
            job["run"] or "",
            "" if job["seconds"] is None else span(job["seconds"]),
        )
        for job in model["jobs"]
    )
    columns = ("task", "window", "bars", "state", "run", "took")
    blocks: list[Block] = [Heading("Jobs"), Table(columns, rows, frozenset({"window", "took"}))]
    if model["more_jobs"]:
        blocks.append(Line(f"{plural(model['more_jobs'], 'more job')}", "dim"))
    return blocks


_ADDRESSES = 10


def retry_sheet(data: dict[str, Any]) -> list[Block]:
    """What was taken out of quarantine, and why it had been in it."""
    blocks: list[Block] = []
    if data["jobs"]:
        said = f"{plural(data['jobs'], 'job')} of {plural(data['models'], 'model')} taken out of quarantine"
        blocks.append(Line(f"{said}: the next `fleetspec apply` runs them again", "good"))
    else:
        blocks.append(Line("nothing to do: no job of the selection is quarantined"))
    if data["beyond"]:
        blocks.append(
            Line(f"{count(data['beyond'])} of them beyond the selection: what it rests on or what rests on it")
        )
    if data["left"]:
        blocks.append(Line(f"{plural(data['left'], 'trial')} left: the search they lost has its result", "dim"))
    if data["causes"]:
        rows = tuple((cause["reason"], count(cause["jobs"]), cause["address"]) for cause in data["causes"])
        blocks.append(Table(("it was quarantined for", "jobs", "first model"), rows, frozenset({"jobs"})))
    blocks += [Line(address) for address in data["addresses"][:_ADDRESSES]]
    if len(data["addresses"]) > _ADDRESSES:
        blocks.append(Line(f"{count(len(data['addresses']) - _ADDRESSES)} more models: --format json has them", "dim"))
    return blocks


def gc_sheet(data: dict[str, Any]) -> list[Block]:
    """What was, or would be, removed of each fleet."""
    blocks: list[Block] = []
    for fleet in data["fleets"]:
        if fleet["held"]:
            blocks.append(Line(f"{fleet['fleet']}: left alone, {fleet['held']}", "bad"))
            continue
        verb = "would free" if data["dry_run"] else "freed"
        files = sum(kind["files"] for kind in fleet["kinds"])
        said = f"{plural(files, 'file')}, {size(fleet['bytes'])}; {plural(fleet['rows'], 'ledger row')}"
        blocks.append(Line(f"{fleet['fleet']}: {verb} {said}", "good"))
        if fleet["note"]:
            blocks.append(Line(fleet["note"], "warn"))
        rows = tuple(
            (kind["kind"], count(kind["files"]), size(kind["bytes"])) for kind in fleet["kinds"] if kind["files"]
        )
        if rows:
            blocks.append(Table(("of", "files", "size"), rows, frozenset({"files", "size"})))
        if fleet["shared"]:
            stays = "that no graph needs stay: they are young, or lie with others that one does"
            blocks.append(Line(f"{plural(fleet['shared'], 'result')} {stays}", "dim"))
    if not data["fleets"]:
        blocks.append(Line(f"nothing to do: {data['store']} holds nothing of this fleet"))
    return blocks


def reproduce_sheet(data: dict[str, Any]) -> list[Block]:
    """Whether a model came out the same, job by job, and where it did not."""
    verdicts: dict[str, tuple[str, Tone]] = {
        "same": ("reproduced", "good"),
        "differs": ("NOT REPRODUCED", "bad"),
        "not compared": ("NOTHING COMPARED", "warn"),
    }
    said = verdicts[data["verdict"]]
    rows = tuple(
        (
            job["task"],
            str(job["window"]),
            job["stored"],
            job["why"] or job["verdict"],
            count(job["values"]),
            "beyond any" if job["largest"] is None else f"{job['largest']:.3g}",
            f"{job['tolerance']:g}" if job["tolerance"] else "to the bit",
            span(job["seconds"]),
        )
        for job in data["jobs"]
    )
    columns = ("task", "window", "stored", "now", "values", "apart", "allowed", "took")
    blocks: list[Block] = [
        Line(f"{data['address']} · {data['kind']}", "strong"),
        Line(*said),
        Table(columns, rows, frozenset({"window", "values", "apart", "took"})),
    ]
    if data["differences"]:
        cells = tuple(
            (f"{one['task']} {one['window']}", one["what"], _value(one["stored"]), _value(one["now"]))
            for one in data["differences"]
        )
        blocks += [Heading("Differences"), Table(("job", "what", "stored", "now"), cells)]
    if data["more"]:
        blocks.append(Line(f"{count(data['more'])} more", "dim"))
    if data["rounding"]:
        blocks.append(Line("All of them are of rounding: another processor, engine or library gives such.", "dim"))
    return blocks


def _value(value: Any) -> str:
    """Every digit of a number: a difference may be in the last one."""
    return "nothing" if value is None else repr(value) if isinstance(value, float) else str(value)
