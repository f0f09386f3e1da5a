"""Settings of a device, as they go into its enrolment file: what no device would take is refused before one is enrolled.

A device checks them again by code of its own, when it is enrolled and at each start; by then it may be in a van.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, Final, NoReturn

from cloud_sync.errors import ConfigError

MOST_SETTINGS_BYTES: Final = 4096  # the device reads the enrolment file in one piece
MOST_SSID_BYTES: Final = 32  # IEEE 802.11, section 9.4.2.2
KEY_CHARACTERS: Final = range(
    8, 65
)  # WPA2: a passphrase of 8 to 63, or 64 hexadecimal digits; empty for an open network
ONE_CERTIFICATE: Final = r"\s*-----BEGIN CERTIFICATE-----[A-Za-z0-9+/=\s]{1,2900}-----END CERTIFICATE-----\s*"
#: Boards whose MicroPython has PPP.
MODEM_BOARDS: Final = ("esp32", "esp32s3")
#: Choices that a device knows; the first is what it does without one.
CHOICES: Final = {"gnss": ("ubx", "nmea"), "link": ("contacts", "always")}

#: What a device notes of itself, in the same file: an enrolment that brings `presence` or `paused` puts off the notice to who
#: carries the device unasked (decision 0015), or begins with the button pressed.
OWN: Final = ("crash", "paused", "presence")


def settings_text(settings: Mapping[str, Any]) -> str:
    """The settings as the JSON of the enrolment file. ConfigError says what is wrong, and never repeats a value.

    An empty table is for what stands in for a board, such as a simulated fleet: there is nothing to reach a network with.
    """
    try:
        text = json.dumps(settings, separators=(",", ":"), allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise ConfigError(f"settings are no JSON ({error}); use texts, finite numbers, lists and tables") from error
    if len(text.encode()) > MOST_SETTINGS_BYTES:
        raise ConfigError(f"settings are longer than {MOST_SETTINGS_BYTES} bytes; leave out what no device needs")
    if settings:
        check_settings(settings)
    return text


def check_settings(settings: Mapping[str, Any]) -> None:
    """ConfigError unless a device can work with them: a board, a way to its broker (Wi-Fi, a modem, or a serial line to a
    gateway, which knows the broker), choices that it knows.
    """
    if not isinstance(settings, Mapping):
        _wrong("settings", "must be a table with board, wifi and broker")
    if not _text(settings.get("board")):
        _wrong("board", "must name the board, for instance esp32s3")
    for name in OWN:
        if name in settings:
            _wrong(name, "is the device's own: leave it out")
    if sum(way in settings for way in ("wifi", "modem", "serial")) > 1:
        _wrong("wifi, modem and serial", "must be one alone: a device has one way out")
    if "serial" in settings:
        _check_serial(settings)
    elif "modem" in settings:
        _check_modem(settings)
        _check_broker(_table(settings, "broker", "host and port"))
    else:
        _check_wifi(_table(settings, "wifi", "ssid and key"))
        _check_broker(_table(settings, "broker", "host and port"))
    _check_release_key(settings.get("release_key"))
    for name, known in CHOICES.items():
        if name in settings and settings[name] not in known:
            _wrong(name, f"must be one of {', '.join(known)}, or left out for {known[0]}")


def _check_wifi(wifi: Mapping[str, Any]) -> None:
    if not _text(wifi.get("ssid")) or len(wifi["ssid"].encode()) > MOST_SSID_BYTES:
        _wrong("wifi.ssid", f"must be the network's name, at most {MOST_SSID_BYTES} bytes")
    key = wifi.get("key")
    if not isinstance(key, str) or (key and len(key) not in KEY_CHARACTERS):
        _wrong("wifi.key", "must be a passphrase of 8 to 64 characters, or empty for an open network")


def _check_broker(broker: Mapping[str, Any]) -> None:
    if not _text(broker.get("host")):
        _wrong("broker.host", "must be the broker's name or address")
    port = broker.get("port")
    if type(port) is not int or not 0 < port < 65_536:
        _wrong("broker.port", "must be a whole number from 1 to 65535, for instance 1883")
    for name in ("user", "password"):
        if not isinstance(broker.get(name) or "", str):
            _wrong(f"broker.{name}", "must be a text, or left out")
    # A device has no list of authorities: without the one that it may trust it would speak to anybody.
    if bool(broker.get("tls")) != ("ca" in broker):
        _wrong("broker.tls", "must be true with a certificate in broker.ca, and false or left out without one")
    if "ca" in broker and not (_text(broker["ca"]) and re.fullmatch(ONE_CERTIFICATE, broker["ca"])):
        _wrong(
            "broker.ca", "must be the PEM text of one certificate, that of the authority, of at most 3000 characters"
        )


def _check_serial(settings: Mapping[str, Any]) -> None:
    baudrate = _table(settings, "serial", "a baudrate").get("baudrate")
    if type(baudrate) is not int or not 9600 <= baudrate <= 921_600:
        _wrong("serial.baudrate", "must be a whole number from 9600 to 921600, for instance 115200")


def _check_modem(settings: Mapping[str, Any]) -> None:
    """What a device checks again, timers apart: which of them there are, its driver knows (3GPP TS 24.008)."""
    modem = _table(settings, "modem", "chip and apn")
    if settings["board"] not in MODEM_BOARDS:
        _wrong("modem", f"must be on one of {', '.join(MODEM_BOARDS)}: no other board has PPP")
    if modem.get("chip") != "sim7080g":
        _wrong("modem.chip", "must be sim7080g")
    if not isinstance(modem.get("apn", ""), str) or not re.fullmatch(r"[A-Za-z0-9.-]{0,63}", modem.get("apn", "")):
        _wrong("modem.apn", "must be the operator's access point: letters, digits, dots and hyphens, or left out")
    if "pin" in modem and not (isinstance(modem["pin"], str) and re.fullmatch("[0-9]{4,8}", modem["pin"])):
        _wrong("modem.pin", "must be the card's 4 to 8 digits, as a text, or left out")
    if type(modem.get("roaming", True)) is not bool:
        _wrong("modem.roaming", "must be true or false, or left out for true")
    if "psm" in modem and ("pin" in modem or settings.get("link") == "always"):
        _wrong(
            "modem.psm",
            "must be without modem.pin, and without a link that stays: the modem could not rest, or must not",
        )


def _check_release_key(key: Any) -> None:
    if key is not None and not (isinstance(key, str) and re.fullmatch("[0-9a-f]{64}", key)):
        _wrong(
            "release_key", "must be the 64 hexadecimal digits of byleave sync release key, or left out for no updates"
        )


def _table(settings: Mapping[str, Any], name: str, content: str) -> Mapping[str, Any]:
    section = settings.get(name)
    if not isinstance(section, Mapping):
        _wrong(name, f"must be a table with {content}")
    return section


def _text(value: Any) -> bool:
    return isinstance(value, str) and bool(value)


def _wrong(name: str, what: str) -> NoReturn:
    raise ConfigError(f"settings: {name} {what}")
