"""What lies on a board: packages as a release flashes them, and the program that starts."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from hw_sim.errors import HwSimError
from hw_sim.interpreter import rom


class Installed:
    """Sources by their path on the board. `recipe`, set by a composition root, makes a release of a package that has a manifest;
    all else is compiled as it is.
    """

    recipe: ClassVar[rom.Recipe | None] = None

    def __init__(self) -> None:
        self.bytecode: rom.Bytecode = "auto"
        self.sources: dict[str, Path | bytes] = {}
        self._released = False

    def add(self, package: Path, bytecode: rom.Bytecode) -> None:
        """A package under its own name; its `main.py` becomes the program."""
        self.sources |= rom.package_sources(package)
        self._released = self._released or (package / rom.MANIFEST).is_file()
        self.bytecode = bytecode

    def library(self, path: Path) -> None:
        """A module, or a package, to import by its name; of a folder that is no package, all that lies in it.

        What is no Python lies beside it, as data.
        """
        if path.is_file():
            self.sources[path.name] = path
            return
        base = path.parent if (path / "__init__.py").is_file() else path
        found = [each for each in sorted(path.rglob("*")) if each.is_file() and not rom.SKIPPED & set(each.parts)]
        if not found:
            raise HwSimError(f"{path}: there is nothing to import")
        self.sources |= {each.relative_to(base).as_posix(): each for each in found if not each.name.startswith(".")}

    def boot(self, source: str) -> None:
        """This text as `boot.py`, which runs before the program."""
        self.sources["boot.py"] = source.encode()

    def program(self, source: str) -> None:
        """This text as `main.py`."""
        self.sources["main.py"] = source.encode()

    def built(self) -> rom.Rom:
        """What is flashed."""
        return rom.build(self.sources, self.bytecode, self.recipe if self._released else None)

    def worded(self, source: str) -> str:
        """A program typed at the prompt, by the names that the modules have there."""
        if self.recipe is None or not self._released or not (names := self.built().names).is_file():
            return source
        return self.recipe.program(source, names.read_bytes())
