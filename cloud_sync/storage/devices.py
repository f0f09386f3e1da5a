"""Rows of devices: whose each is, and under which number its other rows stand."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from cloud_sync.errors import StoreError
from cloud_sync.model import Device
from cloud_sync.storage.engine import Engine

WORTH_A_QUESTION = 3  # devices; for fewer, asking for all at once saves nothing
_DEVICES = "SELECT device, subject, generation, enrolled_at, revoked_at FROM device"


class DeviceRows(Engine):
    """The part of the telemetry database that knows devices."""

    _numbers: dict[str, int]  # device to its row; rows of devices are never deleted nor renumbered

    def _forget(self) -> None:
        self._numbers = {}  # a device of the transaction that is undone loses its row, and its number is given anew

    def add_device(self, device: Device) -> None:
        """Insert; a pseudonym that exists is refused."""
        self.run(
            "INSERT INTO device (device, subject, generation, enrolled_at, revoked_at) VALUES (?, ?, ?, ?, ?)",
            (device.device, device.subject, device.generation, device.enrolled_at, device.revoked_at),
        )

    def device(self, device: str) -> Device | None:
        """The device of this pseudonym."""
        row = self.maybe(f"{_DEVICES} WHERE device = ?", (device,))
        return _device(row) if row else None

    def devices_of(self, subject: str) -> list[Device]:
        """All devices ever enrolled for this data subject, oldest first."""
        return [_device(row) for row in self.rows(f"{_DEVICES} WHERE subject = ? ORDER BY no", (subject,))]

    def all_devices(self) -> list[Device]:
        """All devices, oldest first."""
        return [_device(row) for row in self.rows(f"{_DEVICES} ORDER BY no")]

    def update_device(self, device: Device) -> None:
        """Write generation and times of an existing device; its subject is for good.

        [Whoever takes a device over would read, and erase, what it told about the person before.]
        """
        changed = self.run(
            "UPDATE device SET generation = ?, enrolled_at = ?, revoked_at = ? WHERE device = ? AND subject = ?",
            (device.generation, device.enrolled_at, device.revoked_at, device.device, device.subject),
        )
        if not changed:
            raise StoreError("no such device of this subject to update; another person's is enrolled anew")

    def _number(self, device: str) -> int | None:
        number = self._numbers.get(device)
        if number is None:
            row = self.maybe("SELECT no FROM device WHERE device = ?", (device,))
            if row is None:
                return None
            number = self._numbers[device] = int(row[0])
        return number

    def expect_devices(self, devices: Collection[str]) -> None:
        """A hint within a transaction: it will ask about these devices and their people. Nothing depends on it but time."""
        if len(devices) >= WORTH_A_QUESTION:
            self.expect("device", devices)
            if self.reads_ahead:
                self.expect("subject", {device.subject for device in map(self.device, devices) if device})


def _device(row: tuple[Any, ...]) -> Device:
    return Device(*row)
