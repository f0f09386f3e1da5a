"""Tapes of what peers said: played back they take the peers' place; what does not fit is told, a damaged file refused."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import pytest

from hw_sim.network.net import Connection, Network
from hw_sim.network.tape import Tape, TapeError
from hw_sim.world.clock import World
from tests.unit.hw_sim.peers import CONNACK, CONNECT, PING, PONG, Peer

S = 1_000_000
NOWHERE = ("127.0.0.1", 1)


def exchange(network: Network, question: bytes = CONNECT) -> Connection:
    """A question after a second, a ping after another, and one second more."""
    clock = network.world.clock
    clock.advance_to(1 * S)
    connection = network.open()
    connection.connect(network.hosts["broker.example"])  # type: ignore[arg-type]
    connection.send(question)
    network.settle()
    clock.advance_to(2 * S)
    connection.send(PING)
    network.settle()
    clock.advance_to(3 * S)
    return connection


@pytest.fixture
def tape() -> Tape:
    """A tape of that exchange."""
    peer = Peer()
    network = Network(World(seed=1), hosts={"broker.example": peer.address})
    tape = network.record()
    assert exchange(network).received == CONNACK + PONG
    peer.close()
    return tape


def player(tape: Tape, seed: int = 1) -> Network:
    """A network in a world of that seed, where nobody is but the tape."""
    network = Network(World(seed=seed), hosts={"broker.example": NOWHERE})
    network.play(tape)
    return network


def test_a_tape_takes_the_place_of_the_peer(tape: Tape) -> None:
    """The same bytes at the same times, without anybody; when it is over, connections break and nobody answers."""
    network = player(tape)
    connection = exchange(network)
    assert connection.received == CONNACK + PONG
    assert network.captured("down") == CONNACK + PONG
    network.settle()
    assert not connection.error
    network.world.clock.advance_to(4 * S)
    network.settle()
    assert connection.error == 104
    late = network.open()
    late.connect(NOWHERE)
    assert late.error == 111


def test_a_refusal_is_on_the_tape_too() -> None:
    """Nobody listens when it is recorded; somebody does when it is played, and is not asked."""
    network = Network(World(seed=1))
    tape = network.record()
    refused = network.open()
    refused.connect(NOWHERE)
    network.world.clock.advance_to(1 * S)
    peer, again = Peer(), Network(World(seed=1))
    again.play(tape)
    connection = again.open()
    connection.connect(peer.address)
    assert refused.error == connection.error == 111
    peer.close()


def test_a_run_that_differs_is_told(tape: Tape) -> None:
    """Other bytes, another order, another time of asking, something that is not on it."""
    with pytest.raises(TapeError, match=r"at 1\.000000 s: the board sends other bytes"):
        exchange(player(tape), CONNECT[:-1] + b"b")
    network = player(tape)
    network.open()
    connection = network.open()
    with pytest.raises(TapeError, match="a connection of connection 2, on the tape a connection of connection 1"):
        connection.connect(NOWHERE)
    network = player(Tape(1, tape.start_unix_s, [], end_us=3 * S))
    with pytest.raises(TapeError, match="on the tape nothing more"):
        exchange(network)


def test_a_tape_of_another_world_or_a_network_in_use_is_refused(tape: Tape) -> None:
    """Seed 2 is another world; what was connected before is not on the tape."""
    with pytest.raises(TapeError, match="seed 1"):
        player(tape, seed=2)
    network = Network(World(seed=1))
    network.open()
    with pytest.raises(TapeError, match="start of the world"):
        network.play(tape)
    with pytest.raises(TapeError, match="start of the world"):
        network.record()


def test_a_file_holds_all_of_it(tape: Tape, tmp_path: Path) -> None:
    """What is loaded equals what was saved, and plays as it did."""
    tape.save(tmp_path / "tape")
    loaded = Tape.load(tmp_path / "tape")
    assert (loaded.entries, loaded.end_us, loaded.seed) == (tape.entries, 3 * S, 1)
    assert exchange(player(loaded)).received == CONNACK + PONG


def test_every_damaged_file_is_refused(tape: Tape, tmp_path: Path) -> None:
    """Each byte turned and each length cut; with the check sum made good again it is refused or holds other entries."""
    path = tmp_path / "tape"
    tape.save(path)
    good = path.read_bytes()
    for at in range(len(good)):
        for bad in (good[:at] + bytes([good[at] ^ 1]) + good[at + 1 :], good[:at]):
            path.write_bytes(bad)
            with pytest.raises(TapeError):
                Tape.load(path)
    forged = 0
    for at in range(len(good) - 4):
        body = good[:at] + bytes([good[at] ^ 0x80]) + good[at + 1 : -4]
        path.write_bytes(body + struct.pack("<I", zlib.crc32(body)))
        try:
            loaded = Tape.load(path)
        except TapeError:
            forged += 1
        else:
            assert (loaded.entries, loaded.seed, loaded.start_unix_s, loaded.end_us) != (
                tape.entries, 1, tape.start_unix_s, tape.end_us,
            )  # fmt: skip
    assert forged > 20
