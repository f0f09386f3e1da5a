"""What the monitor shows: a closed list of forms, which is what the firmware prints, and nothing that could be about a person."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.release.names import Names
from agent.release.texts import NUMBERED
from agent.said.log import _CODES, LINE_BYTES, REASONS, Line, Log
from agent.said.statuses import FAULTS, Status, faults_in_words

ROOT = Path(__file__).parents[4]
FIRMWARE = ROOT / "firmware"
STATUS = "status 2 (3601, 7, 12, 1, 3900, 4, 1, 0, 160, 61440, '0.1.0', 'ValueError sampler:1 bT', 1, 2)"


def shown(*rows: str, names: Names | None = None) -> list[str]:
    """What is shown of these lines, "" for each that is not."""
    return [line.text for line in Log(names).take("".join(row + "\r\n" for row in rows).encode())]


def errors(tree: ast.AST) -> Iterator[ast.expr]:
    """What errors are made of: the text of each."""
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Name)
            and node.func.id.endswith("Error")
            and node.args
        ):
            yield node.args[0]


def told(text: ast.expr) -> list[str]:
    """Constant pieces of a text, with * for what is not constant."""
    if isinstance(text, ast.Constant) and isinstance(text.value, str):
        return [text.value]
    if isinstance(text, ast.IfExp):
        return told(text.body) + told(text.orelse)
    if isinstance(text, ast.BinOp):
        return [left + right for left in told(text.left) for right in told(text.right)]
    return ["*"]


# Errors that are raised at enrolment alone, or caught where they are raised.
ELSEWHERE = {"enrol.py", "manifest.py", "slots.py", "drivers/nmea.py", "drivers/ubx.py", "flash/region.py"}


def test_each_reason_that_the_firmware_prints_is_known() -> None:
    """Every text of an error that may stand behind a colon on the console, found in the sources, is in the list."""
    checked = 0
    for path in sorted(FIRMWARE.rglob("*.py")):
        name = path.relative_to(FIRMWARE).as_posix()
        if name in ELSEWHERE or f"firmware/{name}".startswith(NUMBERED):
            continue
        for text in (one for found in errors(ast.parse(path.read_text())) for one in told(found)):
            if text == "*":
                continue
            form = re.compile(".+".join(map(re.escape, text.split("*"))))
            fits = any(form.fullmatch(reason) for reason in REASONS) or bool(
                _CODES.fullmatch(text.replace("*", "AT+CPIN?"))
            )
            assert fits, f"{name}: {text!r} is printed and not known to the monitor"
            checked += 1
    assert checked > 90


def test_the_firmware_prints_nothing_else() -> None:
    """A new `print` in the firmware has to be judged here, and in the monitor's list."""
    found = set()
    for path in sorted(FIRMWARE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print":
                found.add(", ".join(ast.unparse(arg) for arg in node.args))
    assert found == {
        *(
            "'status', reason, rest[:2] + rest[4:]",
            "'started', VERSION",
            "'contact'",
            "'answered'",
            "'asleep', ms // 1000",
        ),
        *("'directive', self._node.in_force.version", "'healed', keys.generation", "'settings: not saved'"),
        *("'modem: stays on'", "'file system damaged'", "'died:', text"),
        *(
            f"'{name}:', error"
            for name in ("status", "link", "healing", "update", "update refused", "beacon", "sensor", "modem")
        ),
        "'not started:', error",
        "'not started: the release built in is older than one that was confirmed'",
    }


GOOD = [
    *("started 0.1.0", "contact", "answered", "directive 7", "healed 2", "asleep 840", "settings: not saved"),
    *("link: no radio link", "link: broker refuses: user or password", "link: [Errno 113] EHOSTUNREACH", "link: 17"),
    *("sensor: temperature: no answer", "not started: settings lack wifi", "MPY: soft reboot", "file system damaged"),
    *("died: ValueError sampler:1 bT", "died: Watchdog", "modem: modem silent: AT+CPIN?", "modem: modem refuses AT"),
    *("beacon: memory allocation failed, allocating 1024 bytes", "healing: no generation is left"),
    "link: (-9984, 'MBEDTLS_ERR_X509_CERT_VERIFY_FAILED')",
]


@pytest.mark.parametrize("line", GOOD)
def test_what_byleave_says_is_shown(line: str) -> None:
    """As it is."""
    assert shown(line) == [line]


@pytest.mark.parametrize(
    "line",
    [
        "$GNGGA,092725.00,4717.11399,N,00833.91590,E,1,08,1.01,499.6,M,48.0,M,,*45",
        "47.2852332 8.5652650",
        "(1710000000, 472852332, 85652650, 1200, 13800, 9000000, 3, 9)",
        "started 47.28,8.56",
        "started 0.1.0 at 8 o'clock",
        "contact 47.2852",
        "directive ٤٧٢٨",
        "link: [Errno 472852]",
        "asleep 472852",
        "died: depot",
        "died: ValueError 47.2852332:1 8.5652",
        "died: ValueError x472852332:1 take",
        "status ٢" + STATUS[8:],
        "directive 7 47.2852332",
        "directive 47285233285652650",
        "asleep 84.5",
        "healed 472852332",
        "link: 472852332",
        "link: at home",
        "link: no radio link at 47.28",
        "sensor: 21",
        "sensor: temperature: 21.4",
        "sensor: [Errno 214]",
        "light: 300 lx",
        "died: ValueError sampler:1 bT: invalid syntax for number: 47.2852",
        "status: fix at 47.2852",
        "modem: modem refuses AT+CGNSINF=47.28",
        "not started: hello",
        "",
        "\x1b[2J started 0.1.0",
        "started 0.1.0\x1b[2J",
        STATUS.replace("3601", "47.2852332"),
        STATUS.replace("3601", "-4"),
        STATUS.replace("3601", "True"),
        STATUS.replace("'0.1.0'", "'47.28 8.56'"),
        STATUS.replace(", 2)", ", 2, 472852332)"),
        STATUS.replace("3601, ", ""),
        STATUS.replace("3601", "472852332000"),
        STATUS + " 47.2852",
    ],
)
def test_what_could_be_about_a_person_is_not_shown(line: str) -> None:
    """Values, positions, words that are none of ours, and lines of ours with something more: none is shown, each is counted."""
    assert shown(STATUS)[0].startswith("status: ")
    assert shown(line) == ([""] if line else [])


def test_a_status_in_words() -> None:
    """Every field that wire-format section 5 has and that is the device's own business."""
    (line,) = Log().take(STATUS.encode() + b"\n")
    assert line.text == (
        "status: heartbeat after 3601 s; start 12 (power on); byleave 0.1.0; directive 7; 4 in the spool, 1 given up; "
        "battery 3900 mV; faults: the time is not trusted, the temperature sensor fails; update on trial; "
        "crashed before: ValueError sampler:1 bT"
    )
    assert line.status is not None and line.status.facts()["heap"] == 61440
    secret = Status.read(STATUS.replace("sampler:1 bT", "at 47.28 8.56"))
    assert secret is not None and secret.crash == "in a form that is not shown"


def test_faults_are_those_of_the_wire_format() -> None:
    """One word for each bit of `faults`, and a number for one that is new."""
    section = (ROOT / "docs" / "wire-format.md").read_text(encoding="utf-8")
    [row] = [line for line in section.splitlines() if line.startswith("| faults | bits:")]
    bits = [int(bit) for bit in re.findall(r"(?:bits:|,) (\d+) ", row)]
    assert bits == [1 << n for n in range(len(FAULTS))]
    assert faults_in_words(1 | 4096) == [FAULTS[0], FAULTS[12]]
    assert faults_in_words(1 << 15) == ["fault 32768"]


TRACE = (
    "Traceback (most recent call last):",
    '  File "sampler", line 1, in bT',
    '  File "/main.py", line 31, in <module>',
)
NAMES = Names({}, {}, {"sampler": {"bT": "_take"}}, {"aZ": "RefusedError"}, {"17": "tag does not verify"})


def test_tracebacks_keep_their_message_to_themselves() -> None:
    """Rows of frames are shown; a message that is none of ours may quote what was sensed; with names, in the sources' words."""
    hidden = "ValueError: (its message is not shown)"
    assert shown(*TRACE, "ValueError: invalid syntax for integer with base 10: '47.2852'") == [*TRACE, hidden]
    assert shown(*TRACE, "KeyError: 472852332")[-1] == "KeyError: (its message is not shown)"
    assert shown(*TRACE, "MemoryError: memory allocation failed, allocating 512 bytes")[-1].endswith("512 bytes")
    assert shown(*TRACE, "LinkError: connection lost", "contact")[-2:] == ["LinkError: connection lost", "contact"]
    assert shown(*TRACE, "47.2852", "contact")[-2:] == ["", "contact"]
    assert shown("ValueError: 47.2852") == [""]  # without a traceback before it
    named = shown(*TRACE, "aZ: 17", "link: 17", "died: ValueError sampler:1 bT", names=NAMES)
    assert named[1] == '  File "sampler", line 1, in _take'
    assert named[3:] == [
        "RefusedError: tag does not verify",
        "link: tag does not verify",
        "died: ValueError sampler:1 _take",
    ]


@pytest.mark.parametrize(
    "row",
    [
        '  File "47.2852332", line 1, in bT',
        '  File "sampler", line 1, in lat47.2852332',
        '  File "n472852", line 1, in bT',
        '  File "sampler", line ٤٧, in bT',
        "depot",
        "abcdefghijklmnop: 5",
        "\x1b[2JValueError: 5",
    ],
)
def test_a_traceback_says_no_number_and_no_name_of_anybody(row: str) -> None:
    """A position in the place of a name, a network's or a device's name where a class should be, also behind a torn end."""
    assert shown(*TRACE[:2], row) == [*TRACE[:2], ""]
    assert shown(TRACE[0], '  File "drivers/sim7080g", line 12, in <module>', "UnicodeError")[1:] != ["", ""]


def test_a_version_of_another_form_is_not_shown() -> None:
    """Sixteen letters may be a device's name, two numbers a place; that something has started is known all the same."""
    for other in ("abcdefghijklmnop", "47.2852332", "47.28", "47.2852332.1"):
        log = Log()
        (line,) = log.take(f"started {other}\n".encode())
        assert (line.text, log.enrolled) == ("started in a form that is not shown", True)
        (line,) = log.take(STATUS.replace("'0.1.0'", f"'{other}'").encode() + b"\n")
        assert line.status is not None and "byleave in a form that is not shown;" in line.text
    assert shown("started 10.2.33-rc.1", "started 0.1.0") == ["started 10.2.33-rc.1", "started 0.1.0"]


def test_what_never_ends_takes_no_memory() -> None:
    """Ten million bytes without a newline, in pieces and at once: one line that is not shown, and nothing is kept."""
    log = Log()
    found = [line for _ in range(2500) for line in log.take(b"47.2" * 1024)]
    assert [len(line.raw) for line in found] == [LINE_BYTES] and found[0].text == ""
    assert len(log._rest) <= LINE_BYTES
    assert [line.text for line in log.take(b"5\ncontact\n")] == ["contact"]


def test_names_of_a_file_move_no_terminal() -> None:
    """Whoever made it."""
    names = Names({}, {}, {"sampler": {"bT": "\x1b[2J"}}, {"aZ": "\x1b]0;x\x07"}, {})
    assert all(row.isprintable() and row for row in shown(*TRACE, "aZ", names=names))


def test_a_traceback_has_an_end() -> None:
    """Its rows are bounded: what goes on for ever under its head is judged as any other line."""
    rows = shown(TRACE[0], *[TRACE[1]] * 60)
    assert rows.count("") == 20


def test_prompts_are_left_out() -> None:
    """What MicroPython says of itself is neither shown nor counted as somebody else's."""
    banner = "MicroPython v1.29.0 on 2026-07-05; Generic ESP32S3 module with ESP32S3"
    assert shown(banner, 'Type "help()" for more information.', ">>> ", ">>> contact") == ["contact"]


def test_pieces_of_any_size_give_the_same_lines() -> None:
    """A port gives bytes as they come."""
    data = "".join(row + "\r\n" for row in [*GOOD, STATUS, *TRACE, "ValueError: 47.2", "47.2852"]).encode()
    whole = Log().take(data)
    for size in (1, 7, 64):
        log, found = Log(), list[Line]()
        for at in range(0, len(data), size):
            found += log.take(data[at : at + size])
        assert found == whole


def test_lines_without_an_end_are_dropped() -> None:
    """Noise is one line that is not ours, takes no memory, and the next line is heard again."""
    log = Log()
    found = [line for _ in range(100) for line in log.take(b"\xb5b" * LINE_BYTES)]
    assert [line.text for line in found] == [""]
    assert [line.text for line in log.take(b"rest\r\ncontact\r\n")] == ["contact"]
    assert [line.text for line in log.take(b"x" * (LINE_BYTES + 1) + b"\ncontact\n")] == ["", "contact"]


def test_what_the_board_says_of_itself_is_noted() -> None:
    """Whether it is somebody's device: known from its own words, and forgotten with the cable."""
    log = Log()
    assert log.enrolled is None
    log.take(b"not started: not enrolled\n")
    assert log.enrolled is False
    log.take(b"started 0.1.0\n")
    assert log.enrolled is True
    log.cut()
    assert log.enrolled is None
