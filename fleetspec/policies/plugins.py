"""Policies of others: functions that packages install under the entry-point group ``fleetspec.policies``.

One is loaded when a policy of a spec names it, never before. Whatever it does, the review goes on: a plug-in that is
missing, that cannot be loaded, that raises, or that answers with something else, has objected, since a judge who did
not answer has not agreed.
"""

from __future__ import annotations

from typing import Any

from fleetspec.policies.case import Case, Finding, Judgement, Terms

ENTRY_POINTS = "fleetspec.policies"
_MOST = 100
"""Findings of one plug-in that are kept."""


def judge(name: str, case: Case, terms: Terms) -> Judgement:
    """What the plug-in of that name says of a case. Never raises for anything that the plug-in does."""
    from importlib.metadata import entry_points

    found = [entry for entry in entry_points(group=ENTRY_POINTS) if entry.name == name]
    if len(found) != 1:
        known = ", ".join(sorted({entry.name for entry in entry_points(group=ENTRY_POINTS)})) or "none"
        what = f"plug-in '{name}' is not installed here" if not found else f"plug-in '{name}' is installed twice"
        fix = f"install the one package that has the entry point '{name}' of {ENTRY_POINTS}; installed: {known}"
        return Judgement("", (Finding(what, fix, ("policies", terms.id, "plugin")),))
    try:
        answer = found[0].load()(case, terms)
        findings = tuple(_checked(one) for one in answer)
    except (Exception, SystemExit) as error:
        # Another's code: it may raise anything, and what it raised is all there is to say.
        what = f"plug-in '{name}' ({found[0].value}) broke: {type(error).__name__}: {_line(error)}"
        fix = "mend the plug-in, or have the policy overridden until it is"
        return Judgement("", (Finding(what, fix, ("policies", terms.id, "plugin")),))
    return Judgement("it has no objection", _cut(findings, name))


def _checked(one: Any) -> Finding:
    if not isinstance(one, Finding):
        raise TypeError(f"it answered with a {type(one).__name__}, not with findings")
    if not (isinstance(one.what, str) and isinstance(one.fix, str) and one.what.strip()):
        raise TypeError("a finding has to say what, and how to mend it, as texts")
    if not isinstance(one.route, tuple) or not all(isinstance(part, str | int) for part in one.route):
        raise TypeError("the route of a finding is a tuple of keys of the spec")
    return Finding(" ".join(one.what.split()), " ".join(one.fix.split()), one.route, bool(one.in_base))


def _cut(findings: tuple[Finding, ...], name: str) -> tuple[Finding, ...]:
    more = len(findings) - _MOST
    if more <= 0:
        return findings
    return (*findings[:_MOST], Finding(f"and {more:,} more findings of plug-in '{name}'", "mend these first"))


def _line(error: BaseException) -> str:
    return " ".join(str(error).split())[:300]
