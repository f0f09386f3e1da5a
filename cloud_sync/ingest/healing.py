"""Healing as ingest sees it: an offer with the answer to a status, the device's answer, and the first envelope after it.

Everything that a device is told hangs on the key store's commit, which comes first; a crash between it and the database's leaves
a message without a verdict, which comes again and finds what it did. Until then, and in a database that was restored, the device
is in an older generation than its down chain: whoever numbers downlinks brings it in line first (`followed`).
"""

from __future__ import annotations

from dataclasses import replace

from cloud_sync.audit import Kind
from cloud_sync.directive.desk import DirectiveDesk, Outgoing
from cloud_sync.keys.generations import Generations, new_private
from cloud_sync.model import EPOCH_SECONDS, AuditEvent, Device, HealAnswer, HealingOffer, HealOffer
from cloud_sync.stores import AuditSink, Database
from cloud_sync.wire.downlink import healing_value

ACTOR = "ingest"


class Healing:
    """The server's part of the exchange, inside the transaction of a batch."""

    def __init__(self, *, database: Database, generations: Generations, desk: DirectiveDesk, audit: AuditSink) -> None:
        self._database = database
        self._generations = generations
        self._desk = desk
        self._audit = audit

    def known(self, device: str, generation: int) -> bool:
        """Whether an answer has begun this generation."""
        return self._generations.known(device, generation)

    def offers(self, device: Device, at: tuple[int, int, int], now: float) -> list[Outgoing]:
        """The offer that a status of (generation, epoch, counter) is answered with, where one is due."""
        generation, epoch, _ = at
        if not self._generations.due(device.device, generation, epoch, now):
            return []
        # 1. One epoch of the spines for both sides to mix at.
        spine_epoch = self._generations.align(device.device, generation, int(now) // EPOCH_SECONDS)
        private, public = new_private()
        # 2. A number of its own, spent for good; the answer names it.
        outgoing = self._desk.send(device.device, healing_value(HealOffer(public, spine_epoch, epoch)))
        if outgoing is None:
            return []
        # 3. The private key is on the disk before the offer leaves [a crash after it would meet an answer with no key].
        offer = HealingOffer(device.device, generation, outgoing.number, spine_epoch, epoch)
        self._generations.offered(offer, private, now)
        return [outgoing]

    def answered(self, device: Device, answer: HealAnswer, at: tuple[int, int, int], now: float) -> bool:
        """Take an answer, sealed at (generation, epoch, counter). False: it leads to nothing, and the verdict says so, so that
        the device stays in its generation [one that went on alone would be silent for good].
        """
        today = int(now) // EPOCH_SECONDS
        return self._generations.answered(device.device, answer.number, answer.public, at, today)

    def begun(self, device: Device, generation: int, now: float) -> Device:
        """An envelope of a generation above the device's has opened: it is the device's now."""
        self._generations.begin(device.device, generation, int(now) // EPOCH_SECONDS)
        healed = replace(device, generation=generation)
        self._database.update_device(healed)
        self._desk.new_generation(device.device)
        detail: tuple[tuple[str, str | int], ...] = (("device", device.device), ("generation", generation))
        self._audit.append(AuditEvent(Kind.DEVICE_HEALED.value, now, ACTOR, device.subject, detail))
        return healed

    def followed(self, device: Device, down_generation: int, now: float) -> Device:
        """The device in the generation of its down chain, which is never behind the device [numbers of an older chain would
        take the new one beyond what the device accepts, and it never hears anything again].
        """
        return self.begun(device, down_generation, now) if down_generation > device.generation else device


class HealingOfBatch:
    """The same for one batch, which remembers whose generation began in it."""

    def __init__(self, healing: Healing | None, now: float) -> None:
        self._healing = healing
        self._now = now
        self._healed: dict[str, Device] = {}

    def known(self, device: Device, generation: int) -> bool:
        """Whether an answer has begun a generation above the device's."""
        return self._healing is not None and self._healing.known(device.device, generation)

    def device(self, device: Device, generation: int) -> Device:
        """The device, once an envelope of this generation has opened."""
        device = self._healed.get(device.device, device)
        if generation > device.generation and self._healing is not None:
            device = self._healed[device.device] = self._healing.begun(device, generation, self._now)
        return device

    def answered(self, device: Device, answer: HealAnswer, at: tuple[int, int, int]) -> bool:
        """As `Healing.answered`."""
        return self._healing is not None and self._healing.answered(device, answer, at, self._now)
