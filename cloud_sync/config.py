"""Where things are: the paths and the broker of one installation, from a TOML file or keyword arguments."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cloud_sync.errors import ConfigError

DEFAULT_PORT = 1883  # IANA: mqtt
DEFAULT_TLS_PORT = 8883  # IANA: secure-mqtt


@dataclass(frozen=True, slots=True)
class BrokerConfig:
    """How the broker is reached. `client_id` names the persistent session: one server, one name, always the same."""

    host: str = "localhost"
    port: int = 0  # 0: 1883, or 8883 with TLS
    client_id: str = "cloud-sync"
    user: str = ""
    password_file: str = ""
    tls: bool = False
    ca_file: str = ""
    keepalive_s: int = 30

    @property
    def address(self) -> tuple[str, int]:
        """Host and port."""
        return self.host, self.port or (DEFAULT_TLS_PORT if self.tls else DEFAULT_PORT)


@dataclass(frozen=True, slots=True)
class Config:
    """All that `CloudSync.open` needs. Relative paths in a file count from that file's directory."""

    policy: Path
    database: Path
    keys: Path
    tombstones: Path
    key_encryption_key: Path
    audit_key: Path
    policies: Path  # directory of policy files of the past, by hash
    broker: BrokerConfig | None = field(default_factory=BrokerConfig)
    origin: str = "byleave"  # name in the checkpoints of the audit log

    @classmethod
    def in_directory(cls, directory: str | Path, *, policy: str | Path, broker: BrokerConfig | None = None) -> Config:
        """The usual file names in one directory, for a demo; in earnest the three stores are backed up apart."""
        at = Path(directory)
        return cls(
            policy=Path(policy),
            database=at / "telemetry.db",
            keys=at / "keys.db",
            tombstones=at / "tombstones.db",
            key_encryption_key=at / "kek",
            audit_key=at / "audit.key",
            policies=at / "policies",
            broker=broker,
        )

    @classmethod
    def from_toml(cls, path: str | Path) -> Config:
        """Read a file with the keys of this class and a table `[broker]`; every fault says what to do."""
        path = Path(path)
        try:
            values: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"))
        except OSError as error:
            raise ConfigError(f"{path}: cannot be read ({error.strerror}); name a configuration file") from error
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise ConfigError(f"{path}: is not TOML: {error}") from error
        broker = values.pop("broker", {})
        if not isinstance(broker, dict):
            raise ConfigError(f'{path}: broker must be a table: write [broker] with host = "…"')
        _check(path, "", values, dict.fromkeys((*_PATHS, "origin"), str), required=_PATHS)
        _check(path, "broker.", broker, _BROKER, required=())
        paths = {name: path.parent / values.pop(name) for name in _PATHS}
        return cls(**paths, **values, broker=BrokerConfig(**broker))


_PATHS = ("policy", "database", "keys", "tombstones", "key_encryption_key", "audit_key", "policies")
_BROKER = {
    "host": str,
    "port": int,
    "client_id": str,
    "user": str,
    "password_file": str,
    "tls": bool,
    "ca_file": str,
    "keepalive_s": int,
}


def _check(path: Path, prefix: str, values: dict[str, Any], known: dict[str, type], required: tuple[str, ...]) -> None:
    for name, value in values.items():
        if name not in known:
            raise ConfigError(f"{path}: {prefix}{name} is unknown; known: {', '.join(sorted(known))}")
        if type(value) is not known[name]:
            raise ConfigError(
                f"{path}: {prefix}{name} must be of type {known[name].__name__}, not {type(value).__name__}"
            )
    for name in required:
        if name not in values:
            raise ConfigError(f'{path}: {prefix}{name} is missing; add {name} = "path"')
