"""The rules that ship, each a function of a case and a policy's terms. A stricter limit never finds less."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import date
from fnmatch import fnmatchcase

from fleetspec.compiler.check_policies import gpu_count, price_age
from fleetspec.policies.case import Case, Finding, Judgement, Part, Route, Side, Signed, Terms
from fleetspec.units import Cadence, Duration, Factor, Money, Share

TOLERANCE = 1e-9
"""Relative, of sums of floats held against a limit."""


def cost(case: Case, terms: Terms) -> Judgement:
    """The run costs no more than the limit, in USD."""
    side, limit = _head(case), Money.parse(_limit(terms)).usd
    said = f"the {case.run} run costs {_usd(side.cost_usd)}, {_usd(limit)} allowed"
    if side.cost_usd <= limit * (1 + TOLERANCE):
        return Judgement(said)
    before = "" if case.base is None else f"; it was {_usd(case.base.cost_usd)}"
    fix = f"make the run {_usd(side.cost_usd - limit)} cheaper: fewer models, trials or refits, or a later deadline"
    return Judgement(said, (Finding(said + before, fix, ("budget", case.run)),))


def slack(case: Case, terms: Terms) -> Judgement:
    """The run ends so long before its deadline, in the plan without chance."""
    side, limit = _head(case), Duration.parse(_limit(terms)).seconds
    said = f"the {case.run} run ends {_span(side.slack_seconds)}, {Duration(limit)} asked"
    if side.slack_seconds >= limit - TOLERANCE * max(limit, 1):
        return Judgement(said)
    fix = "give the run more or faster nodes, less work, or a later deadline"
    return Judgement(said, (Finding(said, fix, _deadline(case)),))


def on_time(case: Case, terms: Terms) -> Judgement:
    """Of nights replayed with chance, so large a share ends by the deadline."""
    side, limit = _head(case), Share.parse(_limit(terms)).fraction
    if side.on_time is None:
        return Judgement("nothing runs")
    said = f"{side.on_time:.1%} of replayed nights end in time, {Share(limit)} asked"
    if side.on_time >= limit - TOLERANCE:
        return Judgement(said)
    fix = f"ask the planner for it: schedule: {{on_time: {Share(limit)}}}; or give the night more time or nodes"
    return Judgement(said, (Finding(said, fix, ("schedule", "on_time")),))


def value(case: Case, terms: Terms) -> Judgement:
    """Of what all models are worth, the plan keeps so large a share."""
    side, limit = _head(case), Share.parse(_limit(terms)).fraction
    said = f"the plan keeps {side.value_kept:.1%} of what its models are worth, {Share(limit)} asked"
    if side.value_kept >= limit - TOLERANCE:
        return Judgement(said)
    fix = "see what would keep every model: fleetspec plan SPEC"
    return Judgement(said, (Finding(said, fix, ("objective", "maximize")),))


def growth(case: Case, terms: Terms) -> Judgement:
    """The fleet has at most so many times the models of the base."""
    side, limit = _head(case), Factor.parse(_limit(terms))
    if case.base is None:
        return Judgement(f"{side.models:,} models, and no base to have grown from")
    before = case.base.models
    said = f"{before:,} models become {side.models:,}, {limit} allowed"
    if side.models <= before * limit.value * (1 + TOLERANCE):
        return Judgement(said)
    most = max(case.added, key=lambda part: part.models, default=None)
    grew = f"; most of them in {most.name} ({most.models:,})" if most is not None else ""
    fix = "add them in several changes, or have the owner approve it with an override"
    return Judgement(said, (Finding(said + grew, fix, () if most is None else ("models", most.group)),))


def price_ages(case: Case, terms: Terms) -> Judgement:
    """No pool that is bought of an offer has a price older than that on the case's day."""
    side, limit = _head(case), price_age(_limit(terms))
    dated = [pool for pool in side.pools if pool.price_date is not None]
    found = []
    for pool in dated:
        assert pool.price_date is not None
        if pool.price_date < _oldest(limit, case.today, side.calendar):
            days = (case.today - pool.price_date).days
            what = f"the price of {pool.offer} in pool '{pool.name}' is of {pool.price_date}, {days} days before "
            what += f"{case.today}; {limit} allowed"
            fix = "upgrade fleetspec for newer prices, or write the pool's price, cpu and memory in the spec"
            found.append(Finding(what, fix, ("hardware", pool.name, "offer")))
    return Judgement(f"{len(dated)} prices of offers in use, none older than {limit} on {case.today}", tuple(found))


def pools(case: Case, terms: Terms) -> Judgement:
    """The plan buys nodes of the named pools alone."""
    side = _head(case)
    allowed = ", ".join(terms.names)
    found = tuple(
        Finding(
            f"the plan buys {pool.nodes} nodes of pool '{pool.name}'; {side.owner} may use {allowed}",
            f"take '{pool.name}' out of hardware for this fleet",
            ("hardware", pool.name),
        )
        for pool in side.pools
        if pool.name not in terms.names
    )
    return Judgement(f"the plan buys of {', '.join(pool.name for pool in side.pools) or 'no pool'} alone", found)


def gpus(case: Case, terms: Terms) -> Judgement:
    """The plan uses GPUs of the named kinds alone, and no more than the limit at once."""
    side = _head(case)
    used = [pool for pool in side.pools if pool.gpus]
    total = sum(pool.gpus for pool in used)
    found = []
    if terms.names:
        allowed = ", ".join(terms.names)
        found = [
            Finding(
                f"the plan uses {pool.gpus} {pool.gpu} in pool '{pool.name}'; {side.owner} may use {allowed}",
                f"take '{pool.name}' out of hardware for this fleet, or give it another GPU",
                ("hardware", pool.name),
            )
            for pool in used
            if pool.gpu not in terms.names
        ]
    if terms.limit is not None and total > gpu_count(terms.limit):
        route: Route = ("hardware", max(used, key=lambda pool: pool.gpus).name)
        what = f"the plan uses {total} GPUs at once; {side.owner} may use {terms.limit}"
        found.append(Finding(what, "lower max of the pools with GPUs, or give the run more time", route))
    return Judgement(f"the plan uses {total} GPUs at once", tuple(found))


def removal(case: Case, terms: Terms) -> Judgement:
    """Every group of models that goes has been approved."""
    fleet = case.side.fleet
    gone = [part for part in case.removed if not _approved(part, fleet, case.removals, terms)]
    who = f" of {' or '.join(terms.approvers)}" if terms.approvers else ""
    found = tuple(
        Finding(
            f"{part.models:,} models of {part.name} are removed, and no approval{who} says that they may be",
            f"put an approval into approvals.yaml: removals: [{{fleet: {fleet}, models: {part.name}, …}}]; "
            "or say where they went with moved",
            ("models", part.group),
            in_base=True,
        )
        for part in gone
    )
    approved = len(case.removed) - len(gone)
    return Judgement(f"all {approved} removals are approved" if approved else "nothing is removed", found)


def new_family(case: Case, terms: Terms) -> Judgement:
    """Every family that the base does not have has been validated."""
    side = _head(case)
    before: Mapping[str, str] = {} if case.base is None else case.base.families
    new = {family: group for family, group in side.families.items() if family not in before}
    known = {
        one.subject for one in case.validations if one.fleet in ("*", side.fleet) and _may(one.by, terms.approvers)
    }
    found = tuple(
        Finding(
            f"family '{family}' is new to '{side.fleet}' (tier {side.tier}) and has no validation record",
            f"validate it, and enter that into approvals.yaml: validations: [{{fleet: {side.fleet}, family: {family}, "
            "…}]",
            ("models", group),
        )
        for family, group in sorted(new.items())
        if family not in known
    )
    return Judgement(f"{len(new)} new families, all validated" if new else "no family is new", found)


RULES: dict[str, Callable[[Case, Terms], Judgement]] = {
    "cost": cost,
    "slack": slack,
    "on-time": on_time,
    "value": value,
    "growth": growth,
    "price-age": price_ages,
    "pools": pools,
    "gpus": gpus,
    "removal": removal,
    "new-family": new_family,
}
NEEDS_HEAD = frozenset(RULES) - {"removal"}
"""Rules that have nothing to say of a fleet that is deleted."""
NEEDS_PLAN = frozenset({"cost", "slack", "on-time", "value", "price-age", "pools", "gpus"})
"""Rules that look at a plan, and object where none holds."""
NEEDS_BASE = frozenset({"growth", "removal", "new-family"})
"""Rules that are about what a change does, not about what a plan comes to."""


def _head(case: Case) -> Side:
    assert case.head is not None
    return case.head


def unplanned(case: Case) -> Judgement | None:
    """In place of what a rule says of a plan where there is none."""
    if _head(case).planned:
        return None
    what = f"no plan of the {case.run} run holds, so that nothing can be said for it"
    return Judgement("", (Finding(what, "see what would help: fleetspec plan SPEC", ("hardware",)),))


def _limit(terms: Terms) -> str:
    assert terms.limit is not None
    return terms.limit


def _deadline(case: Case) -> Route:
    return {"change": ("change", "within"), "backtest": ("backtest", "within")}.get(case.run, ("schedule", "deadline"))


def _oldest(limit: Duration | Cadence, today: date, calendar: str) -> date:
    """The first day whose prices are not too old."""
    if isinstance(limit, Duration):
        return date.fromordinal(max(today.toordinal() - limit.seconds // 86_400, 1))
    from fleetspec.sessions import sessions_before

    return sessions_before(calendar, today, limit.sessions)


def _approved(part: Part, fleet: str, removals: Iterable[Signed], terms: Terms) -> bool:
    for one in removals:
        if one.fleet not in ("*", fleet) or not _may(one.by, terms.approvers):
            continue
        pattern = "/".join([*one.subject.split("/"), "*", "*"][:3])
        if fnmatchcase(part.name, pattern):
            return True
    return False


def _may(name: str, approvers: tuple[str, ...]) -> bool:
    return not approvers or name in approvers


def _usd(amount: float) -> str:
    return str(Money(amount))


def _span(seconds: float) -> str:
    length = Duration(round(abs(seconds)))
    return f"{length} before its deadline" if seconds >= 0 else f"{length} after its deadline"
