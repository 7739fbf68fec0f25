"""What a plan answers beyond itself, as blocks: bills, layouts of GPUs, what would help, what falls first."""

from __future__ import annotations

from typing import Any

from fleetspec.planner.problem import is_partition
from fleetspec.sheets import Block, Heading, Line, Table
from fleetspec.sheets.figures import count, plural, span, usd

_BILLS = {"this": "this run", "steady": "a steady night", "worst": "the worst night", "backtest": "the backtest",
          "month": "a month"}  # fmt: skip
MUCH = 0.2
"""Share of a plan's cost from which on a way to save it belongs beside the verdict."""
MOST_LOST = 3
"""Classes named of what falls; the JSON has all."""
A_CENT = 0.005
"""What saves less than this rounds to nothing."""


def bills(advice: dict[str, Any]) -> list[Block]:
    """Each kind of run beside its own budget, and what is meant by it."""
    rows, notes = [], []
    for bill in advice["bills"]:
        name = _BILLS[bill["kind"]] + (f" ({bill['what']})" if bill["kind"] == "this" else "")
        cost, budget = bill["cost_usd"], bill["budget_usd"]
        ends = "" if bill["end_seconds"] is None else span(bill["end_seconds"])
        if ends and bill["deadline_seconds"] is not None:
            ends += f" of {span(bill['deadline_seconds'])}"
        rows.append(
            (
                name,
                "no plan" if cost is None else usd(cost),
                "none set" if budget is None else usd(budget),
                _state(bill),
                ends,
            )
        )
        if bill["kind"] != "this":
            jobs = f"{plural(bill['jobs'], 'job')}; " if bill["jobs"] else ""
            notes.append(Line(f"· {_BILLS[bill['kind']]}: {jobs}{bill['note']}", "dim"))
    columns = ("bill", "cost", "budget", "plan", "ends after")
    blocks: list[Block] = [Heading("The bills, each by itself"), Table(columns, tuple(rows), frozenset(columns[1:3]))]
    if not advice["full"]:
        notes.append(Line("· the bills of other runs, and other layouts of GPUs: add --full", "dim"))
    return [*blocks, *notes]


def _state(bill: dict[str, Any]) -> str:
    """Whether a bill's plan holds, in a word or two."""
    if bill["cost_usd"] is None:
        return "rejected" if bill["verdict"] == "rejected" else "does not fit"
    late = bill["end_seconds"] is not None and bill["end_seconds"] > bill["deadline_seconds"]
    if late:
        return "late"
    if bill["verdict"] == "unsure":
        return "unsure"
    if bill["budget_usd"] is None:
        return "holds"
    return "over budget" if bill["cost_usd"] > bill["budget_usd"] + 1e-9 else "holds"


def layouts(plan: dict[str, Any], advice: dict[str, Any]) -> list[Block]:
    """Why GPUs are cut as they are, what stands, and what other layouts would cost."""
    if not advice["fits"] and advice["standing"] is None:
        return []
    blocks: list[Block] = [Heading("How GPUs are cut")]
    told: set[tuple[Any, ...]] = set()
    for fit in advice["fits"]:
        label = fit["name"].rpartition("/")[0]
        key = label, fit["pool"], fit["slot"], fit["need_mib"]
        if key in told:
            continue
        told.add(key)
        blocks.append(
            Line(
                f"{label} needs {count(fit['need_mib'])} MiB: the smallest {_piece(fit['slot'])} of {fit['pool']} that "
                f"holds it is {fit['slot']} ({count(fit['usable_mib'])} MiB usable), {fit['per_gpu']} a GPU."
            )
        )
    for miss in advice["near_misses"]:
        label = miss["name"].rpartition("/")[0]
        if (label, miss["pool"]) in told:
            continue
        told.add((label, miss["pool"]))
        blocks.append(
            Line(
                f"{label} misses {miss['slot']} by {count(miss['less_mib'])} MiB: with that much less a GPU of "
                f"{miss['pool']} holds {miss['per_gpu']} at once, not {miss['now_per_gpu']}.",
                "warn",
            )
        )
    if advice["standing"] is not None:
        blocks.append(_standing(plan, advice["standing"]))
    listed = advice["alternatives"] or []
    for pool in dict.fromkeys(one["pool"] for one in listed):
        blocks.append(_alternatives(plan, pool, [one for one in listed if one["pool"] == pool]))
    return blocks


def _piece(slot: str) -> str:
    return "partition" if is_partition(slot) else "slice"


def _standing(plan: dict[str, Any], standing: dict[str, Any]) -> Line:
    here = "; ".join(
        f"{pool}: " + ", ".join(f"{nodes} × {cut}" for cut, nodes in cuts) for pool, cuts in standing["layout"]
    )
    if standing["same"]:
        return Line(f"The layout that was deployed last ({here}) is kept: no node is drained.", "good")
    switch = (
        f"the new layout drains {plural(standing['switched'], 'node')}: {span(standing['drain_seconds'])} each, "
        f"{usd(standing['drain_usd'])} once"
    )
    if standing["cost_usd"] is None:
        return Line(f"No plan holds in the layout that was deployed last ({here}); {switch}.", "warn")
    more = standing["cost_usd"] - plan["cost_usd"]
    price = "the same" if abs(more) < A_CENT else f"{usd(more)} more" if more > 0 else f"{usd(-more)} less"
    return Line(f"Keeping the layout that was deployed last ({here}) costs {price} a run; {switch}.")


def _alternatives(plan: dict[str, Any], pool: str, listed: list[dict[str, Any]]) -> Table:
    rows = []
    for one in sorted(listed, key=lambda one: (one["cost_usd"] is None, one["cost_usd"] or 0.0, one["layout"])):
        if one["cost_usd"] is None:
            rows.append((one["layout"], "", "", "", "does not fit"))
            continue
        more = one["cost_usd"] - plan["cost_usd"]
        late = one["end_seconds"] > plan["deadline_seconds"]
        dear = plan["budget_usd"] is not None and one["cost_usd"] > plan["budget_usd"] + 1e-9
        rows.append(
            (
                one["layout"] + (" (the plan's)" if one["chosen"] else ""),
                usd(one["cost_usd"]),
                "" if one["chosen"] else f"{'+' if more >= 0 else '-'}{usd(abs(more))}",
                span(one["end_seconds"]),
                "late" if late else "unsure" if one["verdict"] == "unsure" else "over budget" if dear else "holds",
            )
        )
    columns = (f"all GPUs of {pool}", "cost", "against the plan", "ends after", "plan")
    return Table(columns, tuple(rows), frozenset(columns[1:4]))


def would_help(plan: dict[str, Any], advice: dict[str, Any]) -> list[Block]:
    """Work that CPUs would do for less, and shadow prices of a plan that holds, in words."""
    cheaper = [Line(f"· {_elsewhere(one)}") for one in advice.get("elsewhere", ())[:MOST_LOST]]
    if plan["verdict"] != "feasible":
        return [Line("What the plan buys GPUs for may cost less on CPUs:"), *cheaper] if cheaper else []
    blocks: list[Block] = [Heading("What would help"), *cheaper]
    helpful = [one for one in advice["shadow"] if one["unit"] != "USD" or one["saves"] >= A_CENT]
    if not any(one["kind"] in ("deadline", "nodes") for one in helpful):
        blocks.append(
            Line("· More time or more nodes would not save a cent: a job costs its time on its node's price.")
        )
    blocks += [Line(f"· {_shadow(one)}") for one in helpful]
    if helpful:
        said = "What is saved is an upper bound, as if jobs could be cut at will; plan --what-if ROUTE=VALUE plans it."
        blocks.append(Line(said, "dim"))
    return blocks


def cheaper_facts(plan: dict[str, Any], advice: dict[str, Any]) -> list[tuple[str, str]]:
    """Where a good part of the cost is for GPU work that CPUs would do for less."""
    listed = advice.get("elsewhere", ())
    now, then = (sum(one[name] for one in listed) for name in ("gpu_cost_usd", "cost_usd"))
    if not listed or now - then < MUCH * plan["cost_usd"]:
        return []
    names = listed[0]["name"] if len(listed) == 1 else plural(len(listed), "class", "classes")
    return [("cheaper", f"about {usd(then)} on CPUs instead of {usd(now)} for {names}: see What would help")]


def _elsewhere(one: dict[str, Any]) -> str:
    basis = f"n={count(one['n'])}" if one["basis"] == "measured" else "ASSUMED"
    there = f"it takes {span(one['seconds'])} a job ({basis}) and costs about {usd(one['cost_usd'])}, boots aside"
    return (
        f"models.{one['group']}.gpu: optional lets {one['name']} run on the cores of {one['pool']}, where {there}. "
        f"Family {one['family']} asks for a GPU: planned there at {span(one['gpu_seconds'])} a job, "
        f"{usd(one['gpu_cost_usd'])}. Plan it: --what-if models.{one['group']}.gpu=optional."
    )


def _shadow(one: dict[str, Any]) -> str:
    route = ".".join(one["route"])
    if one["kind"] == "deadline":
        return f"One more hour ({route}) saves {usd(one['saves'])} a run."
    if one["kind"] == "nodes":
        return f"One more node of {one['name']} ({route}) saves {usd(one['saves'])} a run."
    if one["kind"] == "budget":
        return f"One USD more of budget lets the fastest run end {span(one['saves'])} earlier."
    return f"Were jobs of {one['name']} 10 % faster ({route}), a run would cost {usd(one['saves'])} less."


def falls_first(plan: dict[str, Any], advice: dict[str, Any]) -> list[Block]:
    """What happens when data are late, or a node of a pool cannot be had."""
    if not advice["mishaps"]:
        return []
    lines: list[Block] = []
    for one in advice["mishaps"]:
        if one["holds"]:
            how = "planned again" if one["again"] else "same plan"
            text = f"· {one['what']}: in time, ends after {span(one['end_seconds'])} for {usd(one['cost_usd'])} ({how})"
            lines.append(Line(text))
            continue
        lines.append(Line(f"· {one['what']}: {_lost(one, plan)}", "warn"))
        if one.get("way_out"):
            lines.append(Line(f"  way out: {one['way_out']}"))
    return [Heading("What falls first"), *lines]


def _lost(one: dict[str, Any], plan: dict[str, Any]) -> str:
    lost = one["lost"]
    if not lost:
        return f"the run would cost {usd(one['cost_usd'])}, over the budget of {usd(plan['budget_usd'])}"
    total = sum(part["jobs"] for part in lost)
    named = ", ".join(f"{part['name']} {_of(part)}" for part in lost[:MOST_LOST])
    more = f" and {plural(len(lost) - MOST_LOST, 'class', 'classes')} more" if len(lost) > MOST_LOST else ""
    why = "; ".join(dict.fromkeys(part["why"] for part in lost))
    return f"{plural(total, 'job')} not done by the deadline ({why}): {named}{more}"


def _of(part: dict[str, Any]) -> str:
    return count(part["jobs"]) if part["jobs"] == part["of"] else f"{count(part['jobs'])} of {count(part['of'])}"
