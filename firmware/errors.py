"""Every error that the firmware raises on purpose.

FirmwareError
 ├── WireError        bytes that are not wire format version 1
 ├── SealError        a tag that does not verify, or a key that is spent
 ├── FlashError       flash that does not hold what was written
 ├── DirectiveError   a directive that is malformed or may not be applied
 ├── LinkError        radio, broker or session failed within its time
 └── DriverError      a chip that is silent, wrong or refuses
"""


class FirmwareError(Exception):
    """Base of all errors of the firmware."""


class WireError(FirmwareError):
    """Bytes that are not wire format version 1."""


class SealError(FirmwareError):
    """A tag that does not verify, or a key that is spent."""


class FlashError(FirmwareError):
    """Flash that does not hold what was written to it."""


class DirectiveError(FirmwareError):
    """A directive that is malformed or may not be applied."""


class LinkError(FirmwareError):
    """Radio, broker or session failed within its time."""


class DriverError(FirmwareError):
    """A chip that is silent, is another than expected, or refuses."""
