"""The file of a factory reset in somebody else's hands: what cannot be so is refused, and the board tells what the file cannot."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from agent.errors import AgentError, NotProven
from agent.reset import factory, proof
from tests.unit.agent.owned import CANARY, PROGRAM, PUT, enrolled, reset
from tests.unit.agent.prompted import PORT, Prompted, a_board
from tests.unit.agent.reset.proofs import SOUND, region

NOW_S = 1_800_000_000.0
Change = Callable[[dict[str, Any]], object]


def written(folder: Path, said: object) -> Path:
    """A file that says so."""
    path = folder / "erased.json"
    path.write_text(json.dumps(said))
    return path


def test_a_sound_file_is_read(tmp_path: Path) -> None:
    """Who, which board, when, what; and the file's own SHA-256, for whoever signs it."""
    found = proof.read(written(tmp_path, SOUND), NOW_S)
    assert (found.device, found.board, found.ended) == (SOUND["device"], "pico_w", "2026-01-09T10:00:20Z")
    assert [each.name for each in found.regions] == ["keys", "rules", "spool", "files"]
    assert len(found.sha256) == 64


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda said: said.update(proven=False), "all was done"),
        (lambda said: said.update(memory_overwritten=False), "all was done"),
        (lambda said: said["file_system"].update(made_anew=False), "all was done"),
        (lambda said: said["regions"].pop(0), "files, keys, rules, spool once"),
        (lambda said: said["regions"].append(region("keys", 0x200000, 2)), "once"),
        (lambda said: said["regions"].append(region("\x1b[2J", 0x200000, 2)), "once"),
        (lambda said: said["regions"][2].update(sectors=123), "sizes of region spool"),
        (lambda said: said["regions"][2].update(sectors_erased=123), "sizes of region spool"),
        (lambda said: said["regions"][2].update(bytes=0), "sizes of region spool"),
        (lambda said: said["regions"][0].update(sha256="00" * 32), "SHA-256 of region keys"),
        (lambda said: said["regions"][0].update(offset=0x16000), "over each other"),
        (lambda said: said["regions"][0].update(offset="0"), "another form"),
        (lambda said: said["regions"][0].pop("name"), "another form"),
        (lambda said: said.update(retained_bytes_zeroed=5), "retained"),
        (lambda said: said.update(device="Anna"), "its device"),
        (lambda said: said.update(chip_mark=""), "one of its SHA-256"),
        (lambda said: said["file_system"]["program_files_kept"][0].update(sha256="x"), "one of its SHA-256"),
        (lambda said: said.update(ended="2026-01-09T09:00:00Z"), "times"),
        (lambda said: said.update(ended="2099-01-09T09:00:00Z"), "times"),
        (lambda said: said.update(ended="yesterday"), "another form"),
        (lambda said: said.update(chip="\x1b]0;x\x07"), "a text of it"),
        (lambda said: said.update(proven=1), "does not say proven"),
        (lambda said: said.pop("chip_mark"), "does not say chip_mark"),
    ],
)
def test_what_cannot_be_so(tmp_path: Path, change: Change, why: str) -> None:
    """One thing is changed of a sound file."""
    said = deepcopy(SOUND)
    change(said)
    with pytest.raises(NotProven, match=why):
        proof.read(written(tmp_path, said), NOW_S)


@pytest.mark.parametrize(
    "said", [None, [], "x", {}, {"form": "byleave-factory-reset-0"}, {**SOUND, "x": "y" * (256 << 10)}]
)
def test_another_file(tmp_path: Path, said: object) -> None:
    """Is no proof, and is no failed one either."""
    with pytest.raises(AgentError, match="is not the file of a factory reset") as refused:
        proof.read(written(tmp_path, said), NOW_S)
    assert refused.value.exit_code == 1


@pytest.fixture
def pico(monkeypatch: pytest.MonkeyPatch) -> Iterator[Prompted]:
    """An enrolled Pico W whose release lies as files."""
    with a_board("pico_w") as one:
        enrolled(one)
        monkeypatch.setattr(factory, "Console", one.console)
        monkeypatch.setattr(proof, "Console", one.console)
        yield one


@pytest.mark.micropython
def test_the_board_is_read_again(pico: Prompted, tmp_path: Path) -> None:
    """As it was left it agrees, also after starts; what was written since is found: a sector, a file, another device."""
    pico.execute(PUT, files={"/main.py": PROGRAM["/main.py"]})
    found = proof.read(written(tmp_path, proof.told(reset(), NOW_S, NOW_S + 9)), NOW_S)
    assert found.device
    for _ in range(2):
        assert [each.name for each in proof.compare(PORT, found)] == ["keys", "rules", "spool"]
    image = bytes(pico.board.flash.data)
    at = pico.board.partitions["bl_spool"].offset + 4096 * 100
    pico.board.flash.data[at : at + len(CANARY)] = CANARY
    with pytest.raises(NotProven, match="region spool is not empty any more, 1 of"):
        proof.compare(PORT, found)
    pico.board.flash.data[:] = image
    pico.execute(PUT, files={"/notes.txt": CANARY})
    with pytest.raises(NotProven, match="has something that the file does not name"):
        proof.compare(PORT, found)
    pico.board.cut_power()
    pico.board.unique_id = bytes(8)
    with pytest.raises(NotProven, match="is another board"):
        proof.compare(PORT, found)


@pytest.mark.micropython
def test_a_board_that_is_a_device_again(pico: Prompted, tmp_path: Path) -> None:
    """It says so, and nothing of the new device's is read."""
    found = proof.read(written(tmp_path, proof.told(reset(), NOW_S, NOW_S + 9)), NOW_S)
    enrolled(pico)
    with pytest.raises(NotProven, match="is a device again"):
        proof.compare(PORT, found)
    assert not any("_verify(" in code for code in pico.typed[-3:])
