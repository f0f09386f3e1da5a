"""The gateway's figures: for Prometheus (text format 0.0.4), and for `--status`.

What is counted of envelopes is counted of all ports together; of one port there is only whether it is open and how bad its
line is [frames a port are the movements of the vehicle behind it, in whatever keeps the metrics]. No device is a label.
`--status`, which the gateway's own user alone can ask, tells of each port.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
# Counts of a contact that are about the line and not about what its device does (`Contact.counts`).
_NOISE = ("long", "cobs", "length", "crc", "type", "direction", "form", "name")
_LIMITED = ("frame", "hello", "up")
_FRAME_BYTES = 1038


@dataclass(frozen=True, slots=True)
class PortFigures:
    """One port; `state` is "contact", "open" or "refused"."""

    port: str
    state: str
    read_bytes: int = 0
    written_bytes: int = 0
    counts: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Figures:
    """All of a gateway at one moment."""

    name: str
    up_s: float
    broker: str
    tls: bool
    connected: bool
    broker_losses: int
    broker_refusals: int
    spool_taking: bool
    spool_envelopes: int
    spool_bytes: int
    spool_most_bytes: int
    spool_oldest_s: float
    spool_expired: int
    spool_set_aside: int
    spool_writable: bool
    spool_trouble: str  # why it is not; of the machine, never of a device
    aside_files: int
    aside_bytes: int
    aside_dropped: int
    ports_lost: int
    ports_refused: int
    stalled_bytes: int
    in_flight: int
    stalled_s: float
    counts: Mapping[str, float]
    ports: tuple[PortFigures, ...]

    @property
    def line(self) -> str:
        """One line for people."""
        talking = sum(1 for port in self.ports if port.state == "contact")
        there = sum(1 for port in self.ports if port.state != "refused")
        broker = "broker there" if self.connected else "no broker"
        spool = "" if self.spool_taking else ", SPOOL FULL" if self.spool_writable else ", SPOOL CANNOT BE WRITTEN"
        return f"ports: {there}, in contact: {talking}, {broker}, envelopes that wait: {self.spool_envelopes}{spool}"


def noise_of(counts: Mapping[str, int]) -> int:
    """How many pieces of what a port said were no frame, or beyond its limits; bytes that nobody looked at count as frames."""
    pieces = sum(counts.get(f"dropped_{reason}", 0) for reason in _NOISE)
    pieces += sum(counts.get(f"limited_{what}", 0) for what in _LIMITED)
    return pieces - -counts.get("limited_bytes", 0) // _FRAME_BYTES


def as_json(figures: Figures) -> bytes:
    """One object on one line."""
    values: dict[str, Any] = asdict(figures)
    return json.dumps(values, separators=(",", ":")).encode() + b"\n"


def text(figures: Figures) -> str:
    """All metrics, each with its help before it."""
    return "\n".join(_lines(figures)) + "\n"


def answer(request: bytes, figures: Figures) -> bytes | None:
    """The HTTP answer to GET or HEAD of /metrics; None while the request's head is not complete."""
    if b"\r\n\r\n" not in request and b"\n\n" not in request and len(request) < 4096:
        return None
    words = request.split(b"\r\n", 1)[0].split(b" ")
    if len(words) != 3 or words[0] not in (b"GET", b"HEAD"):
        return _http("405 Method Not Allowed", "there is GET /metrics\n", body=True)
    if words[1].partition(b"?")[0] != b"/metrics":
        return _http("404 Not Found", "there is /metrics\n", body=words[0] == b"GET")
    return _http("200 OK", text(figures), body=words[0] == b"GET")


def _http(status: str, content: str, *, body: bool) -> bytes:
    data = content.encode()
    head = (
        f"HTTP/1.1 {status}\r\nContent-Type: {CONTENT_TYPE}\r\nContent-Length: {len(data)}\r\n"
        "Cache-Control: no-store\r\nConnection: close\r\n\r\n"
    )
    return head.encode() + (data if body else b"")


def _lines(figures: Figures) -> Iterator[str]:
    for name, kind, help_text, value in (
        ("up_seconds", "gauge", "How long the gateway has run.", figures.up_s),
        ("broker_connected", "gauge", "1 while the connection upwards stands.", int(figures.connected)),
        ("broker_losses_total", "counter", "Connections upwards that stood and were lost.", figures.broker_losses),
        ("broker_refusals_total", "counter", "Attempts at the broker in vain.", figures.broker_refusals),
        ("in_flight", "gauge", "Envelopes published and not acknowledged by the broker.", figures.in_flight),
        ("stalled_seconds", "gauge", "For how long none of them has been.", figures.stalled_s),
        ("spool_taking", "gauge", "1 while envelopes are taken.", int(figures.spool_taking)),
        ("spool_writable", "gauge", "1 while the disk takes what is written.", int(figures.spool_writable)),
        ("spool_envelopes", "gauge", "Envelopes that wait for the broker.", figures.spool_envelopes),
        ("spool_bytes", "gauge", "What they take of the bound.", figures.spool_bytes),
        ("spool_most_bytes", "gauge", "The bound.", figures.spool_most_bytes),
        ("spool_oldest_seconds", "gauge", "Age of the oldest of them.", figures.spool_oldest_s),
        (
            "spool_expired_total",
            "counter",
            "Envelopes dropped because they had waited too long.",
            figures.spool_expired,
        ),
        ("spool_set_aside_total", "counter", "Damaged spools put aside.", figures.spool_set_aside),
        ("spool_set_aside_files", "gauge", "Of them all, those that are kept.", figures.aside_files),
        ("spool_set_aside_bytes", "gauge", "What these take of the disk.", figures.aside_bytes),
        ("spool_set_aside_dropped_total", "counter", "Damaged spools deleted for newer ones.", figures.aside_dropped),
        ("ports_lost_total", "counter", "Ports that were open and are gone.", figures.ports_lost),
        ("ports_refused_total", "counter", "Attempts at ports in vain.", figures.ports_refused),
        ("stalled_bytes_total", "counter", "Bytes thrown away because a port took nothing.", figures.stalled_bytes),
    ):
        yield from _head(name, kind, help_text)
        yield f"byleave_gateway_{name} {_number(value)}"
    yield from _head("events_total", "counter", "Frames and envelopes of all ports, by what became of them.")
    for kind, value in sorted(figures.counts.items()):
        yield f'byleave_gateway_events_total{{kind="{kind}"}} {_number(value)}'
    yield from _head("port_open", "gauge", "1 while the port is open, 0 while it is there and cannot be had.")
    for port in figures.ports:
        yield f"byleave_gateway_port_open{_label(port.port)} {int(port.state != 'refused')}"
    yield from _head("port_noise_total", "counter", "What a port said that was no frame, or beyond its limits.")
    for port in figures.ports:
        if port.state != "refused":
            yield f"byleave_gateway_port_noise_total{_label(port.port)} {noise_of(port.counts)}"


def _label(port: str) -> str:
    escaped = port.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'{{port="{escaped}"}}'


def _head(name: str, kind: str, help_text: str) -> Iterator[str]:
    yield f"# HELP byleave_gateway_{name} {help_text}"
    yield f"# TYPE byleave_gateway_{name} {kind}"


def _number(value: float) -> str:
    return str(int(value)) if value == int(value) else f"{value:.3f}"
