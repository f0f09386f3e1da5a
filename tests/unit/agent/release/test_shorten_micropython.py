"""What is shipped, in the real interpreter: the release answers every vector as the sources do."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from agent.release import make as release
from agent.release.names import Names
from tests.conformance import corpora
from tests.conformance.test_firmware_replay import HEAP, SCRIPT, SETS, expected_counts, interpreter

FIRMWARE = Path(__file__).parents[4] / "firmware"
pytestmark = pytest.mark.micropython


@pytest.fixture(scope="module")
def shipped(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with all modules as a release has them, and the replay in the release's names."""
    folder = tmp_path_factory.mktemp("shipped")
    made = release.compiled(release.sources(FIRMWARE))
    for name, data in made.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    script = Names.read(made[release.NAMES]).program(SCRIPT.read_bytes())
    (folder / "replay.py").write_bytes(script)
    return folder


def replayed(folder: Path, lines: list[str]) -> subprocess.CompletedProcess[str]:
    """The replay of these cases on the heap of a device."""
    (folder / "cases.jsonl").write_text("".join(line + "\n" for line in lines), "utf-8")
    command = [interpreter(), "-X", f"heapsize={HEAP}", str(folder / "replay.py"), str(folder / "cases.jsonl")]
    environment = {**os.environ, "MICROPYPATH": f"{folder}:.frozen"}
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)


def test_the_release_answers_every_vector_as_the_sources_do(shipped: Path) -> None:
    """All sets, under MicroPython: as many cases of each group as of the sources."""
    done = replayed(shipped, [line for name in SETS for line in corpora.lines(name)])
    assert done.returncode == 0, done.stdout + done.stderr
    assert json.loads(done.stdout) == {name: expected_counts(name) for name in SETS}


def test_the_replay_of_a_release_can_fail(shipped: Path) -> None:
    """One wrong digit in a vector is reported, so that silence means agreement."""
    entry = json.loads(next(corpora.lines("cells")))
    assert replayed(shipped, [json.dumps(entry)]).returncode == 0
    entry["case"]["row"] += 1
    done = replayed(shipped, [json.dumps(entry)])
    assert (done.returncode, done.stdout.startswith("FAILED cells/copenhagen-p0: MismatchError: cell is")) == (1, True)


def test_every_module_of_a_release_is_loaded(shipped: Path) -> None:
    """Each module that needs no chip is imported; a name that is missing or stands twice would end it."""
    own = sorted(
        path.relative_to(shipped).with_suffix("").as_posix().replace("/", ".")
        for path in (shipped / "firmware").rglob("*.mpy")
        if path.parent.name != "boards" or path.stem == "__init__"
    )
    assert len(own) > 80
    program = "\n".join(f"import {name.removesuffix('.__init__')}" for name in own)
    (shipped / "all.py").write_text(program + "\nprint('loaded')\n")
    environment = {**os.environ, "MICROPYPATH": f"{shipped}:.frozen"}
    command = [interpreter(), "-X", "heapsize=2m", str(shipped / "all.py")]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert done.stdout == "loaded\n", done.stdout + done.stderr
