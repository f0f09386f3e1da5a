"""The firmware replays every vector and corpus: in this process, and in the real MicroPython with 192 KiB of heap."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from . import corpora

ROOT = Path(__file__).parents[2]
SCRIPT = Path(__file__).parent / "replay_firmware.py"
HEAP = "192k"  # the chip's share for Python, on an interpreter whose words are twice as wide
SETS = (*(name for name in corpora.VECTOR_SETS if name not in corpora.BESIDE_THE_BOARD), *corpora.CORPORA)
# What the firmware never does: it reads no status nor answer to healing, and opens no uplink (its form is the server's to
# judge).
NOT_APPLICABLE = {"status": 11, "uplink": 18}


class HostAes:
    """MicroPython's `cryptolib.aes` over `cryptography`: modes 1 ECB and 2 CBC, state kept between calls."""

    def __init__(self, key: bytes, mode: int, iv: bytes = b"") -> None:
        self._encryptor = Cipher(algorithms.AES(key), modes.ECB() if mode == 1 else modes.CBC(iv)).encryptor()  # noqa: S305

    def encrypt(self, data: bytes, out: bytearray) -> None:
        """Encrypt whole blocks of `data` into `out`, which may be the same buffer."""
        out[:] = self._encryptor.update(bytes(data))


def expected_counts(name: str) -> dict[str, int]:
    """How many cases of each group the firmware must have answered."""
    groups = [json.loads(line)["group"] for line in corpora.lines(name)]
    left_out = NOT_APPLICABLE.get(name, 0)
    return {
        "valid": groups.count("valid"),
        "invalid": groups.count("invalid") - left_out,
        "not applicable": left_out,
    }


@pytest.mark.parametrize("name", SETS)
def test_firmware_replays_under_cpython(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every case of a set is answered by firmware.wire as the vector says."""
    from firmware.wire import ccm

    from . import replay_firmware

    monkeypatch.setattr(ccm, "aes", HostAes)
    counts: dict[str, Any] = {}
    for line in corpora.lines(name):
        replay_firmware.replay_line(line, counts)
    assert counts == {name: expected_counts(name)}


def interpreter() -> str:
    """The MicroPython interpreter: named by BYLEAVE_MICROPYTHON, or the wheel's beside this Python."""
    named = os.environ.get("BYLEAVE_MICROPYTHON")
    beside = Path(sys.executable).parent / "micropython"
    found = shutil.which(named) if named else (str(beside) if beside.exists() else None)
    if found is None:
        pytest.skip("no MicroPython interpreter: install the extra `micropython`, or name one in BYLEAVE_MICROPYTHON")
    return found


def replay(paths: list[Path], heap: str) -> subprocess.CompletedProcess[str]:
    """Run the replay script in the interpreter on a heap of this size."""
    command = [interpreter(), "-X", f"heapsize={heap}", str(SCRIPT), *map(str, paths)]
    environment = {**os.environ, "MICROPYPATH": f"{ROOT}:.frozen"}
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.micropython
def test_firmware_replays_under_micropython(tmp_path: Path) -> None:
    """Every case of every set is answered in the real interpreter as the vector says, on 192 KiB."""
    paths = []
    for name in SETS:
        paths.append(tmp_path / f"{name}.jsonl")
        paths[-1].write_text("".join(line + "\n" for line in corpora.lines(name)), "utf-8")
    done = replay(paths, HEAP)
    assert done.returncode == 0, done.stdout + done.stderr
    assert json.loads(done.stdout) == {name: expected_counts(name) for name in SETS}


@pytest.mark.micropython
def test_replay_under_micropython_can_fail(tmp_path: Path) -> None:
    """A vector with one wrong digit is reported by name and exit status, so that silence means agreement."""
    entry = json.loads(next(corpora.lines("cells")))
    entry["case"]["row"] += 1
    path = tmp_path / "wrong.jsonl"
    path.write_text(json.dumps(entry) + "\n", "utf-8")
    done = replay([path], HEAP)
    assert (done.returncode, done.stdout.startswith("FAILED cells/copenhagen-p0: MismatchError: cell is")) == (1, True)
