"""`byleave agent flash --image` with the real esptool, at the boot loader of simulated boards."""

from __future__ import annotations

import importlib.util
import json
import random
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from agent.board.console import Console
from agent.errors import BoardRefused, LinkLost, NotProven
from agent.flashing import image, partitions
from agent.flashing.flashing import quiet
from agent.flashing.image import EspImage
from hw_sim.shell.port import Port
from hw_sim.shell.romchip import Registers
from hw_sim.shell.romloader import RomLoader
from hw_sim.silicon.flash import NorFlash, Operation
from tests.system.flashable import a_release
from tests.system.shells import running

pytestmark = pytest.mark.skipif(importlib.util.find_spec("esptool") is None, reason="pip install esptool")
FLASH_BYTES = 4 << 20
MACHINE = {"esp32": "Generic ESP32 module with ESP32", "esp32s3": "Generic ESP32S3 module with ESP32S3"}
CHIP = {"esp32": 0, "esp32s3": 9}
KEYS_AT, FILES_AT = 0x200000, 0x280000
IMPATIENT = "[esptool]\nconnect_attempts = 2\n"  # a second each for a port that is gone; by itself it tries seven times


def an_image(folder: Path, board: str, seed: int = 0) -> EspImage:
    """A merged image with a partition table of another's and noise for a program: half of it packs, half does not."""
    path = folder / f"{board}-{seed}.bin"
    offset = 0x1000 if board == "esp32" else 0
    noise = random.Random(seed).randbytes(40_000)
    data = bytearray(b"\xff" * (0x10000 - offset) + b"\xe9" + noise + b"byleave " * 5000)
    data[:3000], data[12:14] = noise[:3000], bytes([CHIP[board], 0])
    data[0] = 0xE9
    data[0x8000 - offset : 0x8002 - offset] = b"\xaa\x50"
    path.write_bytes(data)
    return EspImage.read(path, board)


def is_written(flash: bytes | bytearray, wanted: EspImage) -> bool:
    """Whether flash holds the image, with byleave's partition table in it."""
    table = partitions.binary(partitions.ours())
    data = wanted.with_table(table)
    held = flash[wanted.offset : wanted.offset + len(data)] == data
    return held and flash[0x8000 : 0x8000 + len(table)] == table


class Pulled(Exception):  # noqa: N818 - what happened
    """The cable is out."""


class Bench:
    """A boot loader and its flash on a cable that can be pulled."""

    def __init__(self, board: str, folder: Path) -> None:
        self.flash = NorFlash(FLASH_BYTES)
        self.link = folder / "port"
        self._registers = Registers(MACHINE[board], bytes.fromhex("240ac4b2c3d4"), FLASH_BYTES)
        self._pulled = threading.Event()

    def pull_at(self, kind: str, address: int) -> list[Operation]:
        """The cable is pulled once, when that happened to flash: nothing gets in any more, and nobody hears of it. Returns the
        operations that took place until then."""
        seen: list[Operation] = []

        def happened(operation: Operation) -> None:
            if not seen or (seen[-1].kind, seen[-1].offset) != (kind, address):
                seen.append(operation)
                if (operation.kind, operation.offset) == (kind, address):
                    self._pulled.set()
                    raise Pulled

        self.flash.done.append(happened)
        return seen

    @contextmanager
    def cable(self) -> Iterator[str]:
        """The board at a port, whose name it gives."""
        self._pulled.clear()
        thread = threading.Thread(target=self._serve, args=(port := Port(self.link),))
        thread.start()
        try:
            yield port.name
        finally:
            self._pulled.set()
            thread.join()

    def _serve(self, port: Port) -> None:
        with port:
            loader = RomLoader(self.flash, self._registers, port.write)
            while not self._pulled.is_set():
                if not port.attached():
                    loader.unplugged()
                with suppress(Pulled):
                    loader.takes(port.read())
                port.flush()
                port.wait(0.01)


@pytest.fixture(autouse=True)
def impatient(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """esptool does not wait long for what is not there."""
    (tmp_path / "esptool.cfg").write_text(IMPATIENT)
    monkeypatch.setenv("ESPTOOL_CFGFILE", str(tmp_path / "esptool.cfg"))


PLANT = """
from esp32 import Partition
Partition.find(label="bl_keys")[0].writeblocks(0, b"device's own", 0)
from machine import RTC
RTC().memory(b"the last start's")
"""


@pytest.mark.micropython
def test_a_bare_board_gets_micropython_and_release(tmp_path: Path) -> None:
    """The whole command at a board with another's flash: what lay there is gone, image, table and release are on it, and it
    starts. The image once more keeps what a device keeps."""
    kept, wanted, release = tmp_path / "van.flash", an_image(tmp_path, "esp32s3"), a_release(tmp_path / "1", "one")
    with running("--firmware", "none", "--boot-loader", "--flash", str(kept)) as shell:
        with Console(shell.port) as prompt:
            prompt.run(PLANT)
        command = [sys.executable, "-m", "agent", "agent", "flash", "--port", shell.port, "--json", "--image"]
        command += [str(tmp_path / "esp32s3-0.bin"), "--release", str(release)]
        ended = subprocess.run(command, capture_output=True, text=True, check=False)
        assert ended.returncode == 0 and not ended.stderr, ended.stderr
        told = json.loads(ended.stdout)
        assert (told["image_written"], told["version"], told["way"]) == (True, "one", "slot")
        assert is_written(kept.read_bytes(), wanted)
        assert b"device's own" not in kept.read_bytes()
        # Again, with another image: a device stays itself.
        with Console(shell.port) as prompt:
            prompt.run(PLANT)
        newer = an_image(tmp_path, "esp32s3", seed=1)
        assert image.write(shell.port, newer, quiet) is True
        with Console(shell.port) as prompt:
            assert prompt.run("from machine import RTC\nprint(RTC().memory())").strip() == "b''"  # it was reset
            assert "release one runs" in prompt.restart()
    assert is_written(kept.read_bytes(), newer)
    assert kept.read_bytes()[KEYS_AT:].startswith(b"device's own")


def test_each_chip_gets_its_image_where_it_looks(tmp_path: Path) -> None:
    """An ESP32's begins elsewhere. Another chip's is refused, with nothing written."""
    bench, wanted = Bench("esp32", tmp_path), an_image(tmp_path, "esp32")
    with bench.cable() as port:
        with pytest.raises(BoardRefused, match="This chip is ESP32, not ESP32-S3"):
            image.write(port, an_image(tmp_path, "esp32s3"), quiet)
        assert bench.flash.operations == 0
        assert image.write(port, wanted, quiet) is False
    assert is_written(bench.flash.data, wanted)


def test_a_wrong_byte_in_flash_is_found(tmp_path: Path) -> None:
    """One bit that flash does not keep, where all that was sent was acknowledged: the verification finds it, and the same command
    once more ends well."""
    bench, wanted = Bench("esp32s3", tmp_path), an_image(tmp_path, "esp32s3")

    def spoil(operation: Operation) -> None:
        if operation.offset == 0x12000 and operation.kind == "program":
            bench.flash.data[0x12000] ^= 1

    bench.flash.done.append(spoil)
    with bench.cable() as port:
        with pytest.raises(NotProven, match="other bytes than were sent"):
            image.write(port, wanted, quiet)
        bench.flash.data[0x12000] ^= 1
        assert is_written(bench.flash.data, wanted)
        bench.flash.done.remove(spoil)
        assert image.write(port, wanted, quiet) is True
    assert is_written(bench.flash.data, wanted)


@pytest.mark.parametrize(("kind", "address"), [("erase", FILES_AT), ("program", 0x13000)])
def test_a_pulled_cable_leaves_what_was_written(tmp_path: Path, kind: str, address: int) -> None:
    """Pulled while another's data are erased, or among the image: flash holds what was done so far and no more, and the same
    command once more ends well, with nothing of the other's left."""
    bench, wanted = Bench("esp32s3", tmp_path), an_image(tmp_path, "esp32s3")
    for at in (KEYS_AT, FILES_AT, FLASH_BYTES - 4096):
        bench.flash.program(at, b"another's")
    reached = bench.pull_at(kind, address)
    with bench.cable() as port, pytest.raises(LinkLost):
        image.write(port, wanted, quiet)
    assert reached[-1].offset == address
    assert not is_written(bench.flash.data, wanted)
    left = [at for at in (KEYS_AT, FILES_AT, FLASH_BYTES - 4096) if bench.flash.data[at] != 0xFF]
    assert left == ([FLASH_BYTES - 4096] if kind == "erase" else [])
    if kind == "program":
        assert bench.flash.read(0x12F00, 0x200) == wanted.data[0x12F00:0x13100]
        assert bench.flash.read(0x14000, 0x1000) == b"\xff" * 0x1000
    with bench.cable() as port:
        assert image.write(port, wanted, quiet) is (kind == "program")
    assert is_written(bench.flash.data, wanted)
    assert bench.flash.read(KEYS_AT, FLASH_BYTES - KEYS_AT) == b"\xff" * (FLASH_BYTES - KEYS_AT)
