"""The AT commands of the simulated SIM7080G: what it understands, and what it answers."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING

from hw_sim.errors import NotSimulated

if TYPE_CHECKING:
    from hw_sim.chips.sim7080g import Sim7080g

GUARD_US = 1_000_000  # around +++
ANSWER_US = 20_000  # estimate
SLOW_US = {"CFUN": 800_000, "D": 700_000, "H": 500_000, "CPIN": 300_000}  # estimates
LINE_LIMIT = 556  # characters of a command line, AT Command Manual 1.4
#: Commands of the manual that nothing here stands for; others end in ERROR, as the modem's do.
ABSENT = (
    "CSCLK",
    "CNACT",
    "CAOPEN",
    "CGNSPWR",
    "SMCONN",
    "CNTP",
    "SGNSCMD",
    "CMUX",
    "CGSN",
    "GSN",
    "CPSI",
    "CENG",
    "COPS",
    "CSQ",
    "CCID",
    "CIMI",
    "CGREG",
    "CREG",
)
PERIOD_S = (600, 3_600, 36_000, 2, 30, 60, 1_152_000)
ACTIVE_S = (2, 60, 360)


def known(command: str) -> str | None:
    """The name under which `fault.refuse` has a command, "CPSMS" of "+CPSMS" or "AT+CPSMS"; None for one not answered here."""
    found = re.fullmatch(r"(?:AT)?\+?([A-Z]+)", command.strip().upper())
    return found[1] if found and found[1] in COMMANDS else None


class Words:
    """The command interpreter of one modem. `online`: in data mode, where nothing but the escape sequence is heard."""

    def __init__(self, modem: Sim7080g) -> None:
        self._modem = modem
        self.online = False
        self.reset()

    def reset(self) -> None:
        """As after power-on."""
        self.online, self._echo, self._verbose, self._cereg = False, True, 0, 0
        self._heard = b""
        self._last_us = -GUARD_US
        self._escape: object = None

    def hear(self, data: bytes) -> None:
        """Bytes from the board."""
        now_us, silent_us = self._modem.now_us, self._modem.now_us - self._last_us
        self._last_us = now_us
        if self.online:
            self._escape = None
            if data == b"+++" and silent_us >= GUARD_US:
                self._escape = mark = object()
                self._modem.later(GUARD_US, lambda: self._escaped(mark))
            return
        if self._echo:
            self._modem.echo(data)
        for byte in data:
            if byte == 13:
                line, self._heard = self._heard, b""
                self._line(line.decode("ascii", "replace").strip())
            elif len(self._heard) < LINE_LIMIT:
                self._heard += bytes((byte,))

    def _escaped(self, mark: object) -> None:
        if self._escape is mark and self._modem.call:
            self.online = False
            self._modem.say("OK")

    def _line(self, line: str) -> None:
        # What went before "AT" on the line is noise, as after a change of speed.
        at = line.upper().find("AT")
        if at < 0:
            return
        command = line[at + 2 :]
        self._modem.heard.append(line[at:])
        name = re.findall(r"^\+?([A-Z]*)", command.upper())[0]
        self._modem.later(SLOW_US.get(name, ANSWER_US), lambda: self._answer(name, command))

    def _answer(self, name: str, command: str) -> None:
        modem = self._modem
        if name in ABSENT:
            raise NotSimulated(f"sim7080g: AT{command}")
        handler: Callable[[str], list[str] | str] | None = getattr(self, f"_at_{name.lower() or 'nothing'}", None)
        if handler is None or (name and modem.fault.refuse == name):
            modem.say("ERROR")
            return
        answer = handler(command)
        if isinstance(answer, str):  # why not
            modem.say(f"+CME ERROR: {answer}" if self._verbose and answer else "ERROR")
        elif answer != [""]:
            modem.say(*answer, "OK")

    # --- one command each: lines before OK, [""] for neither, or as a text why not

    def _at_nothing(self, command: str) -> list[str] | str:
        return [] if not command else ""

    def _at_e(self, command: str) -> list[str]:
        self._echo = command.upper() != "E0"
        return []

    def _at_h(self, command: str) -> list[str]:
        self._modem.hang_up()
        return []

    def _at_d(self, command: str) -> list[str] | str:
        if command not in ("D*99#", "D*99***1#"):
            return ""
        if not self._modem.dial():
            self._modem.say("NO CARRIER")
            return [""]
        self._modem.say("CONNECT 150000000")
        self.online = True
        return [""]

    def _at_cgmm(self, command: str) -> list[str]:
        return [self._modem.fault.model]

    def _at_cmee(self, command: str) -> list[str] | str:
        if command not in ("+CMEE=0", "+CMEE=1", "+CMEE=2"):
            return ""
        self._verbose = int(command[-1])
        return []

    def _at_cpin(self, command: str) -> list[str] | str:
        modem, sim = self._modem, self._modem.sim
        if not sim.present:
            return "SIM not inserted"
        if not (modem.functional and modem.sim_ready):
            return "SIM busy" if modem.functional else "operation not allowed"
        if command == "+CPIN?":
            return [f"+CPIN: {modem.sim_state}"]
        given = re.fullmatch(r'\+CPIN="?(\d{4,8})"?', command)
        if given is None or modem.sim_state != "SIM PIN":
            return "operation not allowed"
        return self._try_pin(given[1])

    def _try_pin(self, pin: str) -> list[str] | str:
        modem, sim = self._modem, self._modem.sim
        modem.counts["PINs tried"] += 1
        if pin != sim.pin:
            sim.tries -= 1
            return "incorrect password"
        sim.tries, modem.unlocked = 3, True
        modem.search()
        return []

    def _at_cfun(self, command: str) -> list[str] | str:
        if command not in ("+CFUN=0", "+CFUN=1"):
            return ""
        modem = self._modem
        modem.functional = command[-1] == "1"
        if not modem.functional:
            modem.unlocked = False
            modem.say("+CPIN: NOT READY")
        modem.search()
        return []

    def _saved(self, command: str, name: str, pattern: str) -> list[str] | str:
        """A number that the modem keeps."""
        if command == f"+{name}?":
            return [f"+{name}: {self._modem.kept[name]}"]
        given = re.fullmatch(rf"\+{name}=({pattern})", command)
        if given is None:
            return "operation not allowed"
        self._modem.kept[name] = given[1]
        self._modem.counts["settings written"] += 1
        return []

    def _at_cnmp(self, command: str) -> list[str] | str:
        return self._saved(command, "CNMP", "2|13|38|51")

    def _at_cmnb(self, command: str) -> list[str] | str:
        return self._saved(command, "CMNB", "[123]")

    def _at_cgdcont(self, command: str) -> list[str] | str:
        kept = self._modem.kept
        if command == "+CGDCONT?":
            return [f'+CGDCONT: 1,"IP","{kept["APN"]}","0.0.0.0",0,0,0,0', '+CGDCONT: 2,"IPV4V6","ims","",0,0,0,0']
        given = re.fullmatch(r'\+CGDCONT=1,"IP","([^"]*)"', command)
        if given is None:
            return "operation not allowed"
        kept["APN"] = given[1]
        self._modem.counts["settings written"] += 1
        return []

    def _at_cereg(self, command: str) -> list[str] | str:
        if command == "+CEREG?":
            where = ',"1A2B","0C3D4E5F",7' if self._cereg >= 2 else ""
            return [f"+CEREG: {self._cereg},{self._modem.registration}{where}"]
        if command not in ("+CEREG=0", "+CEREG=1", "+CEREG=2", "+CEREG=4"):
            return "operation not allowed"
        self._cereg = int(command[-1])
        return []

    def _at_cpsms(self, command: str) -> list[str] | str:
        kept, before = self._modem.kept, self._modem.kept["CPSMS"][0]
        if command == "+CPSMS=0":
            command += kept["CPSMS"][1:]
        answer = self._saved(command, "CPSMS", r'[01],,,"[01]{8}","[01]{8}"')
        if before != kept["CPSMS"][0]:
            self._modem.ask_psm(kept["CPSMS"][0] == "1")
        return answer

    def timers(self) -> tuple[int, int]:
        """Active time and period that were asked for, in s (3GPP TS 24.008, tables 10.5.163 and 10.5.163a)."""
        period, active = re.findall(r'"([01]{8})"', self._modem.kept["CPSMS"])
        units = int(period[:3], 2), int(active[:3], 2)
        if units[0] == 7 or units[1] > 2:
            return 0, 0
        return ACTIVE_S[units[1]] * int(active[3:], 2), PERIOD_S[units[0]] * int(period[3:], 2)

    def _at_cpsmrdp(self, command: str) -> list[str]:
        asked, granted = self.timers(), self._modem.timers_s
        mode = self._modem.kept["CPSMS"][0]
        return [f"+CPSMRDP: {mode},{asked[0]},{asked[1]},{granted[0]},{granted[1]},3240"]

    def _at_cedrxs(self, command: str) -> list[str] | str:
        kept = self._modem.kept
        if command == "+CEDRXS?":
            return [f"+CEDRXS: {kept['CEDRXS']}"] if kept["CEDRXS"] else ""
        if command == "+CEDRXS=0":
            kept["CEDRXS"] = ""
            return []
        given = re.fullmatch(r'\+CEDRXS=1,(4,"[01]{4}")', command)
        if given is None:
            return "operation not allowed"
        kept["CEDRXS"] = given[1]
        self._modem.counts["settings written"] += 1
        return []

    def _at_cedrxrdp(self, command: str) -> list[str]:
        asked = self._modem.kept["CEDRXS"]
        if not self._modem.edrx_ms:
            return ["+CEDRXRDP: 0"]
        return [f'+CEDRXRDP: {asked},{asked.partition(",")[2]},"0011"']  # paging window 5.12 s

    def _at_cpowd(self, command: str) -> list[str] | str:
        if command != "+CPOWD=1":
            return ""
        self._modem.leave()
        return [""]


#: All that it answers, by name.
COMMANDS = tuple(
    name.removeprefix("_at_").upper() for name in vars(Words) if name.startswith("_at_") and name != "_at_nothing"
)
