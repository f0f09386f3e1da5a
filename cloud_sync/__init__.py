"""byleave cloud_sync: ingest, consent, retention and erasure for sealed telemetry.

What integrators use stands here; `cloud_sync.model` has the types that it takes and returns.
"""

from cloud_sync.config import BrokerConfig, Config
from cloud_sync.consent import Evidence
from cloud_sync.facade.limits import Limits, quiet_hours, zones_around
from cloud_sync.service import CloudSync, Enrolment, SystemClock

__all__ = [
    "BrokerConfig",
    "CloudSync",
    "Config",
    "Enrolment",
    "Evidence",
    "Limits",
    "SystemClock",
    "quiet_hours",
    "zones_around",
]
