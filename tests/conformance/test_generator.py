"""The vectors are what the generator makes, and the generator knows neither side."""

from __future__ import annotations

import ast
import json
from pathlib import Path

import pytest

from . import corpora, generate, make_encoding, vectorfile

GENERATOR_FILES = (
    "generate",
    "plain",
    "plain_hpke",
    "vectorfile",
    "make_keys",
    "make_encoding",
    "make_telemetry",
    "make_readings",
    "make_status",
    "make_sums",
    "make_links",
    "directives",
    "make_directive",
    "make_widening",
    "make_healing",
    "make_enrolment",
    "make_invitation",
    "make_serial",
)


def test_every_file_regenerates_byte_for_byte(tmp_path: Path) -> None:
    """What is generated now is on disk, file by file and byte by byte."""
    generate.write(tmp_path)
    made = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert made == {path.name: path.read_bytes() for path in generate.VECTORS.iterdir()}


def test_check_names_the_file_that_differs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`--check` exits 0 on fresh vectors, and 1 with the name of a changed, a missing and a foreign file."""
    generate.write(tmp_path)
    assert generate.main(["--check", "--folder", str(tmp_path)]) == 0
    (tmp_path / "cells.json").write_bytes((tmp_path / "cells.json").read_bytes() + b" ")
    (tmp_path / "status.json").unlink()
    (tmp_path / "stray.json").write_text("{}")
    capsys.readouterr()
    assert generate.main(["--check", "--folder", str(tmp_path)]) == 1
    assert capsys.readouterr().out == "vectors differ: cells.json, status.json, stray.json\n"


def test_generator_imports_neither_side() -> None:
    """Every import of the generator is the standard library's, cryptography's or its own."""
    allowed = {
        "__future__",
        "argparse",
        "base64",
        "collections",
        "hashlib",
        "hmac",
        "itertools",
        "json",
        "pathlib",
        "struct",
        "sys",
        "typing",
    }
    for name in GENERATOR_FILES:
        tree = ast.parse((Path(generate.__file__).parent / f"{name}.py").read_text("utf-8"))
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                assert {alias.name.split(".")[0] for alias in node.names} <= allowed
            if isinstance(node, ast.ImportFrom) and node.level == 0:
                assert (node.module or "").split(".")[0] in allowed | {"cryptography"}


@pytest.mark.parametrize("name", corpora.VECTOR_SETS)
def test_every_vector_file_says_where_it_is_from(name: str) -> None:
    """Provenance stands in each file, and each invalid case names a valid origin, the change and a known refusal."""
    file = json.loads((generate.VECTORS / f"{name}.json").read_text("utf-8"))
    spec, _, section = file["spec"].partition(", section ")
    assert spec in ("docs/wire-format.md", "docs/serial-link.md") and section and file["generator"] and file["source"]
    valid = {case["name"] for case in file["valid"]}
    assert len(valid) >= 10
    assert file["invalid"]
    for case in file["invalid"]:
        assert case["from"] in valid and case["changed"] and case["kind"] in file["kinds"]


def test_a_case_without_a_valid_origin_is_not_written() -> None:
    """The generator itself refuses an invalid case whose origin or kind does not exist."""
    file = make_encoding.columns_file()
    with pytest.raises(ValueError, match="no such kind"):
        file.invalid("x", "shape", "not-a-case", "n")
    with pytest.raises(ValueError, match="no such kind"):
        file.invalid("x", "not-a-kind", "steady", "n")
    assert "shape" in vectorfile.KINDS
