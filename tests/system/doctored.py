"""What the tests of doctor and monitor share: the prompt of a simulated board, in process, and a device to be found there."""

from __future__ import annotations

import contextlib
import json
import socket
from collections.abc import Iterator
from threading import Thread
from typing import Any

import msgpack

from agent.errors import BoardRefused
from hw_sim.board import Board
from hw_sim.demo.stage import INSTALL
from hw_sim.errors import ChildFailed

DEVICE, ROOT = "abcdefghijklmnop", bytes(range(32))
SETTINGS: dict[str, Any] = {
    "board": "esp32s3",
    "wifi": {"ssid": "depot", "key": "a key of the depot"},
    "broker": {"host": "broker.example", "port": 1883, "user": "van", "password": "of the van", "tls": False},
}


class BoardPrompt:
    """As agent.board.console.Console; each program is run by an interpreter of its own, so it must be whole in itself."""

    port = "simulated"

    def __init__(self, board: Board, before: str = "") -> None:
        self.board, self._before = board, before
        self.said = ""
        self.typed: list[str] = []

    def run(self, code: str) -> str:
        """What the code prints; `before` stands before it, to make the board another one."""
        self.typed.append(code)
        try:
            said = self.board.execute(self._before + code)
        except ChildFailed as failed:
            raise BoardRefused(f"the board says: {str(failed).strip().splitlines()[-1]}") from None
        self.said += said
        return said

    def hold(self) -> None:
        """Its watchdog was never started."""
        self.typed.append("hold")


def enrol(board: Board, **settings: Any) -> None:
    """Makes the board a device, as the agent does it."""
    now_s = int(board.world.clock.unix_s)
    text = json.dumps({**SETTINGS, "board": board.name, **settings})
    file = msgpack.packb([1, DEVICE, ROOT, 0, now_s // 86_400, now_s, text])
    board.execute(INSTALL, files={"enrolment": file})


@contextlib.contextmanager
def answering(answer: bytes) -> Iterator[tuple[str, int]]:
    """A server that takes one connection, hears what comes, and answers so; its address."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(20)
        thread = Thread(target=_answer, args=(listening, answer))
        thread.start()
        yield listening.getsockname()[:2]
        with contextlib.suppress(OSError):
            socket.create_connection(listening.getsockname(), 1).close()  # if nobody came
        thread.join()


def _answer(listening: socket.socket, answer: bytes) -> None:
    with contextlib.suppress(OSError):
        heard, _ = listening.accept()
        with heard:
            heard.settimeout(20)
            if heard.recv(400):
                heard.sendall(answer)
                while heard.recv(400):
                    pass
