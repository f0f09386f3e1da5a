"""Texts of exceptions that nobody reads on a board: there they are numbers, and `names.json` has the texts.

A text is an object in the heap of each board for as long as its module is loaded.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping

from agent.release.identifiers import Edit, Module, span

ERRORS = ("FirmwareError", "WireError", "SealError", "FlashError", "DirectiveError", "LinkError", "DriverError")
# Errors in bytes that came from the server or from flash, with which a person at the board can do nothing. Those of the
# enrolment, of the link and of the chips are told in words: somebody with a cable looks for what is wrong.
NUMBERED = ("firmware/wire/", "firmware/flash/", "firmware/update/")


def numbers(modules: list[Module]) -> dict[str, int]:
    """Text → its number, the same for the same sources."""
    found = {text for module in modules for _, text in _raised(module)}
    return {text: number for number, text in enumerate(sorted(found), 1)}


def edits(module: Module, number: Mapping[str, int]) -> Iterator[Edit]:
    """What to write where in this module."""
    for node, text in _raised(module):
        module.muted.add(id(node))
        yield *span(module, node), str(number[text]).encode()


def _raised(module: Module) -> Iterator[tuple[ast.Constant, str]]:
    if not module.path.startswith(NUMBERED):
        return
    for node in module.nodes:
        if not (isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call) and isinstance(node.exc.func, ast.Name)):
            continue
        told = node.exc.args[0] if len(node.exc.args) == 1 else None
        if node.exc.func.id in ERRORS and isinstance(told, ast.Constant) and isinstance(told.value, str):
            yield told, told.value
