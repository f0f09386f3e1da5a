"""Shorter names: the same meaning, no name that anybody else knows, and the same bytes each time."""

from __future__ import annotations

import ast
import contextlib
import io
import sys
import types
from pathlib import Path

import pytest

from agent.errors import AgentError
from agent.release import make as release
from agent.release.constants import dotted
from agent.release.identifiers import Module
from agent.release.names import Names, ShortenError
from agent.release.shorten import KEPT, PROGRAM, UNTOUCHED, shorten

FIRMWARE = Path(__file__).parents[4] / "firmware"

SOUND = """
class Sampler:
    def begin_sampling(self, interval_s):
        self._interval_s = interval_s
        return self._interval_s * 2

def sampled(sampler, times):
    return [sampler.begin_sampling(each) for each in times]
"""


def short(*texts: str, **others: str) -> tuple[dict[str, str], Names]:
    """These modules (`firmware/m0.py`, `firmware/m1.py`, …, and others by name) with shorter names."""
    sources = {f"firmware/m{number}.py": text.encode() for number, text in enumerate(texts)}
    sources |= {f"firmware/{name}.py": text.encode() for name, text in others.items()}
    out, names = shorten({"firmware/__init__.py": b"", **sources})
    return {path: text.decode() for path, text in out.items()}, names


def printed(texts: dict[str, str]) -> str:
    """What `firmware/m0.py` prints when CPython runs these modules, in a process that knows no other `firmware`."""
    before, out = dict(sys.modules), io.StringIO()
    texts = {"firmware/__init__.py": ""} | texts
    made = {path: types.ModuleType(dotted(path)) for path in texts}
    for path, module in made.items():
        module.__package__ = "firmware"
        sys.modules[dotted(path)] = module
        setattr(made["firmware/__init__.py"], dotted(path).rpartition(".")[2], module)
    made["firmware/__init__.py"].__path__ = []
    try:
        for path in sorted(texts, reverse=True):  # m0 is the last of them, and may use the others
            with contextlib.redirect_stdout(out):
                exec(compile(texts[path], path, "exec"), made[path].__dict__)  # noqa: S102 - a test's text
        return out.getvalue()
    finally:
        sys.modules.clear()
        sys.modules.update(before)


@pytest.fixture(scope="module")
def firmware() -> dict[str, bytes]:
    """The sources of all boards and parts."""
    return release.sources(FIRMWARE)


def test_names_that_the_sources_bind_alone_become_short() -> None:
    """Class, method, attribute and function are renamed; the argument that nobody passes by name is another one each time."""
    out, names = short(SOUND)
    assert {"Sampler", "begin_sampling", "_interval_s", "sampled"} <= set(names.short)
    assert (
        not {"Sampler", "begin_sampling", "_interval_s", "sampled", "interval_s", "times"}
        & Module("m", out["firmware/m0.py"].encode()).said
    )


# What keeps a name: of each the text that is added to SOUND, in which `begin_sampling` was renamed before.
REASONS = {
    "MicroPython has it": ("begin_sampling", "ioctl", ""),
    "the simulator's modules have it": ("begin_sampling", "beneath", ""),
    "a string says it": ("begin_sampling", "begin_sampling", "print(getattr(Sampler(), 'begin_sampling'))\n"),
    "a string says it among others": ("begin_sampling", "begin_sampling", "TEXT = 'begin_sampling, and more'\n"),
    "bytes say it": ("begin_sampling", "begin_sampling", "TEXT = b'begin_sampling'\n"),
    "a module has it": ("begin_sampling", "m0", ""),
    "it is an entry point": ("begin_sampling", "enrolled", ""),
    "Python calls it": ("begin_sampling", "__len__", ""),
    "it is another package's": ("begin_sampling", "begin_sampling", "from elsewhere import begin_sampling as other\n"),
    "it is another package": ("begin_sampling", "begin_sampling", "import begin_sampling\n"),
}


@pytest.mark.parametrize("reason", REASONS)
def test_a_name_that_others_know_stays(reason: str) -> None:
    """One thing is changed in sources of which the name was renamed, and it stays."""
    old, new, added = REASONS[reason]
    assert old in short(SOUND)[1].short
    out, names = short(SOUND.replace(old, new) + added)
    assert new not in names.short and f"def {new}(" in out["firmware/m0.py"]


def test_what_the_frozen_start_says_stays() -> None:
    """A name in slots.py, which outlives the release, is kept in every module; slots.py itself is not touched at all."""
    slots = b"def choose():\n    return 0\n\nclass Slot:\n    def sampled(self): pass\n"
    assert "sampled" in short(SOUND)[1].short
    out, names = shorten({"firmware/m0.py": SOUND.encode(), "slots.py": slots})
    assert "sampled" not in names.short and out["slots.py"] == slots


def test_without_the_frozen_start_nothing_that_asks_it_is_renamed() -> None:
    """A module imports `slots`: with its text all is well, without it nobody knows what to keep."""
    asking = {"firmware/m0.py": b"import slots\n\nslots.choose()\n"}
    assert shorten(asking | {"slots.py": b"def choose(): pass\n"})
    with pytest.raises(ShortenError, match=r"slots\.py"):
        shorten(asking)


@pytest.mark.parametrize("callee", ["native.call(begin_s=3)", "native.call(self, begin_s=3)"])
def test_a_keyword_of_somebody_elses_function_stays(callee: str) -> None:
    """A keyword that is no argument of ours is never renamed; one that is, is renamed in both places."""
    ours = "def call(begin_s):\n    return begin_s\n\nprint(call(begin_s=3))\n"
    out, names = short(ours)
    assert "begin_s" in names.short and printed(out) == printed({"firmware/m0.py": ours}) == "3\n"
    out, _ = short(f"import native\n\ndef other():\n    return {callee}\n")
    assert "begin_s=3" in out["firmware/m0.py"]


def test_a_keyword_that_micropython_has_too_stays() -> None:
    """`timeout` is an argument of ours and of MicroPython's, and nobody sees whose function is called."""
    _, names = short("def call(timeout_of_us):\n    return timeout_of_us\n\nprint(call(timeout_of_us=3))\n")
    assert "timeout_of_us" in names.short
    _, names = short("def call(timeout):\n    return timeout\n\nprint(call(timeout=3))\n")
    assert "timeout" not in names.short


def test_classes_of_exceptions_stay() -> None:
    """They are the first word of a crash report; a class that inherits from nothing is renamed."""
    text = "class Lonely:\n    pass\n\nclass LostError({}):\n    pass\n\nclass WorseError(LostError):\n    pass\n"
    assert {"Lonely", "LostError", "WorseError"} <= set(short(text.format("Lonely"))[1].short)
    _, names = short(text.format("Exception"))
    assert "Lonely" in names.short and not {"LostError", "WorseError"} & set(names.short)


@pytest.mark.parametrize(
    "hidden",
    ["print(f'{sampled}')\n", "from firmware.m0 import *\n", "sampled(**{'times': []})\n", "def broken(\n"],
)
def test_sources_in_which_names_are_not_seen_are_refused(hidden: str) -> None:
    """f-strings, `import *`, `**` and what is no Python: AgentError that names the module, where without them all is well."""
    assert short(SOUND, "")
    with pytest.raises(AgentError, match=r"firmware/m1\.py"):
        short(SOUND, hidden)


def test_relatives_in_two_modules_share_no_attribute() -> None:
    """A class inherits from another module's: no attribute of one is called like one of the other; of strangers many are."""
    base = "class Base:\n    def __init__(self):\n        self._first_of_base = 1\n        self._other_of_base = 2\n"
    heir = "from firmware.m0 import Base\n\nclass Heir(Base):\n    def __init__(self):\n        self._own_of_heir = 3\n"
    stranger = heir.replace("(Base)", "")
    _, names = short(base, heir)
    assert names.short["_own_of_heir"] not in (names.short["_first_of_base"], names.short["_other_of_base"])
    _, names = short(base, stranger)
    assert names.short["_own_of_heir"] in (names.short["_first_of_base"], names.short["_other_of_base"])


def test_what_is_set_from_outside_is_called_like_nothing_else() -> None:
    """An attribute that another module sets may lie on any object; without that, it shares its name with a stranger."""
    owner = "class Owner:\n    def __init__(self):\n        self.alpha_of_owner = 1\n        self.omega_of_owner = 2\n"
    within = "class Setter:\n    def change(self, owner):\n        self.marked_there = 3\n"
    marked = "class Marked:\n    def __init__(self):\n        self.marked_there = 0\n"
    outside = within.replace("self.marked_there", "owner.marked_there")
    attributes = ("alpha_of_owner", "omega_of_owner")
    _, names = short(owner, within, marked)
    assert names.short["marked_there"] in [names.short[name] for name in attributes]
    _, names = short(owner, outside, marked)
    assert names.short["marked_there"] not in [names.short[name] for name in attributes]


def test_what_is_set_on_an_object_of_micropython_stays() -> None:
    """An attribute that no class of ours has is somebody else's, though only we name it; once a class has it, it is ours."""
    text = "import tls\n\ncontext = tls.context()\ncontext.unheard_of = 3\n"
    out, names = short(text)
    assert "unheard_of" not in names.short and ".unheard_of = 3" in out["firmware/m0.py"]
    _, names = short(text + "class Ours:\n    def __init__(self):\n        self.unheard_of = 4\n")
    assert "unheard_of" in names.short


SCOPES = [
    "def outer(number):\n    def inner(number):\n        return number + 1\n    return inner(number) * 10\n\nprint(outer(2))\n",
    "def outer(number):\n    return [number + each for number in (1, 2) for each in (number, 5)]\n\nprint(outer(2))\n",
    "def outer(number):\n    def inner():\n        nonlocal number\n        number += 1\n    inner()\n    return number\n"
    "\nprint(outer(2))\n",
    "def outer(number, end=3):\n    key = 4\n    return (lambda value: (value, number, end, key))(1)\n\nprint(outer(2))\n",
    "index = 7\n\ndef outer(number):\n    return number + index\n\nprint(outer(2))\n",
    "def outer(number):\n    def number():\n        return 1\n    return number()\n\nprint(outer(2))\n",
    "def outer(first, *rest, last=4):\n    return first, rest, last\n\nprint(outer(1, 2, 3), outer(1, last=2))\n",
    "def outer(number):\n    class number:\n        step = 2\n    return number.step\n\nprint(outer(2))\n",
    "def outer(number):\n    try:\n        raise ValueError(3)\n    except ValueError"
    " as number:\n        return number.args\n\nprint(outer(2))\n",
    "def outer(number):\n    from math import floor as number\n    return number(2.5)\n\nprint(outer(2))\n",
    "class Held:\n    tens = 10\n    def times(self, number, tens=tens):\n        return number * tens\n\nprint(Held().times(3))\n",
    "counted = 0\n\ndef count(number):\n    global counted\n    counted += number\n\ncount(2)\nprint(counted)\n",
    "def outer(number):\n    yield from (number for number in range(number))\n\nprint(list(outer(3)))\n",
    "class Held:\n    @property\n    def width_mm(self):\n        return 3\n"
    "    @classmethod\n    def made_of(cls, width):\n        return cls().width_mm\n\nprint(Held.made_of(1))\n",
]


@pytest.mark.parametrize("text", SCOPES)
def test_a_program_does_the_same_whatever_its_scopes(text: str) -> None:
    """Arguments that are shadowed, closed over, declared, given again or passed by name: the same is printed."""
    before = {"firmware/m0.py": text}
    out, _ = short(text)
    assert out["firmware/m0.py"] != text
    assert printed(out) == printed(before) != ""


NUMBERS = "MOST_S = 60 * 2\nLEAST_S, BETWEEN_S = 5, MOST_S // 2 + (1 << 3)\n"
ASKS = (
    "from firmware import m1\nfrom firmware.m1 import LEAST_S\n\n"
    "def told():\n    return m1.MOST_S, LEAST_S, m1.BETWEEN_S\n\nprint(told())\n"
)


def test_a_number_stands_where_it_is_used() -> None:
    """Neither name nor import is left of it, in its own module and in others, and the same comes out."""
    out, names = short(ASKS, NUMBERS)
    assert dict(names.numbers) == {"MOST_S": 120, "LEAST_S": 5, "BETWEEN_S": 68}
    assert "import" not in out["firmware/m0.py"] and out["firmware/m1.py"].strip() == ""
    assert printed(out) == printed({"firmware/m0.py": ASKS, "firmware/m1.py": NUMBERS})


CHANGES = {
    "bound twice": "MOST_S = 3\n",
    "declared global": "def change():\n    global MOST_S\n    MOST_S = 4\n",
    "a local of the same name": "def other():\n    MOST_S = 4\n    return MOST_S\n",
    "said in a string": "TEXT = 'MOST_S'\n",
    "an attribute of something": "def other(thing):\n    return thing.MOST_S\n",
    "set from outside": "def other(thing):\n    thing.MOST_S = 5\n",
}


@pytest.mark.parametrize("change", CHANGES)
def test_what_may_change_is_no_number(change: str) -> None:
    """Of a name that was one, one thing is changed, and it stays a name with the same outcome."""
    alone = "MOST_S = 60\n"
    asks = "from firmware import m1\n\nprint(m1.MOST_S)\n"
    assert "MOST_S" in short(asks, alone)[1].numbers
    out, names = short(asks, alone + CHANGES[change])
    assert "MOST_S" not in names.numbers
    before = {"firmware/m0.py": asks, "firmware/m1.py": alone + CHANGES[change]}
    assert printed(out) == printed(before) != ""


def test_texts_of_errors_in_bytes_are_numbers_and_those_a_person_needs_are_not() -> None:
    """In `wire` a text is a number that the table gives back; of the link, or made of parts, it stays."""
    text = "from firmware.errors import WireError\n\ndef refuse():\n    raise WireError('too long by far')\n"
    out, names = short(**{"wire/part": text, "link/part": text})
    assert "WireError(1)" in out["firmware/wire/part.py"] and "'too long by far'" in out["firmware/link/part.py"]
    assert names.readable("healing: 1") == "healing: too long by far"
    assert names.readable("healing: 2") == "healing: 2"
    out, _ = short(**{"wire/part": text.replace("'too long", "'' + 'too long")})
    assert "too long by far" in out["firmware/wire/part.py"]


def test_the_same_sources_give_the_same_bytes(firmware: dict[str, bytes]) -> None:
    """Twice, in another order: the same modules and the same table."""
    first, names = shorten(firmware)
    again, other = shorten(dict(reversed(firmware.items())))
    assert first == again and names.table() == other.table()
    assert Names.read(names.table()) == names


def test_no_two_names_of_one_module_become_one(firmware: dict[str, bytes]) -> None:
    """In each module of the real firmware as many identifiers stand apart as before, wherever they can meet."""
    out, names = shorten(firmware)
    checked = 0
    for path, text in out.items():
        if path in (*UNTOUCHED, PROGRAM):
            assert text == firmware[path]
            continue
        module = Module(path, text)
        long = {name: [old for old, new in names.short.items() if new == name] for name in module.said}
        before = Module(path, firmware[path])
        for name, olds in long.items():
            here = [old for old in olds if old in before.attributes and old in before.bound_outside]
            assert len(here) <= 1, (path, name, here)
            checked += len(here)
    assert checked > 500


def test_what_starts_and_what_the_agent_types_say_nothing_that_is_renamed(firmware: dict[str, bytes]) -> None:
    """main.py, slots.py and the programs of enrolment, of agent and demo, are the same in the release's names."""
    from agent.board.typed import PROGRAMS
    from hw_sim.demo import stage

    _, names = shorten(firmware)
    for text in (*PROGRAMS, stage.INSTALL, firmware["main.py"].decode(), firmware["slots.py"].decode()):
        assert names.program(text.encode()) == text.encode()


def test_every_entry_point_is_there(firmware: dict[str, bytes]) -> None:
    """Each name of KEPT is bound in the firmware: none is kept for nothing."""
    bound = set().union(*(Module(path, text).bound | Module(path, text).stored for path, text in firmware.items()))
    assert sorted(KEPT - bound) == []


def test_every_attribute_of_an_object_that_is_kept_in_memory_is_its_own_releases() -> None:
    """A device that slept under another release does not read its objects' names: it starts as after a reset."""
    tree = ast.parse((FIRMWARE / "sleep.py").read_text())
    compared = [ast.unparse(node) for node in ast.walk(tree) if isinstance(node, ast.Compare)]
    assert "kept[0] != VERSION" in compared
