"""Directives: compiled from policy, consent and a person's own limits; sealed at rest."""

from cloud_sync.directive.atrest import AtRest, SealedAtRest
from cloud_sync.directive.compile import Permission, compile_directive, compile_permission
from cloud_sync.directive.desk import DirectiveDesk, Outgoing

__all__ = [
    "AtRest",
    "DirectiveDesk",
    "Outgoing",
    "Permission",
    "SealedAtRest",
    "compile_directive",
    "compile_permission",
]
