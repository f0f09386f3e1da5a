"""Directives: compiled from policy and consent."""

from cloud_sync.directive.compile import Permission, compile_directive, compile_permission
from cloud_sync.directive.desk import DirectiveDesk, Outgoing

__all__ = ["DirectiveDesk", "Outgoing", "Permission", "compile_directive", "compile_permission"]
