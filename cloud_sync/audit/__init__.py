"""Tamper-evident log."""

from cloud_sync.audit.checkpoint import Checkpoint, Ed25519Signer, Signer, open_checkpoint
from cloud_sync.audit.events import Kind, forgotten
from cloud_sync.audit.log import AuditLog, Entry, Proof, verify
from cloud_sync.audit.merkle import verify_consistency

__all__ = [
    "AuditLog",
    "Checkpoint",
    "Ed25519Signer",
    "Entry",
    "Kind",
    "Proof",
    "Signer",
    "forgotten",
    "open_checkpoint",
    "verify",
    "verify_consistency",
]
