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
