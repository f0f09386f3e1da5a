"""Where a key of a TOML file stands: `tomllib` gives values without lines, a finding needs its line.

A small scanner over text that `tomllib` has already accepted; it follows table headers, dotted and quoted keys, strings
of all four kinds, arrays and inline tables. It never reads values, so it cannot disagree with `tomllib` about them.
A path is a tuple of keys and array positions, as in `("rule", 1, "fields", 0)`.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Sequence
from functools import cached_property

Path = tuple[str | int, ...]

_BARE = re.compile(r"[A-Za-z0-9_-]+")
_SPACE = re.compile(r"[ \t]*")
_BLANK = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_MULTI_BASIC = re.compile(r'"""(?:[^\\]|\\.)*?"""(?:"{0,2})', re.DOTALL)
_MULTI_LITERAL = re.compile(r"'''.*?'''(?:'{0,2})", re.DOTALL)
_BASIC = re.compile(r'"(?:[^"\\\n]|\\.)*"')
_LITERAL = re.compile(r"'[^'\n]*'")
_PLAIN = re.compile(r"[^,\]}#\n]*")
_STRINGS = (_MULTI_BASIC, _MULTI_LITERAL, _BASIC, _LITERAL)


class _Scanner:
    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.lines: dict[Path, int] = {}
        self.tables: dict[Path, int] = {}  # how many elements an array of tables has so far

    def run(self) -> dict[Path, int]:
        here: Path = ()
        while self._skip(_BLANK) < len(self.text):
            if self.text[self.at] == "[":
                here = self._header()
            else:
                self._pair(here)
        return self.lines

    def _skip(self, pattern: re.Pattern[str]) -> int:
        match = pattern.match(self.text, self.at)
        self.at = match.end() if match else self.at
        return self.at

    def _note(self, path: Path) -> None:
        self.lines.setdefault(path, self.text.count("\n", 0, self.at) + 1)

    def _key(self) -> list[str]:
        parts: list[str] = []
        while True:
            self._skip(_SPACE)
            start = self.at
            mark = self.text[start]
            self._skip(_BASIC if mark == '"' else _LITERAL if mark == "'" else _BARE)
            raw = self.text[start : self.at]
            parts.append(next(iter(tomllib.loads(f"{raw}=0"))))
            self._skip(_SPACE)
            if self.text[self.at : self.at + 1] != ".":
                return parts
            self.at += 1

    def _resolve(self, parts: Sequence[str]) -> Path:
        """The path of a header: a name that is an array of tables means its newest element."""
        path: Path = ()
        for part in parts:
            path = (*path, part)
            if path in self.tables:
                path = (*path, self.tables[path] - 1)
        return path

    def _header(self) -> Path:
        double = self.text.startswith("[[", self.at)
        start = self.at
        self.at += 2 if double else 1
        parts = self._key()
        end = self.at + (2 if double else 1)
        self.at = start
        if double:
            array = (*self._resolve(parts[:-1]), parts[-1])
            self.tables[array] = self.tables.get(array, 0) + 1
            self._note(array)
            path: Path = (*array, self.tables[array] - 1)
        else:
            path = self._resolve(parts)
        for length in range(1, len(path) + 1):
            self._note(path[:length])
        self.at = end
        return path

    def _pair(self, here: Path) -> None:
        start = self.at
        parts = self._key()
        end, self.at = self.at, start
        path = here
        for part in parts:
            path = (*path, part)
            self._note(path)
        self.at = end + 1  # the equals sign
        self._skip(_SPACE)
        self._value(path)

    def _value(self, path: Path) -> None:
        mark = self.text[self.at]
        if mark == "[":
            self._array(path)
        elif mark == "{":
            self._inline(path)
        elif mark in "\"'":
            self._string()
        else:
            self._skip(_PLAIN)

    def _string(self) -> None:
        before = self.at
        for pattern in _STRINGS:
            if self._skip(pattern) > before:
                return

    def _array(self, path: Path) -> None:
        self.at += 1
        position = 0
        while self.text[self._skip(_BLANK)] != "]":
            self._note((*path, position))
            self._value((*path, position))
            position += 1
            if self.text[self._skip(_BLANK)] == ",":
                self.at += 1
        self.at += 1

    def _inline(self, path: Path) -> None:
        self.at += 1
        while self.text[self._skip(_BLANK)] != "}":
            self._pair(path)
            if self.text[self._skip(_BLANK)] == ",":
                self.at += 1
        self.at += 1


class Locator:
    """Lines of the keys of one TOML text that `tomllib` accepts."""

    def __init__(self, text: str) -> None:
        self._text = text

    @cached_property
    def _lines(self) -> dict[tuple[str | int, ...], int]:  # a file without a gap is never asked
        return _Scanner(self._text.replace("\r\n", "\n")).run()

    def line(self, path: Iterable[str | int]) -> int:
        """The line, from 1, of a path, or of its nearest parent that stands in the file; 1 when none does."""
        keys = tuple(path)
        while keys:
            if keys in self._lines:
                return self._lines[keys]
            keys = keys[:-1]
        return 1
