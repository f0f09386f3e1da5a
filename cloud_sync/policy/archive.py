"""The archive of policy files, by their hash: a consent refers to the very text that the person agreed to.

A directory of files named `<sha256>.toml`, written once and never changed. The database has the same texts of those that were in
force: a file that is lost or altered comes back from there, by its hash (`recall`). Losing both closes consents, never opens them.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterable
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
            if _hash(data) != policy.hash:
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

    def recall(self, texts: Iterable[tuple[str, str]], path: str | Path) -> int:
        """Put files back that are not here as they were, out of (hash, text); how many. What has not its hash proves nothing.

        PolicyRefused when one of them has the version of the file at `path`, which this process kept, and says something else.
        """
        back = 0
        try:
            for digest, text in texts:
                target, data = self._directory / f"{digest}.toml", text.encode()
                if _hash(data) == digest and not (target.exists() and _hash(target.read_bytes()) == digest):
                    _write_durably(target, data)
                    self._known.pop(digest, None)
                    back += 1
            new = self._new & {_hash(Path(path).read_bytes())}
            if back and new and (findings := unchanged_versions(Path(path), self._directory.glob("*.toml"))):
                raise PolicyRefused(findings)
        except OSError as error:
            raise ConfigError(f"policy archive {self._directory}: {error.strerror}") from error
        return back

    def text(self, digest: str) -> str | None:
        """The text of the policy with this hash, or None when it is not here as it was."""
        try:
            data = (self._directory / f"{digest}.toml").read_bytes()
        except OSError:
            return None
        return data.decode() if _hash(data) == digest else None

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


def _hash(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _write_durably(target: Path, data: bytes) -> None:
    partial = target.with_suffix(".partial")
    with partial.open("wb") as handle:
        handle.write(data)
        handle.flush()
        os.fsync(handle.fileno())
    partial.replace(target)
