"""How a vector file is laid out: provenance, valid cases, and invalid cases that name the valid one they came from.

Bytes are hexadecimal. In a `value`, an array is a list, an integer a number, a `str` a string and a `bin` is
`{"bin": hex}`.
"""

from __future__ import annotations

import json
from typing import Any

SPEC = "docs/wire-format.md"
# The closed list of refusals. Each side maps them to its own errors: `seal` to a seal error, all else to a wire error.
KINDS = {
    "size": "longer than the format allows",
    "encoding": "not the MessagePack subset of section 1, bytes after the value included",
    "shape": "an entry too many, too few, or of the wrong type or length",
    "range": "a number outside its range, or finer than its precision",
    "seal": "the tag does not verify",
    "zero": "the X25519 shared secret is zero throughout",
}
Case = dict[str, Any]


def plain_value(value: Any) -> Any:
    """A value as JSON can say it."""
    if isinstance(value, bytes):
        return {"bin": value.hex()}
    return [plain_value(entry) for entry in value] if isinstance(value, list | tuple) else value


def hexed(case: Case) -> Case:
    """A case with every byte string in hexadecimal."""
    return {name: value.hex() if isinstance(value, bytes) else value for name, value in case.items()}


class VectorFile:
    """One file in the making; `valid` and `invalid` add cases, `text` is what is written."""

    def __init__(
        self, name: str, section: str, about: str, *, spec: str = SPEC, kinds: dict[str, str] | None = None
    ) -> None:
        self.name, self.kinds = name, kinds or KINDS
        self._provenance = {
            "source": f"made by the project from {spec}; all keys, nonces and positions are invented",
            "spec": f"{spec}, section {section}",
            "generator": "tests/conformance/generate.py",
            "about": about,
        }
        self._valid: list[Case] = []
        self._invalid: list[Case] = []

    def valid(self, name: str, **fields: Any) -> Case:
        """Add a case that both sides accept; returns it as it was given."""
        self._valid.append(hexed({"name": name, **fields}))
        return fields

    def invalid(self, name: str, kind: str, origin: str, changed: str, **fields: Any) -> None:
        """Add a case that is refused as `kind`; it is the valid case `origin` with the one thing `changed`."""
        if kind not in self.kinds or origin not in {case["name"] for case in self._valid}:
            raise ValueError(f"{self.name}/{name}: no such kind {kind!r} or valid case {origin!r}")
        self._invalid.append(hexed({"name": name, "from": origin, "changed": changed, "kind": kind, **fields}))

    def text(self) -> str:
        """The file: one case a line, so that a change shows as one line."""
        names = [case["name"] for case in self._valid + self._invalid]
        if len(set(names)) != len(names):
            raise ValueError(f"{self.name}: a name stands twice")
        lines = [f"{json.dumps(key)}: {json.dumps(value)}" for key, value in self._provenance.items()]
        lines.append(f'"kinds": {json.dumps(self.kinds)}')
        lines += [
            f'"{group}": {_case_lines(cases)}' for group, cases in (("valid", self._valid), ("invalid", self._invalid))
        ]
        return "{\n" + ",\n".join(lines) + "\n}\n"


def _case_lines(cases: list[Case]) -> str:
    return "[\n" + ",\n".join(json.dumps(case) for case in cases) + "\n]" if cases else "[]"
