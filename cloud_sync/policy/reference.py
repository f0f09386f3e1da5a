"""The reference of a policy file: each key with its type, its default, its clause, and what carries it out.

Types and defaults come from the schema, words from `reference.toml` beside this module; docs/policy.md is made of both.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from enum import Enum, EnumType
from functools import cache
from importlib import resources
from types import MappingProxyType, UnionType
from typing import Any, Final, Literal, NamedTuple, Union, get_args, get_origin

from pydantic.fields import FieldInfo

from cloud_sync.policy.kinds import Table
from cloud_sync.policy.parameters import CapTable
from cloud_sync.policy.period import Period
from cloud_sync.policy.schema import PolicyFile, RetentionTable

#: What the keys of a table of tables are.
_NAMED: Final = MappingProxyType({"text": "<language>", "roles": "<role>"})
_CLASSES: Final = ("affiliates", "advisers", "operators", "business")
_WORDS: Final = MappingProxyType(
    {bool: "true or false", int: "whole number", float: "number", str: "text", Period: "period", dict: "table"}
)


class Key(NamedTuple):
    """One key of a policy file. `by` is empty where nothing carries it out yet; `default` is empty where it is required."""

    name: str
    type: str
    required: bool
    default: str
    text: str
    clause: str
    by: str


@cache
def keys() -> Mapping[str, Key]:
    """Every key of the schema, in its order; KeyError at import of a schema that the words do not cover."""
    said = tomllib.loads(resources.files(__package__).joinpath("reference.toml").read_text("utf-8"))["keys"]
    found: dict[str, Key] = {}
    for name, field in _fields("", PolicyFile):
        words = said[name]
        default = "" if field.is_required() else _default(field.get_default(call_default_factory=True))
        kind = _type(field.annotation, field.metadata)
        found.setdefault(
            name,
            Key(name, kind, field.is_required(), default, words["text"], words.get("clause", ""), words.get("by", "")),
        )
    if rest := said.keys() - found.keys():
        raise KeyError(f"reference.toml tells of what the schema does not have: {', '.join(sorted(rest))}")
    return MappingProxyType(found)


def unused() -> tuple[Key, ...]:
    """Keys that nothing carries out yet, in order."""
    return tuple(key for key in keys().values() if not key.by)


def key_of(path: tuple[str | int, ...]) -> Key | None:
    """The key of a path in a file, as in `("rule", 2, "purpose")`; None for a path of no key."""
    return keys().get(general(path))


def general(path: tuple[str | int, ...]) -> str:
    """A path with its numbers and names taken out, as the reference writes it."""
    parts: list[str] = []
    for n, part in enumerate(path):
        if isinstance(part, int):
            parts[-1] += "[]"
        elif n == 1 and path[0] in _NAMED:
            parts.append(_NAMED[str(path[0])])
        elif n == 1 and path[0] == "recipients" and part in _CLASSES:
            parts.append("<class>")
        elif n == 1 and path[0] == "retention" and len(path) > 2:
            parts.append("<category>")
        else:
            parts.append(str(part))
    return ".".join(parts)


def _fields(prefix: str, model: type[Table]) -> Iterator[tuple[str, FieldInfo]]:
    for name, field in model.model_fields.items():
        key = f"{prefix}{field.alias or name}"
        table = _table(field.annotation)
        if table is None:
            yield key, field
            continue
        yield from _fields(f"{_nested(key, field.annotation)}.", table)
    if model is RetentionTable:
        yield from _fields(f"{prefix}<category>.", CapTable)


def _nested(key: str, annotation: Any) -> str:
    """The name of a table below `key`: `rule[]`, `roles.<role>[]`, `recipients.<class>`, or itself."""
    if key.startswith("recipients.") and key.partition(".")[2] in _CLASSES:
        return "recipients.<class>"
    if key in _NAMED:
        key += f".{_NAMED[key]}"
    many = any(get_origin(each) in (list, tuple) for each in (annotation, *get_args(annotation)))
    return f"{key}[]" if many else key


def _table(annotation: Any) -> type[Table] | None:
    if isinstance(annotation, type) and issubclass(annotation, Table):
        return annotation
    return next((found for each in get_args(annotation) if (found := _table(each)) is not None), None)


def _type(annotation: Any, bounds: list[Any]) -> str:
    """What a value is, in words: the closed list of it where there is one."""
    origin, inner = get_origin(annotation), get_args(annotation)
    if hasattr(annotation, "__metadata__"):
        return _type(inner[0], list(annotation.__metadata__))
    if origin in (Union, UnionType):
        return " or ".join(_type(each, bounds) for each in inner if each is not type(None))
    if origin is dict:
        return f"table of {_type(inner[1], [])}"
    if origin in (list, tuple):
        return f"list of {_type(inner[0], [])}"
    closed = inner if origin is Literal else annotation if isinstance(annotation, EnumType) else ()
    return ", ".join(map(_default, closed)) or f"{_WORDS.get(annotation, 'date')}{_bounds(bounds)}"


def _bounds(bounds: list[Any]) -> str:
    """The least and the most that a number may be."""
    flat = [each for bound in bounds for each in (getattr(bound, "metadata", None) or [bound])]
    least = next((getattr(each, name) for each in flat for name in ("ge", "gt") if hasattr(each, name)), None)
    most = next((getattr(each, name) for each in flat for name in ("le", "lt") if hasattr(each, name)), None)
    return "" if least is None else f" {least} to {most}"


def _default(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, tuple | list):
        return ", ".join(_default(each) for each in value) or "none"
    if isinstance(value, dict):
        return ", ".join(f"{key} = {each}" for key, each in value.items()) or "none"
    return str(value.value) if isinstance(value, Enum) else str(value)


def markdown() -> str:
    """The tables of docs/policy.md: one for each table of the file."""
    sections: dict[str, list[Key]] = {}
    for key in keys().values():
        sections.setdefault(key.name.rpartition(".")[0], []).append(key)
    return "\n".join(_section(name, listed) for name, listed in sections.items())


def _section(name: str, listed: list[Key]) -> str:
    rows = [
        f"| `{key.name.rpartition('.')[2]}` | {key.text} | {key.type} | {_cell(key)} | {key.clause} | {_by(key)} |"
        for key in listed
    ]
    head = "| key | what it says | type | default | clause | carried out by |\n|---|---|---|---|---|---|"
    return f"### {_title(name)}\n\n{head}\n" + "\n".join(rows) + "\n"


def _title(name: str) -> str:
    if not name:
        return "The file"
    return f"`[[{name.replace('[]', '')}]]`" if name.endswith("[]") else f"`[{name}]`"


def _cell(key: Key) -> str:
    return "required" if key.required else f"`{key.default}`" if key.default else "none"


def _by(key: Key) -> str:
    module = key.by.partition(":")[0]
    return {"": "**nothing yet**", "lint": "the lint", "report": "the reports"}.get(module, f"`{module}`")
