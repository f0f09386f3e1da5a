"""What flashing decides before a board is asked: images, partition tables, releases, slots, and how the start finds them."""

from __future__ import annotations

import hashlib
import importlib.util
import itertools
import json
import os
import random
import re
import stat
import sys
import types
import zlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

import agent.commands.flash  # noqa: F401 - found by its module name below
from agent.cli import main
from agent.errors import AgentConfigError, AgentError, BoardRefused, NoPrompt, NotProven
from agent.flashing import flashing, framing, image, partitions, slotting
from agent.flashing.flashing import Found
from agent.flashing.image import EspImage, Esptool
from agent.flashing.partitions import Partition
from agent.flashing.released import Release
from agent.flashing.slotting import Slot
from agent.release import romfs
from agent.release.stated import stated

ROOT = Path(__file__).parents[4]
flash_command = sys.modules["agent.commands.flash"]  # in the package that name is the command itself

# --- pieces


def unpacked(piece: bytes) -> tuple[int, bytes]:
    """What a board makes of a piece, written apart from what makes it."""
    head, body = piece[:24], piece[24:]
    assert int(head[16:], 16) == zlib.crc32(head[:16])
    number, line_bytes, size = int(head[:4], 16), int(head[4:8], 16), int(head[8:16], 16)
    assert len(body) == line_bytes <= 2 * framing.BLOCK_BYTES
    plain, escaped = bytearray(), False
    for byte in body:
        if escaped or byte != 0x10:
            plain.append(byte - 0x40 if escaped else byte)
            escaped = False
        else:
            escaped = True
    data = bytes(plain)
    return number, data if len(data) == size else zlib.decompress(data, wbits=-12)


@pytest.mark.parametrize("packed", [True, False])
@pytest.mark.parametrize(
    "data",
    [bytes(range(256)) * 16, random.Random(1).randbytes(4096), bytes([3, 16, 0x41, 1, 5]) * 800, b"\x10", bytes(4096)],
    ids=["all", "noise", "obeyed", "one", "zeros"],
)
def test_a_piece_carries_every_byte_and_no_command(data: bytes, packed: bool) -> None:
    """What arrives is what was sent; nothing on the line is what a prompt obeys."""
    piece = framing.piece(7, data, packed=packed)
    assert unpacked(piece) == (7, data)
    assert not set(piece) & set(range(1, 6))
    assert len(framing.piece(7, data, packed=True)) <= len(framing.piece(7, data, packed=False))


# --- the partition table


def test_the_table_is_the_documented_one() -> None:
    """ESP-IDF's own form: entries as its Programming Guide has them, and an MD5 row over all of them."""
    table = partitions.binary([Partition("factory", 0, 0, 0x10000, 0x100000), Partition("nvs", 1, 2, 0x110000, 0x6000)])
    rows = (
        b"\xaa\x50\x00\x00" + b"\x00\x00\x01\x00" + b"\x00\x00\x10\x00" + b"factory\0" + bytes(8) + bytes(4)
        + b"\xaa\x50\x01\x02" + b"\x00\x00\x11\x00" + b"\x00\x60\x00\x00" + b"nvs\0" + bytes(12) + bytes(4)
    )  # fmt: skip
    assert table[:64] == rows
    assert table[64:96] == b"\xeb\xeb" + b"\xff" * 14 + hashlib.md5(rows, usedforsecurity=False).digest()
    assert table[96:] == b"\xff" * (0xC00 - 96)


def test_our_boards_get_the_partitions_that_the_firmware_wants() -> None:
    """All of them from the list beside the boards, in sectors, one behind the other, within 4 MiB."""
    rows = partitions.ours()
    assert [row.label for row in rows] == [
        "nvs",
        "phy_init",
        "factory",
        "bl_keys",
        "bl_rules",
        "bl_spool",
        "vfs",
        "romfs",
    ]
    assert all(row.offset == before.offset + before.size for before, row in itertools.pairwise(rows))
    assert rows[-1].offset + rows[-1].size == 4 << 20
    assert next((row.type, row.subtype) for row in rows if row.label == "romfs") == (1, 0x8F)


@pytest.mark.parametrize(
    "line", ["keys, data, 0x40, , 0x2000", "keys, disk, 0x40, 0, 0x2000", "k, data, 0x40, 0, 1, encrypted"]
)
def test_a_row_that_says_less_is_refused(line: str) -> None:
    """No offset is guessed, no unknown type or flag passed over."""
    assert partitions.parsed("keys, data, 0x40, 0x200000, 0x2000,")
    with pytest.raises(AgentError, match="partition table"):
        partitions.parsed(line)


# --- a merged image


def esp(chip: int, offset: int, *, size: int = 0x20000) -> bytearray:
    """A merged image: boot loader, table and program where that chip has them."""
    data = bytearray(b"\xff" * size)
    for at in (0, 0x10000 - offset):
        data[at : at + 14] = b"\xe9" + bytes(11) + chip.to_bytes(2, "little")
    data[0x8000 - offset : 0x8020 - offset] = b"\xaa\x50" + b"stock".ljust(30, b"\0")
    return data


@pytest.mark.parametrize(("chip", "board", "offset"), [(0, "esp32", 0x1000), (9, "esp32s3", 0)])
def test_an_image_says_its_board_and_gets_our_table(tmp_path: Path, chip: int, board: str, offset: int) -> None:
    """The chip's number decides; only the sector of the table changes."""
    path = tmp_path / "micropython.bin"
    path.write_bytes(esp(chip, offset))
    found = EspImage.read(path)
    assert (found.board, found.offset) == (board, offset)
    table = partitions.binary(partitions.ours())
    patched = found.with_table(table)
    at = 0x8000 - offset
    assert patched[at : at + len(table)] == table and len(patched) == len(found.data)
    assert patched[:at] == found.data[:at] and patched[at + 4096 :] == found.data[at + 4096 :]


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda data: data[:0x9000], "no merged image"),
        (lambda data: b"\x00" + data[1:], "no image for an ESP32"),
        (lambda data: data[:12] + b"\x05\x00" + data[14:], "no image for an ESP32"),
        (lambda data: data.ljust(0x200001, b"\xff"), "reach into the keys"),
        (lambda data: data[:0x8000] + b"\xff" * 4096 + data[0x9000:], "no merged image"),
    ],
    ids=["cut", "magic", "chip", "long", "table"],
)
def test_what_is_no_merged_image_is_refused(tmp_path: Path, change: Callable[[bytes], bytes], sentence: str) -> None:
    """Each of one change to an image that is taken."""
    path = tmp_path / "micropython.bin"
    path.write_bytes(esp(9, 0))
    assert EspImage.read(path).board == "esp32s3"
    with pytest.raises(AgentConfigError, match="--board names esp32"):
        EspImage.read(path, "esp32")
    path.write_bytes(change(bytes(esp(9, 0))))
    with pytest.raises(AgentConfigError, match=sentence):
        EspImage.read(path)


ESPTOOL = """#!{python}
# Answers as the real one of version {version}, and notes what it was asked.
import json, sys
words = sys.argv[1:]
if words == ["version"]:
    print("esptool v{version}\\n{version}")
    sys.exit()
with open({notes!r}, "a") as file:
    file.write(json.dumps(words) + "\\n")
if {fails!r} and "write" in str(words):
    print("A fatal error occurred: " + {fails!r})
    sys.exit(2)
for word in words:
    if word.replace("-", "_") == "read_flash":
        open(words[-1], "wb").write(bytes.fromhex({table!r}))
    if word.replace("-", "_") == "write_flash":
        print("Writing at 0x00001000... (50 %)\\rWriting at 0x00002000... (100 %)\\n{proof}")
"""


def hide_esptool(monkeypatch: pytest.MonkeyPatch) -> None:
    """As where it is no module of this interpreter."""
    known = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *rest: None if name == "esptool" else known(name, *rest)
    )


@pytest.fixture
def tool(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    """Installs an esptool on the path; returns the file of its notes."""

    def install(
        version: str = "5.0.1", *, table: bytes = b"", proof: str = "Hash of data verified.", fails: str = ""
    ) -> Path:
        notes, path = tmp_path / "notes", tmp_path / "esptool"
        path.write_text(
            ESPTOOL.format(
                python=sys.executable, version=version, notes=str(notes), table=table.hex(), proof=proof, fails=fails
            )
        )
        path.chmod(path.stat().st_mode | stat.S_IXUSR)
        return notes

    monkeypatch.setenv("PATH", str(tmp_path))
    hide_esptool(monkeypatch)
    return install


def asked(notes: Path) -> list[list[str]]:
    """What an esptool was asked, without what it is always told."""
    return [json.loads(line) for line in notes.read_text().splitlines()]


S3 = EspImage("esp32s3", bytes(esp(9, 0)))


def test_a_board_of_ours_keeps_its_data_and_another_is_erased(tool: Callable[..., Path]) -> None:
    """What lies behind the program is erased unless the board has our table already; the image is written and confirmed."""
    notes = tool(table=partitions.binary(partitions.ours()))
    shown: list[tuple[str, int, int]] = []
    assert image.write("/dev/x", S3, lambda *words: shown.append(words)) is True
    read, written = asked(notes)
    assert read[read.index("read-flash") :][:3] == ["read-flash", "0x8000", "0xc00"] and "no-reset" in read
    assert written[written.index("write-flash") + 1] == "0x0" and "hard-reset" in written
    assert shown == [("writing MicroPython", 50, 100), ("writing MicroPython", 100, 100)]
    notes.unlink()
    tool(table=b"\xff" * 0xC00)
    assert image.write("/dev/x", S3, lambda *words: None) is False
    assert [words[words.index("erase-region") :] for words in asked(notes) if "erase-region" in words] == [
        ["erase-region", "0x200000", "0x200000"]
    ]


def test_an_older_esptool_is_asked_by_its_own_names(tool: Callable[..., Path]) -> None:
    """Before version 5 they had low lines."""
    notes = tool("4.8.1", table=partitions.binary(partitions.ours()))
    image.write("/dev/x", S3, lambda *words: None)
    assert {"read_flash", "write_flash", "default_reset", "no_reset", "hard_reset"} <= {
        w for line in asked(notes) for w in line
    }


@pytest.mark.parametrize(
    ("fails", "finding"),
    [
        ("Failed to connect to ESP32-S3: No serial data received.", NoPrompt),
        ("MD5 of file does not match data in flash!", NotProven),
        ("This chip is ESP32-C3, not ESP32-S3.", BoardRefused),
    ],
)
def test_what_esptool_says_is_told(tool: Callable[..., Path], fails: str, finding: type[AgentError]) -> None:
    """Each failure by what it means."""
    tool(table=partitions.binary(partitions.ours()), fails=fails)
    with pytest.raises(finding):
        image.write("/dev/x", S3, lambda *words: None)


def test_without_its_proof_nothing_is_believed(tool: Callable[..., Path]) -> None:
    """An esptool that ends well and did not read back."""
    tool(table=partitions.binary(partitions.ours()), proof="Wrote 131072 bytes.")
    with pytest.raises(NotProven, match="did not confirm"):
        image.write("/dev/x", S3, lambda *words: None)


def test_a_missing_esptool_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And how to install it."""
    monkeypatch.setenv("PATH", str(tmp_path))
    hide_esptool(monkeypatch)
    with pytest.raises(AgentConfigError, match="pip install esptool"):
        Esptool("/dev/x", "esp32s3")


# --- a release


# VERSION = "0.1.0", SECURITY = 1, as the compiler of MicroPython 1.29 writes it.
VERSION = bytes.fromhex(
    "4d06001f05000e76657273696f6e000f0a302e312e30000e56455253494f4e001053454355524954590060000201100216038116045163"
)


def a_release(folder: Path, *, version: bytes = VERSION, more: dict[str, bytes] | None = None) -> Path:
    """A small one that is taken."""
    folder.mkdir()
    files = {
        "main.py": b"print(1)\n",
        "slots.mpy": b"M\x06\x00\x1f" + bytes(40),
        "firmware/app.mpy": b"M\x06\x00\x1f" + bytes(60),
        "firmware/version.mpy": version,
    } | (more or {})
    (folder / "firmware").mkdir()
    image = romfs.image({name: data for name, data in files.items() if name.startswith("firmware/")})
    for name, data in {**files, "firmware.romfs": image}.items():
        (folder / name).write_bytes(data)
    row = {name: {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()} for name, data in files.items()}
    whole = (folder / "firmware.romfs").read_bytes()
    told = {"form": 1, "board": "esp32s3", "version": "0.1.0", "security": 1, "files": row}
    told["image"] = {"name": "firmware.romfs", "bytes": len(whole), "sha256": hashlib.sha256(whole).hexdigest()}
    (folder / "release.json").write_text(json.dumps(told))
    return folder


def test_a_release_is_what_its_description_says(tmp_path: Path) -> None:
    """Every file is held against it, and no name leads out of a board's folder."""
    folder = a_release(tmp_path / "r")
    release = Release.read(folder)
    assert (release.board, release.security, release.bytecode, len(release.files)) == ("esp32s3", 1, 6, 4)
    good = (folder / "release.json").read_text()
    for name in ("main.py", "firmware/app.mpy", "firmware.romfs"):
        data = (folder / name).read_bytes()
        (folder / name).write_bytes(data[:-1] + b"\x01")
        with pytest.raises(AgentError, match=f"{name}: is not the file"):
            Release.read(folder)
        (folder / name).write_bytes(data)
    for old, new in (
        ("firmware/app.mpy", "../app.mpy"),
        ("firmware/app.mpy", "/app.mpy"),
        ('"form": 1', '"form": 2'),
        ("slots", "s"),
    ):
        (folder / "release.json").write_text(good.replace(old, new))
        with pytest.raises(AgentError, match="not the description of a release"):
            Release.read(folder)
    (folder / "release.json").write_text(good)
    assert Release.read(folder) == release


HOSTILE = {
    "not its board": ('"board": "esp32s3"', '"board": "\\u001b[2Jesp32s3"'),
    "an escape in its version": ('"version": "0.1.0"', '"version": "0.1.0\\u001b]0;x"'),
    "a version without end": ('"version": "0.1.0"', f'"version": "{"9" * 17}"'),
    "security without end": ('"security": 1', '"security": 1e999'),
    "security that no slot has room for": ('"security": 1', '"security": 65536'),
    "security below all": ('"security": 1', '"security": -1'),
    "bytes without end": ('"bytes": 9', '"bytes": 1e999'),
    "a list": ("{", "["),
    "nested": ('"form": 1', '"form": ' + "[" * 100_000 + "]" * 100_000),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_a_description_that_lies_is_refused(tmp_path: Path, case: str) -> None:
    """By one change to one that is taken; nothing of it reaches the terminal."""
    folder = a_release(tmp_path / "r")
    good = (folder / "release.json").read_text()
    assert Release.read(folder).version == "0.1.0"
    old, new = HOSTILE[case]
    assert old in good
    (folder / "release.json").write_text(good.replace(old, new, 1))
    with pytest.raises(AgentError, match=r"release\.json: is no") as refused:
        Release.read(folder)
    assert "\x1b" not in str(refused.value)


@pytest.mark.parametrize("changed", ['"version": "0.1.1"', '"security": 2', '"security": 0'])
def test_a_description_says_what_its_modules_say(tmp_path: Path, changed: str) -> None:
    """A security version that the modules do not have would keep honest releases off the board, or be started over."""
    folder = a_release(tmp_path / "r")
    name = changed.split(":", maxsplit=1)[0]
    text = (folder / "release.json").read_text()
    (folder / "release.json").write_text(re.sub(name + r': ("0\.1\.0"|1)', changed, text))
    with pytest.raises(AgentError, match="its modules say otherwise"):
        Release.read(folder)


def test_a_version_module_does_nothing_but_say(tmp_path: Path) -> None:
    """What computes, sets a name twice, or is cut is none."""
    assert stated(VERSION) == {"VERSION": "0.1.0", "SECURITY": 1}
    twice = VERSION.replace(b"\x60\x00", b"\x78\x00").replace(b"\x81\x16\x04", b"\x81\x16\x04\x90\x16\x04")
    for module in (VERSION[:-1], VERSION + b"\0", VERSION[:-4] + b"\x34\x04\x51\x63", twice, b"", b"M\x06\x00"):
        with pytest.raises(ValueError):
            stated(module)
    with pytest.raises(AgentError, match="is no version module"):
        Release.read(a_release(tmp_path / "r", version=VERSION[:-4] + b"\x34\x04\x51\x63"))


def test_an_image_holds_the_modules_beside_it(tmp_path: Path) -> None:
    """What was checked is what starts."""
    folder, other = a_release(tmp_path / "r"), a_release(tmp_path / "s", more={"firmware/b.mpy": b"M\x06\x00\x1f"})
    assert Release.read(folder).folder_digest != Release.read(other).folder_digest
    told, of_other = (json.loads((each / "release.json").read_text()) for each in (folder, other))
    (folder / "firmware.romfs").write_bytes((other / "firmware.romfs").read_bytes())
    (folder / "release.json").write_text(json.dumps(told | {"image": of_other["image"]}))
    with pytest.raises(AgentError, match="does not hold the modules that lie beside it"):
        Release.read(folder)


@pytest.mark.parametrize("name", ["release.json", "main.py", "firmware.romfs"])
def test_a_pipe_or_a_device_is_no_file_of_a_release(tmp_path: Path, name: str) -> None:
    """One is waited for, the other has no end; and what is longer than any is not read whole."""
    folder = a_release(tmp_path / "r")
    (folder / name).unlink()
    os.mkfifo(folder / name)
    with pytest.raises(AgentError, match="is no file"):
        Release.read(folder)
    (folder / name).unlink()
    (folder / name).symlink_to("/dev/zero")
    with pytest.raises(AgentError, match="is no file"):
        Release.read(folder)
    (folder / name).unlink()
    (folder / name).write_bytes(bytes(600 << 10))
    with pytest.raises(AgentError, match="is longer than any"):
        Release.read(folder)


def test_a_release_without_bytecode_in_its_chooser(tmp_path: Path) -> None:
    """Its version is read from there."""
    for data in (b"M", b"X\x06\x00\x1f"):
        with pytest.raises(AgentError, match="not the description of a release"):
            Release.read(a_release(tmp_path / data.hex(), more={"slots.mpy": data}))


# --- what a board can take


class Deaf:
    """A console at which nothing may be typed."""

    port = "/dev/x"


S3_BOARD = Found("ESP32S3", "1.29.0", 6, 1, True, 0, segment=128, heap=300_000, free=10**6, built=0, start="")


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"machine": "ESP32C3"}, "ESP32C3 is no esp32s3"),
        ({"machine": "Generic ESP32 module with ESP32"}, "is no esp32s3"),
        ({"regions": False}, r"no room for keys and spool.*--image, a merged \.bin"),
        ({"mpy": 5}, "takes bytecode of version 5, the release has 6"),
        ({"segment": 2}, "a slot there 0"),
        ({"segment": 0, "heap": 196_000}, r"no ROMFS.*heap of \d+ bytes, where it has 196000.*--image, a merged \.bin"),
    ],
)
def test_what_a_board_cannot_take_is_said_before_anything_is_typed(
    tmp_path: Path, change: dict[str, object], sentence: str
) -> None:
    """Each of one change to a board that takes it, in a slot or, with such a heap, as files."""
    release = Release.read(a_release(tmp_path / "r"))

    def check(found: Found) -> Release:
        return flashing._checked(Deaf(), found, "", release, flashing.quiet)  # type: ignore[arg-type]

    assert check(S3_BOARD) is release and check(replace(S3_BOARD, segment=0)) is release
    with pytest.raises(BoardRefused, match=sentence):
        check(replace(S3_BOARD, **change))  # type: ignore[arg-type]
    with pytest.raises(AgentConfigError, match="--board names pico_w"):
        flashing._checked(Deaf(), S3_BOARD, "pico_w", release, flashing.quiet)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("said", "starts"),
    [
        ("", True),
        ("not started: not enrolled  MicroPython", True),
        ("not started: unknown board in the settings", False),
        ("not started: the release built in is older than one that was confirmed", False),
        ("Traceback (most recent call last):", False),
        ("no main.py on this board", False),
    ],
)
def test_what_a_board_says_at_its_start_is_judged(said: str, starts: bool) -> None:
    """A release that lies there whole and does not start is no success."""
    if starts:
        flashing._judge("/dev/x", said)
    else:
        with pytest.raises(BoardRefused, match="does not start"):
            flashing._judge("/dev/x", said)


# --- the command


@pytest.mark.parametrize(
    ("words", "code", "sentence"),
    [
        (["--board", "toaster"], 2, "--board toaster: there are esp32, esp32s3"),
        (["--image", "{}/no.uf2"], 2, "cannot be read"),
        (["--image", "{}/esp.bin", "--board", "esp32"], 2, "is for esp32s3, and --board names esp32"),
        (["--release", "{}"], 1, "`byleave agent release` makes one"),
        ([], 3, "no such port"),
    ],
)
def test_what_is_wrong_is_said_before_the_port_is_opened(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    words: list[str],
    code: int,
    sentence: str,
) -> None:
    """By exit code and one sentence; with nothing wrong in the command, the port is what is missing."""
    (tmp_path / "esp.bin").write_bytes(esp(9, 0))
    monkeypatch.setattr(
        sys, "argv", ["byleave", "agent", "flash", "--port", "/dev/none", *(word.format(tmp_path) for word in words)]
    )
    with pytest.raises(SystemExit) as end:
        main()
    said = capsys.readouterr()
    assert (end.value.code, said.out) == (code, "") and sentence in said.err


# --- which slot


def slot(index: int, order: int, **other: object) -> Slot:
    """One whose release is whole and confirmed, but for what is named."""
    plain = {
        "complete": True,
        "confirmed": True,
        "failed": False,
        "size": 9,
        "security": 1,
        "digest": "aa",
        "whole": True,
    }
    return Slot(index, 64 * index, 63, order, **{**plain, **other})  # type: ignore[arg-type]


EMPTY = {"complete": False, "confirmed": False, "size": 0}


@pytest.mark.parametrize(
    ("slots", "kept"),
    [
        ([slot(0, 0, **EMPTY), slot(1, 0, **EMPTY)], None),
        ([slot(0, 2), slot(1, 1)], 0),
        ([slot(0, 1), slot(1, 2)], 1),
        ([slot(0, 1), slot(1, 2, confirmed=False)], 0),  # on trial: what was confirmed stays
        ([slot(0, 1, whole=False), slot(1, 2, confirmed=False)], 1),
        ([slot(0, 2, complete=False), slot(1, 1)], 1),  # being fetched
        ([slot(0, 2, confirmed=False, failed=True), slot(1, 1)], 1),
        ([slot(0, 2, security=1), slot(1, 1, security=2)], 1),  # the newer is below what was confirmed
        ([slot(0, 1, whole=False, security=3), slot(1, 0, **EMPTY)], 0),  # it remembers the security version
    ],
)
def test_what_starts_is_never_overwritten(slots: list[Slot], kept: int | None) -> None:
    """The newest confirmed slot stays, whatever the other is; without one, what remembers the security version."""
    floor = max([0] + [each.security for each in slots if each.size and each.confirmed])
    found = slotting._kept(slots, floor)
    assert (found.index if found else None) == kept


# --- how main.py finds `slots`


@pytest.mark.parametrize("case", ["built in", "beside", "folder", "copied"])
@pytest.mark.parametrize("mounts", [True, False], ids=["ROMFS", "none"])
def test_main_finds_slots_where_they_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, case: str, mounts: bool
) -> None:
    """Built in, nothing of the file system is on the path; beside it, only while `slots` is imported; a folder with a release, and
    the root where one was copied, stay behind all else."""
    text = (ROOT / "firmware" / "main.py").read_text()
    path = ["", ".frozen", "/rom", "/rom/lib", "/lib"] if mounts else ["/rom", "/app", "", ".frozen", "/lib"]
    seen: list[list[str]] = []

    def imports(name: str, *rest: object) -> types.ModuleType:
        if name in ("gc", "os", "sys"):
            return fake[name]
        where = {"built in": ".frozen", "beside": "/", "copied": "/", "folder": "/release-1"}[case]
        if where not in path or (case == "built in" and "" in path):
            raise ImportError(name)
        return types.SimpleNamespace(run=lambda: seen.append(list(path)))  # type: ignore[return-value]

    def opens(name: str) -> object:
        if case != "folder":
            raise OSError(2)
        (tmp_path / "start").write_text("/release-1")
        return (tmp_path / "start").open()

    fake = {"gc": types.SimpleNamespace(threshold=lambda n: None), "sys": types.SimpleNamespace(path=path)}
    fake["os"] = types.SimpleNamespace(
        listdir=lambda place: ["main.py", "firmware"] if case == "copied" else ["main.py"]
    )
    scope = {"__builtins__": {"__import__": imports, "open": opens, "ImportError": ImportError, "OSError": OSError}}
    exec(compile(text, "main.py", "exec"), scope)  # noqa: S102 - our own file
    left = [".frozen"] if mounts else ["/rom", "/app", ".frozen"]
    assert seen == [left + {"folder": ["/release-1"], "copied": ["/"]}.get(case, [])]
