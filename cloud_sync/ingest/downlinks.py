"""Seals what goes down: verdicts after the commit, answers to a status, a directive when a consent changes.

Numbers are spent durably before an envelope leaves (`LadderKeys.down_keys`), and within the reach of the device: never more
than 2048 above what it last said to expect (docs/wire-format.md section 4). What is held back is not lost, since
every contact begins with a status, and verdicts are given again for what is sent again.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable, Sequence
from typing import Any

import msgpack
from cryptography.hazmat.primitives.ciphers.aead import AESCCM

from cloud_sync.ingest.outcome import Outcome
from cloud_sync.keys.ladderkeys import DownKey, LadderKeys
from cloud_sync.model import Stream, Verdict
from cloud_sync.stores import Database, Downlinks
from cloud_sync.wire.downlink import MOST_VERDICTS, NONCE_BYTES, TAG_BYTES, VERDICTS, seal_downlink
from cloud_sync.wire.envelope import VERSION, associated_data

log = logging.getLogger(__name__)

_DOWN = int(Stream.DOWN)
_pack = msgpack.Packer().pack  # one that stays, as in `cloud_sync.wire.envelope`
MOST_AHEAD = 2048  # section 4: half of the device's window of 4096, so that a jump of 1024 after a restore still fits


class DownlinkSealer:
    """Turns plaintext arrays into envelopes and hands them to the link."""

    def __init__(self, database: Database, keys: LadderKeys, link: Downlinks) -> None:
        self._database = database
        self._keys = keys
        self._link = link
        self.withheld = 0  # envelopes not sent because the device has not reported for too long

    def answer(self, outcomes: Iterable[Outcome]) -> int:
        """Send all answers, then all verdicts, of a committed batch; the number of envelopes sent."""
        lines: dict[str, dict[tuple[Any, ...], Verdict]] = {}
        sent = 0
        for outcome in outcomes:
            _, device, verdict, answers = outcome
            if verdict is not None:
                lines.setdefault(device, {})[verdict[:-1]] = verdict  # one message twice: one line
            for envelope in answers:
                self._link.send(device, envelope)
                sent += 1
        # 1. How far each device is, before the keys are locked: the database comes first in the order of locks.
        reach = {device: self._reach(device) for device in lines}
        # 2. The numbers of all devices are spent in one commit. 3. Only then does an envelope leave.
        with self._keys.transaction():
            sealed = [
                (device, envelope)
                for device, some in lines.items()
                for envelope in self._verdicts(device, list(some.values()), reach[device])
            ]
        for device, envelope in sealed:
            self._link.send(device, envelope)
        return sent + len(sealed)

    def _reach(self, device: str) -> int:
        """The highest number that the device may be sent; what it reported of another generation's chain does not count."""
        state = self._database.directive_state(device)
        reports = state is not None and state.reported_at[0] == self._keys.down(device)[0]
        return (state.reported_down_next if state is not None and reports else 0) + MOST_AHEAD

    def _verdicts(self, device: str, lines: Sequence[Verdict], reach: int) -> list[bytes]:
        """Seal verdicts, as far as the device's window allows."""
        pieces = [lines[at : at + MOST_VERDICTS] for at in range(0, len(lines), MOST_VERDICTS)]
        keys = self._keys.down_keys(device, len(pieces), reach)
        held_back = len(pieces) - len(keys)
        if held_back:
            self.withheld += held_back
            log.warning("%d downlinks held back: their device must report first", held_back)
        return [_sealed_verdicts(device, key, piece) for key, piece in zip(keys, pieces, strict=False)]

    def seal(self, device: str, number: int, value: list[Any]) -> tuple[int, bytes]:
        """Seal one plaintext under `number`, or above it where the chain is further; the number used and the envelope."""
        self._keys.skip_down(device, number)
        [key] = self._keys.down_keys(device, 1)
        return key.number, _sealed(device, key, value)


def _sealed(device: str, key: DownKey, value: list[Any]) -> bytes:
    return seal_downlink(device, key.generation, key.number, key.key, os.urandom(NONCE_BYTES), value)


def _sealed_verdicts(device: str, key: DownKey, lines: Sequence[Verdict]) -> bytes:
    """As `seal_downlink`, without its checks of each line: every number comes from a header that has been parsed.

    A batch has one of these for every twelve envelopes, and the checks would cost as much as opening those.
    """
    header: bytes = _pack([VERSION, key.generation, _DOWN, key.number])
    nonce = os.urandom(NONCE_BYTES)
    cipher = AESCCM(key.key, tag_length=TAG_BYTES)
    sealed = cipher.encrypt(nonce, _pack([VERDICTS, *lines]), associated_data(header, device))
    rest: bytes = _pack(nonce) + _pack(sealed)
    return b"\x93" + header + rest
