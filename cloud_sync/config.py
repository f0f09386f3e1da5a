"""Where things are: the paths and the broker of one installation, from a TOML file or keyword arguments."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cloud_sync.errors import ConfigError
from cloud_sync.places import Place, place

DEFAULT_PORT = 1883  # IANA: mqtt
DEFAULT_TLS_PORT = 8883  # IANA: secure-mqtt
ENVIRONMENT = "BYLEAVE_SYNC_"
MOST_DIGITS = 10  # of a number in the environment; ports and seconds have fewer


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
    region: str = ""  # where it is; else that of the installation

    @property
    def address(self) -> tuple[str, int]:
        """Host and port."""
        return self.host, self.port or (DEFAULT_TLS_PORT if self.tls else DEFAULT_PORT)


@dataclass(frozen=True, slots=True)
class Config:
    """All that `CloudSync.open` needs. Relative paths in a file count from that file's directory."""

    policy: Path
    database: Place  # a file, or the address of a PostgreSQL database; so are the next two
    keys: Place
    tombstones: Place
    key_encryption_key: Path | str  # a file, or the URI of a provider (`keys.providers`)
    audit_key: Path
    policies: Path  # directory of policy files of the past, by hash
    broker: BrokerConfig | None = field(default_factory=BrokerConfig)
    origin: str = "byleave"  # name in the checkpoints of the audit log
    key_ring: Path | None = None  # without it `keys.ring` beside the audit key
    region: str = ""  # where the stores and the broker are: a country, or EEA
    database_region: str = ""  # of a store that is elsewhere; so are the next two
    keys_region: str = ""
    tombstones_region: str = ""

    @property
    def regions(self) -> dict[str, str]:
        """Where each store, and the broker, is; an empty text where nothing says so."""
        own = {"database": self.database_region, "keys": self.keys_region, "tombstones": self.tombstones_region}
        if self.broker is not None:
            own["broker"] = self.broker.region
        return {name: region or self.region for name, region in own.items()}

    @property
    def ring(self) -> Path:
        """The file of the keys that wrap all stored ones."""
        return self.key_ring or self.audit_key.with_name("keys.ring")

    @property
    def folder(self) -> Path:
        """Where the small files of the service lie: beside the telemetry database, or beside the audit key if that is no file."""
        return self.database.parent if isinstance(self.database, Path) else self.audit_key.parent

    @classmethod
    def in_directory(
        cls, directory: str | Path, *, policy: str | Path, broker: BrokerConfig | None = None, region: str = "EEA"
    ) -> Config:
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
            region=region,
        )

    @classmethod
    def from_toml(cls, path: str | Path, environment: Mapping[str, str] | None = None) -> Config:
        """Read a file with the keys of this class and a table `[broker]`; every fault says what to do.

        What `environment` names goes before the file: BYLEAVE_SYNC_DATABASE, BYLEAVE_SYNC_BROKER_HOST, and so on; relative paths
        count from the file's directory there too.
        """
        path = Path(path)
        values = merged(path, environment or {})
        broker = values.pop("broker")
        paths: dict[str, Any] = {name: path.parent / values.pop(name) for name in _PATHS}
        paths |= {name: place(values.pop(name), path.parent) for name in _STORES}
        if "key_ring" in values:
            paths["key_ring"] = path.parent / values.pop("key_ring")
        provider = values.pop("key_encryption_key")
        values["key_encryption_key"] = provider if ":" in provider else path.parent / provider
        return cls(**paths, **values, broker=BrokerConfig(**broker))


def merged(path: Path, environment: Mapping[str, str]) -> dict[str, Any]:
    """The checked values of a file, and of the environment where it names them; `broker` is a table of its own."""
    try:
        values: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read ({error.strerror}); name a configuration file") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: is not TOML: {error}") from error
    broker = values.setdefault("broker", {})
    if not isinstance(broker, dict):
        raise ConfigError(f'{path}: broker must be a table: write [broker] with host = "…"')
    for (table, key), value in named_by(environment).items():
        (broker if table else values)[key] = value
    _check(path, "", {**values, "broker": ""}, _TOP, required=_REQUIRED)
    _check(path, "broker.", broker, _BROKER, required=())
    return values


def named_by(environment: Mapping[str, str]) -> dict[tuple[str, str], Any]:
    """What an environment sets: (table, key) to value. ConfigError for a name that nothing reads, or a value of another type."""
    found: dict[tuple[str, str], Any] = {}
    for name, text in environment.items():
        if not name.startswith(ENVIRONMENT):
            continue
        key = name.removeprefix(ENVIRONMENT).lower()
        table, known = ("broker", _BROKER) if key.startswith("broker_") else ("", _TOP)
        key = key.removeprefix("broker_")
        if key not in known or key == "broker":
            raise ConfigError(f"{name}: is set, and nothing reads it; known: {', '.join(sorted(_names()))}")
        found[table, key] = _typed(name, text, known[key])
    return found


def _names() -> list[str]:
    keys = [key for key in _TOP if key != "broker"] + [f"broker_{key}" for key in _BROKER]
    return [ENVIRONMENT + key.upper() for key in keys]


def _typed(name: str, text: str, wanted: type) -> Any:
    if wanted is bool and text in ("true", "false"):
        return text == "true"
    if wanted is int and text.isdecimal() and len(text) < MOST_DIGITS:
        return int(text)
    if wanted is str:
        return text
    raise ConfigError(f"{name}: must be {'true or false' if wanted is bool else 'a whole number'}")


_STORES = ("database", "keys", "tombstones")
_PATHS = ("policy", "audit_key", "policies")
_REQUIRED = (*_PATHS, *_STORES, "key_encryption_key")
_REGIONS = ("region", "database_region", "keys_region", "tombstones_region")
_TOP: dict[str, type] = dict.fromkeys((*_REQUIRED, *_REGIONS, "key_ring", "origin", "broker"), str)
_BROKER: dict[str, type] = {
    "host": str,
    "port": int,
    "client_id": str,
    "user": str,
    "password_file": str,
    "tls": bool,
    "ca_file": str,
    "keepalive_s": int,
    "region": str,
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
