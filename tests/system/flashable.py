"""What the tests of flashing share: small releases, and a cable that is pulled at a byte."""

from __future__ import annotations

import functools
import hashlib
import json
import random
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from agent.board import console
from agent.board.line import Line, Port
from agent.release import make as releases
from agent.release import romfs

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


def a_release(folder: Path, name: str, *, security: int = 1, board: str = "esp32s3", noise: int | None = None) -> Path:
    """A release that prints its name when it starts, with noise of that seed (of its name, if none is given)."""
    seed = f"{name if noise is None else noise}"
    files = _compiled() | {"firmware/told.mpy": _own("told", f"def tell():\n    print('release {name} runs')\n")}
    files["firmware/version.mpy"] = _own("version", f"SECURITY = {security}\nVERSION = '{name}'\n")
    files["firmware/noise.mpy"] = random.Random(seed).randbytes(NOISE_BYTES)  # which nothing imports
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
