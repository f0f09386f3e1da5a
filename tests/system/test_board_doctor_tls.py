"""The doctor and a broker behind TLS: what can be wrong between the two has its own words each, and no password leaves before."""

from __future__ import annotations

import contextlib
import socket
import ssl
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from agent.examination import certificates, links
from agent.examination.findings import OK, WRONG, Device, Finding
from hw_sim.board import Board
from tests.system.certificates import DAY, authority
from tests.system.doctored import SETTINGS, BoardPrompt, answering

pytestmark = [pytest.mark.micropython, pytest.mark.board("esp32s3", firmware="firmware")]
OURS, NAME = "CA of the test", "broker.example"
CONNACK = b"\x20\x02\x00"
BROKER = {**SETTINGS["broker"], "tls": True, "port": 8883, "ca": authority(OURS).pem.decode()}
PASSWORD = BROKER["password"].encode()


def device(**changes: Any) -> Device:
    """One that is not enrolled, with settings of a file; changes are of its broker."""
    settings = {**SETTINGS, "broker": {**BROKER, **changes}}
    return Device("esp32s3", enrolled=False, settings=settings, given=True, now_s=time.time())


@dataclass
class Heard:
    """Where a broker listens, and what came to it through TLS."""

    address: tuple[str, int]
    said: bytes = b""


@contextlib.contextmanager
def secured(folder: Path, pems: tuple[bytes, bytes], answer: bytes) -> Iterator[Heard]:
    """A broker with that certificate and key, which takes one connection and answers so."""
    chain = folder / "chain.pem"
    chain.write_bytes(b"".join(pems))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(20)
        heard = Heard(listening.getsockname()[:2])

        def serve() -> None:
            with contextlib.suppress(OSError):
                raw, _ = listening.accept()
                raw.settimeout(20)
                with context.wrap_socket(raw, server_side=True) as line:
                    heard.said += line.recv(400)
                    line.sendall(answer)
                    while more := line.recv(400):
                        heard.said += more

        thread = Thread(target=serve)
        thread.start()
        yield heard
        with contextlib.suppress(OSError):
            socket.create_connection(heard.address, 1).close()  # if nobody came
        thread.join()


def asked(board: Board, address: tuple[str, int], one: Device) -> Finding:
    """The finding of the broker that is found under its name there."""
    board.network.hosts[NAME] = address
    board.power_on()
    prompt = BoardPrompt(board)
    finding = links.link(prompt, one)[-1]
    assert PASSWORD.decode() not in prompt.said + str(finding)
    return finding


def test_the_right_broker_takes_the_credentials(board: Board, tmp_path: Path) -> None:
    """CA, name and validity are right: only then the credentials leave, through TLS, under an identifier that is no device's."""
    with secured(tmp_path, authority(OURS).certify(NAME), CONNACK + b"\0") as heard:
        finding = asked(board, heard.address, device())
    until = certificates.day(time.time() + 30 * DAY.total_seconds())
    assert (finding.state, finding.do) == (OK, "")
    assert finding.seen == f"it is reached, and takes the credentials; its certificate is good until {until}"
    assert b"doctor-" in heard.said and PASSWORD in heard.said and heard.said.endswith(b"\xe0\x00")
    assert PASSWORD not in board.network.captured("up")


@pytest.mark.parametrize(
    ("how", "seen", "do"),
    [
        ({"issuer": "another CA"}, "another CA", "is not the one of the broker's certificate"),
        ({"name": "other.example"}, "is for another name: other.example", "alternative names"),
        ({"begins_days": -30, "ends_days": -1}, "has expired on 20", "renew"),
        ({"begins_days": 2}, "is not valid before 20", "this computer's clock"),
    ],
    ids=["CA", "name", "expired", "early"],
)
def test_what_can_be_wrong_with_a_certificate(
    board: Board, tmp_path: Path, how: dict[str, Any], seen: str, do: str
) -> None:
    """One thing each, in its own words; the broker hears nothing of MQTT."""
    how = dict(how)
    pems = authority(how.pop("issuer", OURS)).certify(how.pop("name", NAME), **how)
    with secured(tmp_path, pems, CONNACK + b"\0") as heard:
        finding = asked(board, heard.address, device())
    assert (finding.state, finding.part) == (WRONG, "broker")
    assert seen in finding.seen and do in finding.do, finding
    assert heard.said == b""


def test_credentials_that_are_refused_behind_tls(board: Board, tmp_path: Path) -> None:
    """The same words as without TLS."""
    with secured(tmp_path, authority(OURS).certify(NAME), CONNACK + b"\x05") as heard:
        finding = asked(board, heard.address, device())
    assert (finding.state, finding.seen) == (WRONG, "it refuses user or password")


def test_a_board_whose_clock_has_passed_the_certificate(board: Board, tmp_path: Path) -> None:
    """The broker is in order by this computer's clock; the board has believed a later day once, and goes back behind none."""
    one = device()
    with secured(tmp_path, authority(OURS).certify(NAME), CONNACK + b"\0") as heard:
        finding = asked(board, heard.address, replace(one, floor_s=int(one.now_s + 60 * DAY.total_seconds())))
    assert finding.state == WRONG
    assert finding.seen.startswith("the board's clock is wrong for its certificate") and "this computer's" in finding.do


@pytest.mark.parametrize(
    "answer", [b"", CONNACK + b"\0", b"HTTP/1.1 400 Bad Request\r\n\r\n"], ids=["mute", "MQTT", "HTTP"]
)
def test_a_port_without_tls(board: Board, answer: bytes) -> None:
    """Somebody who speaks something else there, or nothing; no more than a handshake came to them."""
    with answering(answer) as address:
        finding = asked(board, address, device())
    assert (finding.state, finding.seen) == (WRONG, "it is there, and does not speak TLS")
    assert "8883" in finding.do, finding
    assert b"MQTT" not in board.network.captured("up")


def test_a_name_that_does_not_resolve_and_a_port_that_is_closed(board: Board) -> None:
    """Before any TLS."""
    with socket.create_server(("127.0.0.1", 0)) as closed:
        address = closed.getsockname()[:2]
    assert "refuses the port" in asked(board, address, device()).seen
    del board.network.hosts[NAME]
    assert "does not resolve" in links.link(BoardPrompt(board), device())[-1].seen


def test_a_certificate_is_read_within_its_bytes() -> None:
    """Validity and names of a real one; each cut, and each changed length, is a ValueError or the same, and nothing else."""

    real = x509.load_pem_x509_certificate(authority(OURS).certify(NAME)[0])
    der = real.public_bytes(Encoding.DER)
    found = certificates.read(der)
    assert (found.begins_s, found.ends_s, found.names) == (
        int(real.not_valid_before_utc.timestamp()),
        int(real.not_valid_after_utc.timestamp()),
        (NAME,),
    )
    for at in range(len(der)):
        with contextlib.suppress(ValueError):
            certificates.read(der[:at])
            raise AssertionError(at)  # every part of it is needed
        for value in (0, 0x7F, 0x80, 0x84, 0xFF):
            with contextlib.suppress(ValueError):
                certificates.read(der[:at] + bytes((value,)) + der[at + 1 :])
    with pytest.raises(ValueError, match="longer"):
        certificates.read(bytes(certificates.MOST_BYTES + 1))
