"""The fixture of this folder."""

from tests.unit.cloud_sync.rights.rights_world import bureau

__all__ = ["bureau"]
