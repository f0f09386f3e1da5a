"""What the simulator runs is what `byleave agent release` makes, to the byte."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent.release import make as release
from hw_sim.demo.shipping import Shipping
from hw_sim.interpreter.installed import Installed
from hw_sim.interpreter.rom import NAMES

FIRMWARE = Path(__file__).parents[4] / "firmware"


@pytest.mark.parametrize("board", ["esp32s3", "pico2_w"])
def test_the_simulated_board_has_the_releases_files(board: str, tmp_path: Path) -> None:
    """Each file of a board's release lies on the simulated board under its path, with the same bytes; the names are the same."""
    made = release.make(board, tmp_path / "release")
    installed = Installed()
    installed.add(FIRMWARE, "auto")
    built = installed.built()
    there = {path.relative_to(built.folder).as_posix(): path for path in built.folder.rglob("*") if path.is_file()}
    assert len(made["files"]) > 90
    for name in made["files"]:
        assert there[name].read_bytes() == (tmp_path / "release" / name).read_bytes(), name
    assert built.names.read_bytes() == (tmp_path / "release" / release.NAMES).read_bytes()
    assert NAMES == release.NAMES and NAMES not in there


def test_a_package_of_somebody_else_is_left_alone(tmp_path: Path) -> None:
    """A package without a manifest is compiled as it is; the same one with a manifest is made a release of."""
    package = tmp_path / "app"
    package.mkdir()
    (package / "__init__.py").write_text("long_name_of_it = 1\n")
    plain = Installed()
    plain.add(package, "auto")
    assert b"long_name_of_it" in (plain.built().folder / "app" / "__init__.mpy").read_bytes()
    (package / "manifest.py").write_text("")
    with_manifest = Installed()
    with_manifest.add(package, "auto")
    assert b"long_name_of_it" not in (with_manifest.built().folder / "app" / "__init__.mpy").read_bytes()


def test_a_program_at_the_prompt_speaks_the_releases_names() -> None:
    """A test's program is translated for a release, and not for sources that run as they are."""
    program = "from firmware.link import packets\npackets.publish\n"
    installed = Installed()
    installed.add(FIRMWARE, "auto")
    assert installed.worded(program) != program
    installed.add(FIRMWARE, "never")
    assert installed.worded(program) == program
    assert isinstance(Installed.recipe, Shipping)
