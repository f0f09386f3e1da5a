"""Ports that come and go, on real pseudo-terminals; pauses by a clock that is set."""

from __future__ import annotations

import errno
import fcntl
import grp
import os
import pwd
import termios
import tty
from collections.abc import Iterator
from pathlib import Path
from select import POLLOUT, poll
from types import SimpleNamespace

import pytest

from agent.errors import LinkLost, PortBusy, PortError
from agent.gateway.serialline import STALL_S, no_right
from agent.gateway.serialports import (
    FIRST_RETRY_S,
    LAST_RETRY_S,
    MOST_NAMES,
    MOST_PORTS,
    Line,
    Ports,
    find,
    open_line,
)


class Cable:
    """A pseudo-terminal: `master` is the device's end, `name` the port; `pull` takes it away."""

    def __init__(self) -> None:
        self.master, self._slave = os.openpty()
        tty.setraw(self._slave)
        self.name = os.ttyname(self._slave)
        os.set_blocking(self.master, False)

    def pull(self) -> None:
        """Out."""
        for end in (self.master, self._slave):
            if end >= 0:
                os.close(end)
        self.master = self._slave = -1


def fill(line: Line, now_s: float) -> None:
    """Gives it more than the system takes while nobody reads at the other end."""
    poller = poll()
    poller.register(line.fileno(), POLLOUT)
    while line.idle or poller.poll(50):  # the system moves what it has by itself, and has room again
        line.write(bytes(8192) if line.idle else b"", now_s)


@pytest.fixture
def cable() -> Iterator[Cable]:
    """One that is plugged in."""
    made = Cable()
    yield made
    made.pull()


@pytest.fixture
def line(cable: Cable) -> Iterator[Line]:
    """Its port, opened."""
    opened = open_line(cable.name, 115_200)
    yield opened
    opened.close()


def test_both_directions(cable: Cable, line: Line) -> None:
    """Every byte passes as it is, zeros, XON and XOFF, and ends of lines too."""
    every = bytes(range(256))
    os.write(cable.master, every)
    assert line.read() == every
    assert line.write(every, 0.0) == 0
    assert line.idle
    assert os.read(cable.master, 1000) == every
    assert (line.read_bytes, line.written_bytes) == (256, 256)


def test_pulled(cable: Cable, line: Line) -> None:
    """The end of a port is LinkLost, at the next read and at the next write."""
    cable.pull()
    with pytest.raises(LinkLost, match="unplugged"):
        line.read()
    with pytest.raises(LinkLost, match="unplugged"):
        line.write(b"x", 0.0)


def test_port_that_takes_nothing(cable: Cable, line: Line) -> None:
    """Nobody is waited for: what is not taken in time is thrown away, and the line is used again then."""
    fill(line, 0.0)
    written = line.written_bytes
    assert line.write(b"", STALL_S - 0.1) == 0
    assert not line.idle
    assert line.write(b"", STALL_S) > 0
    assert line.idle
    assert line.written_bytes == written
    while written:
        written -= len(os.read(cable.master, 65_536))
    assert line.write(b"new", STALL_S + 1) == 0
    assert os.read(cable.master, 100) == b"new"


def test_the_close_of_a_stuck_port_is_not_waited_for(cable: Cable, line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    """What it has not taken is thrown out of the system's buffer first: the close of a real adapter would wait for 30 s."""
    flushed: list[int] = []
    monkeypatch.setattr(termios, "tcflush", lambda _, which: flushed.append(which))
    fill(line, 0.0)
    line.close()
    assert flushed == [termios.TCOFLUSH]


def test_slow_port_is_not_a_stuck_one(cable: Cable, line: Line) -> None:
    """A port that takes a little now and then loses nothing."""
    sent = os.urandom(30_000)
    line.write(sent, 0.0)
    got, now_s = b"", 0.0
    while not line.idle:
        got += os.read(cable.master, 8192)
        now_s += STALL_S - 1
        assert line.write(b"", now_s) == 0
    while len(got) < len(sent):
        got += os.read(cable.master, 65_536)
    assert got == sent


def test_port_in_use(cable: Cable, line: Line) -> None:
    """A second lock on the port is PortBusy, exit code 4; after the first is gone it is opened."""
    with pytest.raises(PortBusy, match="another program") as busy:
        open_line(cable.name, 115_200)
    assert busy.value.exit_code == 4
    line.close()
    open_line(cable.name, 115_200).close()


def test_what_is_no_port(tmp_path: Path) -> None:
    """A file, a folder, a device that is no port and nothing at all are PortError, and none is waited for."""
    file = tmp_path / "file"
    file.write_text("x")
    os.mkfifo(tmp_path / "pipe")
    for name in (file, tmp_path, tmp_path / "pipe", tmp_path / "none", Path("/dev/null")):
        with pytest.raises(PortError):
            open_line(str(name), 115_200)


def test_find(tmp_path: Path) -> None:
    """Names as they are, patterns sorted, each device once under its first name, and no more than MOST_NAMES."""
    for name in ("b", "a", "c"):
        (tmp_path / name).touch()
    (tmp_path / "by-id").symlink_to("b")
    assert find([f"{tmp_path}/by-id", f"{tmp_path}/[a-b]", f"{tmp_path}/none"]) == [
        f"{tmp_path}/by-id",
        f"{tmp_path}/a",
    ]
    for n in range(MOST_NAMES + 5):
        (tmp_path / f"tty{n}").touch()
    assert len(find([f"{tmp_path}/*"])) == MOST_NAMES


# --- the set of them


class Bench:
    """Ports on a pattern in a folder, whose entries are links to pseudo-terminals."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.said: list[str] = []
        self.cables: list[Cable] = []
        self.ports = Ports([f"{folder}/port*"], 115_200, self.said.append)

    def plug(self, name: str = "port0") -> Cable:
        """A new adapter under that name."""
        cable = Cable()
        self.cables.append(cable)
        (self.folder / name).symlink_to(cable.name)
        return cable

    def unplug(self, cable: Cable, name: str = "port0") -> None:
        """Gone, and its name with it."""
        (self.folder / name).unlink()
        cable.pull()


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    """A bench without a cable."""
    made = Bench(tmp_path)
    yield made
    made.ports.close()
    for cable in made.cables:
        cable.pull()


def test_hot_plug(bench: Bench) -> None:
    """A port is opened at the scan after it has come, its end is seen, and it is opened again when it comes back."""
    assert bench.ports.scan(0.0) == ([], [])
    cable = bench.plug()
    fresh, gone = bench.ports.scan(2.0)
    assert ([line.name for line in fresh], gone) == ([f"{bench.folder}/port0"], [])
    assert bench.ports.scan(4.0) == ([], [])
    bench.unplug(cable)
    assert bench.ports.scan(6.0) == ([], fresh)
    bench.ports.drop(fresh[0], 6.0)
    assert bench.ports.scan(8.0) == ([], [])
    bench.plug()
    assert len(bench.ports.scan(10.0)[0]) == 1
    assert bench.said == []


def test_adapter_with_another_number(bench: Bench) -> None:
    """Behind the same name is another adapter: the old line ends, and the new one is opened."""
    bench.plug()
    old = bench.ports.scan(0.0)[0][0]
    (bench.folder / "port0").unlink()
    new_cable = bench.plug()
    fresh, gone = bench.ports.scan(2.0)
    assert (fresh, gone) == ([], [old])
    bench.ports.drop(old, 2.0)
    fresh, _ = bench.ports.scan(2.0 + FIRST_RETRY_S)
    os.write(new_cable.master, b"new")
    assert fresh[0].read() == b"new"


def test_one_device_under_two_names(bench: Bench) -> None:
    """It is opened once, also when the name that would have been the first comes later."""
    cable = bench.plug()
    (bench.folder / "port1").symlink_to(cable.name)
    assert len(bench.ports.scan(0.0)[0]) == 1
    (bench.folder / "port-by-id").symlink_to(cable.name)
    assert bench.ports.scan(60.0) == ([], [])
    assert (bench.said, bench.ports.refused) == ([], 0)


def test_busy_port_is_said_once_and_tried_again(bench: Bench) -> None:
    """Pauses double up to a minute; another port is served meanwhile; then it is opened."""
    cable = bench.plug()
    bench.plug("port1")
    other = os.open(cable.name, os.O_RDWR | os.O_NOCTTY)
    fcntl.flock(other, fcntl.LOCK_EX)
    tries, now_s = [], 0.0
    assert [line.name[-5:] for line in bench.ports.scan(0.0)[0]] == ["port1"]
    while now_s < 400.0:
        now_s += 1.0
        before = bench.ports.refused
        bench.ports.scan(now_s)
        if bench.ports.refused > before:
            tries.append(now_s)
    assert tries == [2.0, 6.0, 14.0, 30.0, 62.0, 122.0, 182.0, 242.0, 302.0, 362.0]
    assert len(bench.said) == 1
    assert bench.said[0].startswith(f"{bench.folder}/port0: another program has the port open")
    assert bench.said[0].endswith("; it is tried again")
    assert bench.ports.waiting == [f"{bench.folder}/port0"]
    os.close(other)
    assert [line.name[-5:] for line in bench.ports.scan(now_s + LAST_RETRY_S)[0]] == ["port0"]
    assert bench.ports.waiting == []


def test_port_that_ends_soon_each_time(bench: Bench) -> None:
    """It is opened less and less often; one that had worked for a minute is opened at once."""
    bench.plug()
    opened, now_s = [], 0.0
    while now_s < 200.0:
        for line in bench.ports.scan(now_s)[0]:
            opened.append(now_s)
            bench.ports.drop(line, now_s)
        now_s += 1.0
    assert opened == [0.0, 2.0, 6.0, 14.0, 30.0, 62.0, 122.0, 182.0]
    line = bench.ports.scan(300.0)[0][0]
    bench.ports.drop(line, 300.0 + LAST_RETRY_S)
    assert len(bench.ports.scan(300.0 + LAST_RETRY_S + FIRST_RETRY_S)[0]) == 1


def test_no_right(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """The sentence says which group to join."""
    bench.plug()

    def refuse(*_: object) -> int:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(os, "open", refuse)
    bench.ports.scan(0.0)
    name = f"{bench.folder}/port0"
    assert bench.said == [f"{name}: cannot be opened ({no_right(name)}); it is tried again"]


@pytest.mark.parametrize(
    ("gid", "says"),
    [
        (20, "usermod -aG dialout pi,"),
        (986, "usermod -aG uucp pi,"),
        (0, "it belongs to root alone"),
        (4242, "usermod -aG dialout pi,"),
    ],
)
def test_no_right_names_the_ports_own_group(monkeypatch: pytest.MonkeyPatch, gid: int, says: str) -> None:
    """dialout on Debian, uucp elsewhere; nobody is told to join root's; a number without a name is taken for dialout."""
    names = {20: "dialout", 986: "uucp", 0: "root"}
    monkeypatch.setattr(os, "stat", lambda _: SimpleNamespace(st_gid=gid))
    monkeypatch.setattr(grp, "getgrgid", lambda n: SimpleNamespace(gr_name=names[n]))
    monkeypatch.setattr(pwd, "getpwuid", lambda _: SimpleNamespace(pw_name="pi"))
    assert says in no_right("/dev/ttyUSB0")


def test_consoles_do_not_crowd_out_an_adapter(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """A pattern as /dev/tty* names 64 that cannot be had before the first that can."""
    for n in range(MOST_PORTS + 5):
        (bench.folder / f"port{n:03}").touch()
    cable = bench.plug("port999")
    assert [line.name[-7:] for line in bench.ports.scan(0.0)[0]] == ["port999"]
    assert MOST_NAMES > MOST_PORTS
    os.write(cable.master, b"x")


@pytest.mark.parametrize("step", ["tcsetattr", "tcflush"])
def test_an_adapter_that_goes_while_it_is_opened(bench: Bench, monkeypatch: pytest.MonkeyPatch, step: str) -> None:
    """Whatever of it fails, the port is tried again, and the gateway goes on."""

    def gone(*_: object) -> None:
        raise termios.error(errno.EIO, "Input/output error")

    bench.plug()
    with monkeypatch.context() as broken:
        broken.setattr(termios, step, gone)
        assert bench.ports.scan(0.0) == ([], [])
    assert bench.said == [f"{bench.folder}/port0: cannot be opened (Input/output error); it is tried again"]
    assert len(bench.ports.scan(2.0)[0]) == 1


def test_the_operators_own_terminal_is_no_port(cable: Cable, monkeypatch: pytest.MonkeyPatch) -> None:
    """A pattern as /dev/pts/* catches it; to open it would lock it and take its keystrokes."""
    own = os.open(cable.name, os.O_RDWR | os.O_NOCTTY)
    status = os.fstat
    monkeypatch.setattr(os, "isatty", lambda fd: fd == 0)
    monkeypatch.setattr(os, "fstat", lambda fd: status(own if fd == 0 else fd))
    with pytest.raises(PortError, match="is the terminal of this gateway"):
        open_line(cable.name, 115_200)
    monkeypatch.undo()
    os.close(own)
    open_line(cable.name, 115_200).close()


@pytest.mark.parametrize("name", ["/dev/zero", "/dev/tty", "/dev/ptmx"])
def test_what_is_no_serial_terminal_is_not_even_opened(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """A pattern as /dev/* catches /dev/watchdog, which restarts the machine once it was opened, and the consoles."""
    opened: list[object] = []
    monkeypatch.setattr(os, "open", lambda *a, **_: opened.append(a))
    with pytest.raises(PortError, match="is no serial port"):
        open_line(name, 115_200)
    assert opened == []
