"""What the chronicle reads off the stage at one instant, from the host's side only: nothing is asked of the board or the link.

A gauge whose part is away (server closed, board not enrolled) reads None, so that the picture shows a gap and not a zero.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from cloud_sync.errors import CloudSyncError
from cloud_sync.model import PERSONAL_STREAMS, Stream
from cloud_sync.wire.fields import MOST_EPOCH
from firmware.errors import FirmwareError
from firmware.flash.recordlog import RecordLog
from firmware.flash.rules import Rules
from firmware.keystore import SLOT_BYTES, KeyStore
from hw_sim.demo.flashcopy import FlashCopy, spool_of
from hw_sim.errors import HwSimError

if TYPE_CHECKING:
    from hw_sim.board import Board
    from hw_sim.chips.base import I2cChip
    from hw_sim.chips.ublox_m10 import UbloxM10
    from hw_sim.demo.stage import Stage

Value: TypeAlias = "int | float | str | bool | None"
SENSORS = ("temperature", "light", "motion")


class InFlash(NamedTuple):
    """What the flash of a board says: whose it is, directive in force (0: none), epoch of its keys, starts, envelopes that wait."""

    device: str | None = None
    directive: int | None = None
    epoch: int | None = None
    boots: int | None = None
    spool: int | None = None


class FlashGauge:
    """Reads a board's flash through the firmware's own code, in a copy; again only when the flash has changed."""

    def __init__(self) -> None:
        self._seen = -1
        self._last = InFlash()

    def read(self, board: Board) -> InFlash:
        """What lies there now; all None before the first enrolment."""
        if board.flash.operations != self._seen:
            self._seen, self._last = board.flash.operations, _in_flash(board)
        return self._last


def _in_flash(board: Board) -> InFlash:
    try:
        keys = KeyStore(RecordLog(FlashCopy(board.partition_bytes("bl_keys")), SLOT_BYTES))
        if not keys.enrolled:
            return InFlash()
        rules = Rules(RecordLog(FlashCopy(board.partition_bytes("bl_rules")), SLOT_BYTES))
        version = rules.directive.version if rules.directive else 0
        return InFlash(keys.device, version, keys.epoch, keys.boots, spool_of(board).count())
    except FirmwareError:  # a cut has left what only a start of the board repairs
        return InFlash()


class PowerGauge:
    """Which sensors had power since the last look, were it for a moment: a chip that measures once a minute is seldom on."""

    def __init__(self) -> None:
        self._powered_s: dict[str, float] = {}

    def read(self, board: Board) -> dict[str, Value]:
        """Power of the receiver and, where the board has them, of the other sensors."""
        read: dict[str, Value] = {"powered": board.powered}
        chips: dict[str, UbloxM10 | I2cChip] = {"receiver": board.gnss, **board.sensors}
        for name, chip in chips.items():
            read[name] = chip.powered or chip.powered_s > self._powered_s.get(name, 0.0)
            self._powered_s[name] = chip.powered_s
        return read


def of_server(stage: Stage, subject: str, device: str) -> dict[str, Value]:
    """Consents of the person, directive as issued and as last reported, rows and day keys; nothing while the server is closed."""
    try:
        cloud = stage.cloud
        database = cloud.database
        read: dict[str, Value] = {
            f"consent {record.purpose}": str(record.event_state) for record in database.consents(subject)
        }
        state = database.directive_state(device)
        if state is not None:
            read |= {"issued": state.version, "reported": state.applied_version}
        for stream in (*PERSONAL_STREAMS, Stream.STATUS):
            read[f"rows {stream.name.lower()}"] = database.count_envelopes(device, stream)
        read["rows others"] = database.count_envelopes() - database.count_envelopes(device)
        leaves = Counter(leaf.stream for leaf in cloud._store.leaves(device, 0, 0, MOST_EPOCH))
        for stream in (*PERSONAL_STREAMS, Stream.STATUS):
            read[f"keys {stream.name.lower()}"] = leaves[stream]
        return read
    except (HwSimError, CloudSyncError):
        return {}


def charge_of(board: Board) -> dict[str, dict[str, float]]:
    """Charge since the world began by part and state, in mC."""
    return {part: dict(states) for part, states in board.meter.report().items()}
