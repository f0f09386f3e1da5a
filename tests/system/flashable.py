"""What the tests of flashing share: small releases, and a cable that is pulled at a byte."""

from __future__ import annotations

import functools
import hashlib
import json
import random
import struct
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from agent.board import console
from agent.board.line import Line, Port
from agent.release import make as releases
from agent.release import romfs
from hw_sim.shell.uf2rom import boot2_sum

FIRMWARE = Path(__file__).parents[2] / "firmware"
# All that `slots` asks of a release, and its name, which it prints at its start.
PACKAGE = {
    "__init__.py": "",
    "update/__init__.py": "def begin(slot, state, least): pass\n",
    "app.py": "def main():\n    from firmware import told\n    told.tell()\n",
}
MANIFEST = "module('main.py')\nmodule('slots.py')\npackage('firmware', files=['__init__.py'], base_path='..')\n"
NOISE_BYTES = 9000  # of what no compression makes shorter: three sectors with the rest


@functools.cache
def _compiled() -> dict[str, bytes]:
    """The package's modules, and what starts them, of the firmware's own sources."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "firmware"
        for path, text in PACKAGE.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_text(text)
        texts = {f"firmware/{path}": text.encode() for path, text in PACKAGE.items()}
        texts |= {path: (FIRMWARE / path).read_bytes() for path in ("main.py", "slots.py")}
        compiler = releases._compiler()
        return dict(releases._built(path, text, compiler, 3) for path, text in texts.items())


@functools.cache
def _own(module: str, source: str) -> bytes:
    return releases._built(f"firmware/{module}.py", source.encode(), releases._compiler(), 3)[1]


def a_release(
    folder: Path,
    name: str,
    *,
    security: int = 1,
    board: str = "esp32s3",
    noise: int | None = None,
    noise_bytes: int = NOISE_BYTES,
) -> Path:
    """A release that prints its name when it starts, with noise of that seed (of its name, if none is given)."""
    seed = f"{name if noise is None else noise}"
    files = _compiled() | {"firmware/told.mpy": _own("told", f"def tell():\n    print('release {name} runs')\n")}
    files["firmware/version.mpy"] = _own("version", f"SECURITY = {security}\nVERSION = '{name}'\n")
    files["firmware/noise.mpy"] = random.Random(seed).randbytes(noise_bytes)  # which nothing imports
    package = {path: data for path, data in files.items() if path.startswith("firmware/")}
    image = romfs.image(package)
    folder.mkdir(parents=True, exist_ok=True)
    for path, data in {**files, releases.IMAGE: image}.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(data)
    told = {"form": 1, "board": board, "version": name, "security": security}
    told["files"] = {path: _row(data) for path, data in files.items()}
    told["image"] = {"name": releases.IMAGE, **_row(image)}
    (folder / releases.RELEASE).write_text(json.dumps(told))
    return folder


FAMILIES = {"pico_w": 0xE48BFF56, "pico2_w": 0xE48BFF59}
BLOCK_BYTES = 512


def a_uf2(board: str = "pico_w", *, count: int = 32, seed: int = 0, **other: int) -> bytes:
    """A MicroPython for a Pico as far as its boot loader looks at it: noise with what the chip finds a program by, and the words by
    which byleave's build is known. `other`: `family` or `at` of its own."""
    program = bytearray(random.Random(seed).randbytes(256 * count))
    program[300:319] = b"file system damaged"
    if board == "pico_w":
        program[252:256] = boot2_sum(bytes(program[:252])).to_bytes(4, "little")
    else:
        program[512:516], program[600:604] = b"\xd3\xde\xff\xff", b"\x79\x35\x12\xab"
    family, at = other.get("family", FAMILIES[board]), other.get("at", 0x10000000)
    pages = (bytes(program[256 * n :][:256]) for n in range(count))
    return b"".join(a_block(at + 256 * n, n, count, family, page) for n, page in enumerate(pages))


def a_block(address: int, number: int, count: int, family: int, page: bytes) -> bytes:
    """One block (UF2 file format)."""
    head = struct.pack("<8I", 0x0A324655, 0x9E5D5157, 0x2000, address, 256, number, count, family)
    return head + page.ljust(476, b"\0") + struct.pack("<I", 0x0AB16F30)


def program_of(file: bytes) -> bytes:
    """What of it goes to flash, in the order of its blocks."""
    return b"".join(file[at + 32 : at + 288] for at in range(0, len(file), BLOCK_BYTES))


def _row(data: bytes) -> dict[str, object]:
    return {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}


class Counted(Line):
    """A line that counts what is typed, and is pulled, or changes a byte, at one of them."""

    typed_bytes = 0
    pulled_at: int | None = None
    changed_at: int | None = None

    def __init__(self, port: Port, *, answer_s: float) -> None:
        super().__init__(port, answer_s=answer_s)

    def write(self, data: bytes) -> int:
        """As Line."""
        kind = Counted
        at = kind.typed_bytes
        kind.typed_bytes += len(data)
        if kind.pulled_at is not None and kind.typed_bytes > kind.pulled_at:
            super().write(data[: max(0, kind.pulled_at - at)])
            self.close()
            raise OSError("pulled")
        if kind.changed_at is not None and at <= kind.changed_at < kind.typed_bytes:
            spoilt = bytearray(data)
            spoilt[kind.changed_at - at] ^= 0x20
            data = bytes(spoilt)
        return super().write(data)


@contextmanager
def counted(
    monkeypatch: pytest.MonkeyPatch, *, pulled_at: int | None = None, changed_at: int | None = None
) -> Iterator[type[Counted]]:
    """Consoles opened within have such a line."""
    with monkeypatch.context() as changed:
        Counted.typed_bytes, Counted.pulled_at, Counted.changed_at = 0, pulled_at, changed_at
        changed.setattr(console, "Line", Counted)
        yield Counted
