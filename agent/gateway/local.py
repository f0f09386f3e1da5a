"""Answers for who asks on this machine: a listening socket, served by the gateway's loop, each answer once and at once.

No thread, no wait: a client that does not send or does not read is closed after TIMEOUT_S, and costs nobody else anything.
"""

from __future__ import annotations

import os
import socket
import stat
import struct
import sys
from collections.abc import Callable
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from select import POLLIN, POLLOUT

from agent.errors import AgentConfigError, AgentError

MOST_AT_ONCE = 8  # a supervisor, a dashboard, somebody who looks; more is a flood
TIMEOUT_S = 5.0
REQUEST_LIMIT_BYTES = (
    4096  # a supervisor's request has 200 bytes; of a longer one the first line is enough to refuse it
)
ANSWER_LIMIT_BYTES = 1 << 20  # what --status reads at most; 64 ports make 40 KB

# Makes the answer from the request as far as it came; None: more of it is wanted.
Answer = Callable[[bytes], bytes | None]


class _Client:
    def __init__(self, sock: socket.socket, until_s: float) -> None:
        self.sock, self.until_s = sock, until_s
        self.heard, self.out = b"", b""

    @property
    def events(self) -> int:
        return POLLOUT if self.out else POLLIN


class Answers:
    """A listening socket and its clients; `ours_alone`: of this user and root, where no folder's rights see to it."""

    def __init__(self, listener: socket.socket, answer: Answer, *, ours_alone: bool = False) -> None:
        listener.setblocking(False)
        self._ours_alone = ours_alone
        self._listener = listener
        self._answer = answer
        self._clients: dict[int, _Client] = {}

    def polled(self) -> dict[int, int]:
        """File descriptors and the events of select.poll that are wanted of each."""
        wanted = {fd: client.events for fd, client in self._clients.items()}
        wanted[self._listener.fileno()] = POLLIN
        return wanted

    def ready(self, fd: int, now_s: float) -> None:
        """One of them is ready."""
        if fd == self._listener.fileno():
            self._accept(now_s)
        elif fd in self._clients:
            self._serve(fd, self._clients[fd])

    def tick(self, now_s: float) -> None:
        """Closes who takes too long."""
        for fd in [fd for fd, client in self._clients.items() if now_s >= client.until_s]:
            self._end(fd)

    def close(self) -> None:
        """Answers no more."""
        for fd in list(self._clients):
            self._end(fd)
        self._listener.close()

    def _accept(self, now_s: float) -> None:
        try:
            sock, _ = self._listener.accept()
        except OSError:
            return
        if len(self._clients) >= MOST_AT_ONCE or (self._ours_alone and _peer(sock) not in (0, os.geteuid())):
            sock.close()
            return
        sock.setblocking(False)
        client = self._clients[sock.fileno()] = _Client(sock, now_s + TIMEOUT_S)
        client.out = self._answer(b"") or b""

    def _serve(self, fd: int, client: _Client) -> None:
        try:
            if not client.out:
                piece = client.sock.recv(REQUEST_LIMIT_BYTES)
                client.heard += piece
                client.out = self._answer(client.heard) or b""
                if not client.out and (not piece or len(client.heard) >= REQUEST_LIMIT_BYTES):
                    self._end(fd)
                return
            client.out = client.out[client.sock.send(client.out) :]
        except BlockingIOError:
            return
        except OSError:
            client.out = b""
        if not client.out:
            self._end(fd)

    def _end(self, fd: int) -> None:
        with suppress(OSError):
            self._clients[fd].sock.shutdown(socket.SHUT_RDWR)
        self._clients.pop(fd).sock.close()


def listen_tcp(port: int) -> socket.socket:
    """On 127.0.0.1 alone. AgentConfigError when the port cannot be had; 0 takes a free one."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind(("127.0.0.1", port))
        sock.listen(MOST_AT_ONCE)
    except OSError as error:
        sock.close()
        raise AgentConfigError(
            f"metrics_port {port}: cannot be listened on ({error.strerror}); choose another"
        ) from None
    return sock


def listen_unix(path: Path) -> socket.socket:
    """On a socket of this user alone; one that a killed gateway has left is replaced. OSError when it cannot be had."""
    with suppress(FileNotFoundError):
        if not stat.S_ISSOCK(path.lstat().st_mode):
            raise OSError(f"{path.name} is no socket")
        path.unlink()
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    before = os.umask(0o177)
    try:
        with _Short(path) as name:
            sock.bind(name)
        sock.listen(MOST_AT_ONCE)
    except BaseException:
        sock.close()
        raise
    finally:
        os.umask(before)
    return sock


def ask_unix(path: Path) -> bytes:
    """What the gateway behind a socket answers. AgentError when there is none."""
    said = b""
    try:
        with _connected(path) as sock:
            while len(said) < ANSWER_LIMIT_BYTES and (piece := sock.recv(65_536)):
                said += piece
    except PermissionError:
        raise AgentError(f"{path}: belongs to another user: ask as the one that runs the gateway, or as root") from None
    except TimeoutError:
        raise AgentError(f"{path}: the gateway does not answer within {TIMEOUT_S:.0f} s") from None
    except OSError:
        raise AgentError(
            f"no gateway runs on {path.parent}; if it runs on another folder, name that with --spool or --config"
        ) from None
    return said


def _connected(path: Path) -> socket.socket:
    """To the socket in the folder, else to the nameless one. OSError when nobody answers."""
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    sock.settimeout(TIMEOUT_S)
    try:
        try:
            with _Short(path) as name:
                sock.connect(name)
        except (FileNotFoundError, ConnectionRefusedError):
            sock.connect(_nameless(path))
            if _peer(sock) not in (0, os.geteuid(), _owner(path.parent)):  # somebody's who was there first
                raise
    except BaseException:
        sock.close()
        raise
    return sock


def listen_nameless(path: Path) -> socket.socket:
    """Instead of one at this path, where its folder takes none: known by the path, in no folder (unix(7), abstract). Anybody may
    connect: serve it to `ours_alone`. OSError when it cannot be had, as on other systems than Linux."""
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        sock.bind(_nameless(path))
        sock.listen(MOST_AT_ONCE)
    except BaseException:
        sock.close()
        raise
    return sock


def _nameless(path: Path) -> str:
    if sys.platform != "linux":
        raise FileNotFoundError(path)
    return f"\0byleave-gateway-{sha256(os.path.realpath(path).encode()).hexdigest()[:32]}"


def _peer(sock: socket.socket) -> int:
    """Whose process is at the other end (unix(7), SO_PEERCRED: process, user, group)."""
    uid: int = struct.unpack("3i", sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))[1]
    return uid


def _owner(folder: Path) -> int:
    try:
        return folder.stat().st_uid
    except OSError:
        return os.geteuid()


class _Short:
    """A name of a socket for `bind` and `connect`, whatever its folder's length [108 bytes, unix(7)]; Linux alone."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._folder = -1

    def __enter__(self) -> str:
        if not Path("/proc/self/fd").is_dir():
            return str(self._path)
        self._folder = os.open(self._path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        return f"/proc/self/fd/{self._folder}/{self._path.name}"

    def __exit__(self, *exc: object) -> None:
        if self._folder >= 0:
            os.close(self._folder)
