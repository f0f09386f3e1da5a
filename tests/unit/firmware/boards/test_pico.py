"""The Pico boards' own parts under CPython: an ear that loses nothing in part, a resolver that feeds the watchdog."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

import pytest

from tests.unit.firmware.link import micro  # isort: skip  # lends CPython the names of MicroPython first

MODULES = ("firmware.boards.base", "firmware.boards.pico")


class Line:
    """A UART whose line has a burst each `period_ms` of `burst` bytes, one a millisecond; `heard` is off while it erases."""

    def __init__(self, period_ms: int, burst: int) -> None:
        self.period_ms, self.burst, self.now_ms = period_ms, burst, -1
        self.buffer = bytearray()
        self.fifo: int | None = None  # room left in it while nobody hears
        self.lost = 0

    def pass_ms(self, ms: int) -> None:
        """Bytes come; each is the time in the burst, so that a part of one shows."""
        for _ in range(ms):
            self.now_ms += 1
            at = self.now_ms % self.period_ms
            if at >= self.burst:
                continue
            if self.fifo == 0:
                self.lost += 1
                continue
            if self.fifo:
                self.fifo -= 1
            self.buffer.append(at)

    def any(self) -> int:
        return len(self.buffer)

    def read(self, n: int | None = None) -> bytes | None:
        n = len(self.buffer) if n is None else n
        data = bytes(self.buffer[:n])
        del self.buffer[:n]
        return data or None

    def erase(self, ms: int) -> str:
        """Interrupts are off for so long; the FIFO holds 32 bytes."""
        self.fifo = 32
        self.pass_ms(ms)
        self.fifo = None
        return "erased"


class Chip:
    """What `machine` counts in these tests."""

    def __init__(self) -> None:
        self.fed = 0
        self.timers: list[Callable[[Any], None]] = []


@pytest.fixture
def chip() -> Chip:
    """The state of the modules that stand for the chip's."""
    return Chip()


@pytest.fixture
def pico(chip: Chip, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """`firmware.boards.pico` over modules that stand for the chip's."""
    for name in ("machine", "network", "rp2"):
        monkeypatch.setitem(sys.modules, name, ModuleType(name))

    class Timer:
        def __init__(self, number: int, *, period: int, callback: Callable[[Any], None]) -> None:
            assert period < 8388 // 3
            chip.timers.append(callback)

        def deinit(self) -> None:
            chip.timers.pop()

    sys.modules["machine"].Timer = Timer  # type: ignore[attr-defined]
    import firmware.boards.pico as module

    yield module
    for name in MODULES:
        sys.modules.pop(name, None)


@pytest.fixture
def line(pico: ModuleType, monkeypatch: pytest.MonkeyPatch) -> Callable[[int, int], tuple[Line, Any]]:
    """Makes a line and an ear at it; what the ear sleeps passes on the line."""

    def make(period_ms: int, burst: int) -> tuple[Line, Any]:
        made = Line(period_ms, burst)
        monkeypatch.setattr(pico.time, "sleep_ms", made.pass_ms, raising=False)
        return made, pico._Ear(made)

    return make


def whole(data: bytes, burst: int) -> bool:
    """Nothing but whole bursts, and breaks between them."""
    text = data.replace(b"\r\n", b"")
    return len(text) % burst == 0 and text == bytes(range(burst)) * (len(text) // burst)


@pytest.mark.parametrize("erase_ms", [1, 45, 400])
def test_only_whole_bursts_are_heard_whenever_an_erase_falls(
    line: Callable[[int, int], tuple[Line, Any]], erase_ms: int
) -> None:
    """An erase at each of a thousand moments of the second: what is read in all is whole bursts, and few of them lack."""
    burst, lost, erased = 100, 0, 0
    for moment in range(0, 1000, 7):
        made, ear = line(1000, burst)
        made.pass_ms(1000 + moment)
        assert ear.around(made.erase, erase_ms) == "erased"
        made.pass_ms(1999 - made.now_ms % 1000)
        data = b""
        while part := ear.read(64):
            data += part
        assert whole(data, burst), moment
        lost += made.now_ms // 1000 - len(data.replace(b"\r\n", b"")) // burst - 1 > 0
        erased += 1
    assert lost <= erased * (erase_ms + burst + 50) / 1000 + 2


def test_what_came_before_is_kept_when_a_burst_is_cut(line: Callable[[int, int], tuple[Line, Any]]) -> None:
    """A whole burst waits unread, the erase cuts the next: the first is read, then a break, then nothing of the second."""
    made, ear = line(200, 100)
    made.pass_ms(300)
    made.buffer.clear()
    made.pass_ms(100 + 100)
    assert ear.any() == 100
    ear.around(made.erase, 180)
    assert made.lost > 0
    assert ear.read(1000) == bytes(range(100)) + b"\r\n"
    assert ear.read(1000) is None


def test_a_line_that_never_rests_is_no_longer_listened_to(line: Callable[[int, int], tuple[Line, Any]]) -> None:
    """After a second without a pause the erase takes place, and nothing is ever read again: the driver starts anew."""
    made, ear = line(10, 10)
    assert ear.around(made.erase, 45) == "erased"
    made.pass_ms(100)
    assert ear.any() > 0
    assert ear.read(100) is None
    assert ear.ioctl(3, 1) == 0


def test_a_rest_in_the_line_costs_nothing(line: Callable[[int, int], tuple[Line, Any]]) -> None:
    """An erase between two bursts, with fewer than 32 bytes of the next in the UART: every byte is heard."""
    made, ear = line(1000, 100)
    made.pass_ms(1000 + 990 - 45)
    made.buffer.clear()
    ear.around(made.erase, 45)
    made.pass_ms(200)
    assert (made.lost, ear.read(1000)) == (0, bytes(range(100)))


def test_the_watchdog_is_fed_while_a_name_is_resolved_and_not_for_ever(
    pico: ModuleType, chip: Chip, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is fed at the start and by the timer, 18 s in all; the timer ends with the resolution, and with its failure too."""

    class Dog:
        def feed(self) -> None:
            chip.fed += 1

    class Owner:
        wdt = Dog()

    def dead(*args: object) -> None:
        for _ in range(100):
            chip.timers[-1](None)
        raise OSError(-2)

    names = pico._Names(Owner())
    monkeypatch.setattr(pico.socket, "getaddrinfo", dead)
    with pytest.raises(OSError, match="-2"):
        names.getaddrinfo("broker.example", 1883)
    assert 7 <= chip.fed <= 9
    assert chip.timers == []
    monkeypatch.setattr(pico.socket, "getaddrinfo", lambda *args: args)
    assert names.getaddrinfo("broker.example", 1883) == ("broker.example", 1883)
    assert names.SOCK_STREAM == pico.socket.SOCK_STREAM


__all__ = ["micro"]
