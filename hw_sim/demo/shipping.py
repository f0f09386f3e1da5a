"""The firmware on the simulated board is the release that `byleave agent release` makes, to the byte. A composition root."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Mapping
from pathlib import Path

from agent.errors import AgentError
from agent.release import make as release
from agent.release import shorten
from hw_sim.errors import HwSimError
from hw_sim.interpreter.installed import Installed


class Shipping:
    """Recipe of `interpreter.rom` for the firmware. A test's program in place of `main.py` is put into the release's names,
    which it cannot know; what a release has for `main.py` names nothing that is renamed.
    """

    @functools.cached_property
    def key(self) -> bytes:
        """Of what makes a release."""
        sources = sorted(Path(release.__file__).parent.glob("*.py"))
        return hashlib.sha256(b"".join(path.read_bytes() for path in sources)).digest()

    def files(self, texts: Mapping[str, bytes]) -> dict[str, bytes]:
        """Bytecode of the release, and the table of names."""
        try:
            return release.compiled(texts)
        except AgentError as error:
            raise HwSimError(str(error)) from None

    def program(self, source: str, names: bytes) -> str:
        """The program in the release's names."""
        try:
            return shorten.Names.read(names).program(source.encode()).decode()
        except AgentError as error:
            raise HwSimError(str(error)) from None


def ship() -> None:
    """From now on boards run the firmware as it is shipped."""
    Installed.recipe = Shipping()
