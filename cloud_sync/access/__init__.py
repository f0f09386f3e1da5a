"""Who is let in to a person's data, and for how long: the staff by tickets and short grants, others by a relation."""

from cloud_sync.access.confirmations import Confirmations
from cloud_sync.access.controls import Controls
from cloud_sync.access.corrections import Corrections
from cloud_sync.access.help import Help
from cloud_sync.access.jobs import Jobs, Makes
from cloud_sync.access.lockout import Lockout
from cloud_sync.access.logins import Attested, Logins
from cloud_sync.access.relations import Relations
from cloud_sync.access.staff import StaffAccess
from cloud_sync.access.terminal import Terminal
from cloud_sync.access.watch import Watch

__all__ = [
    "Attested",
    "Confirmations",
    "Controls",
    "Corrections",
    "Help",
    "Jobs",
    "Lockout",
    "Logins",
    "Makes",
    "Relations",
    "StaffAccess",
    "Terminal",
    "Watch",
]
