"""What is checked and made before an installation opens: stores that belong together, and the two key files."""

from __future__ import annotations

import secrets
from pathlib import Path

from cloud_sync.audit import Ed25519Signer
from cloud_sync.config import Config
from cloud_sync.errors import ConfigError
from cloud_sync.keys.wrap import FileKeyEncryptionKey, KeyEncryptionKey
from cloud_sync.storage.private import read_private, write_private

SEED_BYTES = 32  # Ed25519 (RFC 8032 section 5.1.5)
AUDIT_KEY_IDENTITY = b"byleave/1/audit-key"


def check_together(config: Config) -> None:
    """ConfigError unless all three stores are there, or none [an empty one in the place of a lost one is served as if true]."""
    stores = (config.database, config.keys, config.tombstones)
    missing = [path for path in stores if not _holds_something(Path(path))]
    if 0 < len(missing) < len(stores):
        raise ConfigError(f"{missing[0]}: the store is missing or empty beside the others; mount or restore it")


def _holds_something(path: Path) -> bool:
    """A store that was cut to nothing is as lost as one that is not there."""
    return path.exists() and path.stat().st_size > 0


def key_encryption_key(config: Config) -> FileKeyEncryptionKey:
    """The key file; made for an empty installation only [a new key beside old stores would lose every one of theirs]."""
    if not Path(config.key_encryption_key).exists() and not Path(config.keys).exists():
        return FileKeyEncryptionKey.create(config.key_encryption_key)
    return FileKeyEncryptionKey.open(config.key_encryption_key)


def signer(config: Config, kek: KeyEncryptionKey, leaves: int) -> Ed25519Signer:
    """The key of the audit log, wrapped in its file; made for an empty log only."""
    path = Path(config.audit_key)
    if path.exists():
        return Ed25519Signer(config.origin, kek.unwrap(read_private(path), AUDIT_KEY_IDENTITY))
    if leaves:
        raise ConfigError(f"{path}: the key of the audit log is missing; restore it, proofs given out depend on it")
    seed = secrets.token_bytes(SEED_BYTES)
    write_private(path, kek.wrap(seed, AUDIT_KEY_IDENTITY))
    return Ed25519Signer(config.origin, seed)
