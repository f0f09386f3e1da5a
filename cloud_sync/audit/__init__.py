"""Tamper-evident log."""

from cloud_sync.audit.accesses import Access, accesses
from cloud_sync.audit.checkpoint import Checkpoint, Ed25519Signer, Signer, open_checkpoint
from cloud_sync.audit.continuity import Continuity, Restored
from cloud_sync.audit.events import Kind, forgotten
from cloud_sync.audit.log import AuditLog, Entry, Proof, verify
from cloud_sync.audit.merkle import verify_consistency
from cloud_sync.audit.published import Published, check_published
from cloud_sync.audit.verbs import Verb, verb_of

__all__ = [
    "Access",
    "AuditLog",
    "Checkpoint",
    "Continuity",
    "Ed25519Signer",
    "Entry",
    "Kind",
    "Proof",
    "Published",
    "Restored",
    "Signer",
    "Verb",
    "accesses",
    "check_published",
    "forgotten",
    "open_checkpoint",
    "verb_of",
    "verify",
    "verify_consistency",
]
