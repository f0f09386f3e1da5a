"""RawRegion over a simulated NOR."""

from __future__ import annotations

import pytest

from firmware.errors import FlashError
from firmware.flash.region import RawRegion
from tests.unit.firmware.nor import Nor


@pytest.fixture
def nor() -> Nor:
    """Four small sectors, erased."""
    nor = Nor(4, 1024)
    for sector in range(4):
        nor.ioctl(6, sector)
    return nor


def test_program_crosses_pages_and_sectors(nor: Nor) -> None:
    """Any offset and length; the neighbours keep their bits; each page is programmed once."""
    region, data = RawRegion(nor), bytes(range(1, 251)) * 3
    before = nor.supply.operations
    region.program(900, data)
    assert region.read(900, len(data)) == data
    assert region.read(899, 1) == region.read(900 + len(data), 1) == b"\xff"
    assert nor.supply.operations - before == 4


def test_program_only_clears_bits(nor: Nor) -> None:
    """A second program of the same byte is the AND of both."""
    region = RawRegion(nor)
    region.program(10, b"\xf0")
    region.program(10, b"\x3c")
    assert region.read(10, 1) == b"\x30"
    region.erase(0)
    assert region.is_blank(0, 1024)


def test_zero_clears_exactly_its_bytes(nor: Nor) -> None:
    """Across a page border."""
    region = RawRegion(nor)
    region.zero(200, 100)
    assert region.read(199, 102) == b"\xff" + bytes(100) + b"\xff"
    assert not region.is_blank(199, 102)


@pytest.mark.parametrize(("offset", "n"), [(4000, 97), (-1, 1), (4096, 1)])
def test_outside_the_region_is_refused(nor: Nor, offset: int, n: int) -> None:
    """Another region begins there."""
    region = RawRegion(nor)
    assert len(region.read(4000, 96)) == 96
    for act in (lambda: region.read(offset, n), lambda: region.program(offset, bytes(n))):
        with pytest.raises(FlashError):
            act()


@pytest.mark.parametrize("failure", [OSError(5, "EIO"), -5], ids=["raises", "negative"])
def test_a_failing_device_raises_flash_error(nor: Nor, monkeypatch: pytest.MonkeyPatch, failure: OSError | int) -> None:
    """Both ways in which a MicroPython block device fails."""

    def fail(*_: object) -> int:
        if isinstance(failure, OSError):
            raise failure
        return failure

    region = RawRegion(nor)
    region.program(0, b"\x00")
    monkeypatch.setattr(nor, "writeblocks", fail)
    with pytest.raises(FlashError):
        region.program(0, b"\x00")
