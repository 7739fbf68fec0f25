"""A plan and a model as blocks, in the order in which a platform engineer asks: does it hold, what runs, what does it
cost, what is bought, what would help, and how sure is that."""

from __future__ import annotations

import math
from datetime import date
from typing import TYPE_CHECKING, Any

from fleetspec.sheets import Block, Facts, Heading, Line, Table, Tone, advice
from fleetspec.sheets.figures import cents, count, percent, plural, span, usd
from fleetspec.sheets.overlapping import overlap_facts
from fleetspec.sheets.policies import policy_blocks
from fleetspec.sheets.reading import words_table
from fleetspec.sheets.selecting import left_out_facts, lines_left_out, way_out

if TYPE_CHECKING:
    from collections.abc import Callable

_TONE: dict[str, Tone] = {"feasible": "good", "unsure": "warn", "late": "bad", "infeasible": "bad"}


MOST_CLASSES = 12
"""Classes listed by name, those that cost most; the JSON has all."""
_IN_CENTS = 0.02
"""USD of a run from which on its parts are told to the cent."""
_WELL_MEASURED = 0.8
"""Share of a cost from which on its certainty needs no word beside it."""


def plan_sheet(data: dict[str, Any]) -> list[Block]:
    """The answer to ``plan``. ``data["advice"]`` is there where it was asked for; without it the plan speaks alone."""
    plan, told = data["plan"], data.get("advice")
    blocks: list[Block] = [
        *_verdict(plan, told),
        *_slack(data.get("slack", [])),
        *policy_blocks(data.get("policies", [])),
    ]
    blocks += [Heading(f"What runs ({plan['run']})"), words_table(data["words"], lines_left_out(plan))]
    blocks += [Line(_data_line(source), "dim") for source in data["data"]]
    if plan["jobs"] == 0:
        blocks.append(Line("Nothing is missing: every job of this run is in the store.", "good"))
        return blocks + (advice.bills(told) if told else [])
    blocks += advice.bills(told) if told else []
    blocks += _capacity(plan)
    blocks += advice.layouts(plan, told) if told else []
    blocks += way_out(plan)
    blocks += advice.would_help(plan, told) + advice.falls_first(plan, told) if told else []
    blocks += _confidence(plan, data.get("families", []))
    return blocks


def headline_sheet(data: dict[str, Any]) -> list[Block]:
    """The verdict alone: what a run that nobody is asked about begins with."""
    return _verdict(data["plan"])


def frontier_sheet(data: dict[str, Any]) -> list[Block]:
    """The answer to ``plan --frontier``: a row a deadline, the spec's own marked."""
    points, budget = data["points"], data["budget_usd"]
    head = Line(f"{data['fleet']} · {data['run']} · session {data['session']}: cost against deadline", "strong")
    if not data.get("jobs", 1):
        return [head, Line("Nothing is missing: every job of this run is in the store.", "good")]
    if not points:
        return [head, Line("No allocation of these pools runs all jobs, however long it may take.", "bad")]
    rows = tuple(
        (
            span(one["deadline_seconds"]) + (" (the spec's)" if one["asked"] else ""),
            span(one["end_seconds"]),
            usd(one["cost_usd"]) + (" over budget" if budget is not None and one["cost_usd"] > budget else ""),
            usd(one["bound_usd"]),
            ", ".join(f"{nodes} × {pool}" for pool, nodes in one["nodes"].items()),
        )
        for one in points
    )
    columns = ("deadline", "ends after", "cost, this run", "at least", "nodes at most")
    told = "Each plan is replayed with whole jobs on whole nodes; a plan that holds earlier also holds later."
    first = points[0]
    fastest = f"No plan was found that ends earlier than {span(first['end_seconds'])} after the start."
    return [head, Table(columns, rows, frozenset(columns[:4])), Line(told, "dim"), Line(fastest, "dim")]


def _data_line(source: dict[str, Any]) -> str:
    """Which series are real and which are not, and up to when: a forecast is made from a series' last bar."""
    dates = "no dates"
    if source["last"]:
        dates = f"last bars {source['last']}"
        if source["stalest"] != source["last"]:
            dates = f"last bars {source['stalest']} to {source['last']}"
    return f"· {source['name']}: {plural(source['series'], 'series', 'series')}, {source['kind']}, {dates}"


def _verdict(plan: dict[str, Any], told: dict[str, Any] | None = None) -> list[Block]:
    deadline, end = plan["deadline_seconds"], plan["end_seconds"]
    slack, budget = deadline - end, plan["budget_usd"]
    head = f"{plan['fleet']} · {plan['run']} · session {plan['session']}"
    over = 0.0 if budget is None else plan["cost_usd"] - budget
    if plan["verdict"] == "infeasible" and slack >= 0 and over > 0:
        verdict = (
            f"INFEASIBLE: the cheapest plan found is {usd(over)} over budget; it ends {span(slack)} before the deadline"
        )
    elif plan["verdict"] == "infeasible":
        verdict = "INFEASIBLE: no allocation of these pools meets the deadline and the budget"
    elif plan["verdict"] == "unsure":
        share, asked = plan["chance"]["p_on_time"], plan["assurance"]["asked"]
        verdict = f"UNSURE: in time as planned, but in {percent(share)} of nights, and {asked * 100:g} % are asked for"
    elif plan["verdict"] == "late":
        verdict = f"LATE: the replayed plan ends {span(-slack)} after the deadline"
    else:
        lines = len(lines_left_out(plan))
        without = f" WITHOUT {plural(lines, 'LINE').upper()} OF MODELS" if lines else ""
        verdict = f"FEASIBLE{without}: ends {span(end)} after the start, {span(slack)} before the deadline"
    cost = f"{usd(plan['cost_usd'])} for this run; " + ("no budget is set" if budget is None else
                                                         f"its budget is {usd(budget)}")  # fmt: skip
    facts = [("window", f"{span(deadline)}, {plan['night']}")]
    if plan["stages"]:
        facts.append(("buys" if plan["verdict"] == "feasible" else "would buy", _bought(plan)))
        facts.append(("cost", cost))
        facts += _beside_cost(plan)
        facts += overlap_facts(plan)
        facts += _chance(plan)
    if plan["stages"] and plan["bound_usd"] > 0:
        facts.append(("at least", f"{usd(plan['bound_usd'])}, proved: no plan on these pools costs less; this one is "
                                  f"{percent(plan['gap'])} above"))  # fmt: skip
    facts.append(("work", f"{plural(plan['models'], 'model')}, {plural(plan['jobs'], 'job')} to run, "
                          f"{count(plan['reused'])} reused from the store"))  # fmt: skip
    facts += left_out_facts(plan)
    facts += advice.cheaper_facts(plan, told or {})
    tone: Tone = "warn" if plan.get("selection") else _TONE[plan["verdict"]]
    return [Line(head, "strong"), Line(verdict, tone), Facts(tuple(facts))]


def _beside_cost(plan: dict[str, Any]) -> list[tuple[str, str]]:
    """The purchase of owned nodes, which decides nothing; and what is proved where a plan is to end soon."""
    found = []
    # Runs of earlier versions, whose records a store may hold, have neither.
    if plan.get("loaded_usd", 0.0) > plan["cost_usd"]:
        said = "with the purchase of owned nodes over their years, for the hours they work; sunk, it decides nothing"
        found.append(("fully loaded", f"{usd(plan['loaded_usd'])}, {said}"))
    if plan.get("objective") == "time" and plan["soonest_seconds"]:
        said = "after the start on these pools within the budget, proved; objective: time"
        found.append(("soonest", f"{span(plan['soonest_seconds'])} {said}"))
    return found


def _chance(plan: dict[str, Any]) -> list[tuple[str, str]]:
    """How sure the plan is, from nights replayed with chance."""
    chance = plan.get("chance")
    if chance is None:
        return []
    low, high = chance["interval"]
    kind = "nights" if plan["run"] == "nightly" else "runs"
    sure = plan.get("assurance")
    asked = []
    if sure is not None:
        extra = f"jobs are sized {percent(sure['headroom'])} longer (headroom); without that "
        extra += f"{percent(sure['share_without'])} of nights are in time, for {usd(sure['cost_usd_without'])}"
        asked = [
            ("asked", f"{sure['asked'] * 100:g} % of nights: {extra if sure['headroom'] else 'no headroom needed'}")
        ]
    return [
        ("on time", f"{percent(chance['p_on_time'])} of {kind} ({percent(low)} to {percent(high)}), by "
                    f"{count(chance['trials'])} simulated ones"),
        *asked,
        ("ends", f"p50 {span(chance['end_p50'])}, p95 {span(chance['end_p95'])} after the start"),
        ("costs", f"p50 {usd(chance['cost_p50'])}, p95 {usd(chance['cost_p95'])}{_over(plan, chance['cost_p95'])}"),
        *_rests_on(plan),
    ]  # fmt: skip


def _over(plan: dict[str, Any], cost: float) -> str:
    budget = plan["budget_usd"]
    if budget is None or cost <= budget:
        return ""
    return f": one in twenty is {usd(cost - budget)} over the budget, or more"


def _rests_on(plan: dict[str, Any]) -> list[tuple[str, str]]:
    """What such certainty rests on, where most of the cost is a guess."""
    share = plan["measured_share"]
    if share >= _WELL_MEASURED or not plan["cost_usd"]:
        return []
    said = f"runtimes that are ASSUMED, for {percent(1 - share)} of the cost; `fleetspec calibrate` measures them"
    return [("rests on", said)]


def _bought(plan: dict[str, Any]) -> str:
    """The most nodes of each pool at one time, the dearest pool first."""
    spent: dict[str, float] = {}
    paid: dict[str, float] = {}
    for stage in plan["stages"]:
        for use in stage["pools"]:
            spent[use["pool"]] = spent.get(use["pool"], 0.0) + use["cost_usd"]
            paid[use["pool"]] = paid.get(use["pool"], 0.0) + use["node_seconds"]
    peak = {pool["pool"]: pool["peak_nodes"] for pool in plan["pools"]}
    order = sorted(spent, key=lambda pool: (-spent[pool], pool))
    most = {pool: f"{peak[pool]} × {pool}" + " at once" * (peak[pool] > 1) for pool in order}
    hours = {pool: _hours(paid[pool]).removesuffix("h") + "node-hours" for pool in order}
    if len(order) == 1:
        return f"{most[order[0]]}, {hours[order[0]]}"
    return "; ".join(f"{most[pool]}, {hours[pool]} for {usd(spent[pool])}" for pool in order)


def _slack(steps: list[dict[str, Any]]) -> list[Block]:
    """The waterfall from start to deadline."""
    if not steps:
        return []
    rows = []
    for step in steps:
        late = step["kind"] == "slack" and step["seconds"] < 0
        what = "late by" if late else "slack" if step["kind"] == "slack" else step["kind"]
        rows.append((span(step["start_seconds"]), what, step["what"], span(abs(step["seconds"]))))
    columns = ("after", "step", "what", "takes")
    table = Table(columns, tuple(rows), frozenset({"after", "takes"}), last_is_total=True)
    return [Heading("Where the time goes"), table]


def _capacity(plan: dict[str, Any]) -> list[Block]:
    if not plan["stages"]:
        return []
    money = cents if plan["cost_usd"] >= _IN_CENTS else usd
    rows = []
    for stage in plan["stages"]:
        for number, use in enumerate(stage["pools"]):
            rows.append(
                (
                    f"{stage['stage']} {stage['title']}" if number == 0 else "",
                    _from_to(stage) if number == 0 else "",
                    f"{use['nodes']} × {use['pool']}{_cut(use)}{_waiting(use)}",
                    _hours(use["node_seconds"]),
                    percent(use["busy_share"]),
                    money(use["cost_usd"]),
                )
            )
    blocks: list[Block] = [
        Heading("Capacity"),
        Table(("stage", "from – to", "nodes", *_PAID), tuple(rows), frozenset(_PAID)),
        Line(_TOLD, "dim"),
    ]
    prices = tuple(
        (
            pool["pool"],
            f"{pool['usd_per_hour']:.4g} USD/h",
            f"{pool['peak_nodes']} of {pool['cap']}",
            pool["price_basis"] + _aged(pool, plan["session"]),
        )
        for pool in plan["pools"]
    )
    blocks.append(Table(("pool", "price per node", "peak nodes", "price from"), prices, frozenset({"price per node"})))
    if plan["binding"]:
        blocks.append(Line("What binds: " + "; ".join(plan["binding"])))
    elif plan["verdict"] == "feasible":
        blocks.append(Line("Nothing binds: neither the deadline nor a pool's maximum makes this plan dearer."))
    return blocks


_PAID = ("paid", "in use", "cost")
_TOLD = (
    "Paid are node-hours, from boot until a node is given back, which is at once when the run ends; in use is the "
    "share of their cores, or of the slots of their GPUs, that jobs take in that time."
)


def _hours(node_seconds: float) -> str:
    """Node-hours."""
    return f"{node_seconds / 3600:.2f} h" if node_seconds >= 36 or not node_seconds else "< 0.01 h"


def _from_to(stage: dict[str, Any]) -> str:
    """When a stage runs; one too short for two moments to differ in writing, with how long it takes."""
    start, end = span(stage["start_seconds"]), span(stage["end_seconds"])
    return f"{start} – {end}" if start != end else f"{start}, {span(stage['end_seconds'] - stage['start_seconds'])}"


def _cut(use: dict[str, Any]) -> str:
    """How the GPUs of a stage's nodes are cut."""
    if len(use["patterns"]) == 1:
        return f" cut {use['patterns'][0][0]}"
    cuts = ", ".join(f"{nodes} cut {pattern}" for pattern, nodes in use["patterns"])
    return f" ({cuts})" if cuts else ""


def _waiting(use: dict[str, Any]) -> str:
    """Nodes of a stage that have nothing to do in it. Plans of earlier versions do not say."""
    spare = sum(nodes for _, nodes in use.get("waiting", ()))
    return "" if not spare else ", idle" if spare == use["nodes"] else f", {spare} of them idle"


def _aged(pool: dict[str, Any], session: str) -> str:
    """How far a price's day is from the session that is planned; nothing where no day is known."""
    try:
        days = (date.fromisoformat(session) - date.fromisoformat(pool.get("price_date", ""))).days
    except ValueError:
        return ""
    if days == 0:
        return ", the day of the session"
    return f", {plural(abs(days), 'day')} {'before' if days > 0 else 'after'} the session"


def _confidence(plan: dict[str, Any], families: list[dict[str, Any]]) -> list[Block]:
    money = cents if plan["cost_usd"] >= _IN_CENTS else usd
    blocks: list[Block] = [
        Heading("Confidence"),
        Line(f"{percent(plan['measured_share'])} of the cost rests on measured runtimes{_measured_where(plan)}."),
    ]
    if families:
        rows = tuple(
            (
                line["family"],
                count(line["jobs"]),
                money(line["cost_usd"]),
                percent(line["measured"]) if line["measured"] else "ASSUMED",
                f"n={count(line['n'])}" if line["n"] else "",
            )
            for line in families
        )
        columns = ("family", "jobs", "cost", "of it measured", "runs timed")
        blocks.append(Table(columns, rows, frozenset({"jobs", "cost", "of it measured"})))
    if plan["measured_share"] < 1:
        blocks.append(
            Line("What is ASSUMED is measured by the first apply or by calibrate; plans with --store use it.")
        )
    blocks += _dearest(plan, money)
    chance = (plan.get("chance") or {}).get("assumptions", [])
    if supposed := [*plan["assumptions"], *chance]:
        blocks += [Line("The plan supposes:"), *(Line(f"· {text}", "dim") for text in supposed)]
    return blocks


def _dearest(plan: dict[str, Any], money: Callable[[float], str]) -> list[Block]:
    """The classes that cost most, in the order of the plan, and how many there are besides."""
    lines = [line for line in plan["classes"] if line["jobs"]]
    ranked = sorted(lines, key=lambda line: (-line["cost_usd"], line["name"]))
    shown, others = ranked[:MOST_CLASSES], ranked[MOST_CLASSES:]
    rows = tuple(
        (
            line["name"],
            count(line["jobs"]),
            span(line["seconds"]),
            money(line["cost_usd"]),
            _basis(line),
        )
        for line in shown
    )
    columns = ("class, dearest first", "jobs", "per job", "cost", "rests on")
    blocks: list[Block] = [Table(columns, rows, frozenset(columns[1:4]))]
    if others:
        rest = money(sum(line["cost_usd"] for line in others))
        more = plural(len(others), "class", "classes")
        blocks.append(Line(f"and {more} more for {rest} together; --format json lists them", "dim"))
    error = next((line["error"] for line in shown if line.get("error")), None)
    if error is not None:
        off = f"{math.exp(error):.2f}"
        told = f"×/÷ {off}: two times in three the class as a whole takes between 1/{off} and {off} times its figure."
        blocks.append(Line(told, "dim"))
    return blocks


def _basis(line: dict[str, Any]) -> str:
    """What a class's time rests on, and the factor by which all of it may be off: one standard deviation of its log."""
    basis = f"n={count(line['n'])}" if line["basis"] == "measured" else "ASSUMED"
    return f"{basis} ×/÷ {math.exp(line['error']):.2f}" if line.get("error") else basis


def _measured_where(plan: dict[str, Any]) -> str:
    where = sorted({line["source"] for line in plan["classes"] if line["jobs"] and line["basis"] == "measured"})
    return f" ({'; '.join(where)})" if where else ""


def model_sheet(data: dict[str, Any]) -> list[Block]:
    """One address: what it is made of, what it depends on, and what the store has of it."""
    facts = tuple((label, str(value)) for label, value in data["facts"])
    blocks: list[Block] = [Line(data["address"], "strong"), Facts(facts), Heading("Jobs")]
    rows = tuple((job["task"], job["window"], job["digest"], str(job["parents"]), job["state"]) for job in data["jobs"])
    blocks.append(Table(("task", "bars", "digest", "parents", "state"), rows, frozenset({"parents"})))
    if data["more"]:
        blocks.append(Line(f"and {plural(data['more'], 'job')} more", "dim"))
    return blocks
