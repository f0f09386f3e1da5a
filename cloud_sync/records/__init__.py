"""Records that no device feeds, kept by the same clocks: billing, support, chat, images, logs."""

from cloud_sync.records.asked import Asked, KeptPart
from cloud_sync.records.records import Records

__all__ = ["Asked", "KeptPart", "Records"]
