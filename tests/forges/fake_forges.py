"""The comment APIs of GitHub and GitLab on loopback, as their documents describe them, with faults on request.

Pages, links between them, orders, statuses, words of refusals and who may do what are the forges'. GitHub: REST API
2022-11-28, issue comments. GitLab: REST API v4, notes of merge requests.
"""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

SECRET = "glpat-ghs_S3cretS3cretS3cret"
READER = "ghs_readonlyreadonly"
PERSON = "ghp_personalpersonal"


@dataclass(frozen=True)
class Fault:
    """What is answered instead, once, to a call whose method and path match. ``done``: it is carried out all the same.
    Without a status the connection is cut."""

    calls: str
    status: int | None
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    done: bool = False


@dataclass
class Forge:
    """The state of one forge: comments of one request, in their order, and all calls that were made."""

    kind: str
    comments: list[dict[str, Any]] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    calls: list[str] = field(default_factory=list)
    before: Callable[[str], None] = lambda call: None
    page: int | None = None
    lock: threading.RLock = field(default_factory=threading.RLock)
    number: int = 100
    url: str = ""

    @property
    def api(self) -> str:
        return self.url + ("" if self.kind == "github" else "/api/v4")

    @property
    def variables(self) -> dict[str, str]:
        """What a CI job finds in its environment."""
        if self.kind == "github":
            return {"GITHUB_API_URL": self.api, "GITHUB_REPOSITORY": "quant/fleets", "GITHUB_REF": "refs/pull/12/merge"}
        return {"CI_API_V4_URL": self.api, "CI_PROJECT_ID": "78", "CI_MERGE_REQUEST_PROJECT_ID": "77",
                "CI_MERGE_REQUEST_IID": "12"}  # fmt: skip

    def add(self, body: str, user: str = "github-actions[bot]", system: bool = False) -> dict[str, Any]:
        with self.lock:
            self.number += 1
            bot = user.endswith("[bot]")
            about = {"login": user, "type": "Bot" if bot else "User"}
            if self.kind == "gitlab":
                about = {"id": 1 if bot else 2, "username": user}
            entry = {"id": self.number, "body": body, "user": about, "author": about, "system": system,
                     "html_url": f"{self.url}/quant/fleets/pull/12#issuecomment-{self.number}"}  # fmt: skip
            self.comments.append(entry)
            return entry

    def marked(self, mark: str = "<!-- fleetspec: review -->") -> list[dict[str, Any]]:
        return [one for one in self.comments if one["body"].startswith(mark)]


def refusals(kind: str) -> Mapping[int, Any]:
    if kind == "github":
        return {
            401: {"message": "Bad credentials"},
            403: {"message": "Resource not accessible by integration"},
            404: {"message": "Not Found"},
            422: {"message": "Validation Failed",
                  "errors": [{"resource": "IssueComment", "code": "unprocessable", "field": "data",
                              "message": "Body is too long (maximum is 65536 characters)"}]},
        }  # fmt: skip
    return {
        401: {"message": "401 Unauthorized"},
        403: {"message": "403 Forbidden"},
        404: {"message": "404 Not found"},
        422: {"message": {"note": ["is too long (maximum is 1000000 characters)"]}},
    }


class _Handler(BaseHTTPRequestHandler):
    forge: Forge
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: Any) -> None:
        return

    def _take(self) -> None:
        forge = self.forge
        length = int(self.headers.get("Content-Length") or 0)
        sent = json.loads(self.rfile.read(length)) if length else {}
        call = f"{self.command} {self.path}"
        forge.before(call)
        with forge.lock:
            forge.calls.append(call)
            fault = next((one for one in forge.faults if re.search(one.calls, call)), None)
            if fault is not None:
                forge.faults.remove(fault)
                if fault.done:
                    self._carry_out(sent)
            status, data, headers = (
                (fault.status, fault.body, dict(fault.headers)) if fault is not None else self._carry_out(sent)
            )
        if status is None:
            self.close_connection = True
            self.connection.close()
            return
        raw = b"" if data is None else json.dumps(data).encode()
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)

    do_GET = do_POST = do_PATCH = do_PUT = do_DELETE = _take  # noqa: N815

    def _token(self) -> str:
        if self.forge.kind == "github":
            return str(self.headers.get("Authorization", "")).removeprefix("Bearer ")
        return str(self.headers.get("PRIVATE-TOKEN", ""))

    def _carry_out(self, sent: Mapping[str, Any]) -> tuple[int | None, Any, dict[str, str]]:
        forge, said = self.forge, refusals(self.forge.kind)
        token = self._token()
        if token not in (SECRET, READER, PERSON):
            return 401, said[401], {}
        path = unquote(urlsplit(self.path).path)
        if forge.kind == "gitlab":
            path = path.removeprefix("/api/v4")
        if path == "/user":
            if forge.kind == "github":
                return (200, {"login": "somebody"}, {}) if token == PERSON else (403, said[403], {})
            return 200, {"id": 1 if token == SECRET else 2}, {}
        if forge.kind == "github":
            thread, one = "/repos/quant/fleets/issues/12/comments", r"/repos/quant/fleets/issues/comments/(\d+)"
        else:
            thread, one = "/projects/77/merge_requests/12/notes", r"/projects/77/merge_requests/12/notes/(\d+)"
        if path == thread and self.command == "GET":
            return self._list()
        found = re.fullmatch(one, path)
        entry = next((c for c in forge.comments if found and c["id"] == int(found[1])), None)
        if path != thread and entry is None:
            return 404, said[404], {}
        if token == READER:
            return 403, said[403], {}
        if self.command == "DELETE" and entry is not None:
            forge.comments.remove(entry)
            return 204, None, {}
        body = sent.get("body")
        if not body or len(body) > (65_536 if forge.kind == "github" else 1_000_000):
            return 422, said[422], {}
        if path == thread and self.command == "POST":
            return 201, forge.add(body, "somebody" if token == PERSON else "github-actions[bot]"), {}
        if entry is not None and self.command == ("PATCH" if forge.kind == "github" else "PUT"):
            entry["body"] = body
            return 200, entry, {}
        return 404, said[404], {}

    def _list(self) -> tuple[int, Any, dict[str, str]]:
        forge, asked = self.forge, parse_qs(urlsplit(self.path).query)
        size = min(int(asked.get("per_page", ["30" if forge.kind == "github" else "20"])[0]), forge.page or 100)
        page = int(asked.get("page", ["1"])[0])
        listed = list(forge.comments)
        if forge.kind == "gitlab" and asked.get("sort", ["desc"])[0] == "desc":
            listed.reverse()
        shown = listed[(page - 1) * size : page * size]
        headers = {}
        if page * size < len(listed):
            plain = urlsplit(self.path)
            more = f"{forge.url}{plain.path}?per_page={size}&page={page + 1}"
            more += "&sort=asc" if "sort" in asked else ""
            first = f'<{forge.url}{plain.path}?per_page={size}&page=1>; rel="first"'
            headers["Link"] = f'{first}, <{more}>; rel="next"'
        return 200, shown, headers


@contextmanager
def serving(kind: str) -> Iterator[Forge]:
    """A forge at an address of its own, until this ends."""
    forge = Forge(kind)
    handler = type("Handler", (_Handler,), {"forge": forge})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    forge.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield forge
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)


def in_an_hour() -> str:
    return time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime(time.time() + 3600))
