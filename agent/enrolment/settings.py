"""Settings of a device, from a file or from options: checked before its board is touched.

The rules are those of the board, which checks again when it is enrolled and at each start, and by then may be in a van. No
sentence repeats a value: keys and passwords stand beside what is wrong.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

from agent.enrolment.settingrules import check, one_certificate, wrong
from agent.errors import AgentConfigError
from agent.files import read_bounded, read_private

FILE_LIMIT_BYTES = 16 << 10  # indented JSON with one certificate has 4 KB
# An enrolment has 4096 bytes at most (enrolment.FILE_LIMIT_BYTES), about 70 of them for keys and times.
MOST_TEXT_BYTES = 3900
PLAIN_PORT, TLS_PORT = 1883, 8883  # IANA: mqtt, secure-mqtt
SECRETS = ("wifi_key", "broker_password")
MODEM = "sim7080g"

Ask = Callable[[str], str]  # a question, the answer to which is not shown


@dataclass(frozen=True)
class Settings:
    """Checked settings; the board's name may still be missing. Their values are in no text of them."""

    values: Mapping[str, Any] = field(repr=False)

    def text(self, board: str, release_key: bytes | None = None) -> str:
        """As JSON for the board that was found, with the key of its releases that the invitation names.

        AgentConfigError if they are another board's, or name another key.
        """
        values = {**self.values, "board": self.values.get("board", board)}
        if values["board"] != board:
            wrong("board", f"is not the board that was found, {board}: take its settings, or leave `board` out")
        if release_key is not None and values.setdefault("release_key", release_key.hex()) != release_key.hex():
            wrong("release_key", "is not the key that the invitation names: leave it out to take that one")
        check(values)
        return packed(values)


def from_file(path: Path) -> Settings:
    """Those of a JSON file, 0600 because it holds passwords. AgentConfigError with the place and what to write there."""
    data = read_private(
        path,
        limit_bytes=FILE_LIMIT_BYTES,
        holds="the passwords",
        instead="write one with passwords that nobody knows",
        refusal=AgentConfigError,
    )
    if len(data) > FILE_LIMIT_BYTES:
        raise AgentConfigError(f"{path}: longer than {FILE_LIMIT_BYTES} bytes; settings of a device have some hundred")
    try:
        values = json.loads(data.decode(), object_pairs_hook=_once, parse_constant=_no_constant)
    except json.JSONDecodeError as error:
        raise AgentConfigError(f"{path}: is no JSON at line {error.lineno}, column {error.colno}") from None
    except (ValueError, RecursionError):  # its own words could hold a value
        raise AgentConfigError(f"{path}: is no JSON of texts, numbers, lists and tables, each name once") from None
    if not isinstance(values, dict):
        raise AgentConfigError(f"{path}: must be one table, {{…}}, with wifi and broker for instance")
    return checked(values)


def checked(values: Mapping[str, Any]) -> Settings:
    """AgentConfigError unless a board can work with them; the board's name may be missing."""
    check(values, whole=False)
    packed(values)
    return Settings(values)


def packed(values: Mapping[str, Any]) -> str:
    """The JSON that the board stores; AgentConfigError for what does not fit an enrolment."""
    try:
        text = json.dumps(values, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
        size = len(text.encode())
    except (TypeError, ValueError, RecursionError):
        raise AgentConfigError("settings: must be texts of UTF-8, finite numbers, lists and tables") from None
    if size > MOST_TEXT_BYTES:
        raise AgentConfigError(f"settings: longer than {MOST_TEXT_BYTES} bytes; leave out what no device needs")
    return text


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name twice")
    return found


def _no_constant(name: str) -> NoReturn:
    raise ValueError(name)


# --- from options


@dataclass(frozen=True)
class Options:
    """What the command line says of a device's way to its server; a secret is never among it."""

    wifi_ssid: str = ""
    apn: str | None = None
    serial: int = 0
    broker: str = ""
    broker_user: str = ""
    tls_ca: Path | None = None
    secrets: Path | None = None

    @property
    def given(self) -> bool:
        """Whether any was used."""
        return self != Options()


def from_options(options: Options, ask: Ask) -> Settings:
    """Settings out of options, and out of secrets that a file holds or `ask` asks for. AgentConfigError as in from_file."""
    ways = [
        name
        for name, chosen in (
            ("--wifi-ssid", options.wifi_ssid),
            ("--apn", options.apn is not None),
            ("--serial", options.serial),
        )
        if chosen
    ]
    if len(ways) != 1:
        raise AgentConfigError(
            f"{' and '.join(ways)}: a device has one way out, choose one"
            if ways
            else "how does the device reach its server? --settings FILE, or one of --wifi-ssid, --apn and --serial"
        )
    if options.serial:
        if options.broker or options.broker_user or options.tls_ca or options.secrets:
            raise AgentConfigError("--serial goes alone: the gateway at the line's other end knows the broker")
        return checked({"serial": {"baudrate": options.serial}})
    secrets = _Secrets(options.secrets, ask)
    values: dict[str, Any] = {}
    if options.wifi_ssid:
        values["wifi"] = {"ssid": options.wifi_ssid, "key": secrets.take("wifi_key", "Key of the Wi-Fi network")}
    else:
        values["modem"] = {"chip": MODEM} | ({"apn": options.apn} if options.apn else {})
    values["broker"] = _broker(options, secrets)
    secrets.finish()
    return checked(values)


def _broker(options: Options, secrets: _Secrets) -> dict[str, Any]:
    host, port = split_broker(options.broker)
    broker: dict[str, Any] = {"host": host, "port": port or (TLS_PORT if options.tls_ca else PLAIN_PORT)}
    broker["user"] = options.broker_user
    broker["password"] = secrets.take("broker_password", "Password at the broker") if options.broker_user else ""
    broker["tls"] = options.tls_ca is not None
    if options.tls_ca:
        text = read_bounded(
            options.tls_ca,
            limit_bytes=FILE_LIMIT_BYTES,
            instead="--tls-ca takes the certificate of the broker's authority as PEM",
            refusal=AgentConfigError,
        )
        broker["ca"] = one_certificate(f"--tls-ca {options.tls_ca}", text)
    return broker


def split_broker(text: str) -> tuple[str, int]:
    """HOST or HOST:PORT; port 0 where none is named."""
    host, colon, port = text.rpartition(":")
    if not colon:
        host, port = text, "0"
    if not host or ":" in host or not (port.isascii() and port.isdigit()) or (colon and not 0 < int(port) < 65_536):
        raise AgentConfigError("--broker: write HOST or HOST:PORT, the name under which the device finds the broker")
    return host, int(port)


class _Secrets:
    """From a file, each exactly once, or asked for."""

    def __init__(self, path: Path | None, ask: Ask) -> None:
        self._path, self._ask = path, ask
        self._values = _secrets(path) if path else {}

    def take(self, name: str, question: str) -> str:
        if self._path is None:
            return self._ask(question)
        if name not in self._values:
            raise AgentConfigError(f'{self._path}: {name} is missing; write {name} = "…", or "" for none')
        return self._values.pop(name)

    def finish(self) -> None:
        if self._values:
            raise AgentConfigError(f"{self._path}: {', '.join(self._values)}: nothing asks for it with these options")


def _secrets(path: Path) -> dict[str, str]:
    data = read_private(
        path,
        limit_bytes=FILE_LIMIT_BYTES,
        holds="the secrets",
        instead="write one with secrets that nobody knows",
        refusal=AgentConfigError,
    )
    try:
        values = tomllib.loads(data.decode())
    except (ValueError, RecursionError):  # its own words could hold a value
        raise AgentConfigError(f'{path}: is no TOML; one line for each secret, {SECRETS[0]} = "…"') from None
    for name, value in values.items():
        if name not in SECRETS:
            raise AgentConfigError(f"{path}: knows {' and '.join(SECRETS)} alone; take the other names out")
        if not isinstance(value, str):
            raise AgentConfigError(f"{path}: {name} must be a text in quotation marks")
    return values
