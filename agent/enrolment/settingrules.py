"""What a board's settings must be, rule by rule as at the board itself (firmware/settings.py), each with a sentence.

Stricter than the board where its radio or its modem would only fail later: names and keys of networks, a certificate that is
none, choices that mean nothing, and what is the device's own.
"""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from typing import Any, NoReturn

from agent.errors import AgentConfigError

BOARDS = ("esp32", "esp32s3", "pico_w", "pico2_w")
MODEM_BOARDS = ("esp32", "esp32s3")  # whose MicroPython has PPP
MOST_SSID_BYTES = 32  # IEEE 802.11, section 9.4.2.2
# WPA2: a passphrase of 8 to 63 characters, or 64 hexadecimal digits; empty for an open network.
KEY = re.compile(r"[ -~]{8,63}|[0-9A-Fa-f]{64}|")
MOST_CA_CHARS = 3000  # it lies in the board's memory with the settings
CHOICES = {"gnss": ("ubx", "nmea"), "link": ("contacts", "always"), "sleep": ("deep", "never")}
BATTERIES = ("li-ion", "lifepo4", "alkaline")
PARTS = {
    "temperature": ("tmp117", "sht4x"),
    "light": ("veml7700", "bh1750"),
    "motion": ("lis2dh12", "lis3dh"),
    "receiver": ("switched", "standby"),
}
# What a device notes of itself [a notice to who carries it that somebody puts off].
OWN = ("crash", "paused", "presence")
# Units of the timers of PSM (3GPP TS 24.008, tables 10.5.163 and 10.5.163a), each 1 to 31 times; cycles of eDRX in units of
# 5.12 s (table 10.5.5.32).
PERIOD_UNITS_S = (2, 30, 60, 600, 3_600, 36_000, 1_152_000)
ACTIVE_UNITS_S = (2, 60, 360)
CYCLES = (1, 2, 4, 8, 12, 16, 20, 24, 28, 32, 64, 128, 256, 512)
LEAST_PSM_S = 20  # between the two timers


def check(settings: Mapping[str, Any], *, whole: bool = True) -> None:
    """AgentConfigError unless a device can work with them; not `whole`: the board's name may be missing."""
    board = settings.get("board")
    if not (board in BOARDS or ("board" not in settings and not whole)):
        wrong("board", f"must be one of {', '.join(BOARDS)}, or left out for the one that is found")
    if sum(way in settings for way in ("wifi", "modem", "serial")) > 1:
        wrong("wifi, modem and serial", "must be one alone: a device has one way out")
    if "serial" in settings:
        baudrate = _table(settings, "serial", "a baudrate").get("baudrate")
        if not _whole(baudrate, 9600, 921_600):
            wrong("serial.baudrate", "must be a whole number from 9600 to 921600, for instance 115200")
    else:
        if "modem" in settings:
            _check_modem(settings, board)
        else:
            _check_wifi(_table(settings, "wifi", "ssid and key"))
        _check_broker(_table(settings, "broker", "host and port"))
    _check_options(settings)


def _check_wifi(wifi: Mapping[str, Any]) -> None:
    if not _text(wifi.get("ssid")) or len(wifi["ssid"].encode("utf-8", "replace")) > MOST_SSID_BYTES:
        wrong("wifi.ssid", f"must be the network's name, of 1 to {MOST_SSID_BYTES} bytes")
    if not isinstance(wifi.get("key"), str) or not KEY.fullmatch(wifi["key"]):
        wrong("wifi.key", "must be a passphrase of 8 to 63 letters, digits and signs, or empty for an open network")


def _check_broker(broker: Mapping[str, Any]) -> None:
    if not _text(broker.get("host")):
        wrong("broker.host", "must be the broker's name or address")
    if not _whole(broker.get("port"), 1, 65_535):
        wrong("broker.port", "must be a whole number from 1 to 65535, for instance 1883")
    for name in ("user", "password"):
        if not isinstance(broker.get(name) or "", str):
            wrong(f"broker.{name}", "must be a text, or left out")
    # A device has no list of authorities: without the one that it may trust it would speak to anybody.
    if bool(broker.get("tls")) != ("ca" in broker):
        wrong("broker.tls", "must be true with a certificate in broker.ca, and false or left out without one")
    if "ca" in broker:
        if not isinstance(broker["ca"], str):
            wrong("broker.ca", "must be the PEM text of one certificate, that of the broker's authority")
        if "PRIVATE KEY" in broker["ca"]:  # a file that some tools write: the board keeps its text as it is
            wrong("broker.ca", "holds a private key too, which no device may have: leave the certificate alone there")
        one_certificate("settings: broker.ca", broker["ca"].encode("utf-8", "replace"))


def one_certificate(where: str, pem: bytes) -> str:
    """The PEM text of the one certificate in it. AgentConfigError for another number of them, or one that is over."""
    from cryptography import x509  # noqa: PLC0415 - comes with an extra
    from cryptography.hazmat.primitives.serialization import Encoding  # noqa: PLC0415

    try:
        found = x509.load_pem_x509_certificates(pem)
    except ValueError:
        found = []
    if len(found) != 1:
        raise AgentConfigError(f"{where}: must be the PEM text of one certificate, that of the broker's authority")
    if found[0].not_valid_after_utc.timestamp() < time.time():
        raise AgentConfigError(f"{where}: this certificate is over; take the one that the broker's is signed by now")
    text = found[0].public_bytes(Encoding.PEM).decode()
    if len(text) > MOST_CA_CHARS:
        raise AgentConfigError(f"{where}: longer than {MOST_CA_CHARS} characters, which a board has no room for")
    return text


def _check_modem(settings: Mapping[str, Any], board: Any) -> None:
    modem = _table(settings, "modem", "chip and apn")
    if board not in (*MODEM_BOARDS, None):
        wrong("modem", f"must be on one of {', '.join(MODEM_BOARDS)}: no other board has PPP")
    if modem.get("chip") != "sim7080g":
        wrong("modem.chip", "must be sim7080g")
    if not isinstance(modem.get("apn", ""), str) or not re.fullmatch("[A-Za-z0-9.-]{0,63}", modem.get("apn", "")):
        wrong("modem.apn", "must be the operator's access point: letters, digits, dots and hyphens, or left out")
    if "pin" in modem and not (isinstance(modem["pin"], str) and re.fullmatch("[0-9]{4,8}", modem["pin"])):
        wrong("modem.pin", "must be the card's 4 to 8 digits, as a text, or left out")
    if type(modem.get("roaming", True)) is not bool:
        wrong("modem.roaming", "must be true or false, or left out for true")
    if "psm" in modem:
        _check_psm(modem["psm"])
        if "pin" in modem or settings.get("link") == "always":
            wrong("modem.psm", "must be without modem.pin, and without a link that stays")
    if "edrx" in modem:
        cycle_s = modem["edrx"]
        if type(cycle_s) not in (int, float) or all(abs(cycle_s - units * 5.12) >= 0.01 for units in CYCLES):
            wrong("modem.edrx", "must be a cycle in seconds: 5.12 times one of " + ", ".join(map(str, CYCLES)))


def _check_psm(psm: Any) -> None:
    said = "must be [period, active time] in seconds, of the timers of TS 24.008, for instance [10800, 2]"
    if not isinstance(psm, list) or len(psm) != 2:
        wrong("modem.psm", said)
    for seconds, units in zip(psm, (PERIOD_UNITS_S, ACTIVE_UNITS_S), strict=True):
        if type(seconds) is not int or not any(seconds % s == 0 and 1 <= seconds // s <= 31 for s in units):
            wrong("modem.psm", said)
    if psm[0] - psm[1] < LEAST_PSM_S:
        wrong("modem.psm", f"must leave {LEAST_PSM_S} s between its two times, or the modem would never rest")


def _check_options(settings: Mapping[str, Any]) -> None:
    for name in OWN:
        if name in settings:
            wrong(name, "is the device's own: leave it out")
    for name, known in CHOICES.items():
        if name in settings and settings[name] not in known:
            wrong(name, f"must be one of {', '.join(known)}, or left out for {known[0]}")
    key = settings.get("release_key")
    if "release_key" in settings and not (isinstance(key, str) and re.fullmatch("[0-9a-f]{64}", key)):
        wrong("release_key", "must be the 64 hexadecimal digits of `byleave sync release key`, or left out")
    if "battery" in settings and not _is_battery(settings["battery"]):
        wrong("battery", f"must be one of {', '.join(BATTERIES)}, or [low, empty] in mV")
    if "parts" in settings:
        for name, part in _table(settings, "parts", "names of chips").items():
            if name not in PARTS:
                wrong("parts", f"must name {', '.join(PARTS)} alone")
            if part not in PARTS[name]:
                wrong(f"parts.{name}", f"must be one of {', '.join(PARTS[name])}")


def _is_battery(chosen: Any) -> bool:
    if not isinstance(chosen, list):
        return chosen in BATTERIES
    return len(chosen) == 2 and all(_whole(mv, 1, 65_535) for mv in chosen) and chosen[1] <= chosen[0]


def _table(settings: Mapping[str, Any], name: str, content: str) -> Mapping[str, Any]:
    section = settings.get(name)
    if not isinstance(section, Mapping):
        wrong(name, f"must be a table with {content}")
    return section


def _whole(value: Any, least: int, most: int) -> bool:
    return type(value) is int and least <= value <= most


def _text(value: Any) -> bool:
    return isinstance(value, str) and bool(value)


def wrong(name: str, what: str) -> NoReturn:
    """Refuses a setting by its name."""
    raise AgentConfigError(f"settings: {name} {what}")
