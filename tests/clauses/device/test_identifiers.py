"""Numbers that tell of a person indirectly are personal, wherever a policy has them: CT-23, CG-03, MM-19."""

from __future__ import annotations

import pytest

from cloud_sync.policy import identifiers
from cloud_sync.policy.lint import lint
from tests.clauses.clause import clause
from tests.clauses.made import Made


def each_tagged(made: Made, profile: str, listed: str, *names: str) -> None:
    """A file with all of these fields passes; without the tag of any one of them it is refused, and the finding names it.

    None of them becomes an input of statistics, with the tag.
    """
    fields = ", ".join(f'"{name}"' for name in names)
    path = made.text(profile, (listed, f"{listed[:-1]}, {fields}]"))
    assert lint(path) == []
    for name in names:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(identifiers, "PERSONAL", identifiers.PERSONAL - {name})
            found = lint(path)
        assert {finding.message for finding in found} == {f"{name} identifies somebody and lacks the tag personal"}


@clause("CT-23", engine="identifiers")
def test_ct_23(made: Made) -> None:
    """Seven of seven with the tag pass; without any one of them the file is refused, as is a modem's number under a
    name of its own.
    """
    names = ("imei", "iccid", "imsi", "serial", "cell_id", "ip", "mac")
    each_tagged(
        made, "ct", 'fields = ["ip_prefix", "browser", "device_id", "interface_use", "activity", "cookie"]', *names
    )
    other = made.text("ct", ('"interface_use", "activity"', '"interface_use", "modem_imei", "activity"'))
    assert [finding.message for finding in lint(other)] == ["modem_imei identifies somebody and lacks the tag personal"]
    longer = made.text("ct", ('"interface_use", "activity"', '"interface_use", "last_cell_id", "activity"'))
    assert [found.message for found in lint(longer)] == ["last_cell_id identifies somebody and lacks the tag personal"]


@clause("CG-03", engine="identifiers")
def test_cg_03(made: Made) -> None:
    """A vehicle's plate, a device's serial number and a card's number: three of three are personal."""
    each_tagged(made, "cg", 'fields = ["serial", "fault_code", "case"]', "vehicle_plate", "device_serial", "sim_id")


@clause("MM-19", engine="identifiers")
def test_mm_19(made: Made) -> None:
    """Customer number, device and address of the network are personal; one without the tag fails."""
    each_tagged(made, "mm", 'fields = ["question", "note", "time"]', "customer_no", "device_id", "ip")
