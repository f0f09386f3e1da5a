"""What device and server first say to each other on the desk: one envelope each way, and no number twice."""

from __future__ import annotations

import contextlib
import gc

import pytest

from firmware import enrol
from firmware.errors import SealError, WireError
from firmware.flash.region import RawRegion
from firmware.flash.spool import Spool
from firmware.keystore import KeyStore
from firmware.wire import msgpack
from tests.unit.firmware import aes_provider
from tests.unit.firmware.device import FIRST_EPOCH, Flash, Server, number_of
from tests.unit.firmware.nor import PowerCut, Supply
from tests.unit.firmware.test_enrol import SOUND, Board

aes_provider.install()


class Desk(Board):
    """What hello() asks of a board beyond install()."""

    def random(self, n: int) -> bytes:
        """Random bytes."""
        return self.flash.supply.rng.randbytes(n)

    def reset_cause(self) -> int:
        """Power-on."""
        return 0

    def battery_mv(self) -> int:
        """A full one."""
        return 4100


@pytest.fixture
def desk(monkeypatch: pytest.MonkeyPatch) -> Desk:
    """A board that was installed just now."""
    monkeypatch.setattr(gc, "mem_free", lambda: 100_000, raising=False)
    flash = Flash()
    board = Desk(flash)
    enrol.install(flash.log(), board, msgpack.pack(SOUND))
    return board


def waiting(desk: Desk) -> list[bytes]:
    """Envelopes in the spool."""
    return [entry.envelope for entry in Spool(RawRegion(desk.flash.spool)).pending()]


def test_a_hello_is_a_status_that_its_server_opens(desk: Desk) -> None:
    """Number 0 of its day, without a time, from a device that has not started yet; and it waits for the first contact."""
    hello = enrol.hello(desk.flash.log(), desk)
    assert number_of(hello) == (0, 4, FIRST_EPOCH, 0)
    reason, time_s, uptime_s, directive, down_next, challenge, boots, *rest = msgpack.unpack(Server().open(hello))
    assert (reason, time_s, uptime_s, directive, down_next, boots) == (1, -61, 0, 0, 0, 0)
    assert len(challenge) == 8
    assert rest[:6] == [0, 4100, 0, 0, 0, 32]  # reset, battery, spooled, lost, refused; faults: no trusted time
    assert waiting(desk) == [hello]


def test_its_number_is_never_used_again(desk: Desk) -> None:
    """Neither by another hello nor by the device that starts then."""
    first, second = (enrol.hello(desk.flash.log(), desk) for _ in range(2))
    keys = KeyStore(desk.flash.log())
    keys.boot()
    counter, _ = keys.next_envelope(4, FIRST_EPOCH)
    assert number_of(first)[3] < number_of(second)[3] < counter


def test_a_cut_hello_is_not_sealed_twice() -> None:
    """The power goes at each operation of flash: what is in the spool then, and what comes after it, have different numbers."""
    for cut_at in range(12):
        supply = Supply()
        flash = Flash(supply)
        desk = Desk(flash)
        enrol.install(flash.log(), desk, msgpack.pack(SOUND))
        supply.restart(supply.operations + cut_at)
        with contextlib.suppress(PowerCut):
            enrol.hello(flash.log(), desk)
        supply.restart()
        before = waiting(desk)
        after = enrol.hello(flash.log(), desk)
        numbers = [number_of(each) for each in [*before, after]]
        assert len(set(numbers)) == len(numbers)
    assert len(before) == 1


@pytest.fixture(autouse=True)
def memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """CPython does not count it."""
    monkeypatch.setattr(gc, "mem_free", lambda: 100_000, raising=False)


def test_an_answer_is_opened_and_nothing_changes(desk: Desk) -> None:
    """A verdict, a time, an offer of healing: each is opened as often as it is shown, and comes again at the first contact."""
    server = Server()
    hello = enrol.hello(desk.flash.log(), desk)
    verdict = server.down([1, [*number_of(hello), bytes(8), 0]])
    told = server.down([3, 1_780_000_000, bytes(8)])
    healing = server.down([4, bytes(32), FIRST_EPOCH + 1, FIRST_EPOCH])
    before = desk.flash.raw()
    for _ in range(2):
        assert [enrol.greet(desk.flash.log(), each) for each in (verdict, told, healing)] == [1, 3, 4]
    assert desk.flash.raw() == before
    assert waiting(desk) == [hello]


def test_an_answer_whose_number_is_used_up(desk: Desk) -> None:
    """Behind a contact it proves nothing any more, and says so."""
    answer = Server().down([1, [0, 4, FIRST_EPOCH, 0, bytes(8), 0]])
    keys = KeyStore(desk.flash.log())
    keys.down_key(0)
    keys.down_accept(0)
    assert enrol.greet(desk.flash.log(), answer) == 0


@pytest.mark.parametrize("change", ["tag", "generation", "far", "cut", "empty", "uplink"])
def test_what_is_no_answer_changes_nothing(desk: Desk, change: str) -> None:
    """One byte of the tag, another generation, a number out of reach, half of it, nothing, a hello: all is as before."""
    server = Server()
    sound = server.down([1, [0, 4, FIRST_EPOCH, 0, bytes(8), 0]])
    bad = {
        "tag": sound[:-1] + bytes([sound[-1] ^ 1]),
        "generation": sound[:3] + b"\x01" + sound[4:],
        "far": server.down([1], 4097),
        "cut": sound[:-1],
        "empty": b"",
        "uplink": enrol.hello(desk.flash.log(), desk),
    }[change]
    before = desk.flash.raw()
    with pytest.raises((WireError, SealError), match="another generation" if change == "generation" else None):
        enrol.greet(desk.flash.log(), bad)
    assert desk.flash.raw() == before
    assert enrol.greet(desk.flash.log(), sound) == 1
