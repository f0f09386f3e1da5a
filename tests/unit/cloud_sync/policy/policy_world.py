"""Policies for tests: the demo's, one that uses every table of the file, and both with one thing changed."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

from cloud_sync.policy import Policy, load_policy

DEMO = Path("cloud_sync/policy/profiles/demo.toml")
TEXT = DEMO.read_text(encoding="utf-8")


def anew(text: str) -> str:
    """A changed policy text under a version of its own, as a company publishes it."""
    version = f"v-{hashlib.sha256(text.encode()).hexdigest()[:12]}"
    found, count = re.subn(r'(?m)^version = "[^"]*"', f'version = "{version}"', text, count=1)
    assert count == 1 and found.index("[policy]") < found.index(version) < found.index("[notice]")
    return found


_HEAD = """
[stats]
inputs = ["position.time", "position.lat", "position.lon"]
k_min = 25
grid_km = 20
release_delay = "P45D"

[children]
policy_floor = { tracking = 17, other = 14 }
country_floor = { DK = 15, NL = 16, default = 16 }
pending_ttl = "P6D"

[children.safeguards]
location = "cell_10km"
retention_max = "P20D"

[portal]
max_steps = 2

[assurance]
response = "P30D"

[legal]
refs = ["GDPR Art. 7(1)", "GDPR Art. 5(2)", "DK-BOOKKEEPING"]

[recipients]
review_max = "P300D"

[recipients.affiliates]
enabled = true
list = ["sister"]
legal_ref = "AFF-1"

[retention.billing]
max = "P5Y"
clock = "fiscal_year.end"
categories = ["invoice"]

[text.da.purpose]
tracking = "at vide, hvor bilen [er](http://x)"
condition_monitoring = "varernes tilstand"
theft_alarm = "tyveri"
diagnosis = "enhedens tilstand"
marketing = "reklame"
rights_handling = "dine rettigheder"
invoicing = "fakturaer"
dispatch = "ture"
market_statistics = "tal om markedet"

[text.da.question]
tracking = "Må vi vide, hvor bilen er?"
condition_monitoring = "Må vi måle varernes tilstand?"
theft_alarm = "Må vi mærke tyveri?"
marketing = "Må vi sende reklame?"

[text.da.recipient]
host = "Vores vært"

"""
_RECIPIENTS = """
[[recipient]]
id = "host"
kind = "processor"
service = "hosting"
agreement = "DPA-2026-7"
region = "DK"
fields = ["billing.amount", "contact.email"]

[[recipient]]
id = "mailer"
kind = "processor"
agreement = "DPA-2026-8"
region = "US"
mechanism = "scc"
assessment = "TIA-3"
reviewed = 2026-02-01
fields = ["contact.email"]

[[recipient]]
id = "sister"
kind = "joint_controller"
of = "affiliates"
region = "NL"
fields = ["billing.amount"]
"""
_RULES = """
[[rule]]
category = "position"
stream = "location"
sensors = ["gnss"]
fields = ["time", "lat", "lon", "quality"]
purpose = ["dispatch"]
basis = "contract"
role = "processor"
instruction = "I-1"
precision = "cell_1km"
retention = "P30D"
clock = "captured"
after = "step_down"
recipients = []
region = "NL"
visible_to_user = true

[[rule.step]]
precision = "cell_10km"
retention = "P6M"

[[rule.step]]
precision = "region"
retention = "P12M"

[[rule]]
category = "position"
stream = "location"
sensors = ["gnss"]
fields = ["time", "lat", "lon", "quality"]
purpose = ["market_statistics"]
basis = "legitimate_interest"
balancing_id = "BT-STATS-1"
role = "joint_controller"
arrangement = "JCA-1"
precision = "cell_10km"
retention = "P60D"
clock = "captured"
after = "delete"
recipients = []
region = "EEA"
visible_to_user = true

[[rule]]
category = "billing"
fields = ["amount", "date"]
purpose = ["invoicing"]
basis = "legal_obligation"
legal_ref = "DK-BOOKKEEPING"
retention = "P5Y"
clock = "fiscal_year.end"
after = "delete"
recipients = ["host", "sister"]
region = "EEA"
visible_to_user = false
reason = "invoicing"
"""


def rich() -> str:
    """The demo's policy with every table that a file may have, and no gap."""
    text = TEXT.replace("[transfer]", f"{_HEAD}[transfer]").replace("mechanisms = []", 'mechanisms = ["scc"]')
    text = text.replace(
        '"diagnosis", "marketing", "rights', '"diagnosis", "marketing", "dispatch", "market_statistics", "rights'
    )
    text = text.replace('purposes = ["marketing"]', 'purposes = ["marketing", "invoicing", "market_statistics"]')
    text = text.replace(
        '[[roles.controller]]\nactions = ["disclose"]\npurposes = ["tracking"]',
        '[[roles.controller]]\nactions = ["disclose"]\npurposes = ["tracking", "marketing", "invoicing"]\n\n'
        '[[roles.service]]\nactions = ["statistics"]\npurposes = ["market_statistics"]',
    )
    contact = text.index('category = "contact"')
    text = text[:contact] + text[contact:].replace("recipients = []", 'recipients = ["host", "mailer"]', 1)
    first = text.index("\n# Where the vehicle is.")
    return text[:first] + _RECIPIENTS + text[first:] + _RULES


def changed(old: str, new: str, text: str = TEXT) -> str:
    """A policy with the first `old` replaced."""
    assert old in text, old
    return text.replace(old, new, 1)


def write(directory: Path, text: str, name: str = "policy.toml") -> Path:
    """A policy file."""
    path = directory / name
    path.write_text(text, "utf-8")
    return path


def loaded(directory: Path, text: str, name: str = "policy.toml") -> Policy:
    """A policy of this text; PolicyRefused where it has a gap."""
    return load_policy(write(directory, text, name))
