"""Who is let in to a person's data, and for how long: the staff by tickets and short grants, others by a relation."""

from cloud_sync.access.relations import Relations
from cloud_sync.access.staff import StaffAccess
from cloud_sync.access.terminal import Terminal

__all__ = ["Relations", "StaffAccess", "Terminal"]
