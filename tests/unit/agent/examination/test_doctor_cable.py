"""The doctor on a bad cable: no part is blamed for what never came to it, and the board is left in order all the same."""

from __future__ import annotations

import json

import pytest

from agent.board import programs, typed
from agent.errors import Garbled
from agent.examination import chip, doctor, sensors, storage
from agent.examination.doctor import Wish
from agent.examination.findings import BOARD, OK, WRONG, Device
from tests.unit.agent.examination.test_doctor import HERE, FakeConsole


@pytest.fixture
def plugged(monkeypatch: pytest.MonkeyPatch) -> dict[str, FakeConsole]:
    """`there["port"]` is what the doctor finds."""
    there: dict[str, FakeConsole] = {}
    monkeypatch.setattr(doctor, "Console", lambda port: there[port])
    return there


class Cable(FakeConsole):
    """One that changes a byte of the first `times` programs that hold `mark`, on a board that is well."""

    def __init__(self, mark: str, times: int, says: str = "") -> None:
        known = json.dumps(["esp32s3", False, 0, {}])
        super().__init__({**HERE, "holds": "", chip.MEMORY: "[150000, 1000]", BOARD + doctor.KNOWN: known})
        self._mark, self._times, self._says_else = mark, times, says

    def run(self, code: str) -> str:
        if self._mark in code and self._times:
            self._times -= 1
            self.done.append("garbled")
            if self._says_else:
                return self._says_else
            raise Garbled("port: what the board heard came garbled")
        return super().run(code)

    def hold(self) -> None:
        self.run("holds")
        super().hold()


@pytest.mark.parametrize("says", ["", "no JSON"], ids=["heard", "said"])
@pytest.mark.parametrize(
    "mark",
    ["holds", programs.REACH, chip.IDENTITY, doctor.KNOWN, chip.MEMORY, typed.WIPE],
    ids=["hold", "reach", "identity", "known", "memory", "wipe"],
)
def test_one_byte_that_the_cable_changes_changes_no_finding(
    mark: str, says: str, plugged: dict[str, FakeConsole]
) -> None:
    """Whatever it hits is asked once more: the findings are those of a good cable."""
    plugged["port"] = Cable(mark, 0)
    well = doctor.examine("port", Wish(quick=True))
    assert {"memory", "board"} <= {finding.part for finding in well if finding.state == OK}
    plugged["port"] = board = Cable(mark, 1, says)
    assert doctor.examine("port", Wish(quick=True)) == well
    assert "garbled" in board.done and board.done[-2:] == ["started", "closed"]


def test_a_bad_cable_is_a_finding_of_its_own(plugged: dict[str, FakeConsole]) -> None:
    """No part is blamed for what never came to it, and no finding above is named where there is none."""
    plugged["port"] = Cable(chip.MEMORY, 2)
    (found,) = (each for each in doctor.examine("port", Wish(quick=True)) if "about memory" in each.seen)
    assert (found.part, found.state) == ("cable", WRONG) and "another cable" in found.do
    plugged["port"] = Cable(doctor.KNOWN, 2)
    found = next(each for each in doctor.examine("port", Wish(quick=True)) if "about device" in each.seen)
    assert (found.part, found.state) == ("cable", WRONG) and "above" not in found.do


def test_a_sensor_is_called_another_once_it_has_answered_so_twice() -> None:
    """One digit that the cable changed asks another address, or a register of another meaning."""
    name = next(each for each, part in sensors.FITTED.items() if sensors.CHIPS[part].mask)
    chip = sensors.CHIPS[sensors.FITTED[name]]
    right, other = json.dumps(["says", chip.value]), json.dumps(["says", chip.value ^ chip.mask])

    class Answers(FakeConsole):
        def run(self, code: str) -> str:
            return answers.pop(0)

    for answers, state in (([right], OK), ([other, right], OK), ([other, other], WRONG)):
        (found,) = doctor._sensor(Answers({}), Device("esp32s3", enrolled=False), name)
        assert (found.state, answers) == (state, [])


def test_the_findings_above_are_named_where_there_are_some() -> None:
    """A board that cannot say whether it is a device, behind logs that are well, and behind logs that are not."""
    well = FakeConsole({**HERE, BOARD + storage.LOGS: "[[2, 0, 0, 0], [2, 0, 0, 0]]"})
    device = next(each for each in doctor.examined(well, Wish(quick=True), 0) if each.part == "device")
    assert device.state == WRONG and "reset button" in device.do
    device = next(each for each in doctor.examined(FakeConsole(HERE), Wish(quick=True), 0) if each.part == "device")
    assert device.do == "the findings above say why"


def test_a_board_that_stays_garbled_is_started_all_the_same(plugged: dict[str, FakeConsole]) -> None:
    """The error says so, and the board does not stay at its prompt with its supplies on."""
    plugged["port"] = board = Cable(typed.WIPE, 2)
    with pytest.raises(Garbled):
        doctor.examine("port", Wish(quick=True))
    assert board.done[-2:] == ["started", "closed"]
    plugged["port"] = board = Cable(programs.REACH, 2)
    with pytest.raises(Garbled):
        doctor.examine("port", Wish(quick=True))
    assert board.done[-4:] == ["unpowered", "wiped", "started", "closed"]
