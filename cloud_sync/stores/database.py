"""The telemetry database as a whole."""

from __future__ import annotations

from collections.abc import Collection
from contextlib import AbstractContextManager
from typing import Protocol

from cloud_sync.stores.alarms import AlarmStore
from cloud_sync.stores.cases import CaseStore
from cloud_sync.stores.duties import AccessStore, ErasingStore, KeepingStore, RecipientStore, RetentionStore
from cloud_sync.stores.incidents import IncidentStore
from cloud_sync.stores.notices import NoticeStore
from cloud_sync.stores.telemetry import (
    AuditStore,
    BoundStore,
    ChangeStore,
    ConsentStore,
    DeviceStore,
    DirectiveStore,
    EnvelopeStore,
    StatisticStore,
)


class Database(
    DeviceStore,
    ChangeStore,
    EnvelopeStore,
    ConsentStore,
    BoundStore,
    DirectiveStore,
    AuditStore,
    RetentionStore,
    KeepingStore,
    AccessStore,
    ErasingStore,
    StatisticStore,
    CaseStore,
    IncidentStore,
    AlarmStore,
    NoticeStore,
    RecipientStore,
    Protocol,
):
    """The telemetry database: all of the above in one transaction."""

    def transaction(self) -> AbstractContextManager[None]: ...
    def expect_devices(self, devices: Collection[str]) -> None:
        """A hint within a transaction: it will ask about these devices and their people."""

    def vacuum_erased(self) -> None:
        """Make deleted content unreadable in the files too (WAL truncated, pages overwritten)."""

    def close(self) -> None: ...
