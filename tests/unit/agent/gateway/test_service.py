"""The command: what it prints, checks and refuses, and one gateway as the service manager runs it."""

from __future__ import annotations

import errno
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import tty
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from typer.testing import CliRunner

from agent.commands import agent
from agent.errors import AgentConfigError, AgentError
from agent.gateway import local, service
from hw_sim.network.broker import Broker, mosquitto
from tests.system.certificates import authority

ROOT = Path(__file__).parents[4]
PAGE = ROOT / "docs" / "gateway.md"


def said(*words: str) -> tuple[int, str]:
    """Exit code and output of the command; its own errors are raised."""
    result = CliRunner().invoke(agent, ["gateway", *words], catch_exceptions=True)
    if isinstance(result.exception, AgentError):
        raise result.exception
    return result.exit_code, result.stdout


def object_of(*words: str) -> tuple[int, dict[str, Any]]:
    """The same with --json: one object and nothing else."""
    code, text = said(*words, "--json")
    found = json.loads(text)
    assert isinstance(found, dict)
    return code, found


@pytest.fixture
def port() -> Iterator[str]:
    """The name of a pseudo-terminal."""
    master, slave = os.openpty()
    tty.setraw(slave)
    yield os.ttyname(slave)
    os.close(master)
    os.close(slave)


# --- the unit


def test_unit() -> None:
    """It names this byleave and holds what the page promises."""
    code, text = said("--unit")
    assert code == 0
    assert object_of("--unit")[1]["unit"].rstrip() == text.rstrip()
    start = next(line for line in text.splitlines() if line.startswith("ExecStart="))
    assert start.startswith("ExecStart=/")
    assert start.split()[0].endswith("/byleave")
    assert start.endswith("/byleave agent gateway --wait --config /etc/byleave/gateway.toml")
    lines = text.splitlines()
    for line in (
        "Type=notify",
        "WatchdogSec=60",
        "DynamicUser=yes",
        "StateDirectory=byleave-gateway",
        "SupplementaryGroups=dialout",
        "LoadCredential=broker-password:/etc/byleave/broker.password",
        "ProtectSystem=strict",
        "ProtectHome=yes",
        "Restart=on-failure",
        "RestartPreventExitStatus=2 13",
        "NoNewPrivileges=yes",
        "LimitCORE=0",
        "Wants=modprobe@usbserial.service modprobe@cdc_acm.service",
    ):
        assert line in lines
    assert "MemoryMax=128M" in lines
    assert "128 MB" in PAGE.read_text()


def test_unit_of_a_home_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    """A byleave that the service could not see is said."""
    monkeypatch.setattr(sys, "argv", ["/home/pi/venv/bin/byleave"])
    assert "# /home/pi/venv/bin/byleave is in a home folder" in service.unit_text()
    monkeypatch.setattr(sys, "argv", ["/opt/byleave/bin/byleave"])
    assert "home folder" not in service.unit_text()


def test_unit_has_its_form(tmp_path: Path) -> None:
    """Three sections of keys and values, no key twice but the devices'; and systemd, where there is one, has nothing against it."""
    unit = tmp_path / "byleave-gateway.service"
    lines = [line for line in service.unit_text().splitlines() if line and not line.startswith("#")]
    assert [line for line in lines if line.startswith("[")] == ["[Unit]", "[Service]", "[Install]"]
    keys = [line.partition("=")[0] for line in lines if "=" in line]
    assert len(keys) == len(lines) - 3
    assert {key for key in keys if keys.count(key) > 1} == {"DeviceAllow"}
    if verify := shutil.which("systemd-analyze"):
        start = next(line for line in lines if line.startswith("ExecStart="))
        text = "\n".join(lines).replace(start, "ExecStart=/bin/true agent gateway --config /etc/byleave/gateway.toml")
        assert complaints(verify, unit, text) == []
        assert complaints(verify, unit, text.replace("Type=notify", "Type=notifies")) != []


def complaints(verify: str, unit: Path, text: str) -> list[str]:
    """What systemd has against a unit of that text."""
    unit.write_text(text)
    found = subprocess.run([verify, "verify", str(unit)], check=False, capture_output=True, text=True, timeout=60)
    return [line for line in found.stderr.splitlines() if unit.name in line]


# --- --check and --status


def test_check_finds_nothing(tmp_path: Path, port: str) -> None:
    """Ports, folder and broker are right: exit code 0; nothing is made and no port opened."""
    if mosquitto() is None:
        pytest.skip("no mosquitto on this machine")
    with Broker.start("mosquitto") as broker:
        where = ("--port", port, "--broker", f"{broker.host}:{broker.port}", "--spool", str(tmp_path / "spool"))
        code, found = object_of("--check", *where)
        assert (code, found["right"]) == (0, True)
        assert [row["part"] for row in found["findings"]] == ["port", "spool", "broker"]
        code, text = said("--check", *where)
    assert text.splitlines()[-1].endswith("takes the connection")
    assert not (tmp_path / "spool").exists()


def test_check_finds_what_is_wrong(tmp_path: Path, port: str) -> None:
    """A folder that others may look into, and no broker: exit code 11, and each is a sentence."""
    spool = tmp_path / "spool"
    spool.mkdir(mode=0o755)
    with socket.create_server(("127.0.0.1", 0)) as gone:
        number = gone.getsockname()[1]
    code, found = object_of("--check", "--port", port, "--broker", f"127.0.0.1:{number}", "--spool", str(spool))
    assert code == 11
    rights = {row["part"]: (row["right"], row["says"]) for row in found["findings"]}
    assert rights["port"][0]
    assert rights["spool"] == (False, f"{spool}: others may look into it: chmod 700 {spool}")
    assert rights["broker"] == (False, f"127.0.0.1:{number} Connection refused")


def test_check_of_a_password(tmp_path: Path, port: str) -> None:
    """A file that others may read is a finding."""
    (tmp_path / "secret").write_text("s3cret\n")
    (tmp_path / "secret").chmod(0o644)
    (tmp_path / "gateway.toml").write_text(
        f'ports = ["{port}"]\n[broker]\nhost = "127.0.0.1"\nuser = "u"\npassword_file = "secret"\n[spool]\nfolder = "s"\n'
    )
    code, text = said("--check", "--config", str(tmp_path / "gateway.toml"))
    assert code == 11
    assert "others on this machine may read it" in text
    assert "s3cret" not in text


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--broker", "b"), "no port"),
        (("--port", "/dev/ttyUSB0"), "no broker"),
        (("--port", "/dev/ttyUSB0", "--broker", "b:x"), "HOST:PORT"),
    ],
)
def test_wrong_command_lines(words: tuple[str, ...], says: str) -> None:
    """Each is a sentence and exit code 2."""
    with pytest.raises(AgentConfigError, match=says):
        said(*words)


def test_status_without_a_gateway(tmp_path: Path) -> None:
    """A sentence that says what to name, exit code 1."""
    with pytest.raises(AgentError, match="no gateway runs") as none:
        said("--status", "--spool", str(tmp_path))
    assert none.value.exit_code == 1


def test_exit_codes_are_documented() -> None:
    """Those that the command's help names are those of the page."""
    chapter = PAGE.read_text().partition("## Exit codes")[2]
    rows = {line.split("|")[1].strip() for line in chapter.splitlines() if line.startswith("|")}
    assert {"0", "1", "2", "4", "11", "13"} <= rows


def test_configuration_of_the_page(tmp_path: Path) -> None:
    """The example of docs/gateway.md is one, and its defaults are those of the code."""
    text = PAGE.read_text().partition("```toml\n")[2].partition("```")[0]
    (tmp_path / "gateway.toml").write_text(text)
    config = service.load(tmp_path / "gateway.toml")
    usual = service.load(ports=["x"], broker="b")
    assert config.limits == usual.limits
    assert (config.spool.most_bytes, config.spool.most_age_days, config.baudrate) == (
        usual.spool.most_bytes,
        usual.spool.most_age_days,
        usual.baudrate,
    )
    assert config.broker.address == ("broker.example", 8883)


# --- a service


def test_as_a_service(tmp_path: Path, port: str) -> None:
    """READY once it works, figures to its user, a second one refused; SIGHUP is passed over, SIGTERM ends it in order.

    The broker takes connections and never says a word of TLS: neither work nor end waits for it.
    """
    pem = tmp_path / "ca.pem"
    pem.write_bytes(authority("gateway").pem)
    spool = tmp_path / "spool"
    manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    name = f"byleave-test-{os.getpid()}"
    manager.bind("\0" + name)
    manager.settimeout(20)
    with socket.create_server(("127.0.0.1", 0)) as mute, manager:
        command = [sys.executable, "-m", "agent", "agent", "gateway", "--port", port, "--spool", str(spool)]
        command += ["--broker", f"127.0.0.1:{mute.getsockname()[1]}", "--tls-ca", str(pem)]
        environment = os.environ | {"NOTIFY_SOCKET": "@" + name, "WATCHDOG_USEC": "60000000"}
        journal, stderr = os.pipe()
        environment["JOURNAL_STREAM"] = f"{os.fstat(stderr).st_dev}:{os.fstat(stderr).st_ino}"
        running = subprocess.Popen(command, env=environment, cwd=ROOT, stderr=stderr)
        os.close(stderr)
        try:
            assert (
                manager.recv(400).decode().startswith(f"READY=1\nMAINPID={running.pid}\nSTATUS=ports: 1, in contact: 0")
            )
            found = service.ask(spool)
            assert (found["tls"], found["connected"], [one["state"] for one in found["ports"]]) == (
                True,
                False,
                ["open"],
            )
            assert port in service.told(found)
            second = subprocess.run(command, check=False, cwd=ROOT, capture_output=True, text=True, timeout=60)
            assert (second.returncode, second.stderr.count("\n")) == (13, 1)
            running.send_signal(signal.SIGHUP)
            while (word := manager.recv(400)) != b"WATCHDOG=1":
                assert word.startswith(b"STATUS=")
            began_s = time.monotonic()
            running.send_signal(signal.SIGTERM)
            running.wait(timeout=20)
            assert time.monotonic() - began_s < 5
        finally:
            running.kill()
            running.wait()
        assert running.returncode == 0
        with os.fdopen(journal) as file:
            log = file.read()
        words = [log_line.partition(" ")[0] for log_line in log.splitlines()]
        assert words == ["<6>started", "<6>port-open", "<6>stopping", "<6>stopped"]
        manager.setblocking(False)
        heard = []
        with suppress(BlockingIOError):
            while True:
                heard.append(manager.recv(400))
        assert heard[-1] == b"STOPPING=1"


def test_check_of_a_folder_that_root_alone_may_enter(
    tmp_path: Path, port: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The service's folder, asked for by a person: a sentence, no traceback."""

    def refuses(*_: object, **__: object) -> bool:
        raise PermissionError(errno.EACCES, "Permission denied")

    with monkeypatch.context() as barred:
        barred.setattr(Path, "exists", refuses)
        report = service.check(service.load(ports=[port], broker="127.0.0.1:1", spool=tmp_path / "spool"), {})
    assert ("spool", False) in [(part, right) for part, right, _ in report.rows]
    assert "ask as root" in report.told()


@pytest.mark.parametrize(
    ("medium", "says"),
    [
        ({"f_flag": os.ST_RDONLY, "f_bavail": 1 << 20}, "is on a read-only medium: a gateway starts, keeps nothing"),
        ({"f_flag": 0, "f_bavail": 511}, "the disk is full; a gateway starts, and keeps nothing"),
        ({"f_flag": 0, "f_bavail": 512}, ""),
    ],
)
def test_check_of_a_card(
    tmp_path: Path, port: str, monkeypatch: pytest.MonkeyPatch, medium: dict[str, int], says: str
) -> None:
    """What a gateway would start with all the same is found."""
    monkeypatch.setattr(os, "statvfs", lambda _: SimpleNamespace(f_frsize=4096, **medium))
    report = service.check(service.load(ports=[port], broker="127.0.0.1:1", spool=tmp_path / "spool"), {})
    found = next(row for row in report.rows if row[0] == "spool")
    assert (found[1], says in found[2]) == (not says, True)


def test_check_of_a_folder_of_another_user(tmp_path: Path, port: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is refused before a gateway is; root may look at everybody's."""
    (tmp_path / "spool").mkdir(mode=0o700)
    config = service.load(ports=[port], broker="127.0.0.1:1", spool=tmp_path / "spool")
    for uid, right in ((tmp_path.stat().st_uid, True), (4711, False), (0, True)):
        monkeypatch.setattr(os, "geteuid", lambda uid=uid: uid)
        assert [row[1] for row in service.check(config, {}).rows if row[0] == "spool"] == [right]


def test_status_of_another_user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A sentence of ours, whatever the folder lets this user see."""
    real = os.open

    def opens(path: object, flags: int, mode: int = 0o777, **more: int) -> int:
        if path == tmp_path:
            raise PermissionError(errno.EACCES, "Permission denied")
        return real(path, flags, mode, **more)  # type: ignore[call-overload,no-any-return]

    monkeypatch.setattr(os, "open", opens)
    monkeypatch.setattr(os, "access", lambda *_, **__: False)
    with pytest.raises(AgentError, match="belongs to another user: ask as the one"):
        said("--status", "--spool", str(tmp_path))


def test_status_of_another_version(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """byleave was upgraded under a gateway that runs: the sentence says to restart it."""
    monkeypatch.setattr(local, "ask_unix", lambda _: b'{"name": "old", "ports": []}')
    with pytest.raises(AgentError, match="restart it"):
        service.ask(tmp_path)
