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

    def deliver(self, parcel: Parcel) -> None:
        """Post the part; LinkError unless the endpoint answers 200 to 299 within the time."""
        connection = http.client.HTTPSConnection(self._host, self._port, timeout=self._timeout_s, context=self._tls)
        deadline = threading.Timer(self._timeout_s, _cut, (connection,))
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


def _cut(connection: http.client.HTTPSConnection) -> None:
    """End whatever the connection waits for."""
    if connection.sock is not None:
        with contextlib.suppress(OSError):
            connection.sock.shutdown(socket.SHUT_RDWR)
