"""Releases: what is in them, the same bytes each time, and a manifest of which every file exists."""

from __future__ import annotations

import ast
import hashlib
import json
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from agent.commands import agent
from agent.errors import AgentError
from agent.release import make as release
from agent.release.romfs import image
from hw_sim.interpreter.rom import image_of

FIRMWARE = Path(__file__).parents[4] / "firmware"
BOARDS = ("esp32", "esp32s3", "pico2_w", "pico_w")


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """A firmware of few modules under the manifest of the real one."""
    folder = tmp_path / "firmware"
    for path in (FIRMWARE / "manifest.py", *FIRMWARE.glob("boards/**/*.py"), *FIRMWARE.glob("drivers/*.py")):
        (folder / path.relative_to(FIRMWARE)).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, folder / path.relative_to(FIRMWARE))
    for name in ("main.py", "slots.py", "version.py", "errors.py", "const.py"):
        shutil.copy(FIRMWARE / name, folder)
    return folder


def test_the_boards_of_the_manifest_are_those_with_a_file_and_a_description() -> None:
    """Manifest, board files and the firmware's choice name the same four."""
    assert release.boards(FIRMWARE) == list(BOARDS)
    assert all((FIRMWARE / "boards" / f"{name}.py").is_file() for name in BOARDS)
    chosen = next(
        node.value
        for node in ast.parse((FIRMWARE / "boards" / "__init__.py").read_text()).body
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and node.targets[0].id == "_BOARDS"
    )
    assert isinstance(chosen, ast.Call)
    assert sorted(name for name, _ in ast.literal_eval(chosen.args[0])) == list(BOARDS)


@pytest.mark.parametrize("board", BOARDS)
def test_every_file_of_a_manifest_exists_and_is_importable_by_its_path(board: str) -> None:
    """Run as a build runs it: each module is there, under the path of its import."""
    manifest = release.Manifest(FIRMWARE / "manifest.py", board=board)
    targets = {source.target: source.file for source in manifest.sources}
    assert targets["main.py"] == FIRMWARE / "main.py"
    assert {"firmware/__init__.py", "firmware/app.py", f"firmware/boards/{board}.py"} <= set(targets)
    for target, file in targets.items():
        if target not in ("main.py", "slots.py"):
            assert file == FIRMWARE.parent / target


@pytest.mark.parametrize("board", BOARDS)
def test_a_board_gets_all_that_its_modules_import_and_no_other_board(board: str) -> None:
    """No import of a module leads out of the release; the other boards' files and the parts that it lacks stay away."""
    manifest = release.Manifest(FIRMWARE / "manifest.py", board=board)
    targets = {source.target for source in manifest.sources}
    family = {"espressif", board} if board.startswith("esp") else {"pico", board}
    named = {Path(target).stem for target in targets if target.startswith("firmware/boards/")}
    assert named == family | {"__init__", "base", "modem", "store"}
    assert not {f"firmware/drivers/{part}.py" for part in ("sht4x", "bh1750")} & targets
    optional = {f"firmware/drivers/{part}.py" for part in ("sht4x", "bh1750")}
    for source in manifest.sources:
        for node in ast.walk(ast.parse(source.file.read_bytes())):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("firmware"):
                path = f"{(node.module or '').replace('.', '/')}"
                inner = {f"{path}/{name.name}.py" for name in node.names} & {str(p) for p in targets | optional}
                assert inner or {f"{path}.py", f"{path}/__init__.py"} & (targets | optional), (
                    source.target,
                    node.module,
                )


def test_an_rp2_build_freezes_the_boot_that_spares_the_keys_and_not_the_ports() -> None:
    """`_boot` is ours, and of the port's modules only `rp2` is taken; an ESP32 build takes the port's manifest whole."""
    pico = release.Manifest(FIRMWARE / "manifest.py", board="pico_w")
    assert [source.target for source in pico.frozen] == ["_boot.py"]
    assert pico.frozen[0].file == FIRMWARE / "boards" / "rp2" / "_boot.py"
    assert pico.included == ["$(PORT_DIR)/modules", "$(MPY_DIR)/extmod/asyncio"]
    esp32 = release.Manifest(FIRMWARE / "manifest.py", board="esp32")
    assert (esp32.frozen, esp32.included) == ([], ["$(PORT_DIR)/boards/manifest.py"])


def test_other_parts_bring_their_own_drivers(small: Path) -> None:
    """With an SHT4x, a BH1750 and an LIS3DH their drivers come, and those of the reference board do not."""
    manifest = release.Manifest(small / "manifest.py", board="esp32", parts=("sht4x", "bh1750", "lis3dh"))
    drivers = {Path(source.target).stem for source in manifest.sources if "/drivers/" in source.target}
    assert {"sht4x", "bh1750", "lis2dh12"} <= drivers
    assert not {"tmp117", "veml7700"} & drivers


def test_a_release_is_the_same_to_the_byte_and_says_what_it_holds(small: Path, tmp_path: Path) -> None:
    """Made twice, from two places, it has the same bytes; release.json has size and digest of each file and no more."""
    first = release.make("pico_w", tmp_path / "a", folder=small)
    elsewhere = tmp_path / "elsewhere" / "firmware"
    shutil.copytree(small, elsewhere)
    second = release.make("pico_w", tmp_path / "b", folder=elsewhere)
    assert first == second
    files = {path.relative_to(tmp_path / "a").as_posix(): path.read_bytes() for path in (tmp_path / "a").rglob("*.*")}
    assert files == {
        path.relative_to(tmp_path / "b").as_posix(): path.read_bytes() for path in (tmp_path / "b").rglob("*.*")
    }
    assert json.loads(files.pop(release.NAMES))["short"]  # of the host, and no file of the board's
    said = json.loads(files.pop(release.RELEASE))
    assert said == first
    image = files.pop(release.IMAGE)
    digest = hashlib.sha256(image).hexdigest()
    assert said["image"] == {"name": release.IMAGE, "bytes": len(image), "sha256": digest}
    assert said["files"] == {
        name: {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()} for name, data in files.items()
    }
    assert said["bytes"] == sum(len(data) for data in files.values())
    assert (said["board"], said["version"], said["security"]) == ("pico_w", "0.1.0", 1)
    assert not any(str(tmp_path).encode() in data for data in files.values())


@pytest.mark.parametrize(("broken", "told"), [("class Half(", r"errors\.py"), ("_HALF = const(print)", "mpy-cross")])
def test_a_module_that_does_not_compile_leaves_no_release(small: Path, tmp_path: Path, broken: str, told: str) -> None:
    """The first try makes a release; with one broken module the second ends by ReleaseError and release.json is gone."""
    release.make("esp32", tmp_path / "out", folder=small)
    (small / "errors.py").write_text(broken)
    with pytest.raises(release.ReleaseError, match=told):
        release.make("esp32", tmp_path / "out", folder=small)
    assert not (tmp_path / "out" / release.RELEASE).exists()


@pytest.mark.parametrize("asked", [{"board": "esp8266"}, {"board": "esp32", "parts": ("bme280",)}])
def test_what_the_manifest_does_not_know_is_refused(asked: dict[str, object], tmp_path: Path) -> None:
    """An unknown board, an unknown part: ReleaseError that names it, and nothing is written."""
    with pytest.raises(release.ReleaseError, match=r"esp8266|bme280"):
        release.make(**asked, out=tmp_path / "out")  # type: ignore[arg-type]
    assert not (tmp_path / "out").exists()


def test_the_command_makes_a_release_of_the_real_firmware(tmp_path: Path) -> None:
    """`byleave agent release` prints size and version, or with --json what release.json says."""
    out = tmp_path / "out"
    result = CliRunner().invoke(agent, ["release", "--board", "pico2_w", "--out", str(out), "--json"])
    assert result.exit_code == 0, result.output
    said = json.loads(result.output)
    assert said == json.loads((out / release.RELEASE).read_text())
    assert (out / "main.py").read_bytes() == (FIRMWARE / "main.py").read_bytes()
    assert (out / "firmware" / "app.mpy").read_bytes()[:1] == b"M"


def test_the_image_is_the_same_as_a_folders(small: Path, tmp_path: Path) -> None:
    """Byte for byte the ROMFS image that the simulator makes of the same files, in which MicroPython runs them."""
    out = tmp_path / "out"
    release.make("pico_w", out, folder=small)
    package = tmp_path / "package"
    shutil.copytree(out / "firmware", package / "firmware")
    assert (out / release.IMAGE).read_bytes() == image_of(package)


def test_a_name_is_a_file_or_a_folder() -> None:
    """Two modules that cannot lie beside each other make no image."""
    assert image({"firmware/a.mpy": b"a"})
    with pytest.raises(AgentError, match="a file and a folder"):
        image({"firmware": b"a", "firmware/a.mpy": b"a"})
