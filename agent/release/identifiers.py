"""What one module says: its identifiers by what they stand for, and where each of them is written."""

from __future__ import annotations

import ast
import io
import keyword
import re
import tokenize
from collections.abc import Iterable, Mapping
from functools import cached_property

from agent.errors import AgentError

_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
Edit = tuple[int, int, bytes]  # from, to, what instead


class Module:
    """One module's text, tree and tokens. AgentError for what cannot be read safely: f-strings [their inside has no tokens],
    `import *`, `**` in a call [arguments by names that nobody sees].
    """

    def __init__(self, path: str, source: bytes, *, hides: bool = False, plain: bool = False) -> None:
        """`hides`: names that no token shows are told in `hidden`, and are no error. `plain`: only `tree`, `nodes` and `tokens` are
        asked for.
        """
        self.path, self.source, self._hides = path, source, hides
        try:
            self.tree = ast.parse(source)
        except SyntaxError as error:
            raise AgentError(f"{path}: {error.msg} in line {error.lineno}") from None
        self._starts = [0]
        for line in source.splitlines(keepends=True):
            self._starts.append(self._starts[-1] + len(line))
        if not plain:
            self._fill()

    def at(self, line: int, column: int) -> int:
        """Offset of a place as syntax trees tell it."""
        return self._starts[line - 1] + column

    @cached_property
    def tokens(self) -> list[tuple[int, str]]:
        """Offset and text of each name."""
        found = []
        for token in tokenize.generate_tokens(io.StringIO(self.source.decode()).readline):
            if token.type == tokenize.NAME and not keyword.iskeyword(token.string):
                line, column = token.start
                found.append((self.at(line, len(token.line[:column].encode())), token.string))
        return found

    @cached_property
    def nodes(self) -> list[ast.AST]:
        """All nodes of the tree, outer ones first."""
        return walk(self.tree)

    @cached_property
    def said(self) -> set[str]:
        """All that is a name anywhere."""
        return {name for _, name in self.tokens}

    @property
    def words(self) -> frozenset[str]:
        """Identifiers in the module's strings."""
        return frozenset[str]().union(*(words for node, words in self._words.items() if node not in self.muted))

    def renamed(self, short: Mapping[str, str]) -> bytes:
        """The text with these names in the place of those."""
        return edited(
            self, ((at, at + len(name.encode()), short[name].encode()) for at, name in self.tokens if name in short)
        )

    def _fill(self) -> None:
        self.attributes: set[str] = set()  # names of what an object or a module holds
        self.plain: set[str] = set()  # names that stand alone
        self.bound: set[str] = set()  # by an assignment, a definition, an argument, an import
        self.declared: set[str] = set()  # attributes that the module's own objects have, and the module
        self.bound_outside: set[str] = set()  # bound, and not only as a local
        self.stored: set[str] = set()  # attributes set on anything, or bound by a class
        self.looked_up: set[str] = set()  # attributes, and what is imported from modules
        self.hidden: set[str] = set()  # in f-strings
        self.defined: set[str] = set()  # functions and classes
        self.stored_outside: set[str] = set()  # attributes set on something else than `self`
        self.arguments: set[str] = set()
        self.keywords: set[str] = set()  # arguments that are passed by name
        self.modules: set[str] = set()  # parts of the paths that it imports from
        self.taken: dict[str, set[str]] = {}  # first part of such a path → names imported from there
        self.classes: set[str] = set()
        self.bases_of: dict[str, set[str]] = {}  # class → what it inherits from
        self._words: dict[int, set[str]] = {}  # identifiers in strings, by the string's node
        self.muted: set[int] = set()  # strings that are no longer there when it is compiled
        self.folded: set[str] = set()  # names of constants, which the compiler writes as their values and forgets
        self._imported = {id(alias) for node in self.nodes if isinstance(node, ast.Import) for alias in node.names}
        self._skipped = _annotations_and_docstrings(self.nodes)
        self._scope(self.tree, "module")

    def _scope(self, node: ast.AST, kind: str) -> None:
        for child in children(node):
            self._one(child, kind)
            inner = kind
            if isinstance(child, (*_FUNCTIONS, ast.Lambda)):
                inner = "function"
            elif isinstance(child, ast.ClassDef):
                inner = "class"
            self._scope(child, inner)

    def _one(self, node: ast.AST, kind: str) -> None:  # noqa: PLR0912 - one case for each kind of node
        if isinstance(node, ast.Name):
            self._name(node, kind)
        elif isinstance(node, ast.Attribute):
            self.attributes.add(node.attr)
            self.looked_up.add(node.attr)
            if not isinstance(node.ctx, ast.Load):
                self.bound_outside.add(node.attr)
                self.stored.add(node.attr)
                own = isinstance(node.value, ast.Name) and node.value.id in ("self", "cls")
                (self.declared if own else self.stored_outside).add(node.attr)
        elif isinstance(node, (*_FUNCTIONS, ast.ClassDef)):
            self._definition(node, kind)
        elif isinstance(node, ast.arg):
            self._bind(node.arg, "function")
            self.arguments.add(node.arg)
        elif isinstance(node, ast.keyword):
            self._keyword(node)
        elif isinstance(node, ast.alias):
            self._alias(node)
        elif isinstance(node, ast.ImportFrom):
            self.modules |= set((node.module or "").split("."))
            if not node.level:
                self.taken.setdefault((node.module or "").split(".")[0], set()).update(at.name for at in node.names)
        elif isinstance(node, ast.ExceptHandler) and node.name:
            self._bind(node.name, kind)
        elif isinstance(node, (ast.Global, ast.Nonlocal)):
            for name in node.names:
                self._bind(name, "module")
        elif isinstance(node, ast.Constant):
            self._constant(node)
        elif isinstance(node, ast.JoinedStr) and self._hides:
            self.hidden |= {getattr(at, "id", getattr(at, "attr", "")) for at in walk(node)}
        elif isinstance(node, (ast.JoinedStr, ast.Match)):
            raise AgentError(f"{self.path}: line {node.lineno} has an f-string or a match, in which names are not seen")
        if isinstance(node, ast.Assign) and kind == "module":
            self._fold(node)

    def _name(self, node: ast.Name, kind: str) -> None:
        self.plain.add(node.id)
        if not isinstance(node.ctx, ast.Load):
            self._bind(node.id, kind)
        elif kind == "class":  # looked for among the class's own first
            self.attributes.add(node.id)

    def _definition(self, node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef, kind: str) -> None:
        self._bind(node.name, kind, function=True)
        self.defined.add(node.name)
        around = [*node.decorator_list]
        if isinstance(node, ast.ClassDef):
            self.classes.add(node.name)
            bases = {at.id if isinstance(at, ast.Name) else getattr(at, "attr", "") for at in node.bases}
            self.bases_of.setdefault(node.name, set()).update(bases)
            around += node.bases
        else:
            around += [default for default in (*node.args.defaults, *node.args.kw_defaults) if default]
        if kind == "class":  # evaluated in the class body, though they stand below the function
            for part in around:
                self.attributes |= {inner.id for inner in walk(part) if isinstance(inner, ast.Name)}

    def _bind(self, name: str, kind: str, *, function: bool = False) -> None:
        self.bound.add(name)
        if kind == "class":
            self.attributes.add(name)
            self.stored.add(name)
        else:
            self.plain.add(name)
        if kind != "function":
            self.declared.add(name)
        if kind == "module":
            self.attributes.add(name)
        if kind != "function" or function:  # a function's name is kept for tracebacks, wherever it is defined
            self.bound_outside.add(name)

    def _keyword(self, node: ast.keyword) -> None:
        if node.arg is None:
            raise AgentError(f"{self.path}: line {node.lineno} passes arguments by **, and their names are not seen")
        self.keywords.add(node.arg)
        self.plain.add(node.arg)

    def _alias(self, node: ast.alias) -> None:
        if node.name == "*":
            raise AgentError(f"{self.path}: import * brings names that are not seen")
        for part in node.name.split("."):
            self.attributes.add(part)
            self.looked_up.add(part)
        if id(node) in self._imported:
            self.modules |= set(node.name.split("."))
        self._bind(node.asname or node.name.split(".")[0], "module")

    def _constant(self, node: ast.Constant) -> None:
        if id(node) in self._skipped or not isinstance(node.value, str | bytes):
            return
        text = node.value if isinstance(node.value, str) else node.value.decode("latin-1")
        self._words[id(node)] = {word for word in re.findall(r"\w+", text) if word.isidentifier()}

    def _fold(self, node: ast.Assign) -> None:
        target = node.targets[0]
        if isinstance(target, ast.Name) and target.id.startswith("_") and is_const(node.value):
            self.folded.add(target.id)


def children(node: ast.AST) -> list[ast.AST]:
    """As `ast.iter_child_nodes`, without what says nothing by itself: contexts and operators."""
    found: list[ast.AST] = []
    for name in node._fields:
        value = getattr(node, name, None)
        if isinstance(value, list):
            found += [each for each in value if isinstance(each, ast.AST)]
        elif isinstance(value, ast.AST) and value._fields:
            found.append(value)
    return found


def walk(node: ast.AST) -> list[ast.AST]:
    """The node and all beneath it, outer ones first."""
    found = [node]
    for each in found:  # it grows meanwhile
        found += children(each)
    return found


def is_const(node: ast.AST) -> bool:
    """True for `const(…)`."""
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "const"


def span(module: Module, node: ast.AST) -> tuple[int, int]:
    """Where a node begins and ends in the text."""
    assert isinstance(node, (ast.expr, ast.stmt))  # noqa: S101 - all others have no place
    return module.at(node.lineno, node.col_offset), module.at(node.end_lineno or 0, node.end_col_offset or 0)


def edited(module: Module, edits: Iterable[Edit]) -> bytes:
    """The module's text with these changes."""
    out, done = [], 0
    for start, end, text in sorted(edits):
        out += [module.source[done:start], text]
        done = end
    return b"".join([*out, module.source[done:]])


def _annotations_and_docstrings(nodes: list[ast.AST]) -> set[int]:
    """Constants that no board ever evaluates, by id."""
    found: set[int] = set()
    for node in nodes:
        parts: list[ast.AST | None] = []
        if isinstance(node, ast.Expr):
            parts.append(node)
        if isinstance(node, (ast.AnnAssign, ast.arg)):
            parts.append(node.annotation)
        if isinstance(node, _FUNCTIONS):
            parts.append(node.returns)
        for part in parts:
            if isinstance(part, ast.Expr) and not isinstance(part.value, ast.Constant):
                continue
            found |= {id(inner) for inner in walk(part)} if part else set()
    return found
