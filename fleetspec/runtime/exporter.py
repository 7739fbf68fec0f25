"""Serves metrics over HTTP while a run lasts: one page, from the standard library's server."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

from fleetspec.diagnostics import reject
from fleetspec.rules import running

if TYPE_CHECKING:
    from fleetspec.runtime.metrics import Metrics

LOOPBACK = "127.0.0.1"
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


def parse_address(text: str) -> tuple[str, int]:
    """``9464`` or ``0.0.0.0:9464`` as host and port; this machine alone can read it where no host is given.

    Raises ValueError.
    """
    host, _, port = text.rpartition(":")
    if not port.isascii() or not port.isdigit() or int(port) > 65535:
        raise ValueError(f"'{text}' is no port; write 9464, or 0.0.0.0:9464 for other machines")
    return host.removeprefix("[").removesuffix("]") or LOOPBACK, int(port)


@contextmanager
def serving(metrics: Metrics, host: str, port: int) -> Iterator[str]:
    """Serve ``/metrics`` until the end of the block; gives the page's address. Port 0 is any free one.

    Raises Rejected (FS514) where the port cannot be had.
    """

    class Handler(BaseHTTPRequestHandler):
        timeout = 10
        server_version = "fleetspec"
        sys_version = ""

        def do_GET(self) -> None:
            found = self.path.partition("?")[0] == "/metrics"
            content = metrics.render().encode() if found else b"the metrics are at /metrics\n"
            self.send_response(HTTPStatus.OK if found else HTTPStatus.NOT_FOUND)
            self.send_header("Content-Type", CONTENT_TYPE)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *arguments: object) -> None:
            """Scrapes are not worth a line each."""

    six = ":" in host
    try:
        server = (_SixServer if six else _Server)((host, port), Handler)
    except OSError as error:
        raise reject(
            running.UNWATCHED,
            f"metrics cannot be served at {host}:{port}: {error.strerror or error}",
            help="name another port with --metrics",
        ) from error
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True)
    thread.start()
    try:
        yield f"http://{f'[{host}]' if six else host}:{server.server_address[1]}/metrics"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class _Server(ThreadingHTTPServer):
    # The end of a run does not wait for a reader that keeps its connection open.
    daemon_threads = True
    block_on_close = False

    def handle_error(self, request: object, client_address: object) -> None:
        """A reader that went away in the middle is no news."""


class _SixServer(_Server):
    address_family = socket.AF_INET6
