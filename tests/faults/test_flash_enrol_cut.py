"""The power is cut at every flash operation of an enrolment over somebody else's device."""

from __future__ import annotations

import pytest

from firmware import enrol
from firmware.flash.region import RawRegion
from firmware.flash.rules import Rules
from firmware.flash.spool import Spool
from firmware.keystore import KeyStore
from firmware.wire import msgpack
from tests.unit.firmware import aes_provider
from tests.unit.firmware.device import DEVICE, NOW_S, Flash, enrolled
from tests.unit.firmware.nor import PowerCut, Supply
from tests.unit.firmware.test_enrol import SOUND, Board
from tests.unit.firmware.test_minimise import directive

aes_provider.install()

NEXT = [1, "zzzzzzzzzzzzzzzz", bytes(range(32)), 1, *SOUND[4:]]


def former(supply: Supply) -> tuple[Flash, bytes]:
    """A device in use, with a directive and a waiting envelope; its operations are not counted."""
    cut_at, supply.cut_at = supply.cut_at, None
    device = enrolled(Flash(supply, 1024, spool_sectors=4))
    envelope = device.sealer.seal(1, b"plaintext", 1, NOW_S).envelope
    Rules(device.flash.log("rules")).save(directive())
    supply.operations, supply.cut_at = 0, cut_at
    return device.flash, envelope


def install(flash: Flash) -> None:
    """The next person's enrolment."""
    enrol.install(flash.log(), Board(flash), msgpack.pack(NEXT))


@pytest.mark.parametrize("torn", [False, True], ids=["clean", "torn"])
def test_a_cut_leaves_one_person_or_none(torn: bool) -> None:
    """Before the first operation the former one, after the last the next one, between them none; it can be repeated."""
    whole = Supply()
    install(former(whole)[0])
    assert whole.operations > 10
    for cut_at in range(whole.operations):
        flash, envelope = former(Supply(cut_at, torn, seed=cut_at))
        with pytest.raises(PowerCut):
            install(flash)
        flash.supply.restart()
        keys = KeyStore(flash.log())
        if keys.enrolled and keys.device == DEVICE:
            assert cut_at == 0
        elif keys.enrolled:
            assert Rules(flash.log("rules")).directive is None
            assert envelope not in flash.raw()
        install(flash)
        assert KeyStore(flash.log()).device == NEXT[1]
        assert Spool(RawRegion(flash.spool)).count() == 0
        assert DEVICE.encode() not in flash.raw()
