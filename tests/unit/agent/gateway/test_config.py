"""What a gateway is told: each wrong word of a configuration that was right before is refused by its name."""

from __future__ import annotations

import os
import ssl
from pathlib import Path

import pytest

from agent.errors import AgentConfigError
from agent.gateway.config import LIMIT_BYTES, Broker, default_folder, load, split_broker
from agent.gateway.credentials import password, tls_context
from tests.system.certificates import authority

WHOLE = """
ports = ["/dev/serial/by-id/usb-*", "/dev/ttyAMA0"]
baudrate = 57600
metrics_port = 9464

[broker]
host = "broker.example"
port = 8884
tls = true
ca_file = "ca.pem"
user = "gateway-depot"
password_file = "broker.password"
name = "depot"

[spool]
folder = "spool"
most_bytes = 1000000
most_age_days = 2.5

[limits]
frames_s = 50
"""


def written(folder: Path, text: str = WHOLE) -> Path:
    """The file of that text."""
    path = folder / "gateway.toml"
    path.write_text(text)
    return path


def test_whole_file(tmp_path: Path) -> None:
    """Each key arrives; relative paths count from the file's folder."""
    config = load(written(tmp_path))
    assert config.ports == ("/dev/serial/by-id/usb-*", "/dev/ttyAMA0")
    assert (config.baudrate, config.metrics_port, config.limits.frames_s) == (57_600, 9464, 50.0)
    assert config.broker.address == ("broker.example", 8884)
    assert config.broker.secure
    assert (config.broker.ca_file, config.broker.password_file) == (tmp_path / "ca.pem", tmp_path / "broker.password")
    assert (config.folder, config.spool.most_bytes, config.spool.most_age_days) == (tmp_path / "spool", 1_000_000, 2.5)


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("baudrate", "baud", "baud: nothing reads this key"),
        ("most_bytes", "most_byte", "spool.most_byte: nothing reads this key"),
        ("most_bytes = 1000000", "most_bytes = 64", "spool.most_bytes: bytes, 65536 of them at least"),
        ("frames_s", "frame_s", "limits.frame_s: nothing reads this key"),
        ("[limits]", "[limit]", "limit: nothing reads this key"),
        ("57600", "57600.0", "baudrate: write a whole number"),
        ("57600", "true", "baudrate: write a whole number"),
        ("57600", "300", "baudrate: from 1200"),
        ("9464", "70000", "a port is a number up to 65535"),
        ("9464", "-1", "a port is a number up to 65535"),
        ("8884", "-1", "broker.port: write a whole number, not below 0"),
        ("tls = true", 'tls = "yes"', "broker.tls: write true or false"),
        ("tls = true", "tls = false", "broker.ca_file with tls = false"),
        ('"ca.pem"', "7", "broker.ca_file: write a path"),
        ('"depot"', '"a depot"', "broker.name: up to 32"),
        ("broker.example", "mqtt://broker.example", "broker.host: write a host's name"),
        ("2.5", "0", "spool.most_age_days: write a number above 0"),
        ("50", "inf", "limits.frames_s: write a number above 0"),
        ("50", "nan", "limits.frames_s: write a number above 0"),
        ('"/dev/ttyAMA0"', "7", "ports: write a list"),
        ('["/dev/serial/by-id/usb-*", "/dev/ttyAMA0"]', "[]", "no port"),
        ('user = "gateway-depot"\n', "", "broker.password_file without broker.user"),
        ("[spool]", "[spool", "is not TOML"),
        ('host = "broker.example"\n', "", "no broker"),
    ],
)
def test_one_wrong_word(tmp_path: Path, old: str, new: str, says: str) -> None:
    """The sentence names the key and says what to write."""
    assert WHOLE.count(old) == 1
    with pytest.raises(AgentConfigError) as refused:
        load(written(tmp_path, WHOLE.replace(old, new)))
    assert says in str(refused.value)
    assert refused.value.exit_code == 2


def test_file_that_is_not_there(tmp_path: Path) -> None:
    """A missing file is a sentence."""
    with pytest.raises(AgentConfigError, match=r"cannot be read.*name a gateway\.toml"):
        load(tmp_path / "none.toml")


def test_a_file_without_an_end(tmp_path: Path) -> None:
    """It is read up to a bound, and what is no file not at all."""
    path = written(tmp_path, WHOLE + "#" * (LIMIT_BYTES - len(WHOLE.encode())))
    assert path.stat().st_size == LIMIT_BYTES and load(path) == load(written(tmp_path))
    written(tmp_path, WHOLE + "#" * (LIMIT_BYTES + 1 - len(WHOLE.encode())))
    with pytest.raises(AgentConfigError, match=r"longer than 65536 bytes; name a gateway\.toml"):
        load(path)
    with pytest.raises(AgentConfigError, match="/dev/zero: is no file"):
        load(Path("/dev/zero"))


def test_command_line_before_file(tmp_path: Path) -> None:
    """What is named on the command line goes before the file's."""
    config = load(
        written(tmp_path), ports=["/dev/ttyUSB7"], spool=tmp_path / "other", metrics_port=0, tls_ca=tmp_path / "my.pem"
    )
    assert (config.ports, config.folder, config.metrics_port) == (("/dev/ttyUSB7",), tmp_path / "other", 0)
    assert config.broker.ca_file == tmp_path / "my.pem"


def test_other_broker_is_sent_no_password(tmp_path: Path) -> None:
    """A broker named on the command line gets neither user nor authority of the file's, unless it is the same host."""
    other = load(written(tmp_path), broker="127.0.0.1:1884").broker
    assert (other.address, other.user, other.password_file, other.secure) == (("127.0.0.1", 1884), "", None, False)
    same = load(written(tmp_path), broker="broker.example").broker
    assert (same.address, same.user, same.secure) == (("broker.example", 8884), "gateway-depot", True)


def test_no_password_in_the_clear(tmp_path: Path) -> None:
    """A user without TLS is refused but for a broker on this machine."""
    text = WHOLE.replace('tls = true\nca_file = "ca.pem"\n', "")
    with pytest.raises(AgentConfigError, match="in the clear"):
        load(written(tmp_path, text))
    assert load(written(tmp_path, text.replace("broker.example", "127.0.0.1"))).broker.user == "gateway-depot"


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("broker.example", ("broker.example", 0)),
        ("broker.example:1884", ("broker.example", 1884)),
        ("[::1]:1884", ("::1", 1884)),
        ("[fe80::1%eth0]", ("fe80::1%eth0", 0)),
    ],
)
def test_broker_on_the_command_line(text: str, address: tuple[str, int]) -> None:
    """HOST, HOST:PORT and IPv6 in brackets."""
    assert split_broker(text) == address


@pytest.mark.parametrize("text", ["", ":1883", "host:", "host:0", "host:65536", "a:b:c", "::1", "[::1", "host:1883x"])
def test_no_broker_at_all(text: str) -> None:
    """Everything else is refused."""
    with pytest.raises(AgentConfigError, match="HOST:PORT"):
        split_broker(text)


def test_tls_by_itself() -> None:
    """TLS is spoken with an authority, and at its own port."""
    assert Broker(host="b", port=8883).secure
    assert Broker(host="b", ca_file=Path("ca.pem")).address == ("b", 8883)
    assert Broker(host="b").address == ("b", 1883)


def test_usual_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A service's state folder, the system's for root, a person's own."""
    assert default_folder({"STATE_DIRECTORY": "/var/lib/byleave-gateway:/else"}) == Path("/var/lib/byleave-gateway")
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert default_folder({}) == Path("/var/lib/byleave-gateway")
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert default_folder({"XDG_STATE_HOME": str(tmp_path)}) == tmp_path / "byleave-gateway"


# --- the password


def secret(folder: Path, data: bytes = b"s3cret\n", mode: int = 0o600) -> Path:
    """A file with it."""
    path = folder / "broker.password"
    path.write_bytes(data)
    path.chmod(mode)
    return path


def asked(path: Path) -> str | None:
    """What is read from it."""
    return password(Broker(host="b", user="u", password_file=path), {})


def test_password_from_a_file(tmp_path: Path) -> None:
    """One line, its end cut off; nothing without a user."""
    assert asked(secret(tmp_path)) == "s3cret"
    assert password(Broker(host="b"), {}) is None


@pytest.mark.parametrize(
    ("data", "mode", "says"),
    [
        (b"s3cret\n", 0o640, "others on this machine may read it"),
        (b"s3cret\n", 0o604, "others on this machine may read it"),
        (b"\n", 0o600, "one line"),
        (b"s3cret\nmore\n", 0o600, "one line"),
        (b"\xff\xfe\n", 0o600, "no text"),
        (b"s" * 1025, 0o600, "longer than"),
    ],
)
def test_password_file_that_is_refused(tmp_path: Path, data: bytes, mode: int, says: str) -> None:
    """A file that others could read, or that is no password; its content is in no sentence."""
    with pytest.raises(AgentConfigError, match=says) as refused:
        asked(secret(tmp_path, data, mode))
    assert "s3cret" not in str(refused.value)


def test_password_behind_a_link(tmp_path: Path) -> None:
    """A link, a folder, a pipe and nothing are refused, and none is waited for."""
    link, pipe = tmp_path / "link", tmp_path / "pipe"
    link.symlink_to(secret(tmp_path))
    os.mkfifo(pipe, 0o600)
    for path in (link, tmp_path, pipe, tmp_path / "none"):
        with pytest.raises(AgentConfigError):
            asked(path)


def test_password_of_the_service_manager(tmp_path: Path) -> None:
    """The credential is taken whatever its mode says: systemd gives it by an access list."""
    secret(tmp_path, mode=0o440).rename(tmp_path / "broker-password")
    broker = Broker(host="b", user="u")
    assert password(broker, {"CREDENTIALS_DIRECTORY": str(tmp_path)}) == "s3cret"
    with pytest.raises(AgentConfigError, match="LoadCredential"):
        password(broker, {})


# --- TLS


def test_tls_checks_name_and_certificate(tmp_path: Path) -> None:
    """With an authority both are checked, and nothing before TLS 1.2 is spoken; without TLS there is no context."""
    pem = tmp_path / "ca.pem"
    pem.write_bytes(authority("gateway").pem)
    context = tls_context(Broker(host="b", ca_file=pem))
    assert context is not None
    assert (context.check_hostname, context.verify_mode) == (True, ssl.CERT_REQUIRED)
    assert context.minimum_version >= ssl.TLSVersion.TLSv1_2
    assert len(context.get_ca_certs()) == 1
    assert tls_context(Broker(host="b")) is None


def test_authority_that_is_none(tmp_path: Path) -> None:
    """A missing file and one without a certificate are sentences."""
    pem = tmp_path / "ca.pem"
    with pytest.raises(AgentConfigError, match="No such file"):
        tls_context(Broker(host="b", ca_file=pem))
    pem.write_text("no certificate")
    with pytest.raises(AgentConfigError, match="no certificate in it"):
        tls_context(Broker(host="b", ca_file=pem))
