"""Budget, policies, publishing and renaming: amounts, limits and addresses that fit what they are said of."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING

from fleetspec.compiler.check_policies import check_policies
from fleetspec.diagnostics import did_you_mean
from fleetspec.rules import meaning, meaning_operation

if TYPE_CHECKING:
    from fleetspec.catalog.types import Catalog
    from fleetspec.compiler.spec import FleetSpec
    from fleetspec.diagnostics import Report


def check_operation(spec: FleetSpec, catalog: Catalog, report: Report) -> None:
    """Add to the report what is wrong with owner, budget, policies and publishing."""
    if not spec.owner.strip():
        report.add(meaning.EMPTY_LIST, "owner names nobody", route=("owner",), help="name who answers for the fleet")
    _check_budget(spec, report)
    check_policies(spec, catalog, report)
    _check_publish(spec, report)


def _check_budget(spec: FleetSpec, report: Report) -> None:
    budget = spec.budget
    for key in ("nightly", "change", "backtest", "month"):
        amount = getattr(budget, key)
        if amount is not None and amount.usd == 0:
            message = f"nothing can be run for {amount}"
            report.add(meaning.OUT_OF_RANGE, message, route=("budget", key), help=f"write {key}: 1 USD or more")
    if budget.month is not None and 0 < budget.month.usd < budget.nightly.usd:
        report.add(
            meaning.OUT_OF_RANGE,
            f"a month may cost {budget.month}, and a single night {budget.nightly}",
            route=("budget", "month"),
            help=f"a month has about 21 nights: write {budget.nightly.usd * 21:.0f} USD, or a smaller nightly",
            related=[(("budget", "nightly"), "the night is here")],
        )
    _check_capex(spec, report)


def _check_capex(spec: FleetSpec, report: Report) -> None:
    """The purchase prices of all owned nodes over their years hold the budget for them."""
    owned = {name: pool for name, pool in spec.hardware.items() if pool.capex is not None and pool.capex.years > 0}
    yearly = {name: pool.max * pool.capex.price.usd / pool.capex.years for name, pool in owned.items() if pool.capex}
    total, budget = sum(yearly.values()), spec.budget.capex
    if budget is None or total <= budget.usd_per_year * (1 + 1e-9):
        return
    dearest = max(yearly, key=lambda name: (yearly[name], name))
    report.add(
        meaning_operation.OVER_CAPEX,
        f"owned nodes cost {total:,.0f} USD a year (price / years x max of {', '.join(owned)}), and may cost {budget}",
        route=("budget", "capex"),
        help=f"write capex: {math.ceil(total)} USD/year, or own fewer: a smaller max of '{dearest}'",
        related=[(("hardware", dearest, "capex"), "the dearest is here")],
    )


_OPTIONS = {
    "s3://": ("access_key", "anonymous", "endpoint", "region", "secret_key", "session_token"),
    "gs://": ("access_token", "anonymous", "endpoint"),
}
"""What may be said of a bucket beside its name; what is left out comes from the environment, as its vendor has it."""
_STORES = tuple(_OPTIONS)


def _check_publish(spec: FleetSpec, report: Report) -> None:
    if spec.publish is None:
        return
    to, route = spec.publish.to, ("publish", "to")
    scheme = re.match(r"[A-Za-z][A-Za-z0-9+.-]*:", to)
    help = f"write a folder, or a bucket: {_STORES[0]}lake/forecasts/"
    if not to.strip():
        report.add(meaning_operation.PUBLISH, "publish goes nowhere", route=route, help=help)
    elif scheme and not to.startswith(_STORES):
        message = f"forecasts cannot be published to '{scheme[0]}'"
        report.add(meaning_operation.PUBLISH, message, route=route, help=help)
    elif any(to == store or to.startswith(f"{store}/") for store in _STORES):
        report.add(meaning_operation.PUBLISH, f"'{to}' names no bucket", route=route, help=help)
    else:
        _check_options(spec.publish.options, next((store for store in _STORES if to.startswith(store)), ""), report)


def _check_options(options: dict[str, str], store: str, report: Report) -> None:
    known = _OPTIONS.get(store, ())
    for name in options:
        if name not in known:
            where = f"a bucket of {store}" if store else "a folder"
            report.add(
                meaning_operation.PUBLISH,
                f"{where} has no option '{name}'",
                route=("publish", "options", name),
                key=True,
                help=did_you_mean(name, known) if known else "take it out: options are for buckets",
            )
