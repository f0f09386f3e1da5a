"""Every error that cloud_sync raises on purpose; no dependency's exception leaves the public interface.

CloudSyncError
 ├── ConfigError        a file, path or option is missing or wrong; the message says which and what to do
 ├── PolicyError        the policy file has a gap; carries file, line and key
 ├── WireFormatError    bytes that are not wire format version 1
 ├── SealBroken         a tag does not verify
 ├── UnknownDevice      no such device is enrolled
 ├── EnrolmentRefused   a sealed enrolment is damaged, foreign, used, too old or of another version; the message says which
 ├── KeyDestroyed       the key that would open this is gone, on purpose
 ├── Denied             the gate said no; carries the reason
 ├── ConsentError       a consent transition that the ledger does not allow
 ├── StoreError         the store refused, is locked or is damaged
 ├── LinkError          the broker is away or refused
 └── AuditError         a proof or checkpoint does not verify
"""


class CloudSyncError(Exception):
    """Base of all errors of cloud_sync."""


class ConfigError(CloudSyncError):
    """A file, path or option is missing or wrong; the message says which and what to do."""


class PolicyError(CloudSyncError):
    """The policy file has a gap; `findings` lists file, line, key and what to do."""


class WireFormatError(CloudSyncError):
    """Bytes that are not wire format version 1."""


class SealBroken(CloudSyncError):  # noqa: N818 - says what happened; the base carries the Error
    """A tag does not verify."""


class UnknownDevice(CloudSyncError):  # noqa: N818
    """No such device is enrolled."""


class EnrolmentRefused(CloudSyncError):  # noqa: N818
    """A sealed enrolment is damaged, foreign, used, too old or of another version; the message says which and what to do."""


class KeyDestroyed(CloudSyncError):  # noqa: N818
    """The key that would open this is gone, on purpose."""


class Denied(CloudSyncError):  # noqa: N818
    """The gate said no; `reason` is a member of the closed enumeration of reasons."""

    def __init__(self, reason: object, message: str = "") -> None:
        super().__init__(message or f"denied: {reason}")
        self.reason = reason


class ConsentError(CloudSyncError):
    """A consent transition that the ledger does not allow."""


class StoreError(CloudSyncError):
    """The store refused, is locked or is damaged."""


class LinkError(CloudSyncError):
    """The broker is away or refused."""


class AuditError(CloudSyncError):
    """A proof or checkpoint does not verify."""
