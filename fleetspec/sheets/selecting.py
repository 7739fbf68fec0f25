"""What a plan leaves out or would have to, and what would help: of plans that do not hold, and of those that hold
because they do without some models."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fleetspec.sheets import Heading, Line, Table
from fleetspec.sheets.figures import percent, plural, span, usd

if TYPE_CHECKING:
    from fleetspec.sheets import Block


def lines_left_out(plan: dict[str, Any]) -> frozenset[str]:
    """The lines (universe/group/family) that a plan does without."""
    return frozenset(one["name"] for one in (plan.get("selection") or {}).get("left_out", ()))


def left_out_facts(plan: dict[str, Any]) -> list[tuple[str, str]]:
    """What a plan that maximises value does without. Plans of earlier versions leave nothing out."""
    chosen = plan.get("selection")
    if chosen is None:
        return []
    total = chosen["total_value"]
    stays, most = (chosen[name] / total if total else 1.0 for name in ("kept_value", "most_value"))
    proved = "no choice of whole lines keeps more" + ("" if most - stays < 5e-4 else f" than {percent(most)}")
    return [
        ("leaves out", f"{_named(chosen)}; they publish as models that have no result of tonight"),
        ("value kept", f"{percent(stays)} of what all models are worth (objective.value); {proved}, proved"),
    ]


def way_out(plan: dict[str, Any], on_cpus: list[Block]) -> list[Block]:
    """What would make a plan hold, or keep every model of one that holds without some. ``on_cpus`` is what would make
    it cheaper as it stands."""
    holds = plan["verdict"] == "feasible"
    chosen = plan.get("selection") if holds else None
    if holds and chosen is None:
        return []
    blocks: list[Block] = [Heading("What would keep every model" if chosen else "What would help")]
    if not plan["stages"] and plan["binding"]:
        blocks.append(Line("What binds: " + "; ".join(plan["binding"])))
    blocks += on_cpus if not holds else []
    blocks += _keep_both(plan)
    does = "keeps every model" if chosen else "makes it feasible"
    return [*blocks, *_single(plan["suggestions"], does), *_combined(plan)]


def _single(suggestions: list[dict[str, Any]], does: str) -> list[Block]:
    """Changes each of which is enough."""
    if not suggestions:
        return [Line(f"No single change of a pool, the deadline or the budget {does}.", "warn")]
    said = "This, confirmed by planning again:" if len(suggestions) == 1 else "Any one of these, each planned again:"
    rows = tuple(_row(one, one) for one in suggestions)
    return [Line(said), Table(_COLUMNS, rows)]


def _combined(plan: dict[str, Any]) -> list[Block]:
    """Changes that are enough together. Plans of earlier versions have none."""
    listed = plan.get("combinations", ())
    if not listed:
        return []
    pairs = all(len(one["changes"]) == 2 for one in listed)
    said = f"Changes that do together, planned again with {'both' if pairs else 'all of them'}"
    rows = []
    for one in listed:
        first, *others = one["changes"]
        rows.append(_row(first, one))
        rows += [(f"and {route}", moved, "", "") for route, moved, *_ in (_row(other, one) for other in others)]
    return [Line(f"{said}:" if len(listed) == 1 else f"{said}, each by itself:"), Table(_COLUMNS, tuple(rows))]


_COLUMNS = ("change", "from → to", "then ends after", "then costs")


def _row(change: dict[str, Any], way: dict[str, Any]) -> tuple[str, str, str, str]:
    moved = f"{change['current']} → {change['proposed']}"
    return ".".join(change["route"]), moved, span(way["end_seconds"]), usd(way["cost_usd"])


def _keep_both(plan: dict[str, Any]) -> list[Block]:
    """What to leave out instead of moving a limit. Plans of earlier versions do not say."""
    kept = plan.get("keep_both")
    if kept is None:
        return []
    groups = ", ".join(dict.fromkeys(one["name"].split("/")[1] for one in kept["left_out"]))
    stays = kept["kept_value"] / kept["total_value"] if kept["total_value"] else 1.0
    ends = f"ends after {span(kept['end_seconds'])} for {usd(kept['cost_usd'])}"
    return [
        Line(f"· To hold deadline and budget, leave out {_named(kept)}: {percent(stays)} of the value stays, {ends}."),
        Line(
            "  objective: {maximize: value} plans and runs that; schedule: "
            f"{{on_miss: {{degrade: [{groups}]}}}} leaves it out only of nights that turn out late.",
            "dim",
        ),
    ]


def _named(chosen: dict[str, Any]) -> str:
    return ", ".join(f"{one['name']} ({plural(one['models'], 'model')})" for one in chosen["left_out"])
