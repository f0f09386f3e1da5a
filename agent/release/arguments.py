"""Arguments of functions under names that cost nothing: those that nobody passes by keyword."""

from __future__ import annotations

import ast
from collections.abc import Collection

from agent.release.identifiers import Edit, Module, walk

_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
_SCOPES = (*_FUNCTIONS, ast.ClassDef, ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
# Names that each bytecode file has for nothing (py/makeqstrdata.py, static_qstr_list); as a local they mean what they are given.
POOL = (
    "end",
    "key",
    "sep",
    "step",
    "stop",
    "start",
    "count",
    "index",
    "value",
    "values",
    "items",
    "args",
    "id",
    "find",
    "keys",
)


def edits(module: Module, keywords: Collection[str]) -> list[Edit]:
    """What to write where; `keywords`: all that any module passes by keyword."""
    found: list[Edit] = []
    chosen: dict[int, str] = {}  # by id of a Name or an arg: an inner function is done before the outer one
    functions = [node for node in module.nodes if isinstance(node, _FUNCTIONS)]
    for function in reversed(functions):  # breadth first, so inner ones come later
        _one(function, keywords, chosen)
    for node in module.nodes:
        if id(node) in chosen and isinstance(node, (ast.Name, ast.arg)):
            old = node.id if isinstance(node, ast.Name) else node.arg
            at = module.at(node.lineno, node.col_offset)
            found.append((at, at + len(old.encode()), chosen[id(node)].encode()))
    return found


def _one(
    function: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda, keywords: Collection[str], chosen: dict[int, str]
) -> None:
    body = function.body if isinstance(function.body, list) else [function.body]
    inside = [node for statement in body for node in walk(statement)]
    own = _arguments(function.args)
    used = {chosen.get(id(node), name) for node in inside for name in _named(node)}
    used |= {argument.arg for argument in own}
    # A name that an inner scope binds too, or that is declared by text, stays.
    bound = {name for node in inside for name in _bound_inside(node)}
    for argument in own:
        name = argument.arg
        if name in ("self", "cls") or name in keywords or name in bound:
            continue
        short = next((short for short in POOL if short not in used), None)
        if short is None:
            return
        used.add(short)
        chosen[id(argument)] = short
        for node in inside:
            if isinstance(node, ast.Name) and node.id == name and id(node) not in chosen:
                chosen[id(node)] = short


def _arguments(arguments: ast.arguments) -> list[ast.arg]:
    rest = [argument for argument in (arguments.vararg, arguments.kwarg) if argument]
    return [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs, *rest]


def _named(node: ast.AST) -> list[str]:
    """Names that stand alone in this node, as they were written."""
    if isinstance(node, ast.Name):
        return [node.id]
    if isinstance(node, ast.arg):
        return [node.arg]
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        return [node.name]
    if isinstance(node, ast.alias):
        return [node.asname or node.name.split(".")[0]]
    if isinstance(node, ast.ExceptHandler):
        return [node.name or ""]
    return list(node.names) if isinstance(node, (ast.Global, ast.Nonlocal)) else []


def _bound_inside(node: ast.AST) -> list[str]:
    """Names that this node binds otherwise than by a plain assignment in the function itself."""
    if isinstance(node, ast.Name):
        return []
    if isinstance(node, _SCOPES) and not isinstance(node, _FUNCTIONS):
        return [getattr(node, "name", "")] + [
            inner.id for inner in walk(node) if isinstance(inner, ast.Name) and not isinstance(inner.ctx, ast.Load)
        ]
    if isinstance(node, _FUNCTIONS):
        inner_names = [argument.arg for argument in _arguments(node.args)] + [getattr(node, "name", "")]
        body = node.body if isinstance(node.body, list) else [node.body]
        inside = [inner for statement in body for inner in walk(statement)]
        return inner_names + [
            inner.id for inner in inside if isinstance(inner, ast.Name) and not isinstance(inner.ctx, ast.Load)
        ]
    return _named(node)
