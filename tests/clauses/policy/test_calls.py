"""Recorded calls."""

from __future__ import annotations

import pytest

from cloud_sync.errors import Denied
from tests.clauses.clause import clause
from tests.clauses.made import PROFILES, U1, Made
from tests.clauses.policy.policy_world import parts, read

RULE = """[[rule]]
category = "call_recording"
fields = ["sound"]
purpose = ["support"]
basis = "contract"
retention = "P30D"
clock = "call.ended"
after = "delete"
recipients = []
region = "EEA"
visible_to_user = true

[[rule]]
category = "warranty"
"""
#: Calls may be recorded: the switch, a rule, and the class of its field.
ON = (
    ("[support.recording]\nenabled = false\n", "[support.recording]\nenabled = true\n"),
    ('[[rule]]\ncategory = "warranty"\n', RULE),
    ('  "warranty",\n', '  "warranty",\n  "call_recording",\n'),
)


@clause("CG-30", engine="calls", left_out="the telephone exchange that tells the caller")
def test_cg_30(made: Made) -> None:
    """Off, not a byte is kept. On, the caller is told before the first byte; a refusal leaves none, and the call goes on by
    other channels too.
    """
    assert "enabled = false" in (PROFILES / "cg.toml").read_text("utf-8")
    off = made.world("cg")
    call = off.cloud.calls.begin("u-1", by="e-1")
    call.tell()
    call.accept()
    with off.denies("category_unknown"):
        call.record(b"sound")
    assert call.end() is None
    world = made.world("cg", *ON)
    call = world.cloud.calls.begin("u-1", by="e-1")
    with world.denies("notice_missing"):
        call.record(b"sound")
    call.tell()
    with world.denies("consent_missing"):
        call.record(b"sound")
    world.later(seconds=5)
    call.accept()
    call.record(b"sound")
    assert call.told_at is not None and call.first_byte_at == call.told_at + 5
    kept = call.end()
    assert kept is not None and read(world, kept, U1, "support") == b"sound"
    other = world.cloud.calls.begin("u-1", by="e-1")
    other.tell()
    other.accept()
    other.record(b"begun")
    assert other.refuse() == ("chat", "letter", "mail") and not other.ended
    with world.denies("consent_missing"):
        other.record(b"more")
    assert other.end() is None and parts(world, "call_recording") == 1
    with pytest.raises(Denied):
        world.cloud.calls.begin("u-1", by="e-1").accept()
    world.later(days=30)
    world.sweep()
    assert parts(world, "call_recording") == 0
