"""Health and metrics over HTTP, on an address of the operator's own network: `/live`, `/ready`, `/metrics`.

It answers GET and HEAD of these three paths and nothing else, keeps no connection, and reads no body. It is no way into the
data; still, it belongs on loopback or behind whoever asks for names.
"""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from cloud_sync.errors import CloudSyncError, ConfigError
from cloud_sync.figures import Figures
from cloud_sync.web import metrics

TIMEOUT_S = 5.0  # a supervisor sends its line at once; who does not holds a thread no longer
MOST_AT_ONCE = 16  # a supervisor, a dashboard, somebody who looks; more is a flood


class Monitor:
    """A small server in a thread of its own; it asks `figures` anew for each answer."""

    def __init__(self, host: str, port: int, figures: Callable[[], Figures]) -> None:
        """ConfigError when the address cannot be had. Port 0 takes a free one."""
        handler = type("_Handler", (_Handler,), {"figures": staticmethod(figures)})
        try:
            self._server = _Server((host, port), handler)
        except (OSError, OverflowError) as error:
            raise ConfigError(
                f"--monitor {host}:{port}: cannot be listened on ({error}); choose another address"
            ) from error
        self.address: tuple[str, int] = self._server.server_address[0], self._server.server_address[1]  # type: ignore[assignment]
        self._thread = threading.Thread(target=self._server.serve_forever, name="cloud-sync-monitor", daemon=True)

    def start(self) -> None:
        """Answer from now on."""
        self._thread.start()

    def stop(self) -> None:
        """Answer no more; waits until the address is free again."""
        if self._thread.is_alive():
            self._server.shutdown()
            self._thread.join()
        self._server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, address: tuple[str, int], handler: type[BaseHTTPRequestHandler]) -> None:
        super().__init__(address, handler)
        self._places = threading.BoundedSemaphore(MOST_AT_ONCE)

    def process_request(self, request: Any, client_address: Any) -> None:
        """A thread for each connection, as long as there is a place; the others are closed at once [a flood of open ones]."""
        if self._places.acquire(blocking=False):
            super().process_request(request, client_address)
        else:
            self.shutdown_request(request)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """One connection, which ends after the time whatever it sends [a byte a second]."""
        timer = threading.Timer(TIMEOUT_S, _end, (request,))
        timer.start()
        try:
            super().process_request_thread(request, client_address)
        finally:
            timer.cancel()
            self._places.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that goes away is no news."""


def _end(request: Any) -> None:
    with suppress(OSError):
        request.shutdown(socket.SHUT_RDWR)


class _Handler(BaseHTTPRequestHandler):
    timeout = TIMEOUT_S
    server_version, sys_version = "byleave", ""
    figures: Callable[[], Figures]

    def do_GET(self) -> None:
        """One of the three paths."""
        self._answer(body=True)

    def do_HEAD(self) -> None:
        """The same without the text."""
        self._answer(body=False)

    def _answer(self, *, body: bool) -> None:
        self._send(*self._content(), body=body)

    def _content(self) -> tuple[HTTPStatus, str, str]:
        path = self.path.partition("?")[0]
        if path == "/live":  # that this thread answers is the answer
            return HTTPStatus.OK, "text/plain", "live\n"
        if path not in ("/ready", "/metrics"):
            return HTTPStatus.NOT_FOUND, "text/plain", "there are /live, /ready and /metrics\n"
        try:
            figures = self.figures()
        except CloudSyncError:
            return HTTPStatus.SERVICE_UNAVAILABLE, "text/plain", "the stores do not answer\n"
        if path == "/metrics":
            return HTTPStatus.OK, metrics.CONTENT_TYPE, metrics.text(figures)
        status = HTTPStatus.SERVICE_UNAVAILABLE if figures.ready else HTTPStatus.OK
        return status, "application/json", json.dumps({"ready": not figures.ready, "why": figures.ready}) + "\n"

    def _send(self, status: HTTPStatus, content_type: str, text: str, *, body: bool) -> None:
        data = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(data)))
        self.send_header("Cache-Control", "no-store")
        self.send_header("Connection", "close")
        self.end_headers()
        if body:
            self.wfile.write(data)

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing: an access log of a supervisor says nothing."""
