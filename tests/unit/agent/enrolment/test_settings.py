"""Settings of a device: every rule by one change of settings that are taken, beside the board's own rules."""

from __future__ import annotations

import json
from copy import deepcopy
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from agent.enrolment.settings import (
    FILE_LIMIT_BYTES,
    MOST_TEXT_BYTES,
    Options,
    Settings,
    checked,
    from_file,
    from_options,
    split_broker,
)
from agent.errors import AgentConfigError
from firmware.errors import WireError
from firmware.settings import check as check_at_the_board

SECRET = "correct-horse"
SOUND: dict[str, Any] = {
    "board": "esp32s3",
    "wifi": {"ssid": "depot", "key": SECRET},
    "broker": {"host": "broker.example", "port": 1883, "user": "", "password": "", "tls": False},
    "gnss": "nmea",
    "link": "always",
}
MODEM: dict[str, Any] = {
    "board": "esp32s3",
    "broker": SOUND["broker"],
    "modem": {"chip": "sim7080g", "apn": "iot.example"},
}
WIRED: dict[str, Any] = {"board": "pico_w", "serial": {"baudrate": 115_200}}


def certificate(days: float = 30, name: str = "authority") -> str:
    """PEM of a self-signed one."""
    key = ec.generate_private_key(ec.SECP256R1())
    who = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(who)
        .issuer_name(who)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=60))
        .not_valid_after(now + timedelta(days=days))
        .sign(key, hashes.SHA256())
    )
    return made.public_bytes(Encoding.PEM).decode()


CA = certificate()
SECURE = {**SOUND["broker"], "tls": True, "ca": CA}


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


def modem(**changes: Any) -> dict[str, Any]:
    """Settings with a modem, some of its own changed."""
    return {**MODEM, "modem": {**MODEM["modem"], **changes}}


ACCEPTED = {
    "as they are": SOUND,
    "a modem": MODEM,
    "a modem with a PIN": modem(pin="1234", roaming=False),
    "a modem that rests": modem(psm=[10_800, 2], edrx=20.48),
    "without a choice of receiver": changed("gnss", to=None),
    "an open network": changed("wifi", "key", to=""),
    "a key of 63 signs": changed("wifi", "key", to="~ " * 31 + "!"),
    "a key of 64 digits": changed("wifi", "key", to="a" * 64),
    "a name of 32 bytes": changed("wifi", "ssid", to="é" * 16),
    "without tls": changed("broker", "tls", to=None),
    "without a user": changed("broker", "user", to=None),
    "the last port": changed("broker", "port", to=65_535),
    "tls with its authority": changed("broker", to=SECURE),
    "a serial line": WIRED,
    "a key of releases": changed("release_key", to="0f" * 32),
    "a battery": changed("battery", to="lifepo4"),
    "a battery in mV": changed("battery", to=[3500, 3300]),
    "other parts": changed("parts", to={"temperature": "sht4x", "receiver": "standby"}),
    "never asleep": changed("sleep", to="never"),
    "an option of the board's own": changed("antenna", to="patch"),
}
REFUSED = {
    "no board": (changed("board", to=""), "board"),
    "a board that is a number": (changed("board", to=3), "board"),
    "a board that nobody knows": (changed("board", to="esp8266"), "board"),
    "no wifi": (changed("wifi", to=None), "wifi"),
    "a wifi that is a text": (changed("wifi", to=SECRET), "wifi"),
    "no network name": (changed("wifi", "ssid", to=None), "wifi.ssid"),
    "an empty network name": (changed("wifi", "ssid", to=""), "wifi.ssid"),
    "a name of 34 bytes": (changed("wifi", "ssid", to="é" * 17), "wifi.ssid"),
    "no key": (changed("wifi", "key", to=None), "wifi.key"),
    "a key of 7 characters": (changed("wifi", "key", to="secret7"), "wifi.key"),
    "a key of 64 letters": (changed("wifi", "key", to="z" * 64), "wifi.key"),
    "a key with a line's end": (changed("wifi", "key", to=SECRET + "\n"), "wifi.key"),
    "no broker": (changed("broker", to=None), "broker"),
    "no host": (changed("broker", "host", to=None), "broker.host"),
    "no port": (changed("broker", "port", to=None), "broker.port"),
    "port 0": (changed("broker", "port", to=0), "broker.port"),
    "port 65536": (changed("broker", "port", to=65_536), "broker.port"),
    "a port that is a text": (changed("broker", "port", to="1883"), "broker.port"),
    "a port that is true": (changed("broker", "port", to=True), "broker.port"),
    "a user that is a number": (changed("broker", "user", to=7), "broker.user"),
    "a password that is a list": (changed("broker", "password", to=[SECRET]), "broker.password"),
    "tls without an authority": (changed("broker", "tls", to=True), "broker.tls"),
    "an authority without tls": (changed("broker", to={**SECURE, "tls": False}), "broker.tls"),
    "an authority that is a number": (changed("broker", to={**SECURE, "ca": 5}), "broker.ca"),
    "an authority that is no certificate": (changed("broker", to={**SECURE, "ca": "trust me"}), "broker.ca"),
    "two authorities": (changed("broker", to={**SECURE, "ca": CA * 2}), "broker.ca"),
    "an authority that is over": (changed("broker", to={**SECURE, "ca": certificate(days=-1)}), "broker.ca"),
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
    "a rest that no timer has": (modem(psm=[10_801, 2]), "modem.psm"),
    "a rest that never begins": (modem(psm=[20, 2]), "modem.psm"),
    "a rest of one time": (modem(psm=[10_800]), "modem.psm"),
    "a modem that rests with a PIN": (modem(pin="1234", psm=[10_800, 2]), "modem.psm"),
    "a modem that rests on a link that stays": ({**modem(psm=[10_800, 2]), "link": "always"}, "modem.psm"),
    "a cycle that there is not": (modem(edrx=20), "modem.edrx"),
    "a modem without a broker": ({**MODEM, "broker": None}, "broker"),
    "a receiver that nobody knows": (changed("gnss", to="sirf"), "gnss"),
    "a link that nobody knows": (changed("link", to="sometimes"), "link"),
    "a sleep that nobody knows": (changed("sleep", to="light"), "sleep"),
    "a key of releases of 62 digits": (changed("release_key", to="0f" * 31), "release_key"),
    "a key of releases in capitals": (changed("release_key", to="0F" * 32), "release_key"),
    "a battery that nobody knows": (changed("battery", to="lead"), "battery"),
    "a battery upside down": (changed("battery", to=[3300, 3500]), "battery"),
    "a part that nobody knows": (changed("parts", to={"light": "eye"}), "parts.light"),
    "a sense that nobody has": (changed("parts", to={"smell": "nose"}), "parts"),
    "a notice that is put off": (changed("presence", to=[0, 2**31, 0, 0]), "presence"),
    "a device that is paused": (changed("paused", to=True), "paused"),
}
# What the board takes and would only fail with later, or what is its own: refused here alone.
STRICTER = {
    "a board that is a number", "no board", "a board that nobody knows", "an empty network name", "a name of 34 bytes",
    "a key of 7 characters", "a key of 64 letters", "a key with a line's end", "a port that is true",
    "an authority that is no certificate", "two authorities", "an authority that is over",
    "a receiver that nobody knows", "a link that nobody knows", "a sleep that nobody knows",
    "a key of releases of 62 digits", "a key of releases in capitals", "a notice that is put off", "a device that is paused",
}  # fmt: skip


@pytest.mark.parametrize("name", ACCEPTED)
def test_settings_that_a_board_takes_are_taken(name: str) -> None:
    """By both; what goes to the board is what was checked."""
    settings = ACCEPTED[name]
    check_at_the_board(settings)
    text = checked(settings).text(settings["board"])
    assert json.loads(text) == settings
    without = {key: value for key, value in settings.items() if key != "board"}
    assert json.loads(checked(without).text(settings["board"]))["board"] == settings["board"]


@pytest.mark.parametrize("name", REFUSED)
def test_settings_that_no_device_can_work_with_are_refused(name: str) -> None:
    """The sentence names the setting, says what to write, and repeats no value; the exit code is that of configuration."""
    settings, setting = REFUSED[name]
    with pytest.raises(AgentConfigError) as error:
        checked(settings)
    said = str(error.value)
    assert said.startswith((f"settings: {setting} ", f"settings: {setting}:"))
    assert " must " in said or "leave it out" in said or "take the one" in said or "longer than" in said
    assert error.value.exit_code == 2
    for secret in (SECRET, "secret7", "1234", "trust me"):
        assert secret not in said.replace("1234567890", "")


@pytest.mark.parametrize("name", sorted(set(REFUSED) - STRICTER))
def test_the_board_refuses_the_same(name: str) -> None:
    """No rule here is an invention; those that are stricter are named."""
    with pytest.raises(WireError):
        check_at_the_board(REFUSED[name][0])


def test_what_does_not_fit_an_enrolment_is_refused() -> None:
    """A text that is too long, numbers that are none, letters that are no UTF-8; none of them is repeated."""
    assert checked(changed("antenna", to="x" * 3000))
    for value in ("x" * MOST_TEXT_BYTES, float("nan"), "\udc80", {"a": {1, 2}}):
        with pytest.raises(AgentConfigError, match="settings: "):
            checked(changed("antenna", to=value))


def test_a_long_certificate_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """As where the authority's key has 8192 bits."""
    from agent.enrolment import settingrules

    monkeypatch.setattr(settingrules, "MOST_CA_CHARS", len(CA) - 1)
    with pytest.raises(AgentConfigError, match=r"broker\.ca: longer than"):
        checked(changed("broker", to=SECURE))


def test_the_invitations_key_of_releases_is_taken() -> None:
    """Where the settings name none; the same again is no contradiction, another is."""
    key = bytes(range(32))
    assert json.loads(checked(SOUND).text("esp32s3", key))["release_key"] == key.hex()
    assert checked(changed("release_key", to=key.hex())).text("esp32s3", key)
    with pytest.raises(AgentConfigError, match="release_key is not the key that the invitation names"):
        checked(changed("release_key", to="0f" * 32)).text("esp32s3", key)


# --- files


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """board.json, private."""
    path = tmp_path / "board.json"
    path.touch(mode=0o600)
    path.write_text(json.dumps(SOUND, indent=2))
    return path


def test_a_private_file_is_read(file: Path) -> None:
    """Its values are in no text of what was read; one that others may read is refused."""
    settings = from_file(file)
    assert settings.values == SOUND
    assert SECRET not in repr(settings)
    file.chmod(0o644)
    with pytest.raises(AgentConfigError, match=r"others on this machine.*the passwords in it.*chmod 600"):
        from_file(file)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        '{"wifi": correct-horse}',
        json.dumps(SOUND).replace('"key"', '"key": "correct-horse", "key"'),
        "[1]",
        '{"battery": NaN}',
        "[" * 5000,
        '"' + "x" * FILE_LIMIT_BYTES + '"',
        '{"wifi": {"ssid": "correct-horse\\ud800", "key": ""}, "broker": {"host": "h", "port": 1}}',
    ],
    ids=["empty", "cut", "no quotes", "twice", "list", "NaN", "deep", "long", "half a letter"],
)
def test_a_file_that_is_no_table_is_refused(file: Path, text: str) -> None:
    """With its name or its place, never its content."""
    file.write_text(text)
    with pytest.raises(AgentConfigError) as error:
        from_file(file)
    assert "correct" not in str(error.value)


def test_bytes_that_are_no_text_are_refused(file: Path) -> None:
    """Latin-1, for instance."""
    file.write_bytes(json.dumps(SOUND).encode().replace(b"depot", b"d\xe9pot"))
    with pytest.raises(AgentConfigError, match="is no JSON"):
        from_file(file)


# --- options


class Asked:
    """Somebody who answers; what was asked for."""

    def __init__(self, *answers: str) -> None:
        self.answers = list(answers)
        self.questions: list[str] = []

    def __call__(self, question: str) -> str:
        self.questions.append(question)
        return self.answers.pop(0)


def a_secret(folder: Path, text: str, mode: int = 0o600) -> Path:
    """A file for --secrets."""
    path = folder / "secrets.toml"
    path.touch(mode=mode)
    path.chmod(mode)
    path.write_text(text)
    return path


def test_each_way_out_has_its_options(tmp_path: Path) -> None:
    """Wi-Fi and modem with a broker, a serial line alone; ports as they are usual; only what is needed is asked for."""
    ca = tmp_path / "ca.pem"
    ca.write_text("Subject: the authority\n" + CA)
    asked = Asked(SECRET, "password")
    wifi = from_options(Options(wifi_ssid="depot", broker="broker.example", broker_user="van", tls_ca=ca), asked)
    assert wifi.values == {
        "wifi": {"ssid": "depot", "key": SECRET},
        "broker": {
            "host": "broker.example", "port": 8883, "user": "van", "password": "password", "tls": True, "ca": CA,
        },
    }  # fmt: skip
    assert asked.questions == ["Key of the Wi-Fi network", "Password at the broker"]
    silent = Asked()
    modem = from_options(Options(apn="iot.example", broker="broker.example:1884"), silent)
    assert modem.values["modem"] == {"chip": "sim7080g", "apn": "iot.example"}
    assert modem.values["broker"]["port"] == 1884
    assert from_options(Options(apn="", broker="b"), silent).values["modem"] == {"chip": "sim7080g"}
    assert from_options(Options(serial=115_200), silent).values == {"serial": {"baudrate": 115_200}}
    assert isinstance(wifi, Settings) and SECRET not in repr(wifi)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (Options(), "how does the device reach its server"),
        (Options(wifi_ssid="a", apn="b", broker="h"), "--wifi-ssid and --apn: a device has one way out"),
        (Options(serial=115_200, broker="h"), "--serial goes alone"),
        (Options(serial=115_200, tls_ca=Path("x")), "--serial goes alone"),
        (Options(serial=3), "serial.baudrate must be"),
        (Options(wifi_ssid="a"), "--broker: write HOST"),
        (Options(wifi_ssid="a", broker="h:0"), "--broker: write HOST"),
        (Options(wifi_ssid="a", broker="h:66000"), "--broker: write HOST"),
        (Options(wifi_ssid="a", broker="h:x"), "--broker: write HOST"),
        (Options(wifi_ssid="a", broker="::1"), "--broker: write HOST"),
        (Options(wifi_ssid="a", broker="h", tls_ca=Path("/nowhere/ca.pem")), "cannot be read.*--tls-ca takes"),
        (Options(apn="two words", broker="h"), "modem.apn must be"),
    ],
)
def test_options_that_contradict_are_refused(options: Options, said: str) -> None:
    """Each with the option's name and what to write."""
    with pytest.raises(AgentConfigError, match=said):
        from_options(options, Asked(SECRET))


def test_brokers() -> None:
    """With a port, and without."""
    assert split_broker("broker.example:8883") == ("broker.example", 8883)
    assert split_broker("10.0.0.2") == ("10.0.0.2", 0)


def test_secrets_come_from_a_private_file(tmp_path: Path) -> None:
    """Then nothing is asked; each is used, and none is missing."""
    options = Options(wifi_ssid="depot", broker="h", broker_user="van")
    path = a_secret(tmp_path, f'wifi_key = "{SECRET}"\nbroker_password = "password"\n')
    found = from_options(Options(**{**vars(options), "secrets": path}), Asked())
    assert (found.values["wifi"]["key"], found.values["broker"]["password"]) == (SECRET, "password")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (f'wifi_key = "{SECRET}"', "broker_password is missing"),
        (f'wifi_key = "{SECRET}"\nbroker_password = 7', "broker_password must be a text"),
        (f'wifi_key = "{SECRET}"\nbroker_password = ""\nroot = "{SECRET}"', "knows wifi_key and broker_password alone"),
        (f"wifi_key = {SECRET}", "is no TOML"),
        (f'wifi_key = "{SECRET}" "{SECRET}"', "is no TOML"),
    ],
)
def test_secrets_that_do_not_fit_are_refused(tmp_path: Path, text: str, said: str) -> None:
    """By name, and without the secret."""
    path = a_secret(tmp_path, text)
    with pytest.raises(AgentConfigError, match=said) as error:
        from_options(Options(wifi_ssid="depot", broker="h", broker_user="van", secrets=path), Asked())
    assert SECRET not in str(error.value)


def test_a_secret_that_nothing_asks_for_is_refused(tmp_path: Path) -> None:
    """A password of a broker without a user would silently not be used."""
    path = a_secret(tmp_path, f'wifi_key = "{SECRET}"\nbroker_password = "{SECRET}"')
    with pytest.raises(AgentConfigError, match="broker_password: nothing asks for it"):
        from_options(Options(wifi_ssid="depot", broker="h", secrets=path), Asked())


def test_secrets_that_others_may_read_are_refused(tmp_path: Path) -> None:
    """Wider rights, a link, a folder."""
    path = a_secret(tmp_path, f'wifi_key = "{SECRET}"', 0o640)
    options = Options(wifi_ssid="depot", broker="h", secrets=path)
    with pytest.raises(AgentConfigError, match="others on this machine"):
        from_options(options, Asked())
    path.chmod(0o600)
    assert from_options(options, Asked())
    link = tmp_path / "link"
    link.symlink_to(path)
    with pytest.raises(AgentConfigError, match="is a link; name the file itself"):
        from_options(Options(wifi_ssid="depot", broker="h", secrets=link), Asked())
