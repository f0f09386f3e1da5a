"""The archive of policy files, by their hash: a consent refers to the very text that the person agreed to.

A directory of files named `<sha256>.toml`, written once and never changed. Losing it closes consents, never opens them.
"""

from __future__ import annotations

import hashlib
import os
import re
from pathlib import Path

from cloud_sync.errors import ConfigError, PolicyError
from cloud_sync.policy.compiled import Policy
from cloud_sync.policy.load import PolicyRefused, load_policy
from cloud_sync.policy.succession import unchanged_versions

_HASH = re.compile(r"[0-9a-f]{64}")


class PolicyArchive:
    """Policies of the past, found by hash. The directory is created with mode 0700 when it is missing."""

    def __init__(self, directory: str | Path) -> None:
        self._directory = Path(directory)
        self._known: dict[str, Policy | None] = {}
        self._new: set[str] = set()  # kept by this process, and not in force yet
        try:
            self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            message = f"policy archive {self._directory}: {error.strerror}; name a writable directory"
            raise ConfigError(message) from error

    def keep(self, path: str | Path) -> Policy:
        """Load a policy file and keep a copy of it; PolicyError when it has a gap, or the version of another text
        (`succession`).
        """
        policy = load_policy(path)
        target = self._directory / f"{policy.hash}.toml"
        try:
            data = Path(path).read_bytes()
            if hashlib.sha256(data).hexdigest() != policy.hash:
                raise ConfigError(f"{path} changed while it was loaded; load it again")
            if not target.exists():
                if findings := unchanged_versions(Path(path), self._directory.glob("*.toml")):
                    raise PolicyRefused(findings)
                _write_durably(target, data)
                self._new.add(policy.hash)
        except OSError as error:
            raise ConfigError(f"policy archive {self._directory}: {error.strerror}") from error
        self._known[policy.hash] = policy
        return policy

    def forget(self, policy: Policy) -> None:
        """Take a policy out again that this process kept, and that never came into force: its version is free for a better text."""
        if policy.hash in self._new:
            (self._directory / f"{policy.hash}.toml").unlink(missing_ok=True)

    def by_hash(self, digest: str) -> Policy | None:
        """The policy with this hash, or None when it is not here, was altered or can no longer be read."""
        if digest not in self._known:
            self._known[digest] = self._load(digest)
        return self._known[digest]

    def _load(self, digest: str) -> Policy | None:
        if not _HASH.fullmatch(digest):
            return None
        try:
            policy = load_policy(self._directory / f"{digest}.toml", past=True)
        except PolicyError:
            return None
        return policy if policy.hash == digest else None


def _write_durably(target: Path, data: bytes) -> None:
    partial = target.with_suffix(".partial")
    with partial.open("wb") as handle:
        handle.write(data)
        handle.flush()
        os.fsync(handle.fileno())
    partial.replace(target)
