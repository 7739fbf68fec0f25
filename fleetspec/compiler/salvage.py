"""What can still be checked of a spec whose shape has faults, so that one run names them all.

Faulty entries are taken out, or replaced by neutral ones, until the rest decodes; the checks of meaning run on the
rest, and only what they say of untouched entries is told: nothing that merely follows from what was taken out.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from fleetspec.compiler.decode import faults
from fleetspec.diagnostics import Report
from fleetspec.rules import evaluation, meaning, meaning_models, meaning_operation, pricing

if TYPE_CHECKING:
    from fleetspec.compiler.document import Document
    from fleetspec.compiler.spec import FleetSpec
    from fleetspec.diagnostics import Diagnostic, Route, Rule

_NEUTRAL: dict[str, Any] = {
    "apiVersion": "fleetspec/v1",
    "kind": "Fleet",
    "name": "x",
    "owner": "x",
    "data": {},
    "universes": {},
    "horizons": ["1 bar"],
    "models": {},
    "fleet": [],
    "schedule": {"calendar": "XNYS", "start": "close", "deadline": "open"},
    "budget": {"nightly": "1 USD"},
    "hardware": {},
}
_DEFINING = ("data", "universes", "features", "models")
"""Top-level maps whose entries other entries name."""
_RESTS_ON: dict[Rule, frozenset[str]] = {
    meaning.OVER_ABSENT: frozenset({"universes", "models", "fleet", "horizons", "except"}),
    meaning.BACKTEST_GROUP: frozenset({"fleet"}),
    meaning_models.NOTHING_EXCLUDED: frozenset({"universes", "models", "fleet", "horizons"}),
    meaning_models.ALL_EXCLUDED: frozenset({"universes", "models", "fleet", "horizons"}),
    meaning_models.GATE: frozenset({"models", "fleet", "backtest"}),
    meaning_models.SAID_TWICE: frozenset({"gates"}),
    meaning_models.PURGE: frozenset({"models", "fleet", "horizons", "backtest"}),
    meaning_models.BASEL: frozenset({"universes", "models", "fleet", "backtest"}),
    evaluation.BASELINE: frozenset({"models", "fleet", "backtest"}),
    meaning_models.SEARCH_WINDOW: frozenset({"horizons", "fleet"}),
    meaning_operation.GROUP_DEADLINE: frozenset({"fleet", "schedule"}),
    meaning_operation.DEGRADE: frozenset({"models", "fleet", "horizons"}),
    meaning.NOT_IN_CATALOG: frozenset({"prices"}),
    pricing.NO_SPOT_PRICE: frozenset({"prices"}),
    meaning_operation.MOVED: frozenset({"universes", "models", "fleet", "horizons", "except", "moved"}),
}
"""Top-level keys on which a finding elsewhere rests: with a part of them taken out, it says nothing reliable."""
_ATTEMPTS = 20


def check_the_rest(document: Document, check: Callable[[FleetSpec, Report], None], report: Report) -> None:
    """Run ``check`` on what decodes of the document and add its errors on sound entries to the report."""
    value = copy.deepcopy(document.value)
    if not isinstance(value, dict):
        return
    touched: set[Route] = set()
    for _ in range(_ATTEMPTS):
        spec, found = faults(value)
        if spec is not None:
            said = Report()
            check(spec, said)
            report.findings += [finding for finding in said.errors if _stands(finding, touched)]
            return
        for route, missing in found:
            touched.add(_take_out(value, route, missing))


def _take_out(value: dict[str, Any], route: Route, missing: bool) -> Route:
    """Remove the faulty value; where it is needed, the entry around it. Returns the route of what was changed."""
    if missing:
        route = route[:-1] if len(route) > 1 else route
    for cut in range(len(route), 1, -1):
        holder = _at(value, route[: cut - 1])
        part = route[cut - 1]
        if isinstance(holder, dict) and part in holder:
            del holder[part]
            return route[:cut]
        if isinstance(holder, list) and isinstance(part, int) and part < len(holder) and len(holder) > 1:
            # Later items keep their places: a neighbour stands in for the faulty one.
            holder[part] = copy.deepcopy(holder[part - 1 if part else 1])
            return route[:cut]
    top = route[0] if route else "models"
    if top in _NEUTRAL:
        value[str(top)] = copy.deepcopy(_NEUTRAL[str(top)])
    else:
        value.pop(str(top), None)
    return (top,)


def _at(value: Any, route: Route) -> Any:
    for part in route:
        inside = dict(enumerate(value)) if isinstance(value, list) else value
        if not isinstance(inside, dict) or part not in inside:
            return None
        value = inside[part]
    return value


def _stands(finding: Diagnostic, touched: set[Route]) -> bool:
    """Whether a finding is about what the person wrote, not about what was taken out around it."""
    route = finding.route or ()
    for changed in touched:
        # An entry that lost a part says nothing reliable of itself, nor does what held it.
        depth = min(2, len(changed))
        if route[:depth] == changed[:depth] or changed[: len(route)] == route:
            return False
        if changed[0] in _RESTS_ON.get(finding.rule, ()):
            return False
        # A neighbour that stands in for a faulty item is there twice.
        if finding.rule is meaning.LISTED_TWICE and route[:1] == changed[:1]:
            return False
        if finding.rule is meaning.UNKNOWN_NAME and changed[0] in _DEFINING:
            if len(changed) == 1:
                return False
            if f"'{changed[1]}'" in finding.message:
                return False
    return True
