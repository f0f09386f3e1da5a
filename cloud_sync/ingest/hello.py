"""The first envelope of a device that was enrolled by an invitation: its first status, sealed on the desk.

It proves that the keys that were sealed are in a board. It is verified before anything is stored, from the sealed root alone; then
it is stored as any status is, and its answer is the verdict and nothing more: directive, time and healing go out at the first
contact [what is opened on the desk is not applied there, and an offer of healing that lies in a file would hold back the next].
"""

from __future__ import annotations

from cloud_sync.errors import WireFormatError
from cloud_sync.ingest.healing import Healing
from cloud_sync.ingest.screen import screen
from cloud_sync.model import Device, StatusReport, Stream
from cloud_sync.model.enrolment import SealedDevice
from cloud_sync.wire import ladder
from cloud_sync.wire.envelope import open_uplink, parse_uplink
from cloud_sync.wire.fields import whole


class DeskLater:
    """`cloud_sync.ingest.pipeline.Desk` that leaves everything to the first contact."""

    healing: Healing | None = None

    def report(self, device: Device, report: StatusReport, at: tuple[int, int, int], now: float) -> list[bytes]:
        """Nothing."""
        return []


def check_hello(sealed: SealedDevice) -> None:
    """WireFormatError unless the hello is a status of the device's first day or the next; SealBroken unless its keys open it."""
    envelope = parse_uplink(sealed.hello)
    header = envelope.header
    if header.stream != Stream.STATUS or header.generation != 0:
        raise WireFormatError("hello is no status of generation 0")
    # A board that was enrolled before midnight and seals after it; any other day would cost a step of the spine each.
    whole(header.epoch, sealed.first_epoch, sealed.first_epoch + 1, "hello's epoch")
    spine = ladder.spine(sealed.root, Stream.STATUS)
    if header.epoch > sealed.first_epoch:
        spine = ladder.next_spine(spine, Stream.STATUS)
    chain = ladder.step(ladder.day_chain(spine, Stream.STATUS), Stream.STATUS, header.counter)
    plaintext = open_uplink(sealed.device, envelope, ladder.seal_key(chain, Stream.STATUS))
    if not isinstance(screen(header, plaintext).status, StatusReport):
        raise WireFormatError("hello answers a healing that nobody has offered")
