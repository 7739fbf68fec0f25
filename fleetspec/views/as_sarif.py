"""Findings for code scanning: a log in the Static Analysis Results Interchange Format, SARIF 2.1.0 (OASIS)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path, PurePath
from typing import Any
from urllib.parse import quote

from fleetspec.views import as_markdown

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"


def view(
    findings: Sequence[Mapping[str, Any]], rules: Sequence[Mapping[str, str]], *, about: str, version: str
) -> dict[str, Any]:
    """A log with one run: the JSON of a report as results, with those of ``rules`` (as JSON) that were broken.

    ``about`` is the file that was checked: a finding without a place is one about that file as a whole.
    """
    by_code = {rule["code"]: rule for rule in rules}
    broken = sorted({finding["code"] for finding in findings})
    driver = {
        "name": "fleetspec",
        "semanticVersion": version,
        "rules": [_rule(by_code[code]) for code in broken],
    }
    results = [_result(finding, broken.index(finding["code"]), about) for finding in findings]
    # Columns count characters here; the format's default is UTF-16 units.
    run = {"tool": {"driver": driver}, "columnKind": "unicodeCodePoints", "results": results}
    return {"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}


def _rule(rule: Mapping[str, str]) -> dict[str, Any]:
    text = f"{rule['why']}\n\nWrong:\n{rule['bad']}\n\nRight:\n{rule['good']}"
    return {
        "id": rule["code"],
        "shortDescription": {"text": rule["title"]},
        "fullDescription": {"text": rule["why"]},
        "help": {"text": text, "markdown": as_markdown.view("explain", rule)},
        "defaultConfiguration": {"level": rule["severity"]},
    }


def _result(finding: Mapping[str, Any], index: int, about: str) -> dict[str, Any]:
    message = finding["message"] + (f"\nhelp: {finding['help']}" if finding["help"] else "")
    where = _place(finding["place"]) if finding["place"] else {"artifactLocation": {"uri": _uri(about)}}
    result: dict[str, Any] = {
        "ruleId": finding["code"],
        "ruleIndex": index,
        "level": finding["severity"],
        "message": _message(message),
        "locations": [{"physicalLocation": where}],
    }
    if finding["related"]:
        result["relatedLocations"] = [
            {"id": number, "physicalLocation": _place(related["place"]), "message": _message(related["text"])}
            for number, related in enumerate(finding["related"], start=1)
        ]
    return result


def _message(text: str) -> dict[str, str]:
    # Braces stand for arguments in a message and are doubled where they are meant (section 3.11.5). Descriptions of
    # rules take no arguments, are shown as they are, and stay as they are.
    return {"text": text.replace("{", "{{").replace("}", "}}")}


def _place(place: Mapping[str, Any]) -> dict[str, Any]:
    """The characters meant, and the line around them where they are not all of it."""
    line, start = place["snippet"], place["column"]
    # A mark may stand one past the end of a line, where something is missing; no region reaches beyond that.
    end = max(start, min(start + place["width"], len(line) + 1))
    meant = line[start - 1 : end - 1]
    region: dict[str, Any] = {"startLine": place["line"], "startColumn": start, "endColumn": end}
    if meant:
        region["snippet"] = {"text": meant}
    where: dict[str, Any] = {"artifactLocation": {"uri": _uri(place["file"])}, "region": region}
    if meant != line:
        where["contextRegion"] = {"startLine": place["line"], "snippet": {"text": line}}
    return where


def _uri(name: str) -> str:
    """A relative path stays relative, for the reader to resolve against the checkout."""
    path = PurePath(name)
    return Path(name).as_uri() if path.is_absolute() else quote(path.as_posix())
