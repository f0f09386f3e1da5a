"""Settings of a device: every rule, by one change of settings that are taken."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from typing import Any

import pytest

from cloud_sync.errors import ConfigError
from cloud_sync.facade.settings import MOST_SETTINGS_BYTES, check_settings, settings_text
from firmware.errors import WireError
from firmware.settings import check as check_at_the_device

SOUND: dict[str, Any] = {
    "board": "esp32s3",
    "wifi": {"ssid": "depot", "key": "correct horse"},
    "broker": {"host": "broker.example", "port": 1883, "user": "", "password": "", "tls": False},
    "gnss": "nmea",
    "link": "always",
}


CA = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"
SECURE = {**SOUND["broker"], "tls": True, "ca": CA}
WIRED: dict[str, Any] = {"board": "pico_w", "serial": {"baudrate": 115_200}}


def changed(*path: str, to: Any) -> dict[str, Any]:
    """The sound settings with one value changed, or taken away where `to` is None."""
    settings = deepcopy(SOUND)
    table = settings
    for name in path[:-1]:
        table = table[name]
    if to is None:
        del table[path[-1]]
    else:
        table[path[-1]] = to
    return settings


MODEM: dict[str, Any] = {
    **{name: value for name, value in SOUND.items() if name != "wifi"},
    "modem": {"chip": "sim7080g", "apn": "iot.example"},
}


def modem(**changes: Any) -> dict[str, Any]:
    """Settings with a modem, some of its own changed."""
    return {**MODEM, "modem": {**MODEM["modem"], **changes}}


ACCEPTED = {
    "as they are": SOUND,
    "a modem": MODEM,
    "a modem with a PIN": modem(pin="1234", roaming=False),
    "a modem that rests": {**modem(psm=[10800, 2]), "link": "contacts"},
    "without a choice of receiver": changed("gnss", to=None),
    "without a choice of link": changed("link", to=None),
    "an open network": changed("wifi", "key", to=""),
    "a key of 64 digits": changed("wifi", "key", to="a" * 64),
    "a name of 32 bytes": changed("wifi", "ssid", to="é" * 16),
    "without tls": changed("broker", "tls", to=None),
    "without a user": changed("broker", "user", to=None),
    "the last port": changed("broker", "port", to=65_535),
    "tls with its authority": changed("broker", to=SECURE),
    "a serial line": WIRED,
    "a key of releases": changed("release_key", to="0f" * 32),
    "an option of the board's own": changed("antenna", to="patch"),
}
REFUSED = {
    "a key of releases of 62 digits": (changed("release_key", to="0f" * 31), "release_key"),
    "a key of releases in capitals": (changed("release_key", to="0F" * 32), "release_key"),
    "a key of releases that is a number": (changed("release_key", to=5), "release_key"),
    "no board": (changed("board", to=None), "board"),
    "a board that is a number": (changed("board", to=3), "board"),
    "no wifi": (changed("wifi", to=None), "wifi"),
    "a wifi that is a text": (changed("wifi", to="depot"), "wifi"),
    "no network name": (changed("wifi", "ssid", to=None), "wifi.ssid"),
    "an empty network name": (changed("wifi", "ssid", to=""), "wifi.ssid"),
    "a name of 34 bytes": (changed("wifi", "ssid", to="é" * 17), "wifi.ssid"),
    "no key": (changed("wifi", "key", to=None), "wifi.key"),
    "a key of 7 characters": (changed("wifi", "key", to="1234567"), "wifi.key"),
    "a key of 65 characters": (changed("wifi", "key", to="a" * 65), "wifi.key"),
    "no broker": (changed("broker", to=None), "broker"),
    "no host": (changed("broker", "host", to=None), "broker.host"),
    "no port": (changed("broker", "port", to=None), "broker.port"),
    "port 0": (changed("broker", "port", to=0), "broker.port"),
    "port 65536": (changed("broker", "port", to=65_536), "broker.port"),
    "a port that is a text": (changed("broker", "port", to="1883"), "broker.port"),
    "a port that is true": (changed("broker", "port", to=True), "broker.port"),
    "a user that is a number": (changed("broker", "user", to=7), "broker.user"),
    "a password that is a list": (changed("broker", "password", to=["x"]), "broker.password"),
    "tls without an authority": (changed("broker", "tls", to=True), "broker.tls"),
    "an authority without tls": (changed("broker", to={**SECURE, "tls": False}), "broker.tls"),
    "an authority that is no certificate": (changed("broker", to={**SECURE, "ca": "trust me"}), "broker.ca"),
    "two authorities": (changed("broker", to={**SECURE, "ca": CA * 2}), "broker.ca"),
    "an authority too long": (changed("broker", to={**SECURE, "ca": CA.replace("MIIB", "M" * 3000)}), "broker.ca"),
    "a serial line of no speed": ({**WIRED, "serial": {}}, "serial.baudrate"),
    "a serial line that is too slow": ({**WIRED, "serial": {"baudrate": 300}}, "serial.baudrate"),
    "a serial line that is a number": ({**WIRED, "serial": 115_200}, "serial"),
    "a serial line beside a wifi": ({**SOUND, "serial": {"baudrate": 115_200}}, "wifi, modem and serial"),
    "a modem beside a wifi": ({**SOUND, "modem": MODEM["modem"]}, "wifi, modem and serial"),
    "a modem on a board without PPP": ({**MODEM, "board": "pico_w"}, "modem"),
    "a modem that nobody knows": (modem(chip="bg95"), "modem.chip"),
    "an access point of two words": (modem(apn="iot example"), "modem.apn"),
    "a PIN of three digits": (modem(pin="123"), "modem.pin"),
    "a PIN that is a number": (modem(pin=1234), "modem.pin"),
    "roaming that is a text": (modem(roaming="no"), "modem.roaming"),
    "a modem that rests with a PIN": ({**modem(pin="1234", psm=[10800, 2]), "link": "contacts"}, "modem.psm"),
    "a modem that rests on a link that stays": ({**modem(psm=[10800, 2]), "link": "always"}, "modem.psm"),
    "a modem without a broker": ({**MODEM, "broker": None}, "broker"),
    "a receiver that nobody knows": (changed("gnss", to="sirf"), "gnss"),
    "a link that nobody knows": (changed("link", to="sometimes"), "link"),
}


@pytest.mark.parametrize("name", ACCEPTED)
def test_settings_that_a_device_takes_are_taken(name: str) -> None:
    """Both sides agree."""
    check_settings(ACCEPTED[name])
    check_at_the_device(ACCEPTED[name])


@pytest.mark.parametrize("name", REFUSED)
def test_settings_that_no_device_can_work_with_are_refused(name: str) -> None:
    """The sentence names the setting."""
    settings, setting = REFUSED[name]
    with pytest.raises(ConfigError, match=f"settings: {setting} must be|settings: {setting} must name"):
        check_settings(settings)


def test_no_value_is_repeated_in_an_error() -> None:
    """A password does not end up in somebody's terminal history or log."""
    with pytest.raises(ConfigError) as caught:
        check_settings(changed("wifi", "key", to="secret7"))
    assert "secret7" not in str(caught.value)


def test_every_rule_of_the_device_is_a_rule_here() -> None:
    """What the device refuses of these cases is refused before it is enrolled."""
    for settings, _ in REFUSED.values():
        try:
            check_at_the_device(settings)
        except WireError:
            with pytest.raises(ConfigError):
                check_settings(settings)


ENROLLING: dict[str, tuple[Callable[[], Any], str]] = {
    "no JSON": (lambda: {**SOUND, "x": {1}}, "JSON"),
    "too long": (lambda: {**SOUND, "x": "x" * MOST_SETTINGS_BYTES}, "longer"),
    "no table": (lambda: ["board"], "table"),
}


@pytest.mark.parametrize("name", ENROLLING)
def test_what_does_not_fit_an_enrolment_file_is_refused(name: str) -> None:
    """The sound settings fit, and so do none at all, for what stands in for a board."""
    assert settings_text(SOUND).startswith('{"board":"esp32s3"')
    assert settings_text({}) == "{}"
    make, word = ENROLLING[name]
    with pytest.raises(ConfigError, match=word):
        settings_text(make())


@pytest.mark.parametrize("name", ["crash", "paused", "presence"])
def test_what_a_device_notes_of_itself_is_in_no_enrolment(name: str) -> None:
    """A notice to who carries it that somebody puts off, a device that begins paused: refused, and taken without it."""
    settings_text(SOUND)
    with pytest.raises(ConfigError, match=f"{name} is the device's own"):
        settings_text({**SOUND, name: [0, 2**31, 0, 0]})
