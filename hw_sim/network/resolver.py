"""The resolver of a network, and of the board the part that asks it: questions over UDP, lost for good or asked again.

Source: lwIP, `dns.c`: a question is asked DNS_MAX_RETRIES = 4 times, after 1, 1, 2 and 3 s; then the name is given up.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from hw_sim.network.connection import NOBODY

if TYPE_CHECKING:
    from hw_sim.network.net import Network

EAI_FAIL = -202  # what getaddrinfo raises on the ESP32 when a name does not resolve
WAITS_MS = (1_000, 1_000, 2_000, 3_000)


def _literal(host: str) -> bool:
    """An IPv4 address in four parts, which lwIP's `netconn_gethostbyname` gives back without a question."""
    parts = host.split(".")
    return len(parts) == 4 and all(part.isascii() and part.isdigit() and int(part[:4]) < 256 for part in parts)


class Answer(NamedTuple):
    """After how long: addresses with commas between, or an errno."""

    took_us: int
    addresses: str = ""
    errno: int = 0


class Resolver:
    """Names as the network has them, through its faults."""

    def __init__(self, network: Network) -> None:
        self._network = network
        self._rng = network.world.random("resolver")

    def ask(self, host: str) -> Answer:
        """What the board is told, and when. Literal addresses are asked of nobody."""
        network, fault = self._network, self._network.fault
        if _literal(host) and host not in network.hosts:
            return Answer(0, host)
        if not network.online:
            return Answer(0, errno=EAI_FAIL)
        waited_ms = self._unheard_ms()
        if waited_ms is None:
            return Answer(sum(WAITS_MS) * 1000, errno=EAI_FAIL)
        jitter_ms = self._rng.randint(0, fault.jitter_ms) if fault.jitter_ms else 0
        took_us = 1000 * (waited_ms + fault.latency_ms + network.delay_ms() + jitter_ms)
        addresses = self._said(host)
        return Answer(took_us, addresses, 0 if addresses else EAI_FAIL)

    def _unheard_ms(self) -> int | None:
        """How long until a question is answered, beside the way; None: none is."""
        fault = self._network.fault
        if fault.dns == "silent" or not self._network.carries():
            return None
        waited_ms = 0
        for wait_ms in WAITS_MS:
            if not fault.loss or self._rng.random() >= fault.loss:
                return waited_ms
            waited_ms += wait_ms
        return None

    def _said(self, host: str) -> str:
        network, fault = self._network, self._network.fault
        if fault.portal:
            return fault.portal.address
        known = network.addresses(host)
        if fault.dns == "stale" and known:
            return f"{NOBODY}{1 + sorted(network.hosts).index(host)}"
        return "" if fault.dns == "nxdomain" else known
