"""The policy lint: each gap is made by one change of a valid policy, and found with line, key and what to do."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from cloud_sync.errors import PolicyError
from cloud_sync.policy import PolicyRefused, lint, load_policy

DEMO = Path("cloud_sync/policy/profiles/demo.toml")
TEXT = DEMO.read_text(encoding="utf-8")


def line_of(text: str, part: str) -> int:
    """The line, from 1, at which `part` begins for the first time."""
    return text.count("\n", 0, text.index(part)) + 1


def changed(old: str, new: str) -> str:
    """The demo policy with the first `old` replaced."""
    assert old in TEXT
    return TEXT.replace(old, new, 1)


def write(tmp_path: Path, text: str | bytes) -> Path:
    """A policy file."""
    path = tmp_path / "policy.toml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_the_demo_policy_has_no_gap() -> None:
    """The policy that every negative case starts from is valid."""
    assert lint(DEMO) == []


RULE = (
    '[[rule]]\ncategory = "{}"\nstream = "environment"\nsensors = [{}] # added\nfields = ["time", "{}"]\n'
    'purpose = ["{}"] # added\nbasis = "consent"\nretention = "P90D"\nclock = "captured"\nafter = "delete"\n'
    'recipients = []\nregion = "EEA"\nvisible_to_user = true\n\n'
)

# name: (old, new, key, part of the message, part of the line where it must be reported)
GAPS: dict[str, tuple[str, str, str, str, str]] = {
    "unknown key": ("batch = 20 ", "batsh_x = 1\nbatch = 20 ", "device.batsh_x", "unknown key", "batsh_x = 1"),
    "unknown table": ("[backup]", "[bakcup]\nx = 1\n[backup]", "bakcup", "unknown key", "[bakcup]"),
    "no finite term": ('retention = "P90D"\n', "", "rule[0].retention", "without a finite term", "[[rule]]"),
    "open term": ('"P90D"\nclock', '"forever"\nclock', "rule[0].retention", "no ISO 8601 period", '"forever"'),
    "term of ages": ('"P90D"\nclock', '"P200Y"\nclock', "rule[0].retention", "longer than a hundred", '"P200Y"'),
    "no basis": ('basis = "consent"\nprecision', "precision", "rule[0].basis", "without a lawful basis", "[[rule]]"),
    "field in no category": ('"lon", "quality"]', '"lon"]', "rule[0].fields", "location.quality is in no", '"lon"]'),
    "unknown field": ('"lon", "quality"]', '"lon", "quality", "xyz"]', "rule[0].fields[4]", "no field 'xyz'", '"xyz"'),
    "never but in a rule": (
        'never = ["',
        'never = ["location.lat", "',
        "collection.never[0]",
        "never taken and in a rule",
        "never = ",
    ),
    "never of no stream": ('never = ["', 'never = ["gps.lat", "', "collection.never[0]", "no stream has", "never = "),
    "unknown precision": (
        'precision = "cell_100m"\nret',
        'precision = "c7"\nret',
        "rule[0].precision",
        "unknown",
        '"c7"',
    ),
    "position without precision": (
        'precision = "cell_100m"\nretention',
        "retention",
        "rule[0]",
        "without prec",
        "[[rule]]",
    ),
    "finer than the cap": (
        'precision = "cell_100m"\nretention',
        'precision = "exact"\nretention',
        "rule[0].precision",
        "finer than location.precision",
        'precision = "exact"',
    ),
    "sensor without its field": (
        '[[rule]]\ncategory = "motion"',
        RULE.format("environment", '"temperature", "light"', "temperature", "theft_alarm")
        + '[[rule]]\ncategory = "motion"',
        "rule[2].sensors[1]",
        "sensor light without its field",
        'sensors = ["temperature", "light"] # added',
    ),
    "field without its sensor": (
        'sensors = ["temperature", "light"]',
        'sensors = ["temperature"]',
        "rule[1].fields[2]",
        "field light without its sensor",
        '"time", "temperature", "light"]',
    ),
    "two categories for one read": (
        '[[rule]]\ncategory = "motion"',
        RULE.format("climate", '"light"', "light", "condition_monitoring") + '[[rule]]\ncategory = "motion"',
        "rule[2].purpose[0]",
        "already declared for category environment",
        'purpose = ["condition_monitoring"] # added',
    ),
    "legal obligation without reference": (
        'legal_ref = "GDPR Art. 7(1)"\n',
        "",
        "rule[5].basis",
        "without legal_ref",
        'basis = "legal_obligation"',
    ),
    "interest without balancing": (
        'balancing_id = "BT-STATUS-1"\n',
        "",
        "rule[3].basis",
        "without balancing_id",
        'basis = "legitimate_interest"',
    ),
    "hidden without reason": (
        "visible_to_user = true",
        "visible_to_user = false",
        "rule[0].visible_to_user",
        "hidden from the person",
        "visible_to_user = false",
    ),
    "unknown clock": ('clock = "captured"', 'clock = "arrival"', "rule[0].clock", "Input should be", '"arrival"'),
    "telemetry from elsewhere": (
        'clock = "captured"',
        'clock = "account.closed"',
        "rule[0].clock",
        "for telemetry",
        '"account.closed"',
    ),
    "unknown step after": ('after = "delete"', 'after = "keep"', "rule[0].after", "Input should be", '"keep"'),
    "recipient undeclared": (
        "recipients = []",
        'recipients = ["broker"]',
        "rule[1].recipients[0]",
        "not declared",
        '["broker"]',
    ),
    "recipient field unnamed": (
        '"position.lon"]',
        '"motion.time"]',
        "recipient[0].fields[2]",
        "has motion.time",
        '"motion.time"',
    ),
    "region not allowed": (
        'region = "EEA"\nvisible',
        'region = "US"\nvisible',
        "rule[0].region",
        "not in transfer",
        '"US"',
    ),
    "recipient elsewhere": (
        'region = "EEA"\nfields',
        'region = "US"\nfields',
        "recipient[0].region",
        "not in tran",
        '"US"',
    ),
    "unknown role": ("[[roles.dpo]]", "[[roles.boss]]", "roles.boss", "Input should be", "[[roles.boss]]"),
    "unknown action": (
        'actions = ["sense"]',
        'actions = ["sniff"]',
        "roles.device[0].actions[0]",
        "should be",
        '"sniff"',
    ),
    "role for no purpose": (
        'purposes = ["marketing"]',
        'purposes = ["marketing", "fun"]',
        "roles.staff[0].purposes[1]",
        "no rule declares",
        '"fun"',
    ),
    "purpose for nobody": (
        'purpose = ["theft_alarm"]',
        'purpose = ["theft_alarm", "fun"]',
        "rule[2].purpose[1]",
        "no role may act",
        '"fun"',
    ),
    "spool outlives the term": ('spool_age = "P30D"', 'spool_age = "P91D"', "device.spool_age", "longer than", "P91D"),
    "interval of the calendar": (
        'interval = "PT10S"',
        'interval = "P1M"',
        "device.interval",
        "counts seconds",
        'interval = "P1M"',
    ),
    "interval of zero": ('interval = "PT10S"', 'interval = "PT0S"', "device.interval", "longer than zero", "PT0S"),
    "interval beyond the wire": ('interval = "PT10S"', 'interval = "P2D"', "device.interval", "outside 1 to", "P2D"),
    "lease beyond the wire": ('lease = "P30D"', 'lease = "P94D"', "device.lease", "outside one hour", "P94D"),
    "batch beyond the wire": ("batch = 20 ", "batch = 65 ", "device.batch", "less than or equal to 64", "batch = 65"),
    "sensor of another stream": (
        'sensors = ["gnss"]',
        'sensors = ["gnss", "light"]',
        "rule[0].sensors[1]",
        "light",
        '"gnss", "light"',
    ),
    "unknown sensor": ('sensors = ["gnss"]', 'sensors = ["gnss", "sonar"]', "rule[0].sensors[1]", "unknown", "sonar"),
    "stream without sensors": ('sensors = ["motion"]\n', "", "rule[2].stream", "without sensors", 'stream = "motion"'),
    "two rules for one purpose": (
        'category = "motion"\n',
        'category = "environment"\n',
        "rule[2].stream",
        "already fed by",
        'stream = "motion"',
    ),
    "long term for no account": (
        'retention = "P3Y"\nclock = "record.created"',
        'retention = "P5Y"\nclock = "record.created"',
        "rule[6].retention",
        "for billing only",
        "P5Y",
    ),
    "tombstones not replayed": (
        "replay_tombstones = true",
        "replay_tombstones = false",
        "backup.replay_tombstones",
        "",
        "es = f",
    ),
    "wrong schema": ("schema = 1", "schema = 2", "schema", "Input should be 1", "schema = 2"),
    "free text as a name": ('id = "demo"', 'id = "Demo GmbH"', "policy.id", "should match pattern", "Demo GmbH"),
    "number as text": (
        "max_prompts = 3 ",
        'max_prompts = "3" ',
        "consent.max_prompts",
        "valid integer",
        'max_prompts = "3"',
    ),
}


@pytest.mark.parametrize("name", GAPS)
def test_each_gap_is_found_with_its_line(tmp_path: Path, name: str) -> None:
    """One change of a valid policy yields one finding: at its line, with its key, a message and something to do."""
    old, new, key, message, where = GAPS[name]
    text = changed(old, new)
    findings = lint(write(tmp_path, text))
    assert [finding.key for finding in findings] == [key]
    (finding,) = findings
    assert message in finding.message
    assert finding.line == line_of(text, where)
    assert finding.fix
    assert finding.file.endswith("policy.toml")


def test_a_duplicate_ground_is_found(tmp_path: Path) -> None:
    """A second rule for the same category and purpose is a gap: which of the two terms would hold?"""
    rule = TEXT[TEXT.index('[[rule]]\ncategory = "contact"') : TEXT.index("# The proof that")]
    findings = lint(write(tmp_path, TEXT + rule))
    assert [finding.key for finding in findings] == ["rule[7].purpose[0]"]
    assert findings[0].line == line_of(TEXT + "§", "§") + rule[: rule.index("purpose")].count("\n")
    assert "contact already has a rule for purpose marketing (rule[4])" in findings[0].message


@pytest.mark.parametrize(("new", "message"), [("", "without a purpose"), ("purpose = []\n", "at least 1 item")])
def test_a_category_without_purpose_is_found(tmp_path: Path, new: str, message: str) -> None:
    """A rule without a purpose is a gap, and so are the roles that would act for it."""
    findings = lint(write(tmp_path, changed('purpose = ["tracking"]\n', new)))
    assert [f.message for f in findings if f.key == "rule[0].purpose" and message in f.message]
    assert {f.key.split(".")[0] for f in findings} == {"rule[0]", "roles"}


def test_a_missing_table_is_found(tmp_path: Path) -> None:
    """A table that is not there is a gap of the file, and its regions are then allowed nowhere."""
    text = changed('[transfer]\nallowed = ["EEA"]\nmechanisms = []\n', "")
    keys = [finding.key for finding in lint(write(tmp_path, text))]
    assert "transfer" in keys
    assert "rule[0].region" in keys


def test_an_open_batch_does_not_outlive_the_spool(tmp_path: Path) -> None:
    """A batch age beyond the spool age is a gap of the batch age."""
    text = changed('spool_age = "P30D"', 'spool_age = "PT1H"').replace('batch_age = "PT10M"', 'batch_age = "PT2H"')
    assert [finding.key for finding in lint(write(tmp_path, text))] == ["device.batch_age"]


def test_speed_beside_a_cell_is_found(tmp_path: Path) -> None:
    """Side fields beside a coarse position are a gap, each of them."""
    text = changed('"lon", "quality"]', '"lon", "quality", "speed", "course"]')
    text = text.replace('never = ["location.speed", "location.course"]', "never = []")
    assert [f.key for f in lint(write(tmp_path, text))] == ["rule[0].fields[4]", "rule[0].fields[5]"]


def test_all_findings_come_at_once(tmp_path: Path) -> None:
    """Gaps of the structure and of the meaning are reported together, in order of lines."""
    text = TEXT
    for old, new in (
        GAPS[name][:2] for name in ("unknown key", "no finite term", "recipient undeclared", "unknown role")
    ):
        text = text.replace(old, new, 1)
    findings = lint(write(tmp_path, text))
    keys = {finding.key for finding in findings}
    assert {"device.batsh_x", "rule[0].retention", "rule[1].recipients[0]", "roles.boss"} <= keys
    assert [finding.line for finding in findings] == sorted(finding.line for finding in findings)


def test_a_typing_error_gets_a_proposal(tmp_path: Path) -> None:
    """An unknown key near a known one is answered with the known one."""
    text = changed('clock = "captured"', 'clokc = "captured"')
    fixes = {finding.key: finding.fix for finding in lint(write(tmp_path, text))}
    assert fixes["rule[0].clokc"] == "did you mean clock?"


UNREADABLE = {
    "no TOML": (b"schema = 1\n[policy\n", 2, "is no TOML"),
    "cut short": (b'schema = 1\n[policy]\nid = "x', 3, "is no TOML"),
    "not UTF-8": (b"schema = 1\n# \xff\n", 2, "is not UTF-8"),
    "too long": (b"#" * (256 * 1024 + 1), 1, "longer than"),
    "too deep": (b"x = " + b"[" * 50_000 + b"]" * 50_000, 1, "nested too deeply"),
    "empty": (b"", 1, ""),
}


@pytest.mark.parametrize("name", UNREADABLE)
def test_an_unreadable_file_is_a_finding_and_no_crash(tmp_path: Path, name: str) -> None:
    """Whatever the bytes are, the lint answers with a line and says what to do."""
    data, line, message = UNREADABLE[name]
    findings = lint(write(tmp_path, data))
    assert findings[0].line == line
    assert message in findings[0].message


def test_a_missing_file_is_a_finding(tmp_path: Path) -> None:
    """A path that leads nowhere is reported, not raised."""
    assert "cannot be read" in lint(tmp_path / "none.toml")[0].message


def test_load_refuses_a_gap_with_all_findings(tmp_path: Path) -> None:
    """A policy with a gap is not loaded; the error carries every finding and names file, line and key."""
    path = write(tmp_path, changed('retention = "P90D"\n', ""))
    with pytest.raises(PolicyRefused) as refused:
        load_policy(path)
    assert isinstance(refused.value, PolicyError)
    assert refused.value.findings == lint(path)
    assert f"{path}:{line_of(TEXT, '[[rule]]')}: rule[0].retention: " in str(refused.value)


def test_the_hash_is_that_of_the_file() -> None:
    """A policy is known by the SHA-256 of its file, comments included."""
    assert load_policy(DEMO).hash == hashlib.sha256(DEMO.read_bytes()).hexdigest()
