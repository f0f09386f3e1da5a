"""Imports of a release: `const` is the compiler's own, and a module of the same package needs no more of its path than differs."""

from __future__ import annotations

import ast

from agent.release.identifiers import Edit, Module, is_const


def edits(module: Module, package: str) -> list[Edit]:
    """What to write where: imports of `const` go, the package's modules are imported relative to the importing one."""
    found: list[Edit] = []
    for node in module.nodes:
        if not isinstance(node, ast.ImportFrom) or node.level or (node.module or "").split(".")[0] != package:
            continue
        start, end = module.at(node.lineno, node.col_offset), module.at(node.end_lineno or 0, node.end_col_offset or 0)
        if [alias.name for alias in node.names] == ["const"]:
            if _folds(module):
                found.append((start, end, b""))
        elif module.path.startswith(package + "/"):
            found.append(
                (start + len("from "), start + module.source[start:end].index(b" import"), _relative(module, node))
            )
    return found


def _relative(module: Module, node: ast.ImportFrom) -> bytes:
    here = module.path.split("/")[:-1]  # in a package's own __init__ one dot is the package too
    there = (node.module or "").split(".")
    common = 0
    while common < min(len(here), len(there)) and here[common] == there[common]:
        common += 1
    return ("." * (len(here) - common + 1) + ".".join(there[common:])).encode()


def _folds(module: Module) -> bool:
    """True if the compiler writes every constant of the module as its value, so that nothing is ever called `const`."""
    folded = sum(
        isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and is_const(node.value)
        for node in module.tree.body
    )
    return folded == sum(isinstance(node, ast.Name) and node.id == "const" for node in module.nodes)
