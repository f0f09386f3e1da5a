"""What is checked and made before an installation opens: stores that belong together, and the keys over them."""

from __future__ import annotations

import secrets
from pathlib import Path

from cloud_sync.audit import Ed25519Signer
from cloud_sync.config import Config
from cloud_sync.errors import ConfigError
from cloud_sync.keys.providers import open_provider
from cloud_sync.keys.ring import KeyRing, number_of
from cloud_sync.keys.rotation import check_ring, ringed
from cloud_sync.keys.wrap import KeyEncryptionKey, sync_directory
from cloud_sync.policy import Policy
from cloud_sync.storage.open import check_apart, is_there
from cloud_sync.storage.private import read_private, write_private
from cloud_sync.stores import KeyDatabase

SEED_BYTES = 32  # Ed25519 (RFC 8032 section 5.1.5)
AUDIT_KEY_IDENTITY = b"byleave/1/audit-key"


def check_together(config: Config) -> None:
    """ConfigError unless all three stores are there, or none [an empty one in the place of a lost one is served as if true]."""
    stores = (config.database, config.keys, config.tombstones)
    check_apart(*stores)
    missing = [place for place in stores if not is_there(place)]
    if 0 < len(missing) < len(stores):
        raise ConfigError(f"{missing[0]}: the store is missing or empty beside the others; mount or restore it")


def check_regions(config: Config, policy: Policy) -> None:
    """ConfigError unless every store, and the broker, says where it is, and is where the policy allows data to be.

    No instrument covers a store: what devices sense stays in the regions of `transfer.allowed`.
    """
    for name, region in config.regions.items():
        if not region:
            key = "broker.region" if name == "broker" else f"{name}_region"
            raise ConfigError(f'{key}: nothing says where the {name} is; write region = "DK" for all, or {key} = "…"')
        if not policy.region_allowed(region):
            allowed = ", ".join(sorted(policy.regions))
            raise ConfigError(f"the {name} is in {region}, and the policy allows {allowed} alone: move it there")


def provider(config: Config) -> KeyEncryptionKey:
    """The provider of the root key; its file is made for an empty installation only [a new key beside old stores would lose
    every one of theirs].
    """
    return open_provider(config.key_encryption_key, create=not is_there(config.keys))


def ring(config: Config, root: KeyEncryptionKey, store: KeyDatabase, now: float) -> KeyRing:
    """The ring of keys; made where no stored key needs one [a new ring beside old stores would lose every one of theirs]."""
    if not config.ring.exists() and not ringed(store):
        return KeyRing.create(config.ring, root, now)
    found = KeyRing(config.ring, root)
    check_ring(store, found)
    return found


def signer(config: Config, keys: KeyRing, leaves: int) -> Ed25519Signer:
    """The key of the audit log, wrapped in its file; made for an empty log only."""
    path = Path(config.audit_key)
    if path.exists():
        return Ed25519Signer(config.origin, keys.unwrap(read_private(path), AUDIT_KEY_IDENTITY))
    if leaves:
        raise ConfigError(f"{path}: the key of the audit log is missing; restore it, proofs given out depend on it")
    seed = secrets.token_bytes(SEED_BYTES)
    write_private(path, keys.wrap(seed, AUDIT_KEY_IDENTITY))
    return Ed25519Signer(config.origin, seed)


def wrap_signer_anew(config: Config, keys: KeyRing) -> None:
    """Put the key of the audit log under the newest key of the ring, where it is under another one.

    One at a time [a sweep and a rotation at once: one puts in place what the other has not written to its end].
    """
    path = Path(config.audit_key)
    with keys.alone():
        wrapped = read_private(path)
        if number_of(wrapped) == keys.current:
            return
        beside = path.with_name(path.name + ".new")
        beside.unlink(missing_ok=True)  # of an attempt that was cut
        write_private(beside, keys.wrap(keys.unwrap(wrapped, AUDIT_KEY_IDENTITY), AUDIT_KEY_IDENTITY))
        beside.replace(path)
        sync_directory(path.parent)
