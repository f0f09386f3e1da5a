"""What the README names exists: tests, files and commands."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from agent.cli import build

ROOT = Path(__file__).parents[3]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
README = (ROOT / "README.md").read_text()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_test_that_a_page_names_exists(page: Path) -> None:
    """`tests/….py` is a file, and what stands behind `::` a test in it."""
    for path, name in re.findall(r"`(tests/[\w/]+\.py)(?:::(\w+))?`", page.read_text()):
        assert (ROOT / path).is_file(), f"{page.name} names {path}"
        assert not name or f"def {name}(" in (ROOT / path).read_text(), f"{page.name} names {path}::{name}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_leads_somewhere(page: Path) -> None:
    """Relative links of a page lead to files of this repository."""
    for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text()):
        assert (page.parent / target).exists(), f"{page.name} links to {target}"


def test_the_readme_names_many_tests() -> None:
    """The table of promises is there: the two tests above look at something."""
    assert len(re.findall(r"`tests/[\w/]+\.py", README)) > 15


@pytest.mark.parametrize("words", sorted(set(re.findall(r"(?:`|bin/)byleave ((?:[a-z]+ ?){2,3})", README))))
def test_every_command_of_the_readme_has_help(words: str) -> None:
    """Each `byleave group command` of the README answers --help."""
    answer = CliRunner().invoke(build(), [*words.split(), "--help"])
    assert answer.exit_code == 0, answer.output


def test_every_make_target_of_the_readme_exists() -> None:
    """Each `make target` of the README is a target of the Makefile."""
    makefile = (ROOT / "Makefile").read_text()
    for target in re.findall(r"make (demo|test|bench|lint)\b", README):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE)
