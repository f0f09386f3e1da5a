"""Shorter names for a release: the same program, with names that cost a board neither flash nor heap.

A module's bytecode holds each name that it uses, and MicroPython keeps a table of all of them in the heap. Here an identifier
gets one short name, the same in every module and every place, and two identifiers share one wherever they can never meet.

Why the program stays the same:

1. An identifier is renamed only if the sources bind it, as what it is used for, and neither MicroPython nor what a board keeps
   from another release knows it, nor a string says it [getattr, settings, an import by text].
2. Within one module no two identifiers get the same name, so each scope of it stays as it was. Modules of which one's classes
   inherit from the other's count as one, since their objects hold the names of both.
3. What is set on an object from outside could lie on an object of any module: its name is given to no other attribute.
4. Arguments that nobody passes by keyword are named anew function by function, never like anything that is named within.

Syntax trees say what is what, tokens where; nothing is read by pattern.
"""

from __future__ import annotations

import contextlib
import gc
from collections.abc import Iterator, Mapping
from keyword import iskeyword
from string import ascii_letters

from agent.release import arguments, imports, texts
from agent.release.constants import Constants
from agent.release.identifiers import Module, edited
from agent.release.micropython_names import ARGUMENTS, KNOWN, STATIC
from agent.release.names import PACKAGE, Names, ShortenError, told

__all__ = ["KEPT", "PACKAGE", "Names", "ShortenError", "shorten", "told"]

# What others than the release's modules call by name, and a release must offer for ever:
KEPT = frozenset(
    {
        # slots.py and main.py, which are frozen and may be years older than the release that they start
        *("run", "main", "begin", "SECURITY", "VERSION"),
        # the programs that `byleave agent enrol` types at the prompt, and the exceptions that a person reads there
        *("active", "region", "RecordLog", "KeyStore", "SLOT_BYTES", "NAME", "device"),
        *("enrolled", "generation", "epoch", "install", "hello", "greet"),
        # what `byleave agent doctor` and `byleave agent monitor --once` type
        *("PINS", "led", "button", "battery_mv", "settings", "sensor_power", "i2c", "gnss_power"),
        *("uart_gnss", "uart_link", "radio_connect", "radio_connected", "modem", "Sim7080g", "start"),
        *("unlock", "power_off", "sectors", "sector_bytes", "read", "Spool", "count", "lost", "bytes_free"),
        *("boots", "directive_high"),
        *texts.ERRORS,
    }
)
# Frozen beside the release, for ever: kept as they are, with every name that they say.
UNTOUCHED = ("slots.py", "_frozen_boot.py")
PROGRAM = "main.py"  # text on the board, which says KEPT's names alone
# Names that each bytecode file has for nothing (py/makeqstrdata.py, static_qstr_list), of which none is an attribute of anything
# but `builtins`; the compiler takes `super` and `const` for itself, and a class body uses the two decorators.
_FREE = (
    *(name for name in STATIC if name.endswith("Error") or name in ("Ellipsis", "GeneratorExit", "NoneType")),
    *(
        "bool",
        "bytearray",
        "callable",
        "chr",
        "divmod",
        "getattr",
        "hasattr",
        "isinstance",
        "issubclass",
        "ord",
        "setattr",
        "zip",
    ),
)


def shorten(sources: Mapping[str, bytes]) -> tuple[dict[str, bytes], Names]:
    """The sources with shorter names, and which. `sources`: path below the board's root → text, of all boards and parts, so that
    each board's release has the same names. The same sources give the same bytes. AgentError names the module that cannot be
    understood.
    """
    with _uncollected():
        return _shortened(sources)


@contextlib.contextmanager
def _uncollected() -> Iterator[None]:
    """Without the collector of cycles: syntax trees have none, and to look through a hundred of them takes as long as all else."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


def _shortened(sources: Mapping[str, bytes]) -> tuple[dict[str, bytes], Names]:
    untouched = [Module(path, sources[path]) for path in UNTOUCHED if path in sources]
    modules = [Module(path, sources[path]) for path in sorted(sources) if path not in (*UNTOUCHED, PROGRAM)]
    for path in UNTOUCHED:
        asking = [module.path for module in modules if path.removesuffix(".py") in module.modules]
        if asking and path not in sources:
            raise ShortenError(f"{asking[0]} imports what {path} has, and its names are not known")
    numbered = texts.numbers(modules)
    first = {module.path: list(texts.edits(module, numbered)) for module in modules}
    keywords = frozenset[str]().union(*(module.keywords for module in modules + untouched))
    known = KNOWN | KEPT | (ARGUMENTS & keywords)
    known = known.union(*(module.said for module in untouched), *(module.words for module in modules))
    known = known.union(*(_of_others(module) for module in modules))
    numbers = Constants(modules, known)
    modules = [
        Module(module.path, edited(module, [*first[module.path], *numbers.edits(module)]), plain=True)
        for module in modules
    ]
    modules = [
        Module(module.path, edited(module, [*arguments.edits(module, keywords), *imports.edits(module, PACKAGE)]))
        for module in modules
    ]
    names = Names.of(_chosen(modules, known), numbers.names, numbered, modules)
    out = {module.path: module.renamed(names.short) for module in modules}
    return out | {path: sources[path] for path in (*UNTOUCHED, PROGRAM) if path in sources}, names


def _of_others(module: Module) -> set[str]:
    """Names of modules, and what is imported from those that are no part of the package."""
    taken = [names for path, names in module.taken.items() if path != PACKAGE]
    return module.modules.union(*taken)


def _chosen(modules: list[Module], known: frozenset[str]) -> dict[str, str]:
    words = frozenset[str]().union(*(module.words for module in modules))
    paths = frozenset(part for module in modules for part in module.path.removesuffix(".py").split("/"))
    folded = frozenset[str]().union(*(module.folded for module in modules))
    keywords = frozenset[str]().union(*(module.keywords for module in modules))
    told = frozenset[str]().union(*(module.bound_outside | (module.arguments & keywords) for module in modules))
    # Behind a dot stands what lies on an object: if none of ours has it, it is MicroPython's, whether that tells it or not.
    looked_up = frozenset[str]().union(*(module.looked_up for module in modules))
    strange = looked_up.difference(*(module.declared for module in modules))
    fixed = strange | known | words | paths | folded | _exceptions(modules)
    wanted = {name for name in told if name not in fixed and not (name.startswith("__") and name.endswith("__"))}
    return _Choice(modules, wanted, known | words).made()


def _exceptions(modules: list[Module]) -> set[str]:
    """Classes of exceptions: the first word of a crash report, which tells the most of it."""
    found, before = {"Exception", "BaseException", *texts.ERRORS}, 0
    while before != len(found):
        before = len(found)
        found |= {name for module in modules for name, bases in module.bases_of.items() if bases & found}
    return found


class _Choice:
    """Gives each wanted name the first short one that nothing it can meet has: those of most modules choose first."""

    def __init__(self, modules: list[Module], wanted: set[str], never: frozenset[str]) -> None:
        self._group = _groups(modules)
        self._spread = {
            name: frozenset(self._group[module.path] for module in modules if name in module.said) for name in wanted
        }
        self._count = {name: sum(name in module.said for module in modules) for name in wanted}
        self._outside = frozenset[str]().union(*(module.stored_outside for module in modules)) & wanted
        self._attribute = {name for name in wanted if any(name in module.attributes for module in modules)}
        self._plain = {name for name in wanted if any(name in module.plain for module in modules)}
        self._classes = {name for name in wanted if any(name in module.classes for module in modules)}
        self._never = never
        # (name, is an attribute's) → groups in which it stands for something
        self._taken: dict[tuple[str, bool], set[str]] = {}
        for module in modules:
            for names, is_attribute in ((module.attributes, True), (module.plain, False)):
                for name in names - wanted:
                    self._taken.setdefault((name, is_attribute), set()).add(self._group[module.path])

    def made(self) -> dict[str, str]:
        """Identifier → short name, where that is no longer."""
        found = {}
        for name in sorted(self._spread, key=lambda name: (-self._count[name], name)):
            short = next(short for short in self._offered(name) if self._is_free(name, short))
            if len(short) >= len(name) and short not in _FREE and self._is_free(name, name):
                short = name
            else:
                found[name] = short
            for is_attribute in self._roles(name):
                self._taken.setdefault((short, is_attribute), set()).update(self._reach(name, is_attribute))
        return found

    def _offered(self, name: str) -> Iterator[str]:
        # The name of a class stands in a crash report without its module: it must say which.
        if name not in self._classes:
            yield from _FREE
        letters = [letter for letter in ascii_letters if letter not in self._never]
        yield from letters
        for first in ascii_letters:
            for second in ascii_letters:
                if first + second not in self._never and not iskeyword(first + second):
                    yield first + second

    def _roles(self, name: str) -> list[bool]:
        return [True] * (name in self._attribute) + [False] * (name in self._plain)

    def _reach(self, name: str, is_attribute: bool) -> set[str]:
        everywhere = (is_attribute and name in self._outside) or name in self._classes
        return set(self._group.values()) if everywhere else set(self._spread[name])

    def _is_free(self, name: str, short: str) -> bool:
        return all(not self._taken.get((short, role), set()) & self._reach(name, role) for role in self._roles(name))


def _groups(modules: list[Module]) -> dict[str, str]:
    """Path of a module → the first path of those that its classes share a family with."""
    home: dict[str, list[str]] = {}
    for module in modules:
        for name in module.classes:
            home.setdefault(name, []).append(module.path)
    group = {module.path: module.path for module in modules}
    for module in modules:
        for base in sorted(set[str]().union(*module.bases_of.values())):
            for other in home.get(base, ()):
                joined = sorted((group[module.path], group[other]))
                group = {path: joined[0] if at in joined else at for path, at in group.items()}
    return group
