"""HTTP calls to a forge's API, with patience: what may pass is asked again, what will not is told.

A call that writes and whose answer was lost may have been carried out: before it is made again, the caller looks.
"""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

from msgspec import Struct

from fleetspec import __version__
from fleetspec.diagnostics import reject
from fleetspec.rules import forges as rules

TRIES = 5
PATIENCE = 120.0
"""Seconds of waiting that all calls of a command may take together."""
TIMEOUT = 20.0
"""Seconds for one answer."""
_REDIRECTS = (301, 302, 307, 308)


class Answer(Struct, frozen=True):
    """Status, headers by lower-case name, and what the JSON holds; None where there is none."""

    status: int
    headers: Mapping[str, str]
    data: Any

    @property
    def said(self) -> str:
        """What the forge says of a fault, in one line."""
        held = self.data if isinstance(self.data, dict) else {}
        text = held.get("message") or held.get("error") or f"status {self.status}"
        listed = held.get("errors")
        details = listed if isinstance(listed, list) else []
        more = [one.get("message") or one.get("code") for one in details if isinstance(one, dict)]
        text = ": ".join(map(str, [text, *filter(None, more)]))
        return " ".join(str(text).split())[:300]


class Denied(Exception):
    """The token may not do this."""


class Gone(Exception):
    """What was addressed does not exist."""


class Calls:
    """Calls to one API with one token, which is in no message and no text of this object."""

    def __init__(
        self,
        api: str,
        headers: Mapping[str, str],
        token: str,
        sleep: Callable[[float], None] = time.sleep,
        patience: float = PATIENCE,
    ) -> None:
        self.api = api.rstrip("/")
        self._headers = {"User-Agent": f"fleetspec/{__version__}", "Accept": "application/json", **headers}
        self._token = token
        self._sleep = sleep
        self.patience = patience

    def get(self, path: str) -> Answer:
        return self.call("GET", path)

    def pages(self, path: str) -> list[Any]:
        """All items of a list, page by page, as the forge links them."""
        found: list[Any] = []
        where: str | None = path
        while where is not None:
            answer = self.get(where)
            found += answer.data if isinstance(answer.data, list) else []
            where = _next(answer.headers.get("link", ""))
        return found

    def call(
        self, method: str, path: str, body: Mapping[str, Any] | None = None, done: Callable[[], Any] | None = None
    ) -> Answer:
        """One answer below 400. ``done`` is asked before a call whose answer was lost is made again: what it finds,
        unless None, is the answer.

        Raises Denied (403) and Gone (404); Rejected with FS612 for other refusals, FS613 when patience ends.
        """
        for number in range(1, TRIES + 1):
            answer, fault = self._once(method, path, body)
            if answer is not None and answer.status < 400:
                return answer
            wait = 2.0 ** (number - 1) + random.random() / 2
            if answer is not None:
                if not _may_pass(answer):
                    raise self._refusal(answer)
                wait = _asked_to_wait(answer.headers) or wait
                fault = f"{answer.status}: {self._hidden(answer.said)}"
            if number == TRIES or wait > self.patience:
                raise self._exhausted(fault, number, wait if wait > self.patience else None)
            self.patience -= wait
            self._sleep(wait)
            # Told to wait, it has not been carried out; anything else leaves that open.
            lost = answer is None or answer.status >= 500
            found = done() if lost and done is not None else None
            if found is not None:
                return Answer(200, {}, found)
        raise AssertionError("the last try has returned or raised")

    def _once(self, method: str, path: str, body: Mapping[str, Any] | None) -> tuple[Answer | None, str]:
        """An answer; else None and why there is none."""
        url = path if path.startswith(("http://", "https://")) else f"{self.api}/{path.lstrip('/')}"
        for _ in range(3):
            if urlsplit(url)[:2] != urlsplit(self.api)[:2]:
                # The token is for the forge alone.
                raise reject(
                    rules.REFUSED,
                    f"the forge at {self.api} sends on to another one, {urlsplit(url).netloc}",
                    help="name the API itself: --api URL",
                )
            try:
                answer = self._exchange(method, url, body)
            except OSError as error:
                return None, self._hidden(str(getattr(error, "reason", None) or error or type(error).__name__))
            if answer.status not in _REDIRECTS or "location" not in answer.headers:
                return answer, ""
            url = answer.headers["location"]
        return None, "it sends on in a circle"

    def _exchange(self, method: str, url: str, body: Mapping[str, Any] | None) -> Answer:
        from http.client import HTTPException
        from urllib.error import HTTPError
        from urllib.request import HTTPRedirectHandler, Request, build_opener

        class Stay(HTTPRedirectHandler):
            def redirect_request(self, *_: Any) -> None:
                return None

        data = None if body is None else json.dumps(body).encode()
        headers = {**self._headers, **({} if data is None else {"Content-Type": "application/json"})}
        request = Request(url, data=data, headers=headers, method=method)
        try:
            try:
                with build_opener(Stay).open(request, timeout=TIMEOUT) as response:
                    status, raw, held = response.status, response.read(), response.headers
            except HTTPError as error:
                with error:
                    status, raw, held = error.code, error.read(), error.headers
        except HTTPException as error:
            raise OSError(f"the answer broke off ({type(error).__name__})") from error
        try:
            found = json.loads(raw) if raw else None
        except ValueError:
            found = None
        return Answer(status, {name.lower(): value for name, value in held.items()}, found)

    def _refusal(self, answer: Answer) -> Exception:
        said = self._hidden(answer.said)
        if answer.status == 403:
            return Denied(said)
        if answer.status == 404:
            return Gone(said)
        help = "the token is not valid any more; make a new one" if answer.status == 401 else "see what it says"
        return reject(rules.REFUSED, f"the forge answers {answer.status}: {said}", help=help)

    def _exhausted(self, fault: str, tries: int, wait: float | None) -> Exception:
        asked = f"; it wants {wait:.0f} s more" if wait is not None else ""
        help = "run the command again later; it finds its own comment"
        return reject(rules.UNREACHABLE, f"no answer from {self.api} after {tries} tries: {fault}{asked}", help=help)

    def _hidden(self, text: str) -> str:
        return text.replace(self._token, "***") if self._token else text


def _may_pass(answer: Answer) -> bool:
    if answer.status == 403:
        spent = answer.headers.get("x-ratelimit-remaining") == "0"
        return spent or "retry-after" in answer.headers or "rate limit" in answer.said.lower()
    return answer.status in (408, 425, 429) or answer.status >= 500


def _asked_to_wait(headers: Mapping[str, str]) -> float | None:
    """Seconds the forge asks for: in seconds, until a date, or until its limit starts anew."""
    from email.utils import parsedate_to_datetime

    after = headers.get("retry-after", "").strip()
    if after.isdigit():
        return float(after)
    if after:
        try:
            return max(parsedate_to_datetime(after).timestamp() - time.time(), 0.0)
        except ValueError:
            return None
    reset = headers.get("x-ratelimit-reset") or headers.get("ratelimit-reset") or ""
    remaining = headers.get("x-ratelimit-remaining") or headers.get("ratelimit-remaining")
    return max(float(reset) - time.time(), 0.0) + 1 if reset.isdigit() and remaining == "0" else None


def _next(link: str) -> str | None:
    """The address of the next page in a Link header."""
    for part in link.split(","):
        address, _, about = part.partition(";")
        if 'rel="next"' in about:
            return address.strip().strip("<>")
    return None
