"""How the firmware starts on the simulated board."""

from __future__ import annotations

import pytest

from tests.unit.firmware.app.conftest import Rigged

pytestmark = [pytest.mark.micropython, pytest.mark.mosquitto]

PLANT = """
for place in ("/struct.py", "/lib/binascii.py"):
    try:
        import os
        os.mkdir("/lib")
    except OSError:
        pass
    with open(place, "w") as file:
        file.write("print('planted')\\nraise SystemExit")
"""


def test_no_module_comes_out_of_the_file_system(rigged: Rigged) -> None:
    """A file by the name of a built-in module is never run, on any import; the device starts and reports as always."""
    rigged.board.cut_power()
    rigged.board.execute(PLANT)
    rigged.board.power_on()
    rigged.server.permit(1)
    rigged.run(120)
    assert "planted" not in str(rigged.board.console)
    assert rigged.server.statuses and rigged.server.statuses[-1].faults == 0


def test_who_admits_it_late_hears_of_it_soon(rigged: Rigged) -> None:
    """Enrolled before its server knows it: it asks again after an eighth of the time since its start, 30 s at least, and no more
    often; once it was heard it goes back to five minutes."""
    server = rigged.server
    server.verdicts = server.with_time = False
    rigged.run(100)
    assert len(server.numbers) == 4  # at 0, and each 30 s since
    rigged.run(400)
    assert 12 <= len(server.numbers) <= 15 and server.sent == 0
    server.verdicts = server.with_time = True
    rigged.run(500 / 8 + 20)
    assert server.sent > 0
    heard = len(server.numbers)
    rigged.run(500)
    assert len(server.numbers) - heard <= 2
