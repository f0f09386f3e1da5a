"""What the architecture page says there is, is there; and every room of the code stands on it."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "architecture.md").read_text()
PACKAGES = ("firmware", "agent", "hw_sim", "cloud_sync")
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
_FILE = re.compile(r"(?<![\w/.])([\w*/{},]+\.(?:py|toml))\b")


def _map(package: str) -> list[str]:
    """The lines of a package's map, without its first."""
    found = re.search(rf"^```\n{package}/\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    assert found, package
    return found[1].splitlines()


def _named(package: str) -> Iterator[tuple[Path, str]]:
    """Each file that the map names, with the folder whose entry names it."""
    folder = ROOT / package
    for line in _map(package):
        entry = re.match(r"  (?! )([\w.]+)(/?)", line)
        if entry is not None:
            folder = ROOT / package / entry[1] if entry[2] else ROOT / package
        for name in _FILE.findall(line):
            yield folder, name


def _is_there(folder: Path, name: str) -> bool:
    """In the folder of its entry, or from the package's root, or from the repository's; `*` and `{a,b}` are patterns."""
    inner = re.search(r"\{(.*?)\}", name)
    names = [name.replace(inner[0], each) for each in inner[1].split(",")] if inner else [name]
    return all(any(any(root.glob(each)) for root in (folder, folder.parent, ROOT)) for each in names)


@pytest.mark.parametrize("package", PACKAGES)
def test_every_file_of_the_map_exists(package: str) -> None:
    """A module that moved is named where it went."""
    named = list(_named(package))
    assert len(named) > 20
    gone = [f"{folder.relative_to(ROOT)}: {name}" for folder, name in named if not _is_there(folder, name)]
    assert gone == []


@pytest.mark.parametrize("package", PACKAGES)
def test_every_room_stands_on_the_map(package: str) -> None:
    """Each folder with code in it, one level below the package."""
    rooms = {path.parent.name for path in (ROOT / package).glob("*/__init__.py")}
    told = set(re.findall(r"([a-z_]+)/", "\n".join(_map(package))))
    assert len(rooms) > 4
    assert rooms - told == set()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_path_that_a_page_names_exists(page: Path) -> None:
    """What stands in backticks and begins with a folder of the repository is a file or a folder of it."""
    tops = "|".join((*PACKAGES, "tests", "docs", "examples"))
    for path in re.findall(rf"`((?:{tops})/[\w./*-]+)`", page.read_text()):
        assert any(ROOT.glob(path.rstrip("/"))), f"{page.name} names {path}"


@pytest.mark.parametrize(
    "contract", ["layers of cloud_sync", "layers of agent", "what stages runs stands above the simulated machine"]
)
def test_the_layers_of_the_page_are_those_that_are_enforced(contract: str) -> None:
    """As import-linter has them."""
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    [layers] = [each["layers"] for each in contracts if each["name"] == contract]
    assert len(layers) > 4
    assert f"`{' > '.join(layers)}`" in PAGE


def test_every_decision_stands_in_the_index() -> None:
    """With its number, its file and its own title, in order."""
    folder = ROOT / "docs" / "decisions"
    pages = sorted(folder.glob("[0-9]*.md"))
    titles = [(page.name, page.read_text().splitlines()[0].removeprefix("# ")) for page in pages]
    listed = re.findall(r"^- \[(.+)\]\((.+)\)$", (folder / "README.md").read_text(), re.MULTILINE)
    assert len(pages) > 30
    assert [(name, title) for title, name in listed] == titles
