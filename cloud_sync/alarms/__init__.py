"""Alarms of a person over what their devices tell: places, theft, condition. A message carries a link, and nothing else."""

from cloud_sync.alarms.channels import Channel, EmailChannel
from cloud_sync.alarms.desk import AlarmDesk
from cloud_sync.alarms.rules import Alarm
from cloud_sync.alarms.watch import Bounds, PlaceWatch, Shock, Theft, Watch, Zone

__all__ = [
    "Alarm",
    "AlarmDesk",
    "Bounds",
    "Channel",
    "EmailChannel",
    "PlaceWatch",
    "Shock",
    "Theft",
    "Watch",
    "Zone",
]
