"""Faults of Wi-Fi, IP, names and the broker."""

from __future__ import annotations

from hw_sim.errors import FaultError
from hw_sim.faults.fault import Effect, Parameter, Value, fault, happened, near
from hw_sim.faults.site import Site
from hw_sim.network.traffic import NAMES, Direction, name_of

SHARE = Parameter("of all segments", 0.2, "", 0.0, 1.0)
PACKETS = tuple(name for name in NAMES if not name.startswith("reserved"))


def _turned(site: Site, **switches: Value) -> Effect:
    undone = [site.turn(site.network, f"fault.{name}", value) for name, value in switches.items()]

    def undo() -> None:
        for each in reversed(undone):
            each()

    return Effect(undo)


@fault(
    "wifi-gone",
    "network",
    "No access point in reach, and no route.",
    "IEEE 802.11; ESP-IDF, Wi-Fi reason codes (BEACON_TIMEOUT, NO_AP_FOUND)",
)
def wifi_gone(site: Site) -> Effect:
    """Connections that stand are lost without a word."""
    return _turned(site, down=True)


@fault(
    "wifi-wrong-key",
    "network",
    "The access point was given another key.",
    "ESP-IDF, Wi-Fi reason codes (4WAY_HANDSHAKE_TIMEOUT)",
    ssid=Parameter("which access point; empty for all", ""),
    example={"ssid": "depot"},
)
def wifi_wrong_key(site: Site, ssid: str) -> Effect:
    """A link that stands goes on; the next association fails."""
    known = site.network.wifi
    if not known:
        raise FaultError("there is no access point whose key could change: give the network one by wifi")
    if ssid and ssid not in known:
        raise FaultError(f"no access point {ssid!r}{near(ssid, known)}; there are {', '.join(known) or 'none'}")
    other = {name: key + "!" if ssid in ("", name) else key for name, key in known.items()}
    return Effect(site.turn(site.network, "wifi", other))


@fault(
    "connection-refused",
    "network",
    "The host is there and refuses connections.",
    "RFC 9293, 3.10.7.1 (reset in state CLOSED)",
)
def connection_refused(site: Site) -> Effect:
    """ECONNREFUSED; connections that stand go on."""
    return _turned(site, refuse=True)


@fault(
    "half-open",
    "network",
    "Bytes vanish both ways, and no end of the connection is seen: a NAT that forgot, a peer that was swapped.",
    "RFC 9293, 3.5.1 (half-open connections); RFC 5382, REQ-5 (NAT timeouts)",
)
def half_open(site: Site) -> Effect:
    """A connection that lost bytes never goes on, also after the end."""
    return _turned(site, half_open=True)


@fault(
    "delay",
    "network",
    "What comes down comes later, by a fixed time and a spread.",
    "RFC 7679 (one-way delay)",
    latency_ms=Parameter("each segment", 800, "ms", 0, 3_600_000),
    jitter_ms=Parameter("and up to so much more, by chance", 0, "ms", 0, 3_600_000),
    example={"latency_ms": 2000, "jitter_ms": 500},
)
def delay(site: Site, latency_ms: int, jitter_ms: int) -> Effect:
    """Order stays, as in TCP."""
    return _turned(site, latency_ms=latency_ms, jitter_ms=jitter_ms)


@fault(
    "loss",
    "network",
    "Segments are lost, and TCP says them again.",
    "RFC 6298 (retransmission timer); lwIP's first timeout in ESP-IDF, 1.5 s",
    share=SHARE,
    again_ms=Parameter("until it is said again", 1500, "ms", 1, 600_000),
    example={"share": 0.3},
)
def loss(site: Site, share: float, again_ms: int) -> Effect:
    """What was lost and all behind it comes later."""
    return _turned(site, loss=share, again_ms=again_ms)


@fault(
    "reordering",
    "network",
    "Segments overtake one another, so that those behind a late one wait for it.",
    "RFC 4737 (packet reordering)",
    share=SHARE,
    late_ms=Parameter("by which a segment is late", 50, "ms", 1, 600_000),
    example={"share": 0.1, "late_ms": 200},
)
def reordering(site: Site, share: float, late_ms: int) -> Effect:
    """TCP hands over in order; what shows is time."""
    return _turned(site, reorder=share, reorder_ms=late_ms)


@fault(
    "duplication",
    "network",
    "Segments come twice; TCP drops the second one, which costs air time.",
    "RFC 5560 (one-way packet duplication); RFC 9293, 3.4 (duplicates)",
    share=SHARE,
    example={"share": 0.5},
)
def duplication(site: Site, share: float) -> Effect:
    """Counted in `network.duplicates`."""
    return _turned(site, duplicate=share)


@fault(
    "slow-link",
    "network",
    "So few bytes a second pass.",
    "EDGE coverage, a shared access point at its limit",
    up_bytes_s=Parameter("up", 1000, "bytes/s", 1, 1_000_000_000),
    down_bytes_s=Parameter("down", 1000, "bytes/s", 1, 1_000_000_000),
    example={"up_bytes_s": 200, "down_bytes_s": 500},
)
def slow_link(site: Site, up_bytes_s: int, down_bytes_s: int) -> Effect:
    """The send buffer fills, and writes have to wait."""
    return _turned(site, up_bytes_s=up_bytes_s, down_bytes_s=down_bytes_s)


@fault(
    "link-cut",
    "network",
    "The connection is reset after so many more bytes, in the middle of a packet where it falls so.",
    "RFC 9293, 3.5.2 (reset); access points that reboot in the middle of an upload",
    n_bytes=Parameter("until the cut", 100, "bytes", 1, 1 << 30),
    direction=Parameter("bytes of which way count", "up", choices=("up", "down")),
    example={"n_bytes": 300, "direction": "down"},
)
def link_cut(site: Site, n_bytes: int, direction: str) -> Effect:
    """Once; the end takes back one that has not come yet."""
    switch = "cut_after_bytes" if direction == "up" else "cut_down_after_bytes"
    network = site.network
    if getattr(network.fault, switch) is not None:
        raise FaultError(f"another cut of the bytes {direction} is armed already; end that one first")
    setattr(network.fault, switch, n_bytes)
    return Effect(lambda: setattr(network.fault, switch, None), lambda: getattr(network.fault, switch) is None)


@fault(
    "lost-packets",
    "network",
    "MQTT packets of one kind never arrive, while the connection stands: a broker or a proxy that swallows them.",
    "MQTT 3.1.1, 4.4 (delivery retry): an acknowledgement that does not come is all that the client learns",
    packet=Parameter("which kind", "PUBACK", choices=PACKETS),
    direction=Parameter("on its way up or down", "down", choices=("up", "down")),
    first=Parameter("so many of them, 0 for all", 0, "", 0, 1_000_000),
    example={"packet": "PUBLISH", "direction": "up", "first": 2},
)
def lost_packets(site: Site, packet: str, direction: str, first: int) -> Effect:
    """Beside what other faults lose."""
    lost = 0
    before = site.network.fault.drop

    def drop(way: Direction, data: bytes) -> bool:
        nonlocal lost
        if before is not None and before(way, data):
            return True
        if way != direction or name_of(data) != packet or (first and lost >= first):
            return False
        lost += 1
        return True

    return Effect(site.turn(site.network, "fault.drop", drop), lambda: lost > 0)


@fault(
    "resolver-fails",
    "network",
    "Names do not resolve: no answer, an answer that there is no such name, or an address of yesterday.",
    "RFC 1035, 4.1.1 (RCODE 3); RFC 2308; lwIP gives up after four questions",
    how=Parameter("how", "silent", choices=("silent", "nxdomain", "stale")),
    example={"how": "stale"},
)
def resolver_fails(site: Site, how: str) -> Effect:
    """Addresses that the program keeps go on working."""
    return _turned(site, dns=how)


@fault(
    "captive-portal",
    "network",
    "The access point leads everything to its own page until somebody signs in.",
    "RFC 8908, RFC 8952 (captive portal architecture)",
)
def captive_portal(site: Site) -> Effect:
    """HTTP is redirected, TLS and MQTT end with an error."""
    from hw_sim.network.portal import Portal

    return Effect(site.turn(site.network, "fault.portal", Portal()))


def _broker_of(site: Site) -> None:
    if site.broker is None:
        raise FaultError(
            "this site has no broker that could be stopped: start one for it, or name the product's scenario"
        )


@fault(
    "broker-gone",
    "network",
    "The broker dies with all that it had in memory, and a new one starts when the fault ends.",
    "MQTT 3.1.1, 4.1 (storing state): a session lives only as long as the server keeps it",
)
def broker_gone(site: Site) -> Effect:
    """The port refuses meanwhile."""
    _broker_of(site)
    broker = site.broker
    assert broker is not None  # noqa: S101 - told above
    broker.stop_broker()
    return Effect(broker.start_broker)


@fault(
    "broker-restart",
    "network",
    "The broker dies with all that it had in memory, and another is there at once.",
    "MQTT 3.1.1, 4.1 (storing state), 3.1.2.4 (clean session)",
    lasts=False,
)
def broker_restart(site: Site) -> Effect:
    """Connections are reset, sessions are gone."""
    _broker_of(site)
    if site.broker is not None:
        site.broker.stop_broker()
        site.broker.start_broker()
    return happened()
