"""What a session does with the downlinks that a broker has kept, and which link the settings choose."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from tests.unit.firmware.link import micro

from firmware.errors import LinkError, SealError  # isort: skip
from firmware.link import session  # isort: skip
from firmware.link.serial import SerialLink  # isort: skip
from firmware.link.transport import TcpTransport  # isort: skip
from firmware.wire.msgpack import pack  # isort: skip

assert micro
DEVICE = "a" * 16
DOWN = f"bl/1/{DEVICE}/down"
BROKER = {"host": "broker.example", "port": 1883}


class Sealer:
    """Opens nothing, and keeps what it was given."""

    def __init__(self) -> None:
        self.given: list[bytes] = []

    def open(self, message: bytes, tick: Any) -> list[Any]:
        """Refuses it."""
        self.given.append(message)
        raise SealError("not for this test")


def a_session(settings: dict[str, Any] | None = None, *, down_next: int = 10) -> tuple[session.Session, Sealer]:
    """A session of a device in generation 2."""
    sealer = Sealer()
    keys = SimpleNamespace(device=DEVICE, generation=2, down_next=down_next)
    board = SimpleNamespace(socket_module=None, set_clock=None)
    node = SimpleNamespace(
        settings=settings or {"broker": BROKER},
        keystore=keys,
        sealer=sealer,
        feed=None,
        fetch=None,
        clock=SimpleNamespace(now_s=None),
    )
    return session.Session(node, board, None), sealer


def downlink(generation: int, number: int) -> bytes:
    """The form of a downlink, with a seal that nobody looks at here."""
    header: bytes = pack([1, generation, 0, number])
    return bytes(pack([b"", bytes(13), bytes(20)])).replace(pack(b""), header, 1)


def test_more_than_fits_is_opened_in_order_and_none_is_dropped() -> None:
    """Thirty downlinks that waited at the broker: eight lie in RAM at most, and the newest is there at the end."""
    opened, sealer = a_session()
    sent = [bytes((n,)) for n in range(30)]
    for message in sent:
        opened._on_message(DOWN, message, 0)
        assert len(opened._received) <= 8
    opened._apply_received()
    assert sealer.given == sent


def test_another_topic_is_not_ours() -> None:
    """Whatever a broker delivers beside the one subscription is left alone."""
    opened, _ = a_session()
    opened._on_message(DOWN, b"x", 0)
    opened._on_message(f"bl/1/{'b' * 16}/down", b"x", 0)
    assert opened._received == [b"x"]


@pytest.mark.parametrize(
    ("generation", "number", "again", "taken"),
    [
        (2, 10, 8, True),  # sent twice, opened never
        (2, 9, 8, False),  # opened, and its acknowledgement lost
        (2, 9, 0, True),  # used, and not marked as a repeat: that is for the sealer to refuse and to count
        (1, 50, 8, False),  # of the generation before
        (3, 0, 8, True),
    ],
)
def test_a_repeat_of_what_was_opened_is_passed_over(generation: int, number: int, again: int, taken: bool) -> None:
    """Only what is marked as a repeat and has a used number; the rest goes the usual way."""
    opened, _ = a_session()
    opened._on_message(DOWN, downlink(generation, number), again)
    assert bool(opened._received) is taken


def test_a_repeat_that_is_no_downlink_goes_the_usual_way() -> None:
    """Garbage with DUP is counted like any other garbage."""
    opened, _ = a_session()
    opened._on_message(DOWN, b"\xc1", 8)
    assert opened._received == [b"\xc1"]


def test_the_settings_choose_the_link() -> None:
    """Without `serial` it is the board's radio with TCP, with TLS where the broker has a CA; with `serial` a wire and no radio."""
    from firmware.link.secure import SecureTransport

    kinds = [
        ({"broker": BROKER}, TcpTransport),
        ({"broker": {**BROKER, "tls": True, "ca": "x"}}, SecureTransport),
        ({"serial": {"baudrate": 115_200}}, SerialLink),
    ]
    for settings, kind in kinds:
        opened, _ = a_session(settings)
        assert type(opened._client._transport) is kind
        assert (opened._radio_part is opened._board) is (kind is not SerialLink)


class Fetch:
    """Asks for one chunk, which never comes; given up after `most` misses."""

    complete = False

    def __init__(self, link: Any, most: int = 9) -> None:
        self.link, self.most = link, most
        self.misses: list[bool] = []
        self.asked = False

    @property
    def over(self) -> bool:
        """Given up."""
        return len(self.misses) >= self.most

    def begin(self) -> None:
        """A new connection."""

    async def step(self, client: Any) -> bool:
        """Ask once in a connection."""
        if self.asked or self.misses:
            return False
        self.asked = True
        self.link()
        return True

    def missed(self, broken: bool = False) -> None:
        """Count it."""
        if self.asked:
            self.asked = False
            self.misses.append(broken)


def fetching(link: Any, most: int = 9) -> tuple[session.Session, Any, Fetch]:
    """A session that fetches, with nothing else to say, and a client without a broker."""
    opened, _ = a_session()
    node, fetch = opened._node, Fetch(link, most)
    node.fetch, node.reasons = fetch, [2]
    node.sealer.begin = node.moved = lambda: None
    node.seal_status = lambda reason: None

    async def nothing(*args: Any) -> None:
        """The client's."""

    opened._client = SimpleNamespace(
        connect=nothing, subscribe=nothing, disconnect=nothing, rest=nothing, connected=True, error=None
    )
    opened._radio_part = SimpleNamespace(radio_connected=lambda: True, radio_off=lambda: None)
    opened._outbox = SimpleNamespace(
        begin=lambda: None, next=lambda: None, unjudged=lambda: 0, forget=lambda: None, has_new=lambda: False
    )
    return opened, node, fetch


def breaks() -> None:
    """A broker that drops the link, or an ACL that refuses the topic, at the question for a chunk."""
    raise LinkError("connection closed by the broker")


def test_a_link_that_breaks_at_the_question_for_a_chunk_is_told_to_the_fetch() -> None:
    """Else the device would connect again at once, and again, with a status each time."""
    opened, node, fetch = fetching(breaks)
    with pytest.raises(LinkError):
        micro.run(opened.run(False))
    assert (fetch.misses, node.fetch) == ([True], fetch)


def test_a_chunk_that_does_not_come_is_told_to_the_fetch_once() -> None:
    """The contact waits for it and ends; its end is no second miss."""
    opened, node, fetch = fetching(lambda: None)
    micro.run(opened.run(False))
    assert (fetch.misses, node.fetch) == ([False], fetch)


@pytest.mark.parametrize("link", [breaks, lambda: None])
def test_a_release_that_is_given_up_is_let_go(link: Any) -> None:
    """Nothing of it keeps the device awake any more, however its last contact ended."""
    opened, node, _ = fetching(link, 1)
    try:
        micro.run(opened.run(False))
    except LinkError:
        assert link is breaks
    assert node.fetch is None


@pytest.mark.parametrize("authentic", [True, False])
def test_only_what_opens_proves_the_way(authentic: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """A downlink that the server sealed proves the address; one that anybody could have made does not."""
    opened, sealer = a_session()
    proven: list[bool] = []
    monkeypatch.setattr(opened._client._transport, "prove", lambda: proven.append(True))
    if authentic:
        monkeypatch.setattr(sealer, "open", lambda message, tick: pack([0, []]))
        monkeypatch.setattr(session.downlink, "parse", lambda content: (session.downlink.VERDICTS, []))
    opened._on_message(DOWN, downlink(2, 10), 0)
    opened._apply_received()
    assert bool(proven) is authentic
