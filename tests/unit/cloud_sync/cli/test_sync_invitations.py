"""`sync invite`, `sync admit` and `sync invitations`: files, words, JSON, exit codes."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import typer

from cloud_sync.cli.invitations import lasting_s
from cloud_sync.wire.enrolment import confirmation
from tests.conformance.make_enrolment import ANSWER
from tests.unit.cloud_sync.cli.cli_world import Installation
from tests.unit.cloud_sync.ingest.ingest_world import FakeClock
from tests.unit.cloud_sync.invited_world import Agent


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An installation that nobody has used; making it takes as long as four commands."""
    return Installation(tmp_path_factory.mktemp("template"), FakeClock()).directory


@pytest.fixture
def depot(template: Path, tmp_path: Path, clock: FakeClock) -> Installation:
    """A copy of it."""
    return Installation.copied(template, tmp_path / "copy", clock)


def invite(depot: Installation, *words: str, subject: str = "s-1", name: str = "van.invitation") -> Agent:
    """Invite, and use the file on a board."""
    out = depot.directory / name
    depot.do("invite", subject, "--out", str(out), *words)
    return Agent(out.read_text().strip())


def brought_back(depot: Installation, agent: Agent, sealed: bytes | None = None) -> Path:
    """What the agent wrote, on the server's machine."""
    path = depot.directory / "van.enrolment"
    path.write_bytes(agent.sealed() if sealed is None else sealed)
    return path


def test_a_board_is_invited_and_admitted(depot: Installation) -> None:
    """One line of text, private though it holds no secret; a fingerprint; an answer that the board opens; the sealed file goes."""
    out, answer = depot.directory / "van.invitation", depot.directory / "van.answer"
    said = depot.ask("invite", "s-1", "--out", str(out), "--for", "12h")
    assert out.stat().st_mode & 0o777 == 0o600 and out.read_text().count("\n") == 1
    agent = Agent(out.read_text().strip())
    assert (said["id"], said["subject"], said["file"]) == (agent.ident.hex(), "s-1", str(out))
    assert [(row["id"], row["expires_at"]) for row in depot.ask("invitations")] == [(said["id"], said["expires_at"])]
    file = brought_back(depot, agent)
    code = confirmation(file.read_bytes())
    done = depot.ask("admit", str(file), "--answer", str(answer))
    assert done == {
        "device": agent.device,
        "subject": "s-1",
        "board": "esp32s3",
        "firmware": "0.1.0",
        "confirmation": code,
        "confirmed": False,
        "answered": 1,
        "answer": str(answer),
        "deleted": True,
    }
    assert not file.exists() and answer.stat().st_mode & 0o777 == 0o600
    data = answer.read_bytes()
    assert data.startswith(ANSWER) and int.from_bytes(data[len(ANSWER) :][:2], "big") == len(data) - len(ANSWER) - 2
    assert agent.tracker.open(data[len(ANSWER) + 2 :])
    assert [row["device"] for row in depot.ask("devices")] == [agent.device] and depot.ask("invitations") == []


def test_no_file_is_overwritten_and_nothing_is_used_for_it(depot: Installation) -> None:
    """An invitation or an answer that is there already: no invitation is made, none is used up."""
    agent = invite(depot)
    taken = depot.directory / "taken"
    taken.write_text("mine")
    assert "not overwritten" in depot.do("invite", "s-2", "--out", str(taken), code=1).output
    file = brought_back(depot, agent)
    assert "not overwritten" in depot.do("admit", str(file), "--answer", str(taken), code=1).output
    assert taken.read_text() == "mine" and file.exists()
    assert [row["subject"] for row in depot.ask("invitations")] == ["s-1"] and depot.ask("devices") == []


def test_a_refused_enrolment_stays_where_it_is(depot: Installation) -> None:
    """With its sentence and exit code 1; no answer is left behind; the second use names the device of the first."""
    agent, answer = invite(depot), depot.directory / "van.answer"
    file = brought_back(depot, agent, agent.sealed()[:-1])
    said = depot.do("admit", str(file), "--answer", str(answer), code=1)
    assert "damaged on the way" in said.stderr and "Traceback" not in said.output
    assert file.exists() and not answer.exists()
    brought_back(depot, agent)
    assert depot.ask("admit", str(file), "--keep")["deleted"] is False
    assert file.exists()
    assert agent.device in depot.do("admit", str(file), code=1).stderr


def test_the_words_say_what_comes_next(depot: Installation) -> None:
    """For people: the fingerprint, the agent's commands, that nobody opens the file now; and what a missing hello means."""
    out, answer = depot.directory / "van.invitation", depot.directory / "van.answer"
    said = depot.do("invite", "s-1", "--out", str(out)).stdout
    assert "fingerprint " in said and "byleave agent enrol" in said and str(out) in said and "s-1" in said
    file = brought_back(depot, Agent(out.read_text().strip()))
    said = depot.do("admit", str(file), "--answer", str(answer)).stdout
    assert "byleave agent greet" in said and "nobody can open" in said and "used up" in said
    agent = invite(depot, name="second.invitation", subject="s-2")
    agent.device = "b" * 16
    brought_back(depot, agent, agent.sealed(hello=b""))
    assert "--without-hello" in depot.do("admit", str(file), code=1).stderr
    answer = depot.directory / "second.answer"
    said = depot.do("admit", str(file), "--without-hello", "--answer", str(answer)).stdout
    assert "without an answer" in said and answer.read_bytes() == ANSWER


def test_what_is_no_file_is_not_waited_for(depot: Installation) -> None:
    """A pipe, a folder, nothing at all, and a file without an end: a sentence each, at once."""
    pipe, endless = depot.directory / "pipe", Path("/dev/zero")
    os.mkfifo(pipe)
    for path in (pipe, depot.directory, depot.directory / "missing", endless):
        assert "byleave agent enrol --out" in depot.do("admit", str(path), code=1).stderr
    long = depot.directory / "long"
    long.write_bytes(bytes(10_000_000))
    assert "no sealed enrolment" in depot.do("admit", str(long), code=1).stderr


def test_an_answer_that_cannot_be_kept_does_not_undo_the_device(
    depot: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The disk fills behind the admission: the command says both, and the enrolment goes."""
    agent = invite(depot)
    file, answer = brought_back(depot, agent), depot.directory / "van.answer"

    def full(*_: object) -> bytes:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("cloud_sync.cli.invitations.answer_file", full)
    said = depot.do("admit", str(file), "--answer", str(answer))
    assert "enrolled all the same" in said.stderr and agent.device in said.stdout
    assert not answer.exists() and not file.exists()


def test_an_invitation_is_withdrawn(depot: Installation) -> None:
    """It is listed, then it is not, and what was sealed to it opens for nobody; a second time is an error."""
    agent = invite(depot, "--provided-by", "employer-1")
    [row] = depot.ask("invitations")
    assert (row["provided_by"], row["takes_over"]) == ("employer-1", None)
    assert agent.ident.hex() in depot.do("invitations").stdout
    assert depot.ask("invitations", "--withdraw", row["id"]) == {"withdrawn": row["id"]}
    assert "withdrawn" in depot.do("admit", str(brought_back(depot, agent)), code=1).stderr
    assert "no invitation" in depot.do("invitations", "--withdraw", row["id"], code=1).stderr


def test_another_person_takes_the_device_by_an_invitation(depot: Installation) -> None:
    """`--takes-over` as `sync hand-over`: in use until the admission, revoked with it; then nobody can take it over."""
    tracker = depot.enrol()
    agent = invite(depot, "--takes-over", tracker.name, subject="s-2")
    depot.do("admit", str(brought_back(depot, agent)))
    rows = {row["device"]: row for row in depot.ask("devices")}
    assert rows[tracker.name]["revoked_at"] and rows[agent.device]["subject"] == "s-2"
    unknown = depot.do("invite", "s-2", "--takes-over", tracker.name, "--out", str(depot.directory / "x"), code=1)
    assert "in use" in unknown.stderr and not (depot.directory / "x").exists()


def test_a_confirmation_code_keeps_out_who_was_first(depot: Installation) -> None:
    """Wanted of this invitation: without the code, or with the right board's, another's file is refused and stays; with its own the
    right one is admitted. No sentence tells a file's code to whoever has not heard it."""
    thief = invite(depot, "--require-confirmation")
    right = Agent((depot.directory / "van.invitation").read_text().strip(), "b" * 16)
    assert [row["confirmation"] for row in depot.ask("invitations")] == ["required"]
    code = confirmation(sealed := right.sealed())
    file = brought_back(depot, thief)
    for words, sentence in (([], "with --confirm"), (["--confirm", code], "not the one that was told")):
        said = depot.do("admit", str(file), *words, code=1)
        assert sentence in said.stderr and confirmation(file.read_bytes()) not in said.output
        assert file.exists() and depot.ask("devices") == []
    brought_back(depot, right, sealed)
    done = depot.ask("admit", str(file), "--confirm", code.upper().replace(" ", "-"))
    assert (done["device"], done["confirmation"], done["confirmed"]) == (right.device, code, True)


def test_the_words_have_the_code_where_nobody_has_compared_it(depot: Installation) -> None:
    """Admitted without it: what to compare, and how another's board is ended; and an invitation that wants it says how to go on."""
    agent = invite(depot)
    file = brought_back(depot, agent)
    code = confirmation(file.read_bytes())
    said = depot.do("admit", str(file)).stdout
    assert f"confirmation code {code}" in said and f"--takes-over {agent.device}" in said
    out = depot.directory / "second.invitation"
    assert "--confirm CODE" in depot.do("invite", "s-2", "--out", str(out), "--require-confirmation").stdout


def test_a_time_that_is_none_makes_no_invitation(depot: Installation) -> None:
    """Beside those that are: days, hours or minutes, 90 days at most."""
    out = depot.directory / "van.invitation"
    for time, sentence in (("1w", "14d, 12h or 30m"), ("91d", "90 days")):
        assert sentence in depot.do("invite", "s-1", "--out", str(out), f"--for={time}", code=1).stderr
        assert not out.exists()
    for time in ("14", "0d", "d", "-1d", "1.5d", "100000d", "1d1h", ""):
        with pytest.raises(typer.Exit):
            lasting_s(time)
    assert [lasting_s(time) for time in ("90d", "12h", "30m")] == [7_776_000, 43_200, 1_800]
