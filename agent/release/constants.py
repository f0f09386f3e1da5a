"""Constants of a release: a number to which a module gives a name stands where it is used; neither name nor import is left of it.

The compiler does the same for `_NAME = const(…)` within a module.
"""

from __future__ import annotations

import ast
import operator
from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field

from agent.release.identifiers import Edit, Module, is_const, span

MOST = 2**30  # what a 32-bit chip holds without an object of its own
_WIDEST_BITS = 128  # of what is computed on the way; a release must not be made for ever
_BINARY = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.FloorDiv: operator.floordiv,
    ast.LShift: operator.lshift,
    ast.BitOr: operator.or_,
    ast.BitAnd: operator.and_,
    ast.Pow: operator.pow,
}
Place = tuple[str, str]  # dotted path of a module, and a name in it
_NOWHERE = ("", "")


@dataclass
class _Facts:
    """What has to be known of one module."""

    module: Module
    dotted: str
    bound: Counter[str]
    imports: list[tuple[ast.ImportFrom, str]]  # with the dotted path that each imports from
    modules: dict[str, str] = field(default_factory=dict)  # name → the module that it can only be


class Constants:
    """Which names of which modules are numbers that nothing can change.

    A number is bound once, by its module, as a plain expression of numbers; nothing sets it from outside; and each use of it
    is seen, as a name in its module, as an import of it, or as an attribute of its module. `never`: names that others know.
    """

    def __init__(self, modules: list[Module], never: Collection[str]) -> None:
        facts = [_Facts(module, dotted(module.path), _bindings(module), _imports(module)) for module in modules]
        self._facts = {each.dotted: each for each in facts}
        for each in facts:
            for node, source in each.imports:
                for alias in node.names:
                    if f"{source}.{alias.name}" in self._facts and not alias.asname and each.bound[alias.name] == 1:
                        each.modules[alias.name] = f"{source}.{alias.name}"
        self._never = frozenset(never)
        self.values: dict[Place, int] = {}
        before = -1
        while before != len(self.values):  # one may be made of another's
            before = len(self.values)
            for each in facts:
                self._collect(each)
        self._keep_what_is_seen()

    @property
    def names(self) -> dict[str, int | None]:
        """All that are written as numbers, with what is written; None where modules differ."""
        found: dict[str, int | None] = {}
        for (_, name), value in self.values.items():
            found[name] = value if found.get(name, value) == value else None
        return found

    def edits(self, module: Module) -> list[Edit]:
        """What to write where in this module."""
        facts = self._facts[dotted(module.path)]
        gone = [span(module, node) for node in module.tree.body if self._is_gone(facts, node)]
        found = [(start, end, b"") for start, end in gone]
        through = Counter[str]()
        known = self._known(facts)
        for node in module.nodes:
            place = self._place(facts, known, node)
            if place not in self.values:
                continue
            start, end = span(module, node)
            if not any(begin <= start < over for begin, over in gone):
                found.append((start, end, _literal(self.values[place])))
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
                through[node.value.id] += 1
        return found + list(self._import_edits(facts, known, through))

    def _collect(self, facts: _Facts) -> None:
        known = self._known(facts)
        for node in facts.module.tree.body:
            for name, expression in pairs(node):
                if facts.bound[name] == 1 and name not in self._never and name not in facts.module.folded:
                    value = self._value(facts, known, expression)
                    if value is not None:
                        self.values[facts.dotted, name] = value
                        known[name] = (facts.dotted, name)

    def _known(self, facts: _Facts) -> dict[str, Place]:
        """Name in this module → which number it is."""
        found = {name: (home, name) for home, name in self.values if home == facts.dotted}
        for node, source in facts.imports:
            for alias in node.names:
                if (source, alias.name) in self.values and facts.bound[alias.name] == 1 and not alias.asname:
                    found[alias.name] = (source, alias.name)
        return found

    def _place(self, facts: _Facts, known: dict[str, Place], node: ast.AST) -> Place:
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
            return known.get(node.id, _NOWHERE)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and isinstance(node.ctx, ast.Load):
            return facts.modules.get(node.value.id, ""), node.attr
        return _NOWHERE

    def _value(self, facts: _Facts, known: dict[str, Place], node: ast.expr) -> int | None:
        if is_const(node):
            return self._value(facts, known, node.args[0])  # type: ignore[attr-defined]
        if isinstance(node, ast.Constant):
            return node.value if type(node.value) is int else None
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
            inner = self._value(facts, known, node.operand)
            return None if inner is None else -inner
        if isinstance(node, ast.BinOp) and type(node.op) in _BINARY:
            return _computed(node.op, self._value(facts, known, node.left), self._value(facts, known, node.right))
        return self.values.get(self._place(facts, known, node))

    def _keep_what_is_seen(self) -> None:
        """Forget those of which a use is not seen, and those that need an object; of a row of names, all or none."""
        unseen: set[str] = set()
        for facts in self._facts.values():
            known = self._known(facts)
            for node in facts.module.nodes:
                if isinstance(node, ast.Attribute) and self._place(facts, known, node) not in self.values:
                    unseen.add(node.attr)
            for node, source in facts.imports:
                unseen |= {
                    alias.name
                    for alias in node.names
                    if (source, alias.name) in self.values and alias.name not in known
                }
        kept = {place: value for place, value in self.values.items() if abs(value) < MOST and place[1] not in unseen}
        for facts in self._facts.values():
            for node in facts.module.tree.body:
                row = [(facts.dotted, name) for name, _ in pairs(node)]
                if not all(place in kept for place in row):
                    for place in row:
                        kept.pop(place, None)
        self.values = kept

    def _is_gone(self, facts: _Facts, node: ast.stmt) -> bool:
        row = pairs(node)
        return bool(row) and all((facts.dotted, name) in self.values for name, _ in row)

    def _import_edits(self, facts: _Facts, known: dict[str, Place], through: Counter[str]) -> Iterator[Edit]:
        module = facts.module
        uses = Counter(node.id for node in module.nodes if isinstance(node, ast.Name))
        # A module of which numbers alone were wanted need not be there.
        idle = {name for name, count in through.items() if count == uses[name]} - self._asked_of(facts)
        gone = {name for name, (home, _) in known.items() if home != facts.dotted} | idle
        bodies = [getattr(node, "body", None) for node in module.nodes]
        alone = {id(body[0]) for body in bodies if isinstance(body, list) and len(body) == 1}
        for node, _ in facts.imports:
            left = [alias for alias in node.names if alias.asname or alias.name not in gone]
            if len(left) == len(node.names):
                continue
            names = ", ".join(alias.name + (f" as {alias.asname}" if alias.asname else "") for alias in left)
            text = (
                f"from {'.' * node.level}{node.module or ''} import {names}" if left else "pass" * (id(node) in alone)
            )
            yield *span(module, node), text.encode()

    def _asked_of(self, facts: _Facts) -> set[str]:
        """Names that other modules may take from this one."""
        found = set[str]()
        for other in self._facts.values():
            for node, source in other.imports:
                if source == facts.dotted:
                    found |= {alias.name for alias in node.names}
            if facts.dotted in other.modules.values():
                found |= other.module.attributes
        return found


def dotted(path: str) -> str:
    """How a module is imported."""
    return path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def pairs(node: ast.AST) -> list[tuple[str, ast.expr]]:
    """(name, expression) of an assignment to one name, or to as many as there are expressions; else nothing."""
    if not isinstance(node, ast.Assign):
        return []
    target, value = node.targets[0], node.value
    if isinstance(target, ast.Name):
        return [(each.id, value) for each in node.targets if isinstance(each, ast.Name)]
    if isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple) and len(target.elts) == len(value.elts):
        named = [(at.id, part) for at, part in zip(target.elts, value.elts, strict=True) if isinstance(at, ast.Name)]
        return named if len(named) == len(target.elts) and len(node.targets) == 1 else []
    return []


def _imports(module: Module) -> list[tuple[ast.ImportFrom, str]]:
    package = module.path.removesuffix(".py").split("/")
    found = []
    for node in module.nodes:
        if isinstance(node, ast.ImportFrom):
            above = package[: -node.level] if node.level else []
            found.append((node, ".".join([*above, *([node.module] if node.module else [])])))
    return found


def _bindings(module: Module) -> Counter[str]:
    """How often each name is bound, wherever that is; one that is declared counts as changed."""
    found = Counter[str]()
    for node in module.nodes:
        if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
            found[node.id] += 1
        elif isinstance(node, ast.arg):
            found[node.arg] += 1
        elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            found[node.name] += 1
        elif isinstance(node, ast.alias):
            found[(node.asname or node.name).split(".")[0]] += 1
        elif isinstance(node, ast.ExceptHandler) and node.name:
            found[node.name] += 1
        elif isinstance(node, (ast.Global, ast.Nonlocal)):
            found.update(dict.fromkeys(node.names, 2))
    return found


def _computed(operation: ast.operator, left: int | None, right: int | None) -> int | None:
    if left is None or right is None or right < 0:
        return None
    if isinstance(operation, ast.FloorDiv) and not right:
        return None
    if isinstance(operation, (ast.Pow, ast.LShift)) and right > _WIDEST_BITS:
        return None
    found: int = _BINARY[type(operation)](left, right)
    return found if found.bit_length() <= _WIDEST_BITS else None


def _literal(value: int) -> bytes:
    return str(value).encode() if value >= 0 else f"({value})".encode()
