"""What an agent has seen of a board that it enrolled by an invitation, and what that is worth after the first contact."""

from __future__ import annotations

import hmac
from collections.abc import Iterator
from pathlib import Path

import pytest

from cloud_sync.errors import SealBroken
from cloud_sync.model import EPOCH_SECONDS, UPLINK_STREAMS, Stream
from cloud_sync.wire import ladder
from cloud_sync.wire.downlink import open_downlink, peek_downlink
from firmware.wire import ladder as firmware_ladder
from tests.faults.healing_pair import Pair, Unit, header_of
from tests.faults.test_healing_link import Clone
from tests.unit.cloud_sync.invited_world import Agent
from tests.unit.firmware.device import Device

DAYS = 3


class InvitedPair(Pair):
    """The same, enrolled by an invitation, with the hello of the real firmware."""

    def enrol(self) -> None:
        """As the agent does it: root into the board, hello out of it, all of it sealed; then the server admits it."""
        self.agent = agent = Agent(self.cloud.invite(subject="s-1").text)
        self.name, self.root = agent.device, agent.root
        Device(self.flash).keys.enrol(self.name, bytearray(self.root), 0, agent.first_epoch, self.now)
        agent.hello = Unit(self.flash, self.setting.clock.now).seal_status()
        self.admission = self.cloud.admit(agent.sealed())


class Onlooker(Clone):
    """Who has seen the root, the pseudonym and the hello, and hears all that crosses the link ever after."""

    def __init__(self, pair: InvitedPair) -> None:
        root = pair.root
        self.name, self.generation, self.epoch = pair.name, 0, pair.agent.first_epoch
        spines = {stream: ladder.spine(root, stream) for stream in UPLINK_STREAMS}
        self.chains = {int(stream): (0, ladder.day_chain(spine, stream)) for stream, spine in spines.items()}
        self.spines = {int(stream): ladder.next_spine(spine, stream) for stream, spine in spines.items()}
        # The downlink's chains: that of the root, and the next one's for what can be mixed in without a private key.
        self.downs = [ladder.down_chain(root)]
        for secret in (b"", bytes(32), b"\x01" + bytes(31), b"\x09" + bytes(31)):
            old = hmac.digest(self._spine(Stream.STATUS, self.epoch + 1), secret, "sha256")
            self.downs.append(ladder.derive(old, Stream.DOWN, "heal"))

    def hears(self, data: bytes) -> bool:
        """Whether one of these opens a downlink."""
        _, number = peek_downlink(data)
        for chain in self.downs:
            key = ladder.seal_key(ladder.step(chain, Stream.DOWN, number), Stream.DOWN)
            try:
                open_downlink(self.name, data, key)
            except SealBroken:
                continue
            return True
        return False


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[InvitedPair]:
    """A device that was just admitted."""
    pair = InvitedPair(tmp_path)
    yield pair
    pair.close()


def seen(pair: InvitedPair) -> tuple[list[bool], list[bool], int]:
    """Whether the onlooker opens what went over the link before the healing; what went after it; how much that was."""
    onlooker = Onlooker(pair)
    assert onlooker.opens(pair.agent.hello) and all(map(onlooker.hears, pair.admission.answer))
    pair.contact()
    for _ in range(DAYS):
        pair.pass_s(EPOCH_SECONDS)
        pair.unit.on_time()
        pair.unit.in_force.version = max(1, pair.unit.in_force.version)
        pair.unit.seal_fixes([pair.now])
        pair.contact()
    assert pair.generation() == (1, 1) and pair.stored() == DAYS
    found: list[list[bool]] = [[], []]
    for opens, messages in ((onlooker.opens, pair.sent), (onlooker.hears, pair.heard)):
        for data in messages:
            found[header_of(data)[1]].append(opens(data))
    return found[0], found[1], len(found[1])


def test_what_the_agent_saw_opens_nothing_after_the_first_contact(pair: InvitedPair) -> None:
    """All of generation 0, which is the enrolment and one contact, and not one message of generation 1, up or down, over days."""
    before, after, count = seen(pair)
    assert all(before) and len(before) >= 4
    assert not any(after) and count >= 4 * DAYS


def test_it_opens_all_when_the_exchange_is_left_out(pair: InvitedPair, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same onlooker against ladders that mix nothing in: it opens every message, so the test above can fail."""

    def unmixed(old: bytes, shared: bytes, stream: int) -> bytes:
        return ladder.derive(hmac.digest(bytes(old), b"", "sha256"), stream, "heal")

    monkeypatch.setattr(ladder, "mix", unmixed)
    monkeypatch.setattr(firmware_ladder, "mix", unmixed)
    before, after, count = seen(pair)
    assert all(before) and all(after) and count >= 4 * DAYS


def test_the_hello_comes_again_with_the_first_contact_and_is_there_once(pair: InvitedPair) -> None:
    """It waits in the spool until its verdict comes; the server knows it already."""
    assert pair.stored(Stream.STATUS) == 1 and pair.unit.spool.count() == 1
    pair.contact()
    assert pair.sent.count(pair.agent.hello) == 1 and pair.in_step()
    rows = pair.cloud.database.envelopes(pair.name, Stream.STATUS, 0, pair.now // EPOCH_SECONDS)
    assert [row.payload for row in rows].count(pair.agent.hello) == 1
