"""A simulated board that is somebody's device, and what of theirs is left in its flash."""

from __future__ import annotations

import json
import random
from typing import Any

from agent.reset import factory
from agent.reset.factory import Erased
from firmware.wire import msgpack
from hw_sim.demo.stage import FIRMWARE, INSTALL
from tests.unit.agent.prompted import PORT, Prompted
from tests.unit.firmware.device import DEVICE
from tests.unit.firmware.test_enrol import SETTINGS, SOUND

CANARY = b"what nobody else may ever read"


SECRETS = {**SETTINGS, "wifi": {"ssid": "depot-of-the-old-owner", "key": "key-of-the-old-owner"}}


_images: dict[str, bytes] = {}  # by the board's name: what is installed once serves all tests


def enrolled(prompted: Prompted) -> None:
    """Makes the board, which is off, a device with settings, and puts the canary into each region."""
    if prompted.board.powered:
        prompted.board.cut_power()
    if prompted.board.name not in _images:
        _images[prompted.board.name] = made(prompted)
    prompted.board.flash.data[:] = _images[prompted.board.name]


def made(prompted: Prompted) -> bytes:
    """The flash of such a board."""
    settings = {**SECRETS, "board": prompted.board.name}
    file = msgpack.pack([*SOUND[:6], json.dumps(settings)])
    prompted.execute(INSTALL, files={"enrolment": file})
    for label, row in prompted.board.partitions.items():
        if label != "romfs":
            at = row.offset + row.size - 4096 + 2048
            prompted.board.flash.data[at : at + len(CANARY)] = CANARY
    image = bytes(prompted.board.flash.data)
    assert DEVICE.encode() in image
    assert b"key-of-the-old-owner" in image
    return image


def reset(**options: Any) -> Erased:
    """A factory reset of the board in the test."""
    return factory.reset(PORT, device=None, **options)


def left(prompted: Prompted) -> list[bytes]:
    """What of the former owner's is in raw flash."""
    image = bytes(prompted.board.flash.data)
    return [each for each in (CANARY, DEVICE.encode(), b"of-the-old-owner", b"broker.example") if each in image]


PROGRAM = {
    "/slots.mpy": b"M\x06\x00\x1f" + random.Random(5).randbytes(3000),
    "/firmware/app.mpy": b"M\x06 of a module",
    "/release-0a1b/firmware/app.mpy": b"M\x06 of a newer one",
    "/start": b"/release-0a1b",
    "/main.py": (FIRMWARE / "main.py").read_bytes(),
}


PUT = """
import os
for name, data in files.items():
    for at in range(1, len(name)):
        if name[at] == "/":
            try: os.mkdir(name[:at])
            except OSError: pass
    with open(name, "wb") as file: file.write(data)
"""
