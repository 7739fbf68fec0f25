"""The one door to a Kubernetes API: requests as plain data, asked again while what is wrong may pass.

Every request made here may be repeated: reads, server-side apply, deletes of a named uid, and reviews of access, which
write nothing. So a lost answer is asked for again, whether or not the request was carried out.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from fleetspec.diagnostics import reject
from fleetspec.rules import cluster as rules

if TYPE_CHECKING:
    from urllib3 import BaseHTTPResponse, Retry

TRIES = 7
PATIENT_TRIES = 26
CONNECT_SECONDS = 10.0
ANSWER_SECONDS = 60.0
LONGEST_PAUSE = 30.0
"""Seconds; also the most of a ``Retry-After`` that is waited for at once."""
MAY_PASS = (408, 425, 429, 500, 502, 503, 504)

Query = Mapping[str, str | int]
NO_QUERY: Query = MappingProxyType({})


class Fault(Exception):
    """The API server refuses: ``status`` as in HTTP, ``reason`` and ``details`` as in a Kubernetes Status."""

    def __init__(self, status: int, body: bytes) -> None:
        try:
            said = json.loads(body)
        except ValueError:
            said = {}
        said = said if isinstance(said, dict) else {}
        text = str(said.get("message") or body.decode(errors="replace") or f"status {status}")
        self.status = status
        self.reason = str(said.get("reason") or "")
        self.details: dict[str, Any] = said.get("details") or {}
        self.message = " ".join(text.split())[:500]
        super().__init__(f"{status}: {self.message}")


class Connection:
    """One cluster, as one account. Its token is in no message and no text of this object."""

    def __init__(self, client: Any, name: str, sleep: Callable[[float], None] = time.sleep, tries: int = TRIES) -> None:
        self.name = name
        self._client = client
        self.pause = sleep
        self._tries = tries

    def patiently(self) -> Connection:
        """The same cluster, asked for ten minutes before it counts as silent: for waits that last hours."""
        return Connection(self._client, self.name, self.pause, max(self._tries, PATIENT_TRIES))

    def get(self, path: str, query: Query = NO_QUERY) -> dict[str, Any]:
        """The object or list at a path. Fault (404) where there is none."""
        return self._json("GET", path, query)

    def text(self, path: str, query: Query = NO_QUERY) -> str:
        """What lies at a path as text, such as a pod's log."""
        return self._asked("GET", path, query).decode(errors="replace")

    def post(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """The answer to a review. Not for creating objects: it may be sent twice."""
        return self._json("POST", path, {}, body)

    def apply(self, path: str, body: Mapping[str, Any], query: Query) -> dict[str, Any]:
        """Server-side apply. Fault (409) where another manager holds a field."""
        return self._json("PATCH", path, query, body, "application/apply-patch+yaml")

    def delete(self, path: str, body: Mapping[str, Any]) -> None:
        """Ask for an object's deletion. Fault (404) where it is gone, also by an earlier try of this request."""
        self._asked("DELETE", path, {}, body)

    def _json(self, *request: Any) -> dict[str, Any]:
        raw = self._asked(*request)
        try:
            found = json.loads(raw)
        except ValueError as error:
            raise self._silent(f"its answer is not JSON: {raw[:80]!r}") from error
        if not isinstance(found, dict):
            raise self._silent(f"its answer is no object: {raw[:80]!r}")
        return found

    def _asked(
        self,
        method: str,
        path: str,
        query: Query,
        body: Mapping[str, Any] | None = None,
        content_type: str | None = None,
    ) -> bytes:
        """The body of an answer below 300. Fault for a refusal; Rejected (FS651) when all tries are spent."""
        from urllib3.exceptions import HTTPError, MaxRetryError

        retry = _retry(self._tries)
        while True:
            answer: BaseHTTPResponse | None = None
            fault: Exception
            try:
                answer = self._sent(method, path, query, body, content_type, ANSWER_SECONDS)
                raw: bytes = answer.data
                if answer.status < 300:
                    return raw
                fault = Fault(answer.status, raw)
                if answer.status not in MAY_PASS:
                    raise fault
            except HTTPError as error:
                answer, fault = None, error
            try:
                retry = retry.increment(method, path, response=answer, error=fault if answer is None else None)
            except (MaxRetryError, HTTPError):
                raise self._silent(_words(fault)) from fault
            asked = None if answer is None else retry.get_retry_after(answer)
            self.pause(min(asked or retry.get_backoff_time(), LONGEST_PAUSE))

    def lines(self, path: str, query: Query, seconds: float) -> Iterator[dict[str, Any]]:
        """A watch: events as they come, until the server ends it or ``seconds`` pass without one.

        Ends quietly when the connection is lost; whoever watches begins again. Fault for a refusal.
        """
        from urllib3.exceptions import HTTPError

        try:
            answer = self._sent("GET", path, query, None, None, seconds)
            if answer.status >= 300:
                raise Fault(answer.status, answer.data)
            with _closing(answer):
                held = b""
                for part in _parts(answer):
                    *whole, held = (held + part).split(b"\n")
                    yield from (json.loads(line) for line in whole if line.strip())
        except (HTTPError, ValueError, OSError):
            return

    def _sent(
        self,
        method: str,
        path: str,
        query: Query,
        body: Mapping[str, Any] | None,
        content_type: str | None,
        seconds: float,
    ) -> BaseHTTPResponse:
        headers = {"Accept": "application/json, */*", "Content-Type": content_type or "application/json"}
        request = self._client.param_serialize(
            method,
            path,
            query_params=[(name, str(value)) for name, value in query.items()],
            header_params=headers,
            body=body,
            auth_settings=["BearerToken"],
        )
        from kubernetes.client.exceptions import ApiException

        try:
            found: BaseHTTPResponse = self._client.call_api(
                *request, _request_timeout=(CONNECT_SECONDS, seconds)
            ).response
        except ApiException as error:
            # The client's word for a certificate that does not fit: no later try will change it.
            raise reject(
                rules.NO_CONTEXT,
                f"cluster '{self.name}' cannot be trusted: {_words(error)}",
                help="the kubeconfig names the certificate authority of another cluster: fetch it anew",
            ) from error
        return found

    def _silent(self, why: str) -> Exception:
        return reject(
            rules.UNREACHABLE,
            f"no answer from cluster '{self.name}' after {self._tries} tries: {why}",
            help="run the same command again: what was sent is found again",
        )


def _retry(tries: int) -> Retry:
    from urllib3 import Retry

    return Retry(
        total=tries - 1,
        allowed_methods=None,
        status_forcelist=MAY_PASS,
        backoff_factor=0.25,
        backoff_max=LONGEST_PAUSE,
        backoff_jitter=0.5,
    )


def _words(fault: Exception) -> str:
    return " ".join(str(fault).split())[:300] or type(fault).__name__


def _parts(answer: BaseHTTPResponse) -> Iterator[bytes]:
    """What has arrived, as it arrives: an event must not wait until a buffer is full."""
    while part := answer.read1():
        yield part


@contextmanager
def _closing(answer: BaseHTTPResponse) -> Iterator[None]:
    try:
        yield
    finally:
        # Left half read, its socket cannot serve another request.
        answer.close()
        answer.release_conn()


def connect(context: str | None) -> Connection:
    """The cluster of a kubeconfig's context (None: its current one), or the one whose pod this runs in.

    Rejected (FS669) without the kubernetes client, FS650 where no configuration can be used.
    """
    try:
        from kubernetes import client, config
        from kubernetes.config.config_exception import ConfigException
    except ImportError as error:
        raise reject(
            rules.NO_CLIENT,
            "a cluster needs the kubernetes client, which is not installed",
            help='pip install "fleetspec[kube]"',
        ) from error
    settings = client.Configuration()
    settings.retries = False
    try:
        name = context or _current(config)
        if name is None:
            config.load_incluster_config(client_configuration=settings)
            return Connection(client.ApiClient(settings), "of this pod")
        return Connection(config.new_client_from_config(context=name, client_configuration=settings), name)
    except (ConfigException, OSError, ValueError, KeyError, TypeError) as error:
        raise reject(
            rules.NO_CONTEXT,
            f"no cluster can be reached from this configuration: {_words(error)}",
            help="name a context of your kubeconfig: --context NAME (KUBECONFIG names the file)",
        ) from error


def _current(config: Any) -> str | None:
    """The kubeconfig's current context; None in a pod without a kubeconfig."""
    import os

    try:
        return str(config.list_kube_config_contexts()[1]["name"])
    except config.ConfigException:
        if "KUBERNETES_SERVICE_HOST" in os.environ:
            return None
        raise
