"""Invitations: every vector, hostile files, the two ends of their time, and the fingerprint."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from agent.enrolment.invitation import CLOCK_S, LIMIT_BYTES, LONGEST_S, Invitation, parse
from agent.enrolment.packed import PackedError
from agent.errors import EnrolmentFileError, NotProven

VECTORS: dict[str, Any] = json.loads(
    (Path(__file__).parents[4] / "tests/conformance/vectors/invitation.json").read_text()
)
SOUND = next(case for case in VECTORS["valid"] if case["name"] == "release-key")
NOW_S = SOUND["expires_s"] - 86_400


@pytest.mark.parametrize("case", VECTORS["valid"], ids=lambda case: case["name"])
def test_a_valid_one_is_read(case: dict[str, Any]) -> None:
    """Each entry, and the fingerprint that two people compare."""
    found = parse(case["text"])
    release_key = None if found.release_key is None else found.release_key.hex()
    said = (found.id.hex(), found.public.hex(), found.expires_s, found.controller, release_key, found.fingerprint)
    names = ("id", "public", "expires_s", "controller", "release_key", "fingerprint")
    assert said == tuple(case[name] for name in names)


@pytest.mark.parametrize("case", VECTORS["invalid"], ids=lambda case: case["name"])
def test_an_invalid_one_is_refused(case: dict[str, Any], tmp_path: Path) -> None:
    """By one sentence, which repeats nothing of it, and before any board is known."""
    with pytest.raises(PackedError):
        parse(case["text"])
    file = tmp_path / "van.invitation"
    file.write_text(case["text"])
    with pytest.raises(
        EnrolmentFileError, match=r"is no invitation, or was changed on the way; .*sync invite"
    ) as error:
        Invitation.read(file, now_s=NOW_S)
    assert case["text"][21:61] not in str(error.value) or len(case["text"]) < 61


def test_each_changed_letter_is_refused_or_has_another_fingerprint() -> None:
    """Nobody swaps a letter unseen."""
    text = SOUND["text"]
    for at in range(len(text)):
        for letter in "A_z!":
            changed = text[:at] + letter + text[at + 1 :]
            try:
                found = parse(changed)
            except PackedError:
                continue
            assert changed == text or found.fingerprint != SOUND["fingerprint"]


@pytest.mark.parametrize("text", ["{}", "\ufeff{}", "{}\n\n\t", "  {}\r\n"], ids=["as it is", "mark", "lines", "mail"])
def test_what_mail_adds_around_it_is_no_part_of_it(text: str, tmp_path: Path) -> None:
    """White space at both ends goes; anything else is no invitation."""
    file = tmp_path / "van.invitation"
    file.write_text(text.format(SOUND["text"]), newline="")
    if text.startswith("\ufeff"):
        with pytest.raises(EnrolmentFileError):
            Invitation.read(file, now_s=NOW_S)
    else:
        assert Invitation.read(file, now_s=NOW_S).fingerprint == SOUND["fingerprint"]


def test_its_time_has_two_ends(tmp_path: Path) -> None:
    """Over at its second; and not before an invitation of 90 days could be made, which is a clock that is years behind."""
    file = tmp_path / "van.invitation"
    file.write_text(SOUND["text"])
    expires_s = SOUND["expires_s"]
    for now_s in (expires_s - 1, expires_s - LONGEST_S - CLOCK_S):
        assert Invitation.read(file, now_s=now_s).expires_s == expires_s
    with pytest.raises(EnrolmentFileError, match=r"has expired; ask .* for a new one"):
        Invitation.read(file, now_s=expires_s)
    with pytest.raises(EnrolmentFileError, match="from the future: set this machine's clock"):
        Invitation.read(file, now_s=expires_s - LONGEST_S - CLOCK_S - 1)


def test_hostile_files_end(tmp_path: Path) -> None:
    """A missing one, a folder, a pipe, a device without end, other bytes: each is a sentence, and none waits."""
    pipe, long, other = tmp_path / "pipe", tmp_path / "long", tmp_path / "other"
    os.mkfifo(pipe)
    long.write_text(SOUND["text"] + " " * LIMIT_BYTES)
    other.write_bytes(os.urandom(64))
    for path in (tmp_path / "gone", tmp_path, pipe, long, other, Path("/dev/zero")):
        with pytest.raises(EnrolmentFileError):
            Invitation.read(path, now_s=NOW_S)
    link = tmp_path / "link"
    (tmp_path / "real").write_text(SOUND["text"])
    link.symlink_to(tmp_path / "real")
    assert Invitation.read(link, now_s=NOW_S).id.hex() == SOUND["id"]


def test_the_fingerprint_is_proved() -> None:
    """However it is written down; another one ends the command."""
    found, told = parse(SOUND["text"]), SOUND["fingerprint"]
    for written in (told, told.upper(), told.replace(" ", ""), told.replace(" ", "-"), told.replace(" ", ":")):
        found.prove(written)
    for wrong in (told[:-1] + ("0" if told[-1] != "0" else "1"), told[:-5], ""):
        with pytest.raises(NotProven, match=r"swapped or changed on the way. Do not enrol with it") as error:
            found.prove(wrong)
        assert error.value.exit_code == 10
