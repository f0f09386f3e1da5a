"""The table of a release's names: what programs must call things there, and what its crash reports mean.

`names.json` lies beside the release and never on a board. It says nothing of any device or person.
"""

from __future__ import annotations

import ast
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from agent.errors import AgentError
from agent.files import read_bounded
from agent.release.identifiers import Edit, Module, edited, span

PACKAGE = "firmware"
FORM = 1  # of names.json
LIMIT_BYTES = 1 << 20  # of names.json; one of this release has 50 KB


class ShortenError(AgentError):
    """A source, program or table of which it cannot be told what it means with other names."""


@dataclass(frozen=True)
class Names:
    """`short`: identifier → its short name. `numbers`: identifiers of which only the value is left, None for several values.
    `defined`: module as tracebacks tell it → short name → its function or class; `classes`: the same of classes alone, wherever
    they are.
    """

    short: Mapping[str, str]
    numbers: Mapping[str, int | None] = field(default_factory=dict)
    defined: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    classes: Mapping[str, str] = field(default_factory=dict)
    texts: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        short: Mapping[str, str],
        numbers: Mapping[str, int | None],
        texts: Mapping[str, int],
        modules: list[Module],
    ) -> Names:
        """The table of these modules, which are not renamed yet."""
        defined = {}
        for module in modules:
            found = {short[name]: name for name in sorted(module.defined) if name in short}
            if found:
                defined[told(module.path)] = found
        classes = {short[name]: name for module in modules for name in sorted(module.classes) if name in short}
        return cls(short, numbers, defined, classes, {str(number): text for text, number in texts.items()})

    @classmethod
    def from_file(cls, path: Path) -> Names:
        """Those of a file. AgentError if it cannot be read, ShortenError if it is something else."""
        table = read_bounded(
            path, limit_bytes=LIMIT_BYTES, instead="`byleave agent release` writes one", refusal=AgentError
        )
        if len(table) > LIMIT_BYTES:
            raise ShortenError(f"{path}: this is no names.json of a release")
        return cls.read(table)

    @classmethod
    def read(cls, table: bytes) -> Names:
        """What `table` wrote; ShortenError for anything else."""
        try:
            found = json.loads(table)
            form, rows = found["form"], [found[key] for key in ("short", "numbers", "defined", "classes", "texts")]
        except (ValueError, KeyError, TypeError, RecursionError):
            raise ShortenError("this is no names.json of a release") from None
        if form != FORM or not all(isinstance(row, dict) for row in rows):
            raise ShortenError("this is no names.json of a form that this version knows")
        return cls(*rows)

    def table(self) -> bytes:
        """As JSON, the same bytes for the same names."""
        rows = {"form": FORM, "short": dict(self.short), "numbers": dict(self.numbers)}
        rows |= {"defined": {name: dict(row) for name, row in self.defined.items()}, "classes": dict(self.classes)}
        rows["texts"] = dict(self.texts)
        return json.dumps(rows, indent=1, sort_keys=True).encode() + b"\n"

    def program(self, source: bytes) -> bytes:
        """A program that uses the release's modules by the names of their sources, in the release's. ShortenError if it uses a
        name for something else that the release needs, or one of which the release has kept no more than its value.
        """
        module = Module("program", source, hides=True)
        if hidden := sorted(module.hidden & set(self.short)):
            raise ShortenError(f"the program says {hidden[0]} in an f-string, where it cannot be changed")
        self._apart(module.plain)
        clash = sorted((module.stored - set(self.short)) & set(self.short.values()))
        if clash:
            raise ShortenError(f"the program sets {clash[0]}, which is another attribute's name in the release")
        return Module("program", edited(module, self._values(module)), hides=True).renamed(self.short)

    def _apart(self, plain: set[str]) -> None:
        """ShortenError if two of the program's own names would become the same."""
        there: dict[str, str] = {}
        for name in sorted(plain):
            other = there.setdefault(self.short.get(name, name), name)
            if other != name:
                raise ShortenError(f"the program has {name} and {other}, which would be the same in the release")

    def _values(self, module: Module) -> Iterator[Edit]:
        for node in module.nodes:
            if isinstance(node, ast.Attribute) and node.attr in self.numbers and node.attr not in module.stored:
                value = self.numbers[node.attr]
                if value is None:
                    raise ShortenError(f"the program asks for {node.attr}, of which the release has several values")
                yield *span(module, node), f"({value})".encode()
            elif isinstance(node, ast.ImportFrom):
                gone = [alias.name for alias in node.names if alias.name in self.numbers]
                if gone and (node.module or "").split(".")[0] == PACKAGE:
                    raise ShortenError(f"the program imports {gone[0]}, of which the release has kept its value alone")

    def readable(self, text: str) -> str:
        """A crash report ("ValueError sampler:1 bT") or a traceback of MicroPython with the names of the sources.

        What a report leaves open (the modules that end alike) is told with all that it may be, as "one|other".
        """
        return "\n".join(self._row(row) for row in text.split("\n"))

    def _row(self, row: str) -> str:
        begin = row.lstrip()
        if begin.startswith('File "') and ", in " in row:
            head, _, function = row.rpartition(", in ")
            module = head.split('"')[1]
            return f"{head}, in {self.defined.get(module, {}).get(function.strip(), function.strip())}"
        words = row.split(" ")
        end = ":" if words[0].endswith(":") else ""
        words[0] = self.classes.get(words[0].removesuffix(":"), words[0].removesuffix(":")) + end
        if len(words) == 3 and ":" in words[1]:
            words[2] = self._function(words[1].split(":")[0], words[2])
        if len(words) > 1 and words[-2].endswith(":") and words[-1] in self.texts:
            words[-1] = self.texts[words[-1]]
        return " ".join(words)

    def _function(self, module: str, short: str) -> str:
        found = [rows.get(short, short) for path, rows in self.defined.items() if path.split("/")[-1] == module]
        return "|".join(sorted(set(found))) or short


def told(path: str) -> str:
    """How a traceback names a module: short, and nothing of the machine on which the release was made."""
    return path.removeprefix(PACKAGE + "/").removesuffix(".py")
