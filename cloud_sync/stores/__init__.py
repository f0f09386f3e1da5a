"""What cloud_sync needs of a store, as small protocols. `cloud_sync.storage` implements them; nothing else knows SQL.

All methods of one `Database` share its transaction: `with db.transaction():` commits durably at the end (SQLite
`synchronous=FULL`) or rolls back on an exception. Calls outside a transaction commit by themselves. Methods may be
called from any thread; transactions of two threads run one after the other. Failures raise `StoreError`.
"""

from cloud_sync.stores.cases import CaseStore
from cloud_sync.stores.database import Database
from cloud_sync.stores.duties import AccessStore, ErasingStore, KeepingStore, RecipientStore, RetentionStore
from cloud_sync.stores.keys import RESTORED, KeyDatabase, RecordKeyStore, TombstoneStore, WitnessStore
from cloud_sync.stores.ports import AuditSink, Clock, Downlinks, Parcel, Sink
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

__all__ = [
    "RESTORED",
    "AccessStore",
    "AuditSink",
    "AuditStore",
    "BoundStore",
    "CaseStore",
    "ChangeStore",
    "Clock",
    "ConsentStore",
    "Database",
    "DeviceStore",
    "DirectiveStore",
    "Downlinks",
    "EnvelopeStore",
    "ErasingStore",
    "KeepingStore",
    "KeyDatabase",
    "Parcel",
    "RecipientStore",
    "RecordKeyStore",
    "RetentionStore",
    "Sink",
    "StatisticStore",
    "TombstoneStore",
    "WitnessStore",
]
