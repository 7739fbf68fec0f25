"""Where to post: the API, the repository, the number of the request and the token, from a CI job's environment."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from msgspec import Struct, field

from fleetspec.diagnostics import reject
from fleetspec.forges.calls import Calls
from fleetspec.forges.threads import GitHub, GitLab, Thread
from fleetspec.rules import forges as rules

FORGES = ("github", "gitlab")
TOKENS = {"github": ("GITHUB_TOKEN", "GH_TOKEN"), "gitlab": ("GITLAB_TOKEN",)}
"""Variables that a token is taken from, the first that is set. The job token of GitLab may not write notes."""


class Target(Struct, frozen=True):
    """A pull request or merge request. ``asked`` says that a person named the API, not a variable."""

    forge: str
    api: str
    repo: str
    number: int
    asked: bool = field(default=False)

    def __str__(self) -> str:
        return f"{self.repo}{'#' if self.forge == 'github' else '!'}{self.number}"


def target(forge: str, environment: Mapping[str, str], repo: str | None, number: int | None, api: str | None) -> Target:
    """What was given, else what the job's variables say. Rejected (FS611) where neither does."""
    if forge == "github":
        where = api or environment.get("GITHUB_API_URL") or "https://api.github.com"
        project = repo or environment.get("GITHUB_REPOSITORY")
        found = number or _github_number(environment)
    else:
        where = api or environment.get("CI_API_V4_URL") or "https://gitlab.com/api/v4"
        # In a fork's pipeline the request lies in another project than the job.
        project = repo or environment.get("CI_MERGE_REQUEST_PROJECT_ID") or environment.get("CI_PROJECT_ID")
        text = environment.get("CI_MERGE_REQUEST_IID", "")
        found = number or (int(text) if text.isdigit() else None)
    if not project or found is None:
        kind = "pull request" if forge == "github" else "merge request"
        lacks = "repository" if not project else kind
        help = f"name the {kind}: --repo {'OWNER/NAME' if forge == 'github' else 'PROJECT'} --number N"
        raise reject(rules.NO_REQUEST, f"the job's variables name no {lacks}", help=help)
    return Target(forge, where, project, found, api is not None)


def _github_number(environment: Mapping[str, str]) -> int | None:
    event: Any = {}
    try:
        event = json.loads(Path(environment.get("GITHUB_EVENT_PATH") or "/nowhere").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        event = {}
    held = event if isinstance(event, dict) else {}
    issue = held.get("issue") if isinstance(held.get("issue"), dict) and "pull_request" in held["issue"] else None
    number = (held.get("pull_request") or issue or {}).get("number")
    if isinstance(number, int):
        return number
    ref = re.fullmatch(r"refs/pull/(\d+)/(?:merge|head)", environment.get("GITHUB_REF", ""))
    return int(ref[1]) if ref else None


def token(forge: str, environment: Mapping[str, str]) -> str | None:
    """The token, which is taken from the environment alone; None where none is set."""
    return next((environment[name].strip() for name in TOKENS[forge] if environment.get(name, "").strip()), None)


def thread(where: Target, secret: str) -> Thread:
    """The comments of a request. Rejected (FS612) where the token would cross a network unencrypted, unasked."""
    parts = urlsplit(where.api)
    loopback = parts.hostname in ("localhost", "127.0.0.1", "::1")
    if parts.scheme not in ("https", "http") or (parts.scheme == "http" and not (loopback or where.asked)):
        raise reject(
            rules.REFUSED,
            f"{where.api} is not https: the token would cross the network in the clear",
            help=f"use https, or say that it is meant: --api {where.api}",
        )
    if where.forge == "github":
        headers = {
            "Authorization": f"Bearer {secret}",
            "Accept": "application/vnd.github+json",
            "X-GitHub-Api-Version": "2022-11-28",
        }
        return GitHub(Calls(where.api, headers, secret), where.repo, where.number)
    return GitLab(Calls(where.api, {"PRIVATE-TOKEN": secret}, secret), where.repo, where.number)
