"""An installation whose policy has records of five kinds beside the demo's telemetry: what tests of records and holds share."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from cloud_sync.model import Actor
from tests.unit.cloud_sync.ingest.ingest_world import POLICY
from tests.unit.cloud_sync.service_world import Setting

DAY = 86_400
#: category, purpose, basis, retention, clock
KINDS = (
    ("billing", "invoicing", 'basis = "legal_obligation"\nlegal_ref = "DK-BOOKKEEPING"', "P5Y", "fiscal_year.end"),
    ("support", "support", 'basis = "contract"', "P12M", "case.closed"),
    ("application", "account", 'basis = "contract"', "P3M", "relation.ended"),
    ("log", "troubleshooting", 'basis = "legitimate_interest"\nbalancing_id = "BT-LOG-1"', "P1Y", "record.created"),
    ("account", "account", 'basis = "contract"', "P12M", "last_interaction"),
    (
        "identity_copy",
        "rights_handling",
        'basis = "legal_obligation"\nlegal_ref = "GDPR Art. 12"',
        "P1D",
        "identity.decided",
    ),
    ("crm", "support", 'basis = "contract"', "P12M", "purpose.concluded"),
)
RULE = """
[[rule]]
category = "{}"
fields = ["content"]
purpose = ["{}"]
{}
retention = "{}"
clock = "{}"
after = "delete"
recipients = []
region = "EEA"
visible_to_user = true
"""
GRANTS = """
[[roles.controller]]
actions = ["read"]
purposes = ["invoicing", "support", "account", "troubleshooting"]

[[roles.data_subject]]
actions = ["read"]
purposes = ["invoicing", "support", "account", "troubleshooting"]
"""
COMPANY, ME = Actor("company", "controller"), Actor("s-1", "data_subject")


def at(text: str) -> float:
    """Unix seconds of a time in UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


T0 = at("2026-01-15T12:00")


def policy(directory: Path) -> Path:
    """The demo's policy and the seven kinds."""
    path = directory / "records.toml"
    text = POLICY.read_text("utf-8")
    grants, rules = text.split("# A recipient gets", 1)
    path.write_text(grants + GRANTS + "\n# A recipient gets" + rules + "".join(RULE.format(*kind) for kind in KINDS))
    return path


class Office(Setting):
    """Such an installation."""

    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        self.clock.at = T0
        self.policy = policy(directory)

    def config(self, **changes: object):  # type: ignore[no-untyped-def]
        """With that policy."""
        return super().config(**{"policy": self.policy, **changes})
