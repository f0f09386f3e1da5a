"""A recipient's HTTPS endpoint: certificate checked, no redirect, one deadline; and the same parts over MQTT."""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from cloud_sync.config import BrokerConfig
from cloud_sync.disclosure.parcel import Part
from cloud_sync.disclosure.webhook import WebhookSink
from cloud_sync.errors import ConfigError, LinkError
from cloud_sync.mqtt.sink import MqttSink
from tests.system.certificates import authority
from tests.unit.cloud_sync.mqtt.mqtt_broker import Broker, Publisher, available, until

PART = Part("d-1-0-abcdef", "carrier", b'{"readings": []}')


class Endpoint:
    """An HTTPS server of one answer; it keeps what it was sent."""

    def __init__(self, folder: Path, answer: bytes, *, drip_s: float = 0.0) -> None:
        certificate, key = authority("recipients").certify("localhost")
        (folder / "pair.pem").write_bytes(certificate + key)
        self.ca_file = folder / "ca.pem"
        self.ca_file.write_bytes(authority("recipients").pem)
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(folder / "pair.pem")
        self._answer, self._drip_s, self._tls = answer, drip_s, tls
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        self.heard = b""
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        try:
            plain, _ = self._socket.accept()
            with self._tls.wrap_socket(plain, server_side=True) as connection:
                while PART.body not in self.heard:
                    self.heard += connection.recv(65_536)
                for at in range(len(self._answer)) if self._drip_s else ():
                    connection.send(self._answer[at : at + 1])
                    if self._closing.wait(self._drip_s):
                        return
                if not self._drip_s:
                    connection.sendall(self._answer)
        except OSError:
            return

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"https://localhost:{self.port}/hook?for=fleet"

    def close(self) -> None:
        """End it."""
        self._closing.set()
        self._socket.close()
        self._thread.join(5)


@pytest.fixture
def endpoints(tmp_path: Path) -> Iterator[list[Endpoint]]:
    """Endpoints that are closed at the end."""
    made: list[Endpoint] = []
    yield made
    for endpoint in made:
        endpoint.close()


def answering(endpoints: list[Endpoint], tmp_path: Path, answer: bytes, *, drip_s: float = 0.0) -> Endpoint:
    """Another endpoint."""
    endpoints.append(Endpoint(tmp_path, answer, drip_s=drip_s))
    return endpoints[-1]


OK = b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n"


def test_a_part_is_posted_with_its_key_and_token(endpoints: list[Endpoint], tmp_path: Path) -> None:
    """JSON, the key for whoever retries, the token from a file; 202 means taken."""
    endpoint = answering(endpoints, tmp_path, OK)
    token = tmp_path / "token"
    token.write_text("t0ken\n")
    WebhookSink(endpoint.url, ca_file=endpoint.ca_file, token_file=token).deliver(PART)
    head, body = endpoint.heard.split(b"\r\n\r\n")
    assert body == PART.body
    assert head.startswith(b"POST /hook?for=fleet HTTP/1.1")
    for line in (b"Idempotency-Key: d-1-0-abcdef", b"Authorization: Bearer t0ken", b"Content-Type: application/json"):
        assert line in head


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 302 Found\r\nLocation: https://elsewhere.example/\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 199 Odd\r\nContent-Length: 0\r\n\r\n",
        b"no HTTP at all\r\n\r\n",
        b"",
    ],
)
def test_anything_but_a_success_is_not_taken(endpoints: list[Endpoint], tmp_path: Path, answer: bytes) -> None:
    """An error, a redirect, something else: LinkError, without what the endpoint said."""
    endpoint = answering(endpoints, tmp_path, answer)
    with pytest.raises(LinkError) as caught:
        WebhookSink(endpoint.url, ca_file=endpoint.ca_file, timeout_s=5).deliver(PART)
    assert "readings" not in str(caught.value) and "elsewhere" not in str(caught.value)


def test_an_endpoint_whose_certificate_is_nobodys_gets_nothing(endpoints: list[Endpoint], tmp_path: Path) -> None:
    """Without the authority, with another one, and under another name: not one byte of the body is sent."""
    other = tmp_path / "other.pem"
    other.write_bytes(authority("others").pem)
    for ca_file, host in ((None, "localhost"), (other, "localhost"), (tmp_path / "ca.pem", "127.0.0.1")):
        endpoint = answering(endpoints, tmp_path, OK)
        url = endpoint.url.replace("localhost", host)
        with pytest.raises(LinkError):
            WebhookSink(url, ca_file=ca_file).deliver(PART)
        assert endpoint.heard == b""


def test_an_endpoint_that_answers_a_byte_at_a_time_is_cut_off(endpoints: list[Endpoint], tmp_path: Path) -> None:
    """One deadline for all of it, not one a byte."""
    endpoint = answering(endpoints, tmp_path, OK * 50, drip_s=0.05)
    started = time.monotonic()
    with pytest.raises(LinkError):
        WebhookSink(endpoint.url, ca_file=endpoint.ca_file, timeout_s=0.5).deliver(PART)
    assert time.monotonic() - started < 10


@pytest.mark.parametrize(
    "url",
    [
        *("http://localhost/hook", "https://", "https://user:secret@localhost/", "ftp://localhost/", "localhost"),
        *("https://localhost:many/", "https://localhost/#part"),
    ],
)
def test_a_webhook_is_https_and_has_no_secret_in_it(url: str) -> None:
    """Plain HTTP and secrets in URLs are refused when the sink is made; the plain form is taken."""
    assert WebhookSink("https://localhost/hook")
    with pytest.raises(ConfigError):
        WebhookSink(url)


def test_files_that_are_missing_are_named(tmp_path: Path) -> None:
    """The authority's at once, the token's when it is needed."""
    with pytest.raises(ConfigError, match="PEM"):
        WebhookSink("https://localhost/", ca_file=tmp_path / "none.pem")
    with pytest.raises(ConfigError, match="token"):
        WebhookSink("https://localhost:1/", token_file=tmp_path / "none").deliver(PART)


@pytest.mark.parametrize("topic", ["", "carrier/#", "a/+/b", "/carrier", "bl/1/x", "$SYS/x", "a" * 201])
def test_a_topic_names_one_recipient(topic: str) -> None:
    """No wildcard, none of the devices' topics."""
    assert MqttSink(BrokerConfig(), "carrier/in")
    with pytest.raises(ConfigError, match="topic"):
        MqttSink(BrokerConfig(), topic)


def test_a_broker_that_is_away_has_not_taken_it() -> None:
    """LinkError; on port 1 nobody listens."""
    with pytest.raises(LinkError, match="carrier did not take it"):
        MqttSink(BrokerConfig("127.0.0.1", 1), "carrier/in").deliver(PART)


def _listening(port: int) -> Publisher:
    """Somebody who hears what the carrier is sent."""
    listener = Publisher(port)
    listener._subscribed = False
    listener.client.subscribe("carrier/#", qos=1)
    until(lambda: listener._subscribed)
    return listener


@pytest.mark.mosquitto
@pytest.mark.skipif(not available(), reason="mosquitto is not installed")
def test_a_part_over_mqtt_is_acknowledged_and_never_retained(tmp_path: Path) -> None:
    """Who is subscribed gets it; who subscribes later gets nothing."""
    folder = tmp_path / "broker"
    folder.mkdir()
    broker = Broker(folder).start()
    listener = _listening(broker.port)
    MqttSink(BrokerConfig("127.0.0.1", broker.port), "carrier/in/").deliver(PART)
    until(lambda: len(listener.heard) == 1)
    assert listener.heard == [(f"carrier/in/{PART.key}", PART.body)]
    late = _listening(broker.port)
    MqttSink(BrokerConfig("127.0.0.1", broker.port), "carrier/in").deliver(Part("next", "carrier", b"{}"))
    until(lambda: len(late.heard) == 1)
    assert late.heard == [("carrier/in/next", b"{}")]
    listener.close()
    late.close()
    broker.stop()


@pytest.mark.parametrize("what", ["connect", "resolve"])
def test_a_deadline_that_passes_before_the_connection_stands_counts_as_well(
    endpoints: list[Endpoint], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    """A slow resolver, or a first address that nobody answers at: not one byte of the body goes out behind the deadline."""
    endpoint = answering(endpoints, tmp_path, OK, drip_s=0.1)
    sink = WebhookSink(endpoint.url, ca_file=endpoint.ca_file, timeout_s=0.3)
    name = {"connect": "create_connection", "resolve": "getaddrinfo"}[what]
    real, waiting = getattr(socket, name), threading.Event()

    def slow(*args: Any, **more: Any) -> Any:
        waiting.wait(0.5)
        return real(*args, **more)

    monkeypatch.setattr(socket, name, slow)
    started = time.monotonic()
    with pytest.raises(LinkError):
        sink.deliver(PART)
    assert time.monotonic() - started < 2
    assert endpoint.heard == b""


def test_a_body_that_comes_a_byte_at_a_time_is_cut_off(endpoints: list[Endpoint], tmp_path: Path) -> None:
    """The deadline holds after the head too, though the head has said that it was taken."""
    endpoint = answering(
        endpoints, tmp_path, b"HTTP/1.1 202 A\r\nContent-Length: 4000\r\n\r\n" + b"x" * 4000, drip_s=0.01
    )
    started = time.monotonic()
    WebhookSink(endpoint.url, ca_file=endpoint.ca_file, timeout_s=1.0).deliver(PART)
    assert time.monotonic() - started < 10


def test_a_handshake_that_comes_a_byte_at_a_time_is_cut_off(tmp_path: Path) -> None:
    """A record that never ends, a byte before each timeout of its own, ends with the deadline."""
    listener, closing = socket.create_server(("127.0.0.1", 0)), threading.Event()

    def serve() -> None:
        plain, _ = listener.accept()
        with plain, suppress(OSError):
            for byte in b"\x16\x03\x03\x3f\xff" + bytes(500):
                plain.send(bytes([byte]))
                if closing.wait(0.05):
                    return

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    started = time.monotonic()
    with pytest.raises(LinkError):
        WebhookSink(f"https://127.0.0.1:{listener.getsockname()[1]}/", timeout_s=0.5).deliver(PART)
    assert time.monotonic() - started < 10
    closing.set()
    thread.join(5)
    listener.close()
