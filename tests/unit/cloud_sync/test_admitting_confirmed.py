"""Confirmation codes at the façade: of two who have one invitation, the one whose code was told is admitted."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from cloud_sync.errors import EnrolmentRefused, SealBroken
from cloud_sync.keys.invitations import invitation_identity
from cloud_sync.service import CloudSync
from cloud_sync.wire.enrolment import confirmation
from tests.unit.cloud_sync.invited_world import Agent
from tests.unit.cloud_sync.service_world import Setting
from tests.unit.cloud_sync.test_admitting import content


@pytest.fixture
def cloud(tmp_path: Path) -> Iterator[CloudSync]:
    """An empty installation, open."""
    with Setting(tmp_path).open() as cloud:
        yield cloud


def test_the_code_is_the_files_hash() -> None:
    """80 bits, in five groups of four as `sha256sum` begins; one bit of the file makes another."""
    data = b"byleave-enrolment-1\n" + bytes(range(200))
    assert confirmation(data).replace(" ", "") == hashlib.sha256(data).hexdigest()[:20]
    assert [len(group) for group in confirmation(data).split(" ")] == [4] * 5
    assert confirmation(data[:-1] + b"\0") != confirmation(data)


@pytest.mark.parametrize("required", [True, False])
def test_another_file_than_the_one_that_was_told_is_refused(cloud: CloudSync, required: bool) -> None:
    """A thief with a copy of the invitation is first, also with the right board's pseudonym: refused with its code, and nothing
    has changed; where the invitation wants one, without it too. Then the right file is admitted."""
    text = cloud.invite(subject="s-1", require_confirmation=required).text
    right, thief = Agent(text), Agent(text)
    told, theirs = right.sealed(), thief.sealed()
    before = content(cloud)
    wrong = [
        confirmation(told),
        confirmation(theirs)[:-1],
        confirmation(theirs) + "0",
        "",
        " ",
        *([None] if required else []),
    ]
    for code in wrong:
        with pytest.raises(EnrolmentRefused, match="confirmation code"):
            cloud.admit(theirs, confirm=code)
        assert content(cloud) == before
    admitted = cloud.admit(told, confirm=confirmation(told).upper().replace(" ", ":"))
    assert (admitted.confirmation, admitted.device) == (confirmation(told), right.device)


def test_what_is_not_wanted_may_be_left_out(cloud: CloudSync) -> None:
    """An invitation as they were before: any file that opens is admitted, and the code can be compared afterwards."""
    sealed = Agent(cloud.invite(subject="s-1").text).sealed()
    assert cloud.admit(sealed).confirmation == confirmation(sealed)


def test_who_writes_into_the_key_store_takes_no_want_away(cloud: CloudSync) -> None:
    """The key is bound to it, in both directions; and keys of before there were codes open as they did."""
    agents = {
        want: Agent(cloud.invite(subject="s-1", require_confirmation=bool(want)).text, "ab"[want] * 16)
        for want in (0, 1)
    }
    for want, agent in agents.items():
        row = cloud._store.invitation(agent.ident.hex())
        assert row is not None and row.confirm == want
        cloud._store.destroy_invitation(row.id)
        cloud._store.put_invitation(replace(row, confirm=1 - want))
        sealed = agent.sealed()
        with pytest.raises(SealBroken):
            cloud.admit(sealed, confirm=confirmation(sealed))
    assert invitation_identity("a", "s-1", 1, 2, "", "") == b"byleave/1/invitation/1/2/1:a/3:s-1/0:/0:"
