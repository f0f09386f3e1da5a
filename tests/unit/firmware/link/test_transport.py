"""Which address a connection goes to: one that was proven is taken without asking, within bounds."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from tests.unit.firmware.link import micro

from firmware.errors import LinkError  # isort: skip
from firmware.link.transport import TcpTransport  # isort: skip

HOUR_S = 3600
BROKER = ("broker.example", 1883, 15_000)


class Stack:
    """A stack of sockets and a resolver at once; `answers` are the addresses that answer."""

    SOCK_STREAM = 1

    def __init__(self) -> None:
        self.named = ["192.0.2.1"]
        self.answers = {"192.0.2.1"}
        self.asked = 0
        self.tried: list[str] = []

    def getaddrinfo(self, host: str, port: int, *rest: Any) -> list[tuple[Any, ...]]:
        """What the resolver says."""
        self.asked += 1
        if not self.named:
            raise OSError(-202)
        return [(2, 1, 6, "", (address, port)) for address in self.named]

    def socket(self, *args: Any) -> Stack:
        """A socket."""
        return self

    def setblocking(self, on: bool) -> None:
        """It never blocks."""

    def close(self) -> None:
        """It closes."""


class Transport(TcpTransport):
    """Without MicroPython's own generators."""

    async def _connect(self, address: Any) -> None:  # type: ignore[override]
        stack = self._socket_module
        stack.tried.append(address[0])
        if address[0] not in stack.answers:
            raise OSError(111)


def contacts(act: Callable[[Stack, Transport], Any]) -> Stack:
    """Run `act` behind one contact that was proven."""

    async def main() -> Stack:
        stack = Stack()
        transport = Transport(stack)
        await transport.open(*BROKER)
        transport.prove()
        assert (stack.asked, stack.tried) == (1, ["192.0.2.1"])
        stack.tried.clear()
        await act(stack, transport)
        return stack

    found: Stack = micro.run(main(), 1e7)
    return found


def test_an_address_that_was_proven_is_not_asked_for_again() -> None:
    """Ten contacts within the hour, each of them proven, with a resolver that is dead."""

    async def act(stack: Stack, transport: Transport) -> None:
        stack.named = []
        for _ in range(10):
            await asyncio.sleep(300)
            await transport.open(*BROKER)
            transport.prove()

    stack = contacts(act)
    assert stack.asked == 1 and stack.tried == ["192.0.2.1"] * 10


@pytest.mark.parametrize(("after_s", "asked"), [(HOUR_S - 1, 1), (HOUR_S, 2), (14 * 24 * HOUR_S, 3)])
def test_it_serves_for_an_hour_since_the_resolver_named_it(after_s: int, asked: int) -> None:
    """Then the resolver is asked, however well it works; also a week later, when the ticks tell no order any more."""

    async def act(stack: Stack, transport: Transport) -> None:
        await asyncio.sleep(after_s / 2)
        await transport.open(*BROKER)
        transport.prove()  # which does not begin the hour anew
        await asyncio.sleep(after_s / 2)
        await transport.open(*BROKER)

    assert contacts(act).asked == asked


def test_an_address_that_proves_nothing_serves_no_second_time() -> None:
    """Whoever answers there now and cannot seal is left at the next contact: it may be a portal's."""

    async def act(stack: Stack, transport: Transport) -> None:
        await transport.open(*BROKER)
        await transport.open(*BROKER)

    stack = contacts(act)
    assert stack.asked == 2


def test_what_a_portal_names_is_asked_for_anew_each_time() -> None:
    """An address that was never proven."""

    async def act(stack: Stack, transport: Transport) -> None:
        await transport.open(*BROKER)
        stack.named, stack.answers = ["198.51.100.9"], {"198.51.100.9"}
        for _ in range(3):
            await transport.open(*BROKER)
        stack.named, stack.answers = ["192.0.2.1"], {"192.0.2.1", "198.51.100.9"}
        await transport.open(*BROKER)

    stack = contacts(act)
    assert stack.asked == 5 and stack.tried == ["192.0.2.1", *["198.51.100.9"] * 3, "192.0.2.1"]


def test_a_broker_that_moved_is_found_at_once() -> None:
    """The kept address does not answer: the resolver is asked in the same contact."""

    async def act(stack: Stack, transport: Transport) -> None:
        stack.named, stack.answers = ["192.0.2.2"], {"192.0.2.2"}
        await transport.open(*BROKER)

    stack = contacts(act)
    assert stack.asked == 2 and stack.tried == ["192.0.2.1", "192.0.2.2"]


@pytest.mark.parametrize("other", [("other.example", 1883, 15_000), ("broker.example", 8883, 15_000)])
def test_it_serves_its_own_name_and_port_only(other: tuple[str, int, int]) -> None:
    """Settings that change name another broker."""

    async def act(stack: Stack, transport: Transport) -> None:
        await transport.open(*other)

    assert contacts(act).asked == 2


def test_nobody_is_kept_of_a_contact_that_failed() -> None:
    """No address answers: nothing is left that could be proven."""

    async def act(stack: Stack, transport: Transport) -> None:
        stack.answers = set()
        with pytest.raises(LinkError, match="no connection"):
            await transport.open(*BROKER)
        transport.prove()
        stack.named, stack.answers = ["192.0.2.2"], {"192.0.2.1", "192.0.2.2"}
        await transport.open(*BROKER)

    stack = contacts(act)
    assert stack.tried[-1] == "192.0.2.2"
