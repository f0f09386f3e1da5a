"""One gap of a policy file: where it stands, what is wrong, what to do."""

from __future__ import annotations

from typing import Any, NamedTuple


class Finding(NamedTuple):
    """A gap of a policy file. `line` counts from 1; `key` is a dotted path such as `rule[2].retention`."""

    file: str
    line: int
    key: str
    message: str
    fix: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.key}: {self.message}; {self.fix}"

    def as_json(self) -> dict[str, Any]:
        """The finding as a JSON object."""
        return self._asdict()


def dotted(path: tuple[str | int, ...]) -> str:
    """A path as people write it: `rule[2].fields[0]`."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text or "file"
