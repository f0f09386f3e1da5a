"""What `byleave agent gateway` does: run, check, ask the running one, print the unit."""

from __future__ import annotations

import json
import os
import secrets
import signal
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from importlib import resources
from pathlib import Path
from select import POLLIN, POLLOUT, poll
from typing import Any

from agent.errors import AgentConfigError, AgentError
from agent.gateway import local
from agent.gateway.config import Config, default_folder, load
from agent.gateway.connection import GREET_S, Connection
from agent.gateway.credentials import password, tls_context
from agent.gateway.dialer import DIAL_S, Dialer
from agent.gateway.doors import SOCKET
from agent.gateway.log import Log, printable
from agent.gateway.loop import SPOOL, Gateway
from agent.gateway.medium import free_bytes, wanted_bytes
from agent.gateway.metrics import Figures, noise_of
from agent.gateway.notify import Notify
from agent.gateway.serialline import no_right
from agent.gateway.serialports import find
from agent.words import counted

__all__ = ["Report", "ask", "check", "folder_of", "load", "run", "told", "unit_text"]

FOUND_SOMETHING = 11  # exit code of --check; docs/gateway.md
HOMES = ("/home/", "/root/", "/run/user/")  # what ProtectHome= hides from the service
CHECK_S = 2 * DIAL_S + GREET_S  # TCP, TLS, greeting


def run(config: Config, environment: Mapping[str, str]) -> None:
    """A gateway until it is ended. AgentConfigError, GatewayBusy or the spool's error when it cannot begin."""
    notify = Notify(environment)
    account = account_of(config, environment)
    log = Log(sys.stderr, journal=to_journal(environment, sys.stderr.fileno()))
    gateway = Gateway(config, account=account, context=tls_context(config.broker), log=log, notify=notify)
    ends = [signal.SIGTERM, signal.SIGINT]
    if sys.stderr.isatty():  # a terminal that was closed; a service has no use for the signal, and passes it over
        ends.append(signal.SIGHUP)
    else:
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
    gateway.run(ends)


def to_journal(environment: Mapping[str, str], descriptor: int) -> bool:
    """Whether what is written there goes to the journal (systemd.exec, JOURNAL_STREAM), and not to a file or a terminal."""
    try:
        status = os.fstat(descriptor)
    except OSError:
        return False
    return environment.get("JOURNAL_STREAM") == f"{status.st_dev}:{status.st_ino}"


def account_of(config: Config, environment: Mapping[str, str]) -> tuple[str, str] | None:
    """User and password at the broker, or None."""
    secret = password(config.broker, environment)
    return None if secret is None else (config.broker.user, secret)


def folder_of(path: Path | None, spool: Path | None) -> Path:
    """The spool folder that a command line means, without asking for ports or a broker."""
    if spool is not None:
        return spool
    if path is not None:
        return load(path).folder
    return default_folder(os.environ)


def ask(folder: Path) -> dict[str, Any]:
    """The figures of the gateway that runs on this folder. AgentError when there is none."""
    try:
        found = json.loads(local.ask_unix(folder / SOCKET))
    except ValueError:
        raise AgentError(f"the gateway on {folder} gave no whole answer; ask again") from None
    if not isinstance(found, dict):
        raise AgentError(f"what answers on {folder} is no gateway")
    if not {each.name for each in fields(Figures)} <= set(found):  # byleave was upgraded, and the gateway not restarted
        raise AgentError(f"the gateway on {folder} is of another version of byleave; restart it")
    return found


def told(found: Mapping[str, Any]) -> str:
    """The same for people."""
    there = "there" if found["connected"] else "not there; what was accepted waits"
    waits = counted(found["spool_envelopes"], "envelope")
    lines = [
        f"gateway {found['name']}, for {_span(found['up_s'])}",
        f"broker  {found['broker']} {'with' if found['tls'] else 'without'} TLS: {there}",
        f"spool   {waits}, {found['spool_bytes'] >> 10} of {found['spool_most_bytes'] >> 10}"
        f" KiB, the oldest for {_span(found['spool_oldest_s'])}" + ("" if found["spool_taking"] else "; TAKES NO MORE"),
    ]
    if not found["spool_writable"]:
        lines.append(
            f"        CANNOT BE WRITTEN ({found['spool_trouble']}): with a broker envelopes pass by it, else devices keep them"
        )
    if found["aside_files"]:
        lines.append(
            f"        {counted(found['aside_files'], 'damaged file')} beside it, {found['aside_bytes'] >> 10} KiB"
        )
    if found["spool_expired"]:
        expired = counted(found["spool_expired"], "envelope was", "envelopes were")
        lines.append(f"        {expired} too old and dropped")
    for port in found["ports"]:
        noise = noise_of(port["counts"])
        lines.append(
            f"{port['state']:8}{port['port']}: {counted(port['counts'].get('up', 0), 'envelope')}"
            + (f", {counted(noise, 'piece was', 'pieces were')} no frame or beyond the limits" if noise else "")
        )
    return "\n".join(printable(line) for line in lines)


def _span(seconds: float) -> str:
    for unit, size in (("d", 86_400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"


def unit_text() -> str:
    """The systemd unit, with the path of this `byleave`."""
    text = resources.files("agent.gateway").joinpath("byleave-gateway.service").read_text(encoding="utf-8")
    command = Path(sys.argv[0]).absolute()
    if command.name != "byleave":
        command = Path(sys.executable).with_name("byleave")
    if str(command).startswith(HOMES):
        text = text.replace(
            "[Unit]",
            f"# {command} is in a home folder, which the service cannot see: install byleave in /opt, for instance.\n[Unit]",
            1,
        )
    return text.replace("@BYLEAVE@", str(command))


@dataclass
class Report:
    """What --check has found: (part, whether it is right, sentence)."""

    rows: list[tuple[str, bool, str]] = field(default_factory=list)

    @property
    def exit_code(self) -> int:
        """0 when all is right."""
        return 0 if all(right for _, right, _ in self.rows) else FOUND_SOMETHING

    def as_dict(self) -> dict[str, Any]:
        """For machines."""
        rows = [{"part": part, "right": right, "says": says} for part, right, says in self.rows]
        return {"right": self.exit_code == 0, "findings": rows}

    def told(self) -> str:
        """For people."""
        return "\n".join(printable(f"{'ok ' if right else 'NOT'}  {part}: {says}") for part, right, says in self.rows)


def check(config: Config, environment: Mapping[str, str] | None = None) -> Report:
    """Looks at all that can be wrong before a gateway runs; opens no port, and leaves a gateway that runs in peace."""
    report = Report()
    _check_ports(config, report)
    _check_folder(config.folder, report)
    try:
        account = account_of(config, os.environ if environment is None else environment)
        context = tls_context(config.broker)
    except AgentConfigError as error:
        report.rows.append(("credentials", False, str(error)))
        return report
    dialer = Dialer(config.broker.address, context)
    try:
        why = _greet(dialer, account)
    finally:
        dialer.close()
    host, port = config.broker.address
    report.rows.append(("broker", not why, f"{host}:{port} {why or 'takes the connection'}"))
    return report


def _check_ports(config: Config, report: Report) -> None:
    for pattern in config.ports:
        names = find([pattern])
        barred = [name for name in names if not os.access(name, os.R_OK | os.W_OK)]
        if barred:
            report.rows.append(("port", False, f"{barred[0]}: {no_right(barred[0])}"))
        else:
            report.rows.append(
                ("port", True, f"{pattern}: {', '.join(names) or 'nothing there now; it is waited for'}")
            )


def _check_folder(folder: Path, report: Report) -> None:
    try:
        place = next(one for one in (folder, *folder.parents) if one.exists())
        wide = place == folder and folder.stat().st_mode & 0o077
    except (
        OSError
    ) as error:  # a service's folder lies behind one that root alone may enter (systemd.exec, DynamicUser=)
        says = f"{folder}: cannot be looked at ({error.strerror}); ask as root"
        report.rows.append(("spool", False, says))
        return
    if place == folder and os.geteuid() not in (0, folder.stat().st_uid):
        report.rows.append(("spool", False, f"{folder}: belongs to another user; ask as that one, or as root"))
    elif place.is_dir() and os.statvfs(place).f_flag & os.ST_RDONLY:
        says = f"{place}: is on a read-only medium: a gateway starts, keeps nothing, and needs the broker for each envelope"
        report.rows.append(("spool", False, says))
    elif not os.access(place, os.W_OK | os.X_OK) or not place.is_dir():
        report.rows.append(("spool", False, f"{place}: cannot be written; name a folder of your own with --spool"))
    elif free_bytes(place) < wanted_bytes(folder / SPOOL):
        report.rows.append(("spool", False, f"{place}: the disk is full; a gateway starts, and keeps nothing"))
    elif wide:
        report.rows.append(("spool", False, f"{folder}: others may look into it: chmod 700 {folder}"))
    else:
        report.rows.append(("spool", True, f"{folder}"))


class _Greeting:
    """Hears whether a connection comes about."""

    why: str | None = None

    def link_up(self) -> None:
        self.why = ""

    def link_down(self, why: str) -> None:
        self.why = why

    def message(self, mid: int, envelope: bytes, again: bool) -> None:
        """Nothing is subscribed."""

    def published(self, mid: int) -> None:
        """Nothing is published."""


def _greet(dialer: Dialer, account: tuple[str, str] | None) -> str:
    """ "", or why the broker does not take a connection."""
    heard = _Greeting()
    connection = Connection(dialer, heard, f"gateway-check-{secrets.token_hex(6)}", account=account)
    connection.open()
    until_s = time.monotonic() + CHECK_S
    while heard.why is None and (now_s := time.monotonic()) < until_s:
        connection.tick(now_s)
        poller = poll()
        poller.register(dialer.fileno(), POLLIN)
        if (fd := connection.fileno()) >= 0:
            poller.register(fd, POLLIN | POLLOUT * connection.wants_write)
        for ready, _ in poller.poll(200):
            if ready == fd:
                connection.read(now_s)
                connection.write(now_s)
        for _, sock, why in dialer.results():
            connection.dialed(sock, why, now_s)
            connection.write(now_s)
    connection.close(time.monotonic())
    return "no answer" if heard.why is None else heard.why
