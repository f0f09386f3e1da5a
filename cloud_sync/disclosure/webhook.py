"""A recipient's HTTPS endpoint: one POST a part, certificate checked, bounded in time and in what is read back.

1. TLS 1.2 or later, with the system's authorities or one that is named [whoever sits on the way]. There is no plain HTTP.
2. No redirect is followed [a recipient that hands the body to another]. 3. One deadline for all of it [an endpoint that sends a
byte a minute]. 4. What it answers is not kept nor logged; a status of 200 to 299 means that it has taken the part.
"""

from __future__ import annotations

import contextlib
import http.client
import socket
import ssl
import threading
import time
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from cloud_sync.errors import ConfigError, LinkError
from cloud_sync.stores import Parcel

TIMEOUT_S: Final = 10.0  # all of it; a recipient that needs longer puts a queue before itself
MOST_ANSWER_BYTES: Final = 4096  # of the body of an answer, which nobody reads


class WebhookSink:
    """`cloud_sync.stores.Sink` that posts JSON; `Idempotency-Key` is the part's key."""

    def __init__(
        self,
        url: str,
        *,
        token_file: str | Path | None = None,
        ca_file: str | Path | None = None,
        timeout_s: float = TIMEOUT_S,
    ) -> None:
        """`token_file` holds a bearer token, `ca_file` its certificate's authority. ConfigError says what is wrong."""
        parts = urlsplit(url)
        if parts.scheme != "https" or not parts.hostname or parts.username or parts.fragment:
            raise ConfigError(
                "a webhook is an https URL without user, password or fragment: give the secret as token_file"
            )
        self._host, self._port = parts.hostname, _port(parts.netloc, url)
        self._path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        self._token_file = Path(token_file) if token_file else None
        self._timeout_s = timeout_s
        try:
            self._tls = ssl.create_default_context(cafile=ca_file)
        except OSError as error:
            raise ConfigError(f"{ca_file} cannot be used ({error}); name a PEM file") from error

    @property
    def host(self) -> str:
        """The machine that it posts to."""
        return self._host

    def deliver(self, parcel: Parcel) -> None:
        """Post the part; LinkError unless the endpoint answers 200 to 299 within the time."""
        connection = _Bounded(self._host, self._port, self._timeout_s, self._tls)
        deadline = threading.Timer(self._timeout_s, connection.cut)
        deadline.daemon = True
        deadline.start()
        try:
            connection.request("POST", self._path, parcel.body, self._headers(parcel))
            answer = connection.getresponse()
            status = answer.status
            answer.read(MOST_ANSWER_BYTES)
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise LinkError(f"{parcel.recipient} did not take it ({type(error).__name__})") from error
        finally:
            deadline.cancel()
            connection.close()
        if not 200 <= status < 300:
            raise LinkError(f"{parcel.recipient} did not take it (status {status})")

    def _headers(self, parcel: Parcel) -> dict[str, str]:
        headers = {"Content-Type": "application/json", "Idempotency-Key": parcel.key, "Connection": "close"}
        if self._token_file is not None:
            try:
                headers["Authorization"] = f"Bearer {self._token_file.read_text(encoding='utf-8').strip()}"
            except (OSError, UnicodeDecodeError) as error:
                raise ConfigError(
                    f"{self._token_file}: cannot be read; name a file with the recipient's token"
                ) from error
        return headers


def _port(netloc: str, url: str) -> int:
    try:
        return urlsplit(f"//{netloc}").port or 443
    except ValueError:
        raise ConfigError(f"{url}: the port is no number") from None


class _Bounded(http.client.HTTPSConnection):
    """A connection all of which ends at one moment: names, addresses, handshake, head and body."""

    def __init__(self, host: str, port: int, timeout_s: float, tls: ssl.SSLContext) -> None:
        super().__init__(host, port, timeout=timeout_s, context=tls)
        self._ends_at = time.monotonic() + timeout_s
        self._tls = tls
        self._wire: ssl.SSLSocket | None = None  # http.client lets go of its own before the body is read

    def connect(self) -> None:
        """Connect within what is left.

        1. Names by a thread that is left behind [a resolver that does not answer: `getaddrinfo` knows no timeout]. 2. Each address
        has its share of what is left [a first one that swallows everything]. 3. The time is looked at once the timer can cut the
        wire [a deadline that passed before there was one], and 4. the handshake comes after that.
        """
        addresses = _resolved(self.host, self.port, self._left_s())
        for place, address in enumerate(addresses, 1):
            try:
                plain = socket.create_connection(address, self._left_s() / (len(addresses) - place + 1))
                break
            except OSError:
                if place == len(addresses):
                    raise
        wire = self._tls.wrap_socket(plain, server_hostname=self.host, do_handshake_on_connect=False)
        self.sock = self._wire = wire
        wire.settimeout(self._left_s())
        wire.do_handshake()

    def cut(self) -> None:
        """End whatever the connection waits for."""
        if self._wire is not None:
            with contextlib.suppress(OSError):
                self._wire.shutdown(socket.SHUT_RDWR)

    def _left_s(self) -> float:
        left = self._ends_at - time.monotonic()
        if left <= 0:
            raise TimeoutError("the deadline has passed")
        return left


def _resolved(host: str, port: int, timeout_s: float) -> list[tuple[str, int]]:
    """The addresses of a host; OSError when there is none in time."""
    found: list[tuple[str, int]] = []

    def ask() -> None:
        with contextlib.suppress(OSError, UnicodeError):
            for *_, address in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM):
                found.append((str(address[0]), port))

    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(timeout_s)
    if thread.is_alive() or not found:
        raise TimeoutError("no address in time")
    return found
