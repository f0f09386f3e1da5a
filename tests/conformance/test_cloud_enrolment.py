"""cloud_sync replays the vectors of enrolment by invitation: what it writes is theirs, and what it reads is refused as they say."""

from __future__ import annotations

import pytest

from cloud_sync.errors import WireFormatError
from cloud_sync.ingest.hello import check_hello
from cloud_sync.model.enrolment import SealedDevice
from cloud_sync.wire.enrolment import answer_file, fingerprint, invitation_text, read_box, read_device, unseal

from .test_cloud_replay import cases, raw, refusal
from .vectorfile import Case


def opened(case: Case) -> SealedDevice:
    """A sealed enrolment, as the server reads it, its hello checked."""
    sealed, private = raw(case, "sealed", "private")
    device = read_device(unseal(read_box(sealed), private))
    if device.hello:
        check_hello(device)
    return device


@cases("invitation", "valid")
def test_invitation_valid(case: Case) -> None:
    """The line and its fingerprint are the vector's."""
    ident, public = raw(case, "id", "public")
    key = bytes.fromhex(case["release_key"]) if case["release_key"] else None
    text = invitation_text(ident, public, case["expires_s"], case["controller"], key)
    assert (text, fingerprint(text)) == (case["text"], case["fingerprint"])


@cases("enrolment", "valid")
def test_enrolment_valid(case: Case) -> None:
    """Every entry is the vector's, and the hello opens under the root."""
    root, hello = raw(case, "root", "hello")
    times = (case["first_epoch"], case["made_s"])
    assert opened(case) == SealedDevice(case["device"], root, *times, case["board"], case["version"], hello)


@cases("enrolment", "invalid")
def test_enrolment_invalid(case: Case) -> None:
    """One thing is changed, inside the seal or outside: refused, before anything could be stored."""
    with pytest.raises(refusal(case)):
        opened(case)


@cases("answer", "valid")
def test_answer_valid(case: Case) -> None:
    """The file is the vector's."""
    assert answer_file([bytes.fromhex(each) for each in case["envelopes"]]) == bytes.fromhex(case["answer"])


@pytest.mark.parametrize("length", [0, 1025])
def test_an_answer_that_no_board_could_take_is_not_written(length: int) -> None:
    """An envelope without a byte, and one above a board's buffer."""
    assert answer_file([bytes(1), bytes(1024)])
    with pytest.raises(WireFormatError):
        answer_file([bytes(length)])


@pytest.mark.parametrize(
    "changed",
    [{"ident": bytes(15)}, {"public": bytes(33)}, {"expires_s": 2**32}, {"controller": "x" * 65}, {"release_key": b""}],
)
def test_an_invitation_that_no_agent_would_take_is_not_written(changed: dict[str, object]) -> None:
    """Each entry beyond its bounds, alone."""
    sound = {"ident": bytes(16), "public": bytes(32), "expires_s": 1, "controller": "x", "release_key": bytes(32)}
    assert invitation_text(**sound)  # type: ignore[arg-type]
    with pytest.raises(WireFormatError):
        invitation_text(**{**sound, **changed})  # type: ignore[arg-type]
