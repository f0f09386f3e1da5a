"""Every command teaches: a help text, an example that parses, a word on each option; and the operator's page holds."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer.main

from cloud_sync.cli import policy, sync

GROUPS: dict[str, Any] = {"sync": typer.main.get_command(sync), "policy": typer.main.get_command(policy)}
PAGE = Path(__file__).parents[4] / "docs" / "operating.md"


def commands(group: Any, *path: str) -> Iterator[tuple[str, Any]]:
    """All commands below a group, with the words that lead there."""
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from commands(command, *path, name)
        else:
            yield " ".join((*path, name)), command


ALL = dict(item for name, group in GROUPS.items() for item in commands(group, name))


def parses(line: str) -> str:
    """The command that a line `byleave …` runs, its options and arguments parsed but not carried out."""
    words = shlex.split(re.sub(r'"\$\(.*?\)"', "word", line).split(">")[0].split("&")[0])[1:]
    path = next(" ".join(words[:n]) for n in (3, 2) if " ".join(words[:n]) in ALL)
    ALL[path].make_context(path, words[len(path.split()) :])
    return path


def test_the_groups_have_the_commands_that_operators_were_promised() -> None:
    """None is lost in a move."""
    words = "init serve config invite admit invitations enrol hand-over heal devices read sweep erase"
    words += " consent/show consent/request consent/give consent/refuse"
    words += " consent/confirm consent/age consent/receipt consent/export"
    words += " group/found group/invite group/accept group/decline group/remove group/narrow group/lift group/certify group/show"
    words += " consent/later consent/withdraw limits/set limits/show limits/clear"
    words += " move upkeep statistics/release statistics/count statistics/list"
    words += " keys/list keys/rotate keys/move keys/settle keys/backup keys/restore"
    words += " backup/snapshot backup/list backup/verify backup/restore backup/prune backup/forget backup/horizons"
    words += " restrict lift hold/place hold/release hold/list hold/accept records/list records/event"
    words += " rights/open rights/list rights/link rights/redeem rights/decide rights/extend rights/copy rights/erase"
    words += " rights/doubt rights/document rights/accept rights/answer rights/restrict rights/rectify rights/told"
    words += " rights/letter rights/hand-over rights/import rights/exceptions rights/assure"
    words += " breaches/open breaches/list breaches/concerned breaches/assess breaches/measure breaches/letter"
    words += " breaches/told breaches/letters breaches/close alarms/set alarms/list alarms/arm alarms/remove"
    words += " recipient/list recipient/accept recipient/compare recipient/notices recipient/told"
    words += " notices/list notices/text notices/received notices/owed notices/provided notices/letter"
    words += " release/key release/sign release/check release/add release/list release/offer release/withdraw"
    words += " export access/open-ticket access/close-ticket access/open access/close access/relate access/list"
    words += " staff/enlist staff/attest staff/machine staff/strike staff/review staff/list"
    words += (
        " security/test security/attest security/report security/watch group/choose group/conflicts group/hand-over"
    )
    words += " audit/list audit/who audit/export audit/checkpoint audit/key audit/prove audit/check audit/verify-proof"
    expected = {f"sync {word.replace('/', ' ')}" for word in words.split()}
    assert set(ALL) == expected | {
        f"policy {word}" for word in ("new", "check", "clauses", "diff", "report", "show", "keys")
    }


@pytest.mark.parametrize("path", ALL)
def test_every_command_has_a_help_text_and_an_example_that_parses(path: str) -> None:
    """The help ends with an example of that very command, whose options exist."""
    text = ALL[path].help or ""
    says, example = text.split("Example: ")
    assert len(says) > 40
    assert parses(" ".join(example.split())) == path


@pytest.mark.parametrize("path", ALL)
def test_every_option_is_explained(path: str) -> None:
    """No option without a word on it."""
    for parameter in ALL[path].params:
        assert getattr(parameter, "help", None), f"{path}: {parameter.name}"


def test_every_command_that_prints_records_offers_json() -> None:
    """All but those that print one sentence about a file."""
    without = {path for path, command in ALL.items() if "--json" not in {o for p in command.params for o in p.opts}}
    assert without == {"policy new"}


def test_the_commands_of_the_operators_page_parse() -> None:
    """Each `byleave sync` and `byleave policy` line in a code block of docs/operating.md."""
    blocks = re.findall(r"```sh\n(.*?)```", PAGE.read_text(), re.S)
    joined = "\n".join(blocks).replace("\\\n", " ")
    lines = [line for line in joined.splitlines() if re.match(r"byleave (sync|policy) ", line)]
    assert len(lines) > 15
    assert {parses(line) for line in lines} >= {"sync init", "sync serve", "sync enrol", "sync read", "sync erase"}
