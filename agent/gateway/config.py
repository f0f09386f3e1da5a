"""What a gateway is told: by the command line, else by gateway.toml.

A key that nothing reads is refused [a misspelt bound that is silently the default], and so is a password that would cross
a network in the clear. No password is part of a `Config`: `credentials` reads it.
"""

from __future__ import annotations

import ipaddress
import os
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, TypeVar

from agent.errors import AgentConfigError
from agent.files import read_bounded
from agent.gateway.limits import Limits

PLAIN_PORT, TLS_PORT = 1883, 8883  # IANA: mqtt, secure-mqtt
# Of a port or a pattern; Linux's PATH_MAX is 4096, names under /dev/serial/by-id have about 80.
PATTERN_LIMIT_CHARS = 256
# Bytes a second at most: 3 Mbaud is what USB adapters of this kind reach (FT232R and CP2102N data sheets).
LEAST_BAUD, MOST_BAUD = 1200, 3_000_000
DAY_S = 86_400.0
LEAST_SPOOL_BYTES = 1 << 16  # 64 meant as megabytes has room for nothing, and every device would hear state 0

LIMIT_BYTES = 1 << 16  # of gateway.toml: 64 ports with names as long as may be make 17 KB; a wrong file may have no end

_NAME = re.compile(r"[A-Za-z0-9_-]{1,32}")  # `gateway-up-` before it leaves it a client id that any broker takes
_HOST = re.compile(r"[A-Za-z0-9._:%-]{1,253}")  # RFC 1035 section 2.3.4; colons and a zone of IPv6

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Broker:
    """How the broker is reached; TLS checks the certificate and the host's name, always."""

    host: str = ""
    port: int = 0  # 0: 8883 with TLS, else 1883
    tls: bool | None = None  # None: with ca_file, or at port 8883
    ca_file: Path | None = None  # None: the authorities that the machine trusts
    user: str = ""
    password_file: Path | None = None
    name: str = ""  # of this gateway at the broker; "": drawn once and kept in the spool folder

    @property
    def secure(self) -> bool:
        """Whether TLS is spoken."""
        return self.tls if self.tls is not None else self.ca_file is not None or self.port == TLS_PORT

    @property
    def address(self) -> tuple[str, int]:
        """Host and port."""
        return self.host, self.port or (TLS_PORT if self.secure else PLAIN_PORT)

    @property
    def here(self) -> bool:
        """Whether the broker is on this machine, so that nothing crosses a network."""
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"


@dataclass(frozen=True, slots=True)
class SpoolBounds:
    """Where accepted envelopes wait, and how many: `folder` None is the usual place."""

    folder: Path | None = None
    most_bytes: int = 64 << 20  # a month of one device at an envelope a minute is 43 MB
    most_age_days: float = 30.0


@dataclass(frozen=True, slots=True)
class Config:
    """All that a gateway needs."""

    ports: tuple[str, ...]
    broker: Broker
    spool: SpoolBounds = field(default_factory=SpoolBounds)
    limits: Limits = field(default_factory=Limits)
    baudrate: int = 115_200  # docs/serial-link.md, "Line"
    metrics_port: int = 0  # 0: none
    wait: bool = False  # for ports that other programs have at the start; of the command line alone

    @property
    def folder(self) -> Path:
        """The spool folder."""
        return self.spool.folder or default_folder(os.environ)


def default_folder(environment: Mapping[str, str]) -> Path:
    """Where a service's state lies (systemd's StateDirectory), else a person's (XDG base directories)."""
    if state := environment.get("STATE_DIRECTORY"):
        return Path(state.split(":")[0])
    if os.geteuid() == 0:
        return Path("/var/lib/byleave-gateway")
    return Path(environment.get("XDG_STATE_HOME") or Path.home() / ".local" / "state") / "byleave-gateway"


def load(
    path: Path | None = None,
    *,
    ports: Sequence[str] = (),
    broker: str = "",
    spool: Path | None = None,
    tls_ca: Path | None = None,
    metrics_port: int | None = None,
    wait: bool = False,
) -> Config:
    """The checked configuration; what the command line names goes before the file.

    AgentConfigError with the file and the key for what is missing, unknown, of another type or out of its range.
    Relative paths in a file count from that file's folder.
    """
    values = _read(path) if path else {}
    where = str(path) if path else "the command line"
    tables = {name: _table(where, values, name) for name in ("broker", "spool", "limits")}
    if broker:  # another broker is not to be sent this one's password
        tables["broker"] = dict(zip(("host", "port"), split_broker(broker), strict=True)) | _of_same(
            tables["broker"], broker
        )
    if tls_ca:
        tables["broker"]["ca_file"] = str(tls_ca.absolute())
    if spool:
        tables["spool"]["folder"] = str(spool.absolute())
    if ports:
        values["ports"] = list(ports)
    if metrics_port is not None:
        values["metrics_port"] = metrics_port
    base = path.absolute().parent if path else Path.cwd()
    top = {key: value for key, value in values.items() if key not in tables}
    _known(where + ": ", top, {"ports", "baudrate", "metrics_port"}, tuple(tables))
    config = Config(
        ports=_ports(where, top.pop("ports", [])),
        broker=_make(Broker, f"{where}: broker.", tables["broker"], base),
        spool=_make(SpoolBounds, f"{where}: spool.", tables["spool"], base),
        limits=_make(Limits, f"{where}: limits.", tables["limits"], base),
        wait=wait,
        **_integers(where, top),
    )
    _check(where, config)
    return config


def split_broker(text: str) -> tuple[str, int]:
    """HOST, HOST:PORT or [V6]:PORT; port 0 where none is named. AgentConfigError for anything else."""
    found = re.fullmatch(r"(?:\[([^\]]+)\]|([^:\[\]]+))(?::(\d{1,5}))?", text)
    if found is None or (found[3] is not None and not 0 < int(found[3]) < 65_536):
        raise AgentConfigError("--broker: write HOST or HOST:PORT, an IPv6 address as [ADDRESS]:PORT")
    return found[1] or found[2], int(found[3] or 0)


def _of_same(table: dict[str, Any], broker: str) -> dict[str, Any]:
    """The other keys of the file's broker, if it is the same host."""
    host, port = split_broker(broker)
    if table.get("host") != host:
        return {}
    return {key: value for key, value in table.items() if key != "host" and not (key == "port" and port)}


def _read(path: Path) -> dict[str, Any]:
    data = read_bounded(path, limit_bytes=LIMIT_BYTES, instead="name a gateway.toml", refusal=AgentConfigError)
    if len(data) > LIMIT_BYTES:
        raise AgentConfigError(f"{path}: is longer than {LIMIT_BYTES} bytes; name a gateway.toml")
    try:
        return tomllib.loads(data.decode("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise AgentConfigError(f"{path}: is not TOML: {error}") from None


def _table(where: str, values: dict[str, Any], name: str) -> dict[str, Any]:
    table = values.get(name, {})
    if not isinstance(table, dict):
        raise AgentConfigError(f"{where}: {name} must be a table: write [{name}] and its keys below it")
    return dict(table)


def _known(prefix: str, values: Mapping[str, Any], known: set[str], tables: Sequence[str] = ()) -> None:
    for key in values:
        if key not in known:
            raise AgentConfigError(
                f"{prefix}{key}: nothing reads this key; there are {', '.join(sorted(known | set(tables)))}"
            )


def _make(kind: type[T], prefix: str, values: dict[str, Any], base: Path) -> T:
    """A dataclass of a table's values, each of the type of its field; numbers are not negative."""
    types = {each.name: str(each.type) for each in fields(kind)}  # type: ignore[arg-type]
    _known(prefix, values, set(types))
    made: dict[str, Any] = {}
    for key, value in values.items():
        wanted = types[key].split(" |")[0]
        if wanted == "Path" and isinstance(value, str) and value:
            made[key] = base / value
        elif wanted == "float" and type(value) in (int, float) and 0 < value < float("inf"):
            made[key] = float(value)
        elif (wanted == "int" and type(value) is int and value >= 0) or (
            wanted in ("bool", "str") and type(value).__name__ == wanted
        ):
            made[key] = value
        else:
            raise AgentConfigError(f"{prefix}{key}: {_wants(wanted)}")
    return kind(**made)


def _wants(kind: str) -> str:
    return {
        "Path": "write a path in quotes",
        "float": "write a number above 0",
        "int": "write a whole number, not below 0",
        "bool": "write true or false",
    }.get(kind, "write a text in quotes")


def _integers(where: str, values: Mapping[str, Any]) -> dict[str, Any]:
    for key, value in values.items():
        if type(value) is not int:
            raise AgentConfigError(f"{where}: {key}: {_wants('int')}")
    return dict(values)


def _ports(where: str, patterns: object) -> tuple[str, ...]:
    if not isinstance(patterns, list) or not all(
        isinstance(one, str) and 0 < len(one) <= PATTERN_LIMIT_CHARS and "\0" not in one for one in patterns
    ):
        raise AgentConfigError(f'{where}: ports: write a list of ports or patterns: ["/dev/serial/by-id/usb-*"]')
    if not patterns:
        raise AgentConfigError("no port: name --port PORT, or ports = [...] in the file; patterns with * may be named")
    return tuple(patterns)


def _check(where: str, config: Config) -> None:
    broker = config.broker
    if not broker.host:
        raise AgentConfigError("no broker: name --broker HOST[:PORT], or [broker] host in the file")
    if not _HOST.fullmatch(broker.host):
        raise AgentConfigError(f"{where}: broker.host: write a host's name or address without a scheme")
    if broker.port > 65_535 or config.metrics_port > 65_535 or config.metrics_port < 0:
        raise AgentConfigError(f"{where}: a port is a number up to 65535")
    if broker.name and not _NAME.fullmatch(broker.name):
        raise AgentConfigError(f"{where}: broker.name: up to 32 letters, digits, - and _")
    if broker.ca_file and broker.tls is False:
        raise AgentConfigError(f"{where}: broker.ca_file with tls = false: leave one of them out")
    if (broker.password_file is not None) and not broker.user:
        raise AgentConfigError(f"{where}: broker.password_file without broker.user: name the user too")
    if broker.user and not broker.secure and not broker.here:
        raise AgentConfigError(
            f"{where}: broker.user without TLS: the password would cross the network in the clear; name broker.ca_file, "
            "or write tls = true"
        )
    if config.spool.most_bytes < LEAST_SPOOL_BYTES:
        raise AgentConfigError(f"{where}: spool.most_bytes: bytes, {LEAST_SPOOL_BYTES} of them at least")
    if not LEAST_BAUD <= config.baudrate <= MOST_BAUD:
        raise AgentConfigError(f"{where}: baudrate: from {LEAST_BAUD} to {MOST_BAUD}, as the devices' settings say")
