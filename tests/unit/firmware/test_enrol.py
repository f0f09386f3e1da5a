"""Enrolment at the device: all or nothing, and nothing of the former person."""

from __future__ import annotations

import json
from typing import Any

import pytest

from firmware import enrol
from firmware.errors import WireError
from firmware.flash.region import RawRegion
from firmware.flash.rules import Rules
from firmware.flash.spool import Spool
from firmware.keystore import KeyStore
from firmware.wire import ladder, msgpack
from tests.unit.firmware.device import DEVICE, FIRST_EPOCH, NOW_S, ROOT, Flash, enrolled
from tests.unit.firmware.test_minimise import directive

SETTINGS: dict[str, Any] = {
    "board": "esp32s3",
    "wifi": {"ssid": "depot", "key": "w"},
    "broker": {"host": "broker.example", "port": 1883, "user": "u", "password": "p", "tls": False},
}
SOUND: list[Any] = [1, DEVICE, ROOT, 0, FIRST_EPOCH, NOW_S, json.dumps(SETTINGS)]


class Board:
    """What install() asks of a board."""

    def __init__(self, flash: Flash) -> None:
        self.flash = flash
        self.saved: dict[str, Any] | None = None

    def region(self, label: str) -> RawRegion:
        """A raw region."""
        return RawRegion(getattr(self.flash, label))

    def save_settings(self, settings: dict[str, Any]) -> None:
        """Into the file system."""
        self.saved = settings


def test_an_enrolment_is_installed() -> None:
    """Keys in the log, settings without them in the file system, both durable."""
    flash = Flash()
    board = Board(flash)
    keys = enrol.install(flash.log(), board, msgpack.pack(SOUND))
    again = KeyStore(flash.log())
    assert (keys.device, again.device, again.enrolled, again.epoch) == (DEVICE, DEVICE, True, FIRST_EPOCH)
    assert board.saved == SETTINGS
    assert ROOT not in flash.raw()
    assert bytes(again.next_envelope(1, FIRST_EPOCH)[1]) == ladder.seal_key(
        ladder.day_chain(ladder.spine(ROOT, 1), 1), 1
    )


def test_nothing_of_the_former_person_is_left() -> None:
    """Keys, directive and waiting envelopes are gone from raw flash; counts begin anew."""
    device = enrolled()
    device.keys.boot()
    device.keys.set_directive_high(30)
    entry = device.sealer.seal(1, b"plaintext", 1, NOW_S)
    zone = [[5567, 628]]
    Rules(device.flash.log("rules")).save(directive(version=30, zones=zone))
    record = bytes(device.flash.keys.data[:4096]).strip(b"\x00\xff")
    assert entry.envelope in device.flash.raw()
    enrol.install(
        device.flash.log(),
        Board(device.flash),
        msgpack.pack([*SOUND[:1], "zzzzzzzzzzzzzzzz", bytes(range(32)), 1, *SOUND[4:]]),
    )
    assert record[60:200] not in device.flash.raw()
    assert entry.envelope not in device.flash.raw()
    assert DEVICE.encode() not in device.flash.raw()
    assert Rules(device.flash.log("rules")).directive is None
    assert msgpack.pack(zone[0]) not in bytes(device.flash.rules.data)
    keys = KeyStore(device.flash.log())
    assert (keys.generation, keys.boots, keys.directive_high, keys.down_next) == (1, 0, 0, 0)
    assert Spool(RawRegion(device.flash.spool)).count() == 0


def _with(index: int, value: Any) -> list[Any]:
    return [*SOUND[:index], value, *SOUND[index + 1 :]]


def _told(section: str, **changes: Any) -> list[Any]:
    """With one setting of a section changed, or left out where it is None."""
    values = {name: value for name, value in {**SETTINGS[section], **changes}.items() if value is not None}
    return _with(6, json.dumps({**SETTINGS, section: values}))


@pytest.mark.parametrize(
    "wrong",
    [
        _with(0, 2),
        _with(1, DEVICE[:-1]),
        _with(1, DEVICE.upper()),
        _with(1, DEVICE.encode()),
        _with(2, ROOT[:-1]),
        _with(2, "x" * 32),
        _with(3, 65_536),
        _with(3, -1),
        _with(4, FIRST_EPOCH + 2),
        _with(4, 2**17),
        _with(5, -1),
        _with(5, NOW_S + 2 * 86_400),
        _with(6, "{"),
        _with(6, "[]"),
        _with(6, b"{}"),
        _with(6, json.dumps({**SETTINGS, "board": 1})),
        _with(6, json.dumps({**SETTINGS, "wifi": None})),
        _with(6, json.dumps({"board": "x", "wifi": SETTINGS["wifi"]})),
        _told("wifi", ssid=None),
        _told("wifi", key=5),
        _told("broker", host=None),
        _told("broker", port="1883"),
        _told("broker", port=65536),
        _told("broker", user=5),
        _told("broker", password=["p"]),
        _told("broker", tls=True),
        SOUND[:6],
        [*SOUND, 0],
        5,
    ],
    ids=range(29),
)
def test_a_malformed_enrolment_changes_nothing(wrong: Any) -> None:
    """One thing of a sound one is changed: WireError, and the device is as it was."""
    device = enrolled()
    before = device.flash.raw()
    board = Board(device.flash)
    with pytest.raises(WireError):
        enrol.install(device.flash.log(), board, msgpack.pack(wrong))
    assert device.flash.raw() == before
    assert board.saved is None
    assert enrol.install(device.flash.log(), board, msgpack.pack(SOUND)).enrolled


def test_trailing_bytes_are_refused() -> None:
    """Strict like everything on the wire."""
    flash = Flash()
    with pytest.raises(WireError):
        enrol.install(flash.log(), Board(flash), msgpack.pack(SOUND) + b"\xc1")
