"""The key locator: every key that tomllib sees is found on the line where it stands."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cloud_sync.policy.locate import Locator

DEMO = Path("cloud_sync/policy/profiles/demo.toml")

SAMPLE = r'''# [no.table]
top = 1
"quoted key" = "a # b ] } [x]"
'literal.key' = 'c:\dir'
"\u0061ccent" = ""

[table]   # comment = 1
text = """
[inner]
fake = 1
""" # after
raw = """ends with two quotes"""""
lit = """"""
other = \'\'\'
[also.fake]
\'\'\'
dotted.key = 1
dotted . "other" = { x = 1, "y" = [ { z = 2 }, 3 ] }

  [[rule]]
  name = [
    "one", # first, ] not the end
    "two",
  ]
  [rule.sub]
  deep = 1979-05-27 07:32:00
  [[rule.items]]
  n = 1
  [[rule.items]]
  n = 2

[[ rule ]]
name = []
[[rule.items]]
n = 3
[table.later]
x = inf
'''.replace("\\'", "'")

EXPECTED = {
    ("top",): 2,
    ("quoted key",): 3,
    ("literal.key",): 4,
    ("accent",): 5,
    ("table",): 7,
    ("table", "text"): 8,
    ("table", "raw"): 12,
    ("table", "lit"): 13,
    ("table", "other"): 14,
    ("table", "dotted", "key"): 17,
    ("table", "dotted", "other", "y", 0, "z"): 18,
    ("table", "dotted", "other", "y", 1): 18,
    ("rule", 0, "name"): 21,
    ("rule", 0, "name", 1): 23,
    ("rule", 0, "sub", "deep"): 26,
    ("rule", 0, "items", 0, "n"): 28,
    ("rule", 0, "items", 1, "n"): 30,
    ("rule", 1, "name"): 33,
    ("rule", 1, "items", 0, "n"): 35,
    ("table", "later", "x"): 37,
}


def paths(value: Any, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    """Every path of a parsed TOML value."""
    found = [path] if path else []
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        found += paths(inner, (*path, key))
    return found


def test_every_key_of_a_tricky_file_is_on_its_line() -> None:
    """Headers, quoted and dotted keys, all kinds of strings, arrays and inline tables are followed."""
    locator = Locator(SAMPLE)
    assert {path: locator.line(path) for path in EXPECTED} == EXPECTED
    assert set(EXPECTED) <= set(paths(tomllib.loads(SAMPLE)))


@pytest.mark.parametrize("text", [SAMPLE, DEMO.read_text()], ids=["tricky", "demo"])
def test_the_scanner_and_tomllib_see_the_same_keys(text: str) -> None:
    """The paths that the scanner noted are exactly those of the parsed file."""
    assert set(Locator(text)._lines) == set(paths(tomllib.loads(text)))


def test_windows_line_ends_do_not_shift_lines() -> None:
    """A file with carriage returns has the same lines."""
    text = SAMPLE.replace("\n", "\r\n")
    locator = Locator(text)
    assert {path: locator.line(path) for path in EXPECTED} == EXPECTED


def test_a_missing_key_is_shown_at_its_nearest_parent() -> None:
    """A key that does not stand in the file is reported where it should be added, and nowhere at line 1."""
    locator = Locator(SAMPLE)
    assert locator.line(("rule", 1, "basis")) == 32
    assert locator.line(("nothing", "here")) == 1


KEYS = st.text(st.characters(codec="ascii", exclude_categories=["Cc"]), max_size=6)
VALUES = st.recursive(
    st.integers(-99, 99) | st.text(max_size=8) | st.booleans(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=8,
)


def quoted(text: str) -> str:
    """A TOML basic string."""
    plain = text.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + "".join(c if 32 <= ord(c) != 127 else f"\\u{ord(c):04x}" for c in plain) + '"'


def toml(value: Any) -> str:
    """A value in TOML, tables inline."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return quoted(value)
    if isinstance(value, list):
        return "[" + ", ".join(toml(entry) for entry in value) + "]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{quoted(key)} = {toml(entry)}" for key, entry in value.items()) + "}"
    return str(value)


@given(st.dictionaries(KEYS, VALUES, max_size=5))
@settings(max_examples=150, deadline=None)
def test_any_document_is_located_line_by_line(document: dict[str, Any]) -> None:
    """For documents with one top key a line, each path is on the line of its top key."""
    text = "".join(f"{quoted(key)} = {toml(value)}\n" for key, value in document.items())
    assert tomllib.loads(text) == document
    locator = Locator(text)
    assert set(locator._lines) == set(paths(document))
    for line, key in enumerate(document, start=1):
        assert all(locator.line(path) == line for path in paths(document[key], (key,)))
