"""``${…}``: the vars, environment variables and secrets that a composed document names.

``${var.x}`` and ``${env.X}`` are filled in; ``${secret.x}`` stays as it is, for a run to resolve; ``$${`` is the text
``${``. Nothing else means anything. A filled text is never looked at again, so a value cannot smuggle in another
reference; what grows is bounded.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from fleetspec.compiler.document import MAX_BYTES, MAX_FAULTS, unseen
from fleetspec.compiler.identity import digest
from fleetspec.compiler.provenance import origins
from fleetspec.compiler.variables import declarations, settings
from fleetspec.diagnostics import Place, Source, Span, did_you_mean, nearest
from fleetspec.rules import reading

if TYPE_CHECKING:
    from fleetspec.compiler.document import Document
    from fleetspec.compiler.given import Given
    from fleetspec.compiler.variables import Setting, Var
    from fleetspec.diagnostics import Report, Route, Rule

MAX_TEXT = 100_000
"""Characters of one text after its references are filled in."""

_ENDS = 8
"""Places at either end of a chain of vars that are kept: a chain that rests on thousands would be copied for each."""

_REFERENCE = re.compile(r"\$\$\{|\$\{([^{}]*)(\}?)")
_SECRET = re.compile(r"\$\{secret\.([A-Za-z0-9][-A-Za-z0-9_./]*)\}")
_WITH_SECRETS = ("data", "publish")
"""Top-level keys whose values a run reads with secrets resolved."""
_KINDS = {"var": "var.NAME", "env": "env.NAME", "secret": "secret.NAME"}


def fill(document: Document, given: Given, defaults: set[str], report: Report) -> None:
    """Fill in every reference of a composed document, in place, and take ``vars`` out of it.

    ``defaults`` names the sources that are Defaults files: only there may a value read the environment.
    """
    declared = declarations(document, report)
    filler = _Filler(document, given.environment, defaults, report)
    filler.settle(declared, settings(declared, given, report))
    if "vars" in document.value:
        del document.value["vars"]
        for places in (document.keys, document.values, document.origins):
            for route in [route for route in places if route and route[0] == "vars"]:
                del places[route]
    filler.fill_document()


def may_refer(source: Source) -> bool:
    """Whether a text in a file can hold ``${``, written out or by an escape."""
    return "${" in source.text or "\\" in source.text


def secrets(document: Document) -> set[str]:
    """The secrets that a filled document names, where a run resolves them."""
    return {
        name
        for key in _WITH_SECRETS
        for holder, part, _ in _texts({key: document.value.get(key)}, ())
        for name in _SECRET.findall(holder[part])
    }


class _Filled(Struct, frozen=True):
    """A var's text, and what it came from, oldest first."""

    text: str
    chain: tuple[tuple[Place, str], ...]


class _Filler:
    def __init__(self, document: Document, environment: Mapping[str, str], defaults: set[str], report: Report) -> None:
        self.document = document
        self.environment = environment
        self.defaults = defaults
        self.report = report
        self.declared: dict[str, Var] = {}
        self.vars: dict[str, _Filled | None] = {}
        """None for a var whose fault has been told."""
        self.total = 0
        self.faults = 0

    def error(self, rule: Rule, message: str, place: Place | None, help: str, **more: Any) -> None:
        self.faults += 1
        if self.faults <= MAX_FAULTS:
            self.report.add(rule, message, place=place, help=help, **more)

    # The vars themselves.

    def settle(self, declared: dict[str, Var], given: dict[str, Setting]) -> None:
        """Give every var its text, those first that the defaults of others name."""
        listed = self.document.value.get("vars")
        self.declared = declared
        # What names a var with a faulty declaration is not at fault itself.
        self.vars = dict.fromkeys(listed) if isinstance(listed, dict) else {}
        names = {name: self._named(var.default) for name, var in declared.items()}
        try:
            order = tuple(TopologicalSorter(names).static_order())
        except CycleError as error:
            self._circle(error.args[1])
            return
        for name in order:
            if name in declared:
                self.vars[name] = self._settled(declared[name], given.get(name))

    def _named(self, default: str | None) -> list[str]:
        """The declared vars that a default names."""
        found = [match[1] or "" for match in _REFERENCE.finditer(default or "") if match[2]]
        return sorted({n[4:] for n in found if n.startswith("var.") and n[4:] in self.declared})

    def _circle(self, circle: list[str]) -> None:
        # The sorter lists each var behind the one it is named by, the first one again at the end.
        around = list(reversed(circle))[:-1]
        start = around.index(min(around))
        around = around[start:] + around[:start]
        var = self.declared[around[0]]
        shown = around if len(around) <= 6 else [*around[:5], "…"]
        message = f"var '{around[0]}' rests on itself: {' → '.join([*shown, around[0]])}"
        self.error(reading.VAR_CIRCLE, message, var.default_place, "give one of them a default of its own")

    def _settled(self, var: Var, setting: Setting | None) -> _Filled | None:
        here = (var.place, f"var '{var.name}' is declared here")
        if setting is not None:
            filled = _Filled(setting.text, (here, (setting.place, setting.said)))
            place: Place | None = setting.place
            self._check_unused_default(var, here)
        elif var.default is None:
            help = f"give it one: --var {var.name}=…, or a default in its declaration"
            self.error(reading.NO_VALUE, f"var '{var.name}' has no value", var.place, help)
            return None
        else:
            place = var.default_place
            made = self._fill(("vars", var.name, "default"), var.default, place)
            if made is None:
                return None
            default = (place or var.place, f"the default of var '{var.name}'")
            filled = _Filled(made.text, _ends((default, *made.chain)))
        fault = var.fault(filled.text)
        if fault is None:
            return filled
        related = [here, *filled.chain[1:]] if setting is None else [here]
        self.error(reading.NOT_ALLOWED, fault[0], place, fault[1], related=related)
        return None

    def _check_unused_default(self, var: Var, here: tuple[Place, str]) -> None:
        if var.default is None or "${" in var.default:
            return
        fault = var.fault(var.default)
        if fault is not None:
            self.error(reading.NOT_ALLOWED, fault[0], var.default_place, fault[1], related=[here])

    # The document.

    def fill_document(self) -> None:
        """Fill the values; a key is a name, and names are written out."""
        for route, place in self.document.keys.items():
            if "${" in str(route[-1]):
                help = "write the name out; a value may hold ${…}"
                self.error(reading.REFERENCE_ELSEWHERE, f"'${{' stands in the key '{route[-1]}'", place, help)
        for holder, part, route in _texts(self.document.value, ()):
            self._fill_value(holder, part, route)
        self.document.secrets.update(secrets(self.document))

    def _fill_value(self, holder: Any, part: Any, route: Route) -> None:
        text = holder[part]
        made = self._fill(route, text, self.document.values.get(route))
        if made is None:
            return
        holder[part] = made.text
        if made.chain:
            self.document.fills[route] = made.chain
            filled_by = tuple(place for place, _ in made.chain)
            self.document.origins[route] = tuple(dict.fromkeys((*origins(self.document, route), *filled_by)))

    def _fill(self, route: Route, text: str, place: Place | None) -> _Filled | None:
        """A text with its references filled in; None after a fault."""
        parts: list[str] = []
        chain: list[tuple[Place, str]] = []
        last, size, sound = 0, 0, True
        for found in _REFERENCE.finditer(text):
            if found[0] == "$${":
                made: _Filled | None = _Filled("${", ())
            else:
                made = self._reference(route, found, place)
            sound = sound and made is not None
            if made is None:
                continue
            parts += (text[last : found.start()], made.text)
            size += len(parts[-1]) + len(parts[-2])
            last = found.end()
            chain += made.chain
            if size > MAX_TEXT or self.total + size > MAX_BYTES:
                message = f"the text grows to more than {MAX_TEXT:,} characters"
                if size <= MAX_TEXT:
                    message = "the filled texts grow to more than 10 MB"
                self.error(reading.TEXT_TOO_LONG, message, place, "repeat less; put data into a data file")
                return None
        if not sound:
            return None
        self.total += size
        return _Filled("".join((*parts, text[last:])), _ends(tuple(dict.fromkeys(chain))))

    def _reference(self, route: Route, found: re.Match[str], place: Place | None) -> _Filled | None:
        inside = found[1]
        if not found[2]:
            help = "close it with '}', or write $${ for the text ${"
            self.error(reading.NOT_A_REFERENCE, f"'${{{inside[:40]}' is not closed", place, help)
            return None
        kind, dot, name = inside.partition(".")
        if kind == "var" and dot:
            return self._var(name, place)
        if kind == "env" and re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name):
            return self._environment(route, name, place)
        if _SECRET.fullmatch(found[0]):
            return self._secret(route, found[0], place)
        self.error(reading.NOT_A_REFERENCE, f"'{found[0][:60]}' names nothing", place, self._meant(inside, kind, name))
        return None

    def _meant(self, inside: str, kind: str, name: str) -> str:
        close = nearest(kind, _KINDS)
        if name and close not in (None, kind):
            return f"did you mean '${{{close}.{name}}}'?"
        if not name and (var := nearest(inside.strip(), self.vars)):
            return f"did you mean '${{var.{var}}}'?"
        if kind in _KINDS:
            return f"write ${{{_KINDS[kind]}}}, with a name of letters, digits and '_'"
        return "write ${var.NAME}, or $${ for the text ${"

    def _var(self, name: str, place: Place | None) -> _Filled | None:
        if name in self.vars:
            return self.vars[name]
        help = (
            did_you_mean(name, self.vars) if self.vars else f"declare it: vars: {{{name}: {{type: int, default: 8}}}}"
        )
        self.error(reading.UNKNOWN_VAR, f"there is no var '{name}'", place, help)
        return None

    def _environment(self, route: Route, name: str, place: Place | None) -> _Filled | None:
        if route[0] != "vars" and (place is None or place.source.name not in self.defaults):
            help = f'declare a var for it: vars: {{{name.lower()}: {{type: text, default: "${{env.{name}}}"}}}}'
            message = f"'${{env.{name}}}' stands in a spec, outside of vars"
            self.error(reading.ENVIRONMENT_ELSEWHERE, message, place, help)
            return None
        text = self.environment.get(name)
        if text is None:
            help = f"set it: {name}=… before the command, or export it"
            self.error(reading.ENVIRONMENT_UNSET, f"the environment variable {name} is not set", place, help)
            return None
        if unseen(text):
            message = f"the environment variable {name} holds an invisible character"
            self.error(reading.CONTROL_CHARACTER, message, place, "set it to text that can be seen")
            return None
        self.document.environment[name] = digest("environment", text.encode()).hex()
        # The name alone: what is in the environment is not shown.
        return _Filled(text, ((Place(Source("environment", name), Span(0, len(name))), f"{name} fills it"),))

    def _secret(self, route: Route, written: str, place: Place | None) -> _Filled | None:
        if route[0] in _WITH_SECRETS:
            return _Filled(written, ())
        message = f"'{written}' stands in {route[0]}, where no secret is used"
        help = "secrets are for the values of data and publish; write anything else out"
        self.error(reading.SECRET_ELSEWHERE, message, place, help)
        return None


def _ends(chain: tuple[tuple[Place, str], ...]) -> tuple[tuple[Place, str], ...]:
    return chain if len(chain) <= 2 * _ENDS else (*chain[:_ENDS], *chain[-_ENDS:])


def _texts(value: Any, route: Route) -> Iterator[tuple[Any, Any, Route]]:
    """Every text with a reference, as what holds it, its key or index there, and its route."""
    for part, item in list(value.items() if isinstance(value, dict) else enumerate(value)):
        here = (*route, part)
        if isinstance(item, dict | list):
            yield from _texts(item, here)
        elif item is not None and "${" in item:
            yield value, part, here
