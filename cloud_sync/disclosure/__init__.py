"""What leaves: disclosures to recipients, messages and alerts to a person, and a person's own copy. Each behind the gate."""

from cloud_sync.disclosure.alerts import Alerts
from cloud_sync.disclosure.approvals import Approvals
from cloud_sync.disclosure.deliveries import Disclosures
from cloud_sync.disclosure.export import Exporter, Kind
from cloud_sync.disclosure.mails import Mails
from cloud_sync.disclosure.parquet import ParquetSink
from cloud_sync.disclosure.sinks import CallbackSink, FileSink
from cloud_sync.disclosure.webhook import WebhookSink

__all__ = [
    "Alerts",
    "Approvals",
    "CallbackSink",
    "Disclosures",
    "Exporter",
    "FileSink",
    "Kind",
    "Mails",
    "ParquetSink",
    "WebhookSink",
]
