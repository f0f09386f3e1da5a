"""What another policy changes: each edit is told once, on the right side, with the consents that it ends."""

from __future__ import annotations

import dataclasses
import json
from datetime import date
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from typer.testing import CliRunner

from cloud_sync import cli
from cloud_sync.consent.standing import closed_by_change
from cloud_sync.model import ConsentState
from cloud_sync.policy import Period, Policy, diff, load_policy, notes, widened
from cloud_sync.policy.parameters import Value
from cloud_sync.policy.provisions import Parameters
from cloud_sync.policy.reference import keys
from tests.unit.cloud_sync.policy.policy_world import DEMO, TEXT, changed, loaded, rich, write

RICH = rich()
RUNNER = CliRunner()

# name: (old, new, what widens, what narrows, purposes asked anew) of the rich policy
EDITS: dict[str, tuple[str, str, set[str], set[str], set[str]]] = {
    "a comment": ("# The policy of", "# A policy of", set(), set(), set()),
    "a longer term": (
        'precision = "cell_100m"\nretention = "P90D"',
        'precision = "cell_100m"\nretention = "P91D"',
        {"retention of position"},
        set(),
        {"tracking"},
    ),
    "a shorter term": (
        'precision = "cell_100m"\nretention = "P90D"',
        'precision = "cell_100m"\nretention = "P89D"',
        set(),
        {"retention of position"},
        set(),
    ),
    "a longer step": (
        '"region"\nretention = "P12M"',
        '"region"\nretention = "P13M"',
        {"retention of position"},
        set(),
        set(),
    ),
    "a step that is finer for longer": (
        '"cell_10km"\nretention = "P6M"',
        '"cell_10km"\nretention = "P7M"',
        {"retention of position"},
        set(),
        set(),
    ),
    "a coarser position": (
        'precision = "cell_100m"\nretention',
        'precision = "cell_1km"\nretention',
        set(),
        {"precision of position"},
        set(),
    ),
    "a finer rule": (
        'precision = "cell_10km"\nretention = "P60D"',
        'precision = "cell_1km"\nretention = "P60D"',
        {"precision of position"},
        set(),
        set(),
    ),
    "a basis without a yes": (
        'purpose = ["condition_monitoring"]\nbasis = "consent"',
        'purpose = ["condition_monitoring"]\nbasis = "contract"',
        {"basis of environment"},
        set(),
        set(),
    ),
    "a field more": (
        'fields = ["billing.amount"]',
        'fields = ["billing.amount", "billing.date"]',
        {"recipient sister of billing"},
        set(),
        set(),
    ),
    "another act": (
        'actions = ["read"]\npurposes = ["rights',
        'actions = ["read", "export"]\npurposes = ["rights',
        {"role dpo may export"},
        set(),
        set(),
    ),
    "staff let in": ('["staff", "support"]', '["staff"]', set(), {"role support may read"}, set()),
    "a longer lease": ('lease = "P30D"', 'lease = "P31D"', {"device.lease"}, set(), set()),
    "more often": ('"PT10S"', '"PT9S"', {"interval 9 s"}, set(), {"tracking", "condition_monitoring", "theft_alarm"}),
    "another region": ('allowed = ["EEA"]', 'allowed = ["EEA", "CH"]', {"transfer.allowed CH"}, set(), set()),
    "moved to another country": (
        'purpose = ["theft_alarm"]\nbasis = "consent"\nretention = "P90D"\nclock = "captured"\nafter = "delete"\n'
        'recipients = []\nregion = "EEA"',
        'purpose = ["theft_alarm"]\nbasis = "consent"\nretention = "P90D"\nclock = "captured"\nafter = "delete"\n'
        'recipients = []\nregion = "DK"',
        {"region of motion"},
        set(),
        {"theft_alarm"},
    ),
    "another instrument": (
        'mechanisms = ["scc"]',
        'mechanisms = ["scc", "bcr"]',
        {"transfer.mechanisms bcr"},
        set(),
        set(),
    ),
    "smaller crowds": ("k_min = 25", "k_min = 20", {"stats.k_min"}, set(), set()),
    "fewer inputs": (
        '["position.time", "position.lat", ',
        '["position.lat", ',
        set(),
        {"statistics from position.time"},
        set(),
    ),
    "younger people": (
        "tracking = 17",
        "tracking = 16",
        {"age for tracking in DK", "age for tracking in NL", "age for tracking in default"},
        set(),
        set(),
    ),
    "a child seen more finely": (
        'location = "cell_10km"',
        'location = "cell_1km"',
        {"children.safeguards.location"},
        set(),
        set(),
    ),
    "longer answers": ('validity = "P24M"', 'validity = "P25M"', {"consent.validity"}, set(), set()),
    "less peace": ('later_cooldown = "P90D"', 'later_cooldown = "P80D"', {"consent.later_cooldown"}, set(), set()),
    "no ticket": ('"support"]\n', '"support"]\nticket_required = false\n', {"access.ticket_required"}, set(), set()),
    "no second factor": ('"support"]\n', '"support"]\nstaff_mfa = "offered"\n', {"access.staff_mfa"}, set(), set()),
    "sooner answers": ('deadline = "P1M"', 'deadline = "P4W"', set(), {"rights.deadline"}, set()),
    "a recipient that is off": (
        'service = "hosting"',
        'enabled = false\nservice = "hosting"',
        set(),
        {"recipient host of billing", "recipient host of contact", "role controller may disclose"}
        - {"role controller may disclose"},
        set(),
    ),
    "another notice": (
        'version = "demo-1"',
        'version = "demo-2"',
        set(),
        set(),
        {"tracking", "condition_monitoring", "theft_alarm", "marketing"},
    ),
}


def edited(name: str) -> str:
    """The rich policy with one edit; a question that nobody asks any more goes with its consent."""
    old, new, *_ = EDITS[name]
    text = changed(old, new, RICH)
    return changed('condition_monitoring = "Må vi måle varernes tilstand?"\n', "", text) if "basis" in name else text


@pytest.mark.parametrize("name", EDITS)
def test_each_edit_is_told_on_its_side(tmp_path: Path, name: str) -> None:
    """What widens, what narrows and who is asked anew; the other way round both sides change places."""
    _, _, wider, narrower, asked = EDITS[name]
    before, after = loaded(tmp_path, RICH), loaded(tmp_path, edited(name), "new.toml")
    found = diff(before, after)
    assert {each.text for each in found.widens} == wider
    assert {each.text for each in found.narrows} == narrower
    assert set(found.asked_anew) == asked
    assert not diff(before, before)


def test_what_widens_one_way_narrows_the_other(tmp_path: Path) -> None:
    """Told from the other side a change has its values exchanged."""
    before = loaded(tmp_path, RICH)
    after = loaded(tmp_path, changed('lease = "P30D"', 'lease = "P31D"', RICH), "new.toml")
    (wider,), (narrower,) = diff(before, after).widens, diff(after, before).narrows
    assert (wider.text, wider.before, wider.after) == ("device.lease", "P30D", "P31D")
    assert (narrower.before, narrower.after) == ("P31D", "P30D")


def test_a_purpose_that_is_new_is_asked_for_the_first_time(tmp_path: Path) -> None:
    """Nobody is asked anew for what nobody was asked; a purpose that is gone ends its consents."""
    without = RICH[: RICH.index("# A purpose of its own")] + RICH[RICH.index("# The proof that") :]
    without = changed('marketing = "reklame"\n', "", without.replace('marketing = "Må vi sende reklame?"\n', ""))
    for gone in (
        '"marketing", "dispatch"',
        '"marketing", "invoicing", "market_statistics"',
        '"marketing", "invoicing"',
    ):
        without = without.replace(gone, gone.removeprefix('"marketing", '), 1)
    for name in ("host", "mailer"):
        start = without.index(f'id = "{name}"')
        without = without[:start] + without[start:].replace('"contact.email"', "", 1)
    without = without.replace('["billing.amount", ]', '["billing.amount"]')
    one, other = loaded(tmp_path, without), loaded(tmp_path, RICH, "new.toml")
    found = diff(one, other)
    assert (found.asked_first, found.asked_anew, found.ended) == (("marketing",), {}, ())
    assert {"category contact", "role staff may read"} <= {each.text for each in found.widens}
    back = diff(other, one)
    assert (back.asked_first, back.asked_anew, back.ended) == ((), {}, ("marketing",))


def test_significant_is_what_the_policy_calls_so(tmp_path: Path) -> None:
    """The difference decides, by the words of `notice.significant` of the newer policy (V-33)."""
    before = loaded(tmp_path, TEXT)
    longer = changed('precision = "cell_100m"\nretention = "P90D"', 'precision = "cell_100m"\nretention = "P91D"')
    assert [each.text for each in diff(before, loaded(tmp_path, longer, "a.toml")).significant] == [
        "retention of position"
    ]
    shorter = longer.replace('"P91D"', '"P89D"')
    assert diff(before, loaded(tmp_path, shorter, "b.toml")).significant == ()
    calm = longer.replace('version = "demo-1"', 'version = "demo-1"\nsignificant = ["region"]')
    assert diff(before, loaded(tmp_path, calm, "c.toml")).significant == ()
    fewer = changed('recipients = ["roadside_assistance"]', "recipients = []")
    fewer = changed('fields = ["position.time", "position.lat", "position.lon"]', "fields = []", fewer)
    told = diff(before, loaded(tmp_path, fewer, "d.toml"))
    assert [each.text for each in told.significant] == ["recipient roadside_assistance of position"]


def test_no_edit_goes_untold(tmp_path: Path) -> None:
    """Whatever key of a single table changes, the difference is not empty: what nobody can judge stands under changes."""
    before = loaded(tmp_path, TEXT)
    by_other_means = {"policy.version", "notice.version", "location.precision", "collection.never", "access.roles"}
    by_other_means |= {"children.safeguards.location"}
    by_other_means |= {key for key in before.parameters if key.startswith("device.")} - {"device.lease"}
    untold = []
    for key, value in before.parameters.items():
        after = _with(before, key, _other(value))
        if not diff(before, after) and not diff(after, before):
            untold.append(key)
    assert by_other_means >= set(untold)
    assert "access.roles" in untold  # told by what the roles may do, of which this knows nothing


def _other(value: Value) -> Value:
    """Another value of the same kind."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, int | float):
        return value + 1
    if isinstance(value, tuple):
        return value[:1] if len(value) > 1 else ("purpose",)
    if isinstance(value, Period):
        return Period.parse("P1Y2M")
    return {"required": "offered", "offered": "required"}.get(value, f"{value}x")


def _with(policy: Policy, key: str, value: Value) -> Policy:
    """The same policy with one parameter changed, as nothing else reads it."""
    return dataclasses.replace(policy, parameters=Parameters({**policy.parameters, key: value}))


def test_the_ledger_and_the_difference_agree(tmp_path: Path) -> None:
    """A consent under the old policy is closed exactly when the difference says that it must be asked anew."""
    before = loaded(tmp_path, RICH)
    policies = {before.hash: before}
    for n, name in enumerate(EDITS):
        after = loaded(tmp_path, edited(name), f"{n}.toml")
        found = diff(before, after)
        for purpose in ("tracking", "condition_monitoring", "theft_alarm", "marketing"):
            why = closed_by_change(_given(before, purpose), after, policies.get)
            assert bool(why) == (purpose in found.asked_anew or purpose in found.ended), (name, purpose, why)


def _given(policy: Policy, purpose: str) -> Any:
    """What a ledger looks at in a consent: purpose, notice and policy."""
    state = ConsentState.GIVEN
    return SimpleNamespace(purpose=purpose, privacy_notice=policy.notice, policy_hash=policy.hash, event_state=state)


def test_an_interval_concerns_those_who_are_sensed() -> None:
    """A shorter interval asks nobody anew whose consent opens no sensor."""
    policy = load_policy(DEMO)
    faster = dataclasses.replace(policy, device=dataclasses.replace(policy.device, interval_s=5))
    assert widened(policy, faster, "tracking") == ["interval 5 s"]
    assert widened(policy, faster, "marketing") == []


def test_the_command_tells_people_and_programs(tmp_path: Path) -> None:
    """Text with signs for each side, JSON with every field; exit code 2 where something widens and that is refused."""
    new = write(tmp_path, changed('"PT10S"', '"PT9S"').replace('lease = "P30D"', 'lease = "P29D"'))
    told = RUNNER.invoke(cli.policy, ["diff", str(DEMO), str(new)])
    assert told.exit_code == 0
    assert "  + interval 9 s: 10 s to 9 s (for condition_monitoring, theft_alarm, tracking)" in told.stdout
    assert "  - device.lease: P30D to P29D" in told.stdout
    assert "ask again for tracking: interval 9 s" in told.stdout
    assert RUNNER.invoke(cli.policy, ["diff", str(DEMO), str(new), "--refuse-wider"]).exit_code == 2
    assert RUNNER.invoke(cli.policy, ["diff", str(DEMO), str(DEMO), "--refuse-wider"]).stdout == "nothing changes\n"
    parsed = json.loads(RUNNER.invoke(cli.policy, ["diff", str(DEMO), str(new), "--json"]).stdout)
    assert parsed["widens"][0] == {
        "aspect": "sensing",
        "what": "interval 9 s",
        "before": "10 s",
        "after": "9 s",
        "purposes": ["condition_monitoring", "theft_alarm", "tracking"],
    }
    assert parsed["consents"]["asked_anew"]["tracking"] == ["interval 9 s"]
    gap = write(tmp_path, changed('retention = "P90D"\n', ""), "gap.toml")
    assert RUNNER.invoke(cli.policy, ["diff", str(DEMO), str(gap)]).exit_code == 2


def test_a_significant_change_wants_a_new_notice(tmp_path: Path) -> None:
    """The command says so while the notice keeps its version, and not once it has another one."""
    longer = changed('precision = "cell_100m"\nretention = "P90D"', 'precision = "cell_100m"\nretention = "P91D"')
    sentence = "give notice.version a new one"
    assert sentence in RUNNER.invoke(cli.policy, ["diff", str(DEMO), str(write(tmp_path, longer))]).stdout
    noticed = longer.replace('"demo-1"', '"demo-2"')
    assert sentence not in RUNNER.invoke(cli.policy, ["diff", str(DEMO), str(write(tmp_path, noticed))]).stdout


def test_notes_tell_what_is_no_gap(tmp_path: Path) -> None:
    """Promises that nothing carries out, terms that the cap cuts, reviews that are due, recipients who get nothing."""
    path = write(tmp_path, RICH)
    found = {note.key: note.message for note in notes(path, date(2026, 11, 28))}
    assert "nothing carries this out yet" in found["portal.max_steps"]
    assert "recipient[2].reviewed" not in found
    later = {note.key: note.message for note in notes(path, date(2026, 11, 29))}
    assert "was due on 2026-11-28" in later["recipient[2].reviewed"]
    cut = write(tmp_path, changed('"region"\nretention = "P12M"', '"region"\nretention = "P14M"', RICH), "cut.toml")
    assert {"rule[7].retention"} <= {note.key for note in notes(cut, date(2026, 6, 1))}
    idle = write(
        tmp_path,
        changed('purposes = ["tracking", "marketing", "invoicing"]', 'purposes = ["marketing", "invoicing"]', RICH),
        "idle.toml",
    )
    assert {"rule[0].recipients"} <= {note.key for note in notes(idle, date(2026, 6, 1))}
    bare = write(
        tmp_path, TEXT.replace(TEXT[TEXT.index("[controller]") : TEXT.index("# The text that")], ""), "bare.toml"
    )
    assert "policy" in {note.key for note in notes(bare, date(2026, 6, 1))}
    (unkept,) = (note for note in notes(path, date(2026, 6, 1)) if note.key == "portal.max_steps")
    assert unkept.line == 1 + RICH[: RICH.index("max_steps = 2")].count("\n")


def test_check_prints_notes_and_what_is_unused(tmp_path: Path) -> None:
    """Notes leave the exit code 0; --unused lists exactly the keys without a carrier."""
    path = write(tmp_path, RICH)
    told = RUNNER.invoke(cli.policy, ["check", str(path)])
    assert told.exit_code == 0
    assert "note: " in told.output
    parsed = json.loads(RUNNER.invoke(cli.policy, ["check", str(path), "--json", "--unused"]).stdout)
    assert parsed["findings"] == []
    assert {note["key"] for note in parsed["notes"]} >= {"portal.max_steps"}
    assert parsed["unused"] == [key.name for key in keys().values() if not key.by]
    listed = RUNNER.invoke(cli.policy, ["keys"]).stdout
    assert all(f"{name}: " in listed for name in keys())
