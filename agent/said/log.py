"""What a device says on its console, and what of it is shown: a closed list, and nothing else.

The firmware prints nothing about a person. But a board may run another program, a driver may one day say what it read, and a
traceback quotes what it failed at. So a line is shown only if its form, and every word of it, is one of these here; the rest is
counted.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from agent.release.names import Names
from agent.said.statuses import CLASS, Status, is_crash, is_name, is_release, release_shown

LINE_BYTES = 300  # the longest of a device, its status, has some 150; what is longer is none of its lines
TRACE_ROWS = 40  # of one traceback: MicroPython's stack is shallower

_NAMES = ("temperature", "light", "motion")
_REASONS = """
not enrolled|unknown board in the settings|no radio for random bytes|file system over the raw regions: byleave's build is needed
no partition bl_keys|no partition bl_rules|no partition bl_spool|no region keys|no region rules|no region spool
light: every address answers|light: no BH1750|light: no VEML7700|temperature: no SHT4x|temperature: no TMP117|motion: no LIS2DH12
motion: interrupt without a source|motion: source out of range|temperature: wrong checksum|temperature: out of range
motion: configuration not as written|temperature: configuration not as written|light: configuration not as written
receiver is off|receiver gives no solution|receiver does not answer|receiver does not acknowledge its configuration
protocol is ubx or nmea|receiver has no CFG-VALSET|receiver refuses its configuration|parts|no driver for this part
no such timer|no such cycle|modem does not answer|SIM takes no PIN|no SIM|modem does not hang up|modem is another
modem does not connect|SIM is locked|network is another's, and roaming not wanted|network denies registration|no network
SIM refuses the PIN|no PPP|PPP does not start|no memory for the modem|SIM wants a PIN
PIN was tried before, a new enrolment tells another|psm is [period in s, active time in s]|psm would never begin
psm goes without pin, and without a link that stays|settings: no modem on this board|settings: chip of modem
settings: apn of modem|settings: pin of modem|settings: roaming of modem|settings name no board|settings: two ways
settings lack broker|settings lack wifi|settings: tls goes with ca|settings: ca of the broker|settings: baudrate of serial
settings: user of the broker|settings: password of the broker|settings: parts|settings: battery
first packet is no CONNACK|second CONNACK|string too long for MQTT|packet too long|reserved flags set|unexpected packet
CONNACK length|CONNACK flags|PUBLISH flags|PUBLISH length|PUBLISH topic|packet identifier 0|malformed acknowledgement
broker refuses the subscription|SUBACK code|PINGRESP length|no CA certificate|no memory for TLS|not connected
broker refuses: protocol version|broker refuses: client identifier|broker refuses: unavailable|broker refuses: user or password
broker refuses: not authorised|broker refuses: unknown reason|the gateway has no broker|radio does not start|no radio link
no connection to the broker|connection closed by the broker|no address for the broker|connection lost
no CONNACK|cancelled|no acknowledgement from the broker|broker takes no bytes|broker is silent|a downlink was not carried out
no memory for what the broker sends|shared secret is not contributory|the store is in another epoch
spent: no counter left in this epoch|epoch falls, or leaps too far|no generation is left
downlink number was used, or lies too far ahead|another downlink was opened last|frozen for a deep sleep
downlink of another generation|too many downlinks from far ahead|longer than all others|batch is not read back
"""
_OF_CHIPS = ("no power", "no answer", "bus is held", "command not acknowledged", "does not finish")
_OF_MODEMS = ("psm is [period in s, active time in s]", "psm would never begin", "no such timer", "no such cycle")
REASONS = frozenset(
    [text for row in _REASONS.split("\n") for text in row.split("|") if text]
    + [f"{name}: {text}" for name in _NAMES for text in _OF_CHIPS]
    + [f"settings of modem: {text}" for text in (*_OF_MODEMS, "psm goes without pin, and without a link that stays")]
)
# What a release says by its number in `names.json`, an error of the system, of TLS, of the heap, or of a command to the modem.
_CODES = re.compile(
    r"\d{1,3}|\[Errno -?\d{1,5}\]( E[A-Z]{2,15})?|\(-?\d{1,5}, '[A-Z][A-Z0-9_+ ]{0,80}'\)"
    r"|memory allocation failed(, allocating \d{1,7} bytes|, heap is locked)?|modem (refuses|silent:) AT[+*]?[A-Z?*#0-9]{0,10}",
    re.ASCII,
)
_BEFORE = ("not started", "status", "link", "healing", "update", "update refused", "sensor", "modem", "beacon")
_WHOLE = frozenset(
    (
        *("contact", "answered", "settings: not saved", "modem: stays on", "file system damaged", "MPY: soft reboot"),
        "not started: the release built in is older than one that was confirmed",
    )
)
_VALUES = re.compile(r"directive \d{1,10}|healed \d{1,5}|asleep \d{1,5}", re.ASCII)
_DIED = "died: "
_QUIET = re.compile(r'(>>> ?)*(MicroPython v[^;]{1,60}; .{1,60}|Type "help\(\)" for more information\.)?')
_TRACE = "Traceback (most recent call last):"
_ROW = re.compile(r'  File "([\w./<>]{1,40})", line \d{1,5}, in ([\w<>.]{1,40})', re.ASCII)
_END = re.compile(rf"({CLASS})(: (.*))?")

STARTED, NOT_ENROLLED = "started ", "not started: not enrolled"


@dataclass(frozen=True)
class Line:
    """One line: `text` as it may be shown, "" for what may not; `raw` is what came. `status`: what it says, if it is one."""

    text: str
    raw: str
    status: Status | None = None


class Log:
    """Lines out of what a console says, in pieces of any size; `names` puts the sources' names into tracebacks."""

    def __init__(self, names: Names | None = None) -> None:
        self._names = names
        self._rest = b""
        self._drops = False  # within a line that is too long
        self._trace = 0  # rows that a traceback may still have
        self.enrolled: bool | None = None  # what the board has said of itself

    def take(self, data: bytes) -> list[Line]:
        """What is complete now; prompts and what MicroPython says of itself are left out."""
        found = []
        *whole, self._rest = (self._rest + data).split(b"\n")
        for row in whole:
            if not self._drops:
                line = self._judged(row)
                if line is not None:
                    found.append(line)
            self._drops = False
        if len(self._rest) > LINE_BYTES:  # its end is not waited for
            if not self._drops:
                found.append(Line("", self._rest[:LINE_BYTES].decode("utf-8", "replace")))
            self._rest, self._drops = b"", True
        return found

    def cut(self) -> None:
        """The cable was pulled: nothing of before counts."""
        self._rest, self._drops, self._trace, self.enrolled = b"", False, 0, None

    def _judged(self, row: bytes) -> Line | None:
        text = row.decode("utf-8", "replace").rstrip("\r")
        if len(row) > LINE_BYTES:
            return Line("", text[:LINE_BYTES])
        if self._trace:
            shown = self._traced(text)
            if shown is not None:
                return Line(shown, text)
        text = text.removeprefix(">>> ")
        return None if _QUIET.fullmatch(text) else self._begun(text)

    def _begun(self, text: str) -> Line:
        status = Status.read(text)
        if status is not None:
            return Line(status.sentence(), text, status)
        if text == _TRACE:
            self._trace = TRACE_ROWS
            return Line(text, text)
        if not _is_known(text):
            return Line("", text)
        self._note(text)
        version = text.removeprefix(STARTED)
        return Line(self._named(text) if version == text else STARTED + release_shown(version), text)

    def _traced(self, text: str) -> str | None:
        """A row of a traceback, or its last line; None for what is neither."""
        self._trace -= 1
        row = _ROW.fullmatch(text)
        if row and is_name(row[1]) and is_name(row[2]):
            return self._named(text)
        self._trace = 0
        end = _END.fullmatch(text)
        if end is None:
            return None
        kind, _, message = end.groups()
        if not message or message in REASONS or _CODES.fullmatch(message):
            return self._named(text)
        return self._named(kind) + ": (its message is not shown)"  # it may quote what was sensed

    def _named(self, text: str) -> str:
        if self._names is None:
            return text
        head, died, rest = text.partition("died: ")
        named = head + died + self._names.readable(rest) if died else self._names.readable(text)
        return "".join(char if char.isprintable() else " " for char in named)  # whoever made the file of names

    def _note(self, text: str) -> None:
        if text == NOT_ENROLLED:
            self.enrolled = False
        elif text.startswith(STARTED):
            self.enrolled = True


def shown(said: str) -> str:
    """Of what a board has said at its start, in one line as Console.restart gives it, what may be shown."""
    rows = said.replace("  ", "\n") + "\n"
    return "; ".join(line.text for line in Log().take(rows.encode()) if line.text)


def _is_known(text: str) -> bool:
    if text in _WHOLE or _VALUES.fullmatch(text):
        return True
    if text.startswith(STARTED):
        return is_release(text.removeprefix(STARTED))
    if text.startswith(_DIED):
        return is_crash(text.removeprefix(_DIED))
    before, colon, reason = text.partition(": ")
    if not colon or before not in _BEFORE:
        return False
    if before == "sensor":  # nothing of a sensor in numbers
        return reason in REASONS
    return reason in REASONS or _CODES.fullmatch(reason) is not None
