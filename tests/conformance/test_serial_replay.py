"""The serial link's frames at three who were written apart: the firmware, the agent's gateway, the simulator's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from agent.gateway import frames
from firmware.link import serial
from hw_sim.network import gateway

from . import corpora
from .vectorfile import Case

Whole = tuple[int, int, bytes]


def agents(stuffed: bytes) -> Whole | None:
    """What the agent finds between two zeros."""
    found = frames.Parser().feed(b"\0" + stuffed + b"\0")
    return (found[0].kind | 0x80 * found[0].again, found[0].number, found[0].body) if found else None


def bounded(unframe: Callable[[bytes], Any]) -> Callable[[bytes], Any]:
    """The others bound and name frames where they read: longer ones and unknown types are passed over there."""

    def read(stuffed: bytes) -> Whole | None:
        whole = unframe(stuffed) if len(stuffed) <= 1038 else None
        return whole if whole and 1 <= whole[0] & 0x7F <= 10 else None

    return read


READ: dict[str, Callable[[bytes], Whole | None]] = {
    "agent": agents,
    "firmware": bounded(serial.unframe),
    "simulator": bounded(gateway.unframe),
}
MADE: dict[str, Callable[[int, int, bytes], bytes]] = {
    "agent": lambda kind, number, body: frames.pack(kind & 0x7F, number, body, again=kind >= 0x80),
    "firmware": serial.frame,
    "simulator": gateway.frame,
}


def cases(group: str) -> Any:
    """Parametrise over the cases of a group, by their names."""
    chosen = corpora.vectors("serial")[group]
    return pytest.mark.parametrize("case", chosen, ids=[case["name"] for case in chosen])


@pytest.mark.parametrize("who", READ)
@cases("valid")
def test_a_valid_frame_is_read_and_made(case: Case, who: str) -> None:
    """Type, number and body come out of the stuffed bytes, and a sender makes just these."""
    kind, stuffed = case["type"] | 0x80 * case["again"], bytes.fromhex(case["stuffed"])
    whole = (kind, case["number"], bytes.fromhex(case["body"]))
    assert READ[who](stuffed) == whole
    if case["canonical"]:
        assert MADE[who](*whole) == b"\0" + stuffed + b"\0"


@pytest.mark.parametrize("who", READ)
@cases("invalid")
def test_an_invalid_frame_is_passed_over(case: Case, who: str) -> None:
    """No frame comes of it."""
    assert READ[who](bytes.fromhex(case["stuffed"])) is None


@cases("invalid")
def test_the_agent_counts_it_by_its_kind(case: Case) -> None:
    """What was dropped is counted by the very reason, once."""
    parser = frames.Parser()
    assert parser.feed(b"\0" + bytes.fromhex(case["stuffed"]) + b"\0") == []
    assert parser.dropped == {case["kind"]: 1}
