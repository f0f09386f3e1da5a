"""The policies of the gate's tests: the demo's, and one with every basis, staff, statistics, children, steps, authorities."""

from __future__ import annotations

from pathlib import Path

DEMO_FILE = Path("cloud_sync/policy/profiles/demo.toml")
DEMO = DEMO_FILE.read_text(encoding="utf-8")

_HEAD = DEMO[: DEMO.index("[access]")]

_SYNTHETIC = """
[access]
roles = ["support", "staff"]

[stats]
inputs = ["environment.time", "environment.temperature"]

[children]
policy_floor = { other = 16 }
country_floor = { default = 16 }

[[roles.device]]
actions = ["sense"]
purposes = ["tracking", "dispatch", "condition_monitoring", "theft_alarm", "diagnosis"]

[[roles.service]]
actions = ["ingest", "mail", "statistics"]
purposes = [
  "tracking", "dispatch", "condition_monitoring", "theft_alarm", "diagnosis", "marketing", "service_change_notice",
  "safety_notice",
]

[[roles.data_subject]]
actions = ["read", "export"]
purposes = [
  "tracking", "dispatch", "condition_monitoring", "theft_alarm", "remote_help", "invoicing", "legal_reporting", "diagnosis",
  "marketing", "service_change_notice", "safety_notice", "rights_handling",
]

[[roles.controller]]
actions = ["read", "disclose"]
purposes = ["tracking", "dispatch", "legal_reporting", "invoicing"]

[[roles.planner]]
actions = ["read"]
purposes = ["dispatch"]

[[roles.parent]]
actions = ["read", "export"]
purposes = ["tracking"]

[[roles.support]]
actions = ["read", "terminal"]
purposes = ["diagnosis", "remote_help", "tracking"]

[[roles.staff]]
actions = ["read", "export", "mail"]
purposes = ["marketing", "invoicing"]

[[roles.dpo]]
actions = ["read", "export"]
purposes = ["rights_handling", "legal_reporting"]

[[recipient]]
id = "carrier"
kind = "processor"
agreement = "DPA-7"
region = "EEA"
fields = ["position.time", "position.lat", "position.lon", "position.speed", "position.course"]

[[recipient]]
id = "police"
kind = "authority"
region = "EEA"
fields = ["position.time", "position.lat", "position.lon"]

[[rule]]
category = "position"
stream = "location"
sensors = ["gnss"]
fields = ["time", "lat", "lon", "quality"]
purpose = ["tracking"]
basis = "consent"
precision = "cell_100m"
retention = "P30D"
clock = "captured"
after = "step_down"
recipients = ["carrier"]
region = "EEA"
visible_to_user = true

[[rule.step]]
precision = "cell_10km"
retention = "P90D"

[[rule]]
category = "position"
stream = "location"
sensors = ["gnss"]
fields = ["time", "lat", "lon", "speed", "course"]
purpose = ["dispatch"]
basis = "contract"
precision = "exact"
retention = "P30D"
clock = "captured"
after = "delete"
recipients = ["carrier"]
region = "EEA"
visible_to_user = true

[[rule]]
category = "position"
stream = "location"
sensors = ["gnss"]
fields = ["time", "lat", "lon"]
purpose = ["legal_reporting"]
basis = "legal_obligation"
legal_ref = "Code of procedure 804"
precision = "exact"
retention = "P30D"
clock = "captured"
after = "delete"
recipients = ["police"]
region = "EEA"
visible_to_user = true

[[rule]]
category = "environment"
stream = "environment"
sensors = ["temperature", "light"]
fields = ["time", "temperature", "light"]
purpose = ["condition_monitoring"]
basis = "legitimate_interest"
balancing_id = "BT-LOAD-1"
retention = "P12M"
clock = "captured"
after = "delete"
recipients = []
region = "EEA"
visible_to_user = true

[[rule]]
category = "motion"
stream = "motion"
sensors = ["motion"]
fields = ["time", "motion"]
purpose = ["theft_alarm"]
basis = "consent"
retention = "P90D"
clock = "captured"
after = "delete"
recipients = []
region = "EEA"
visible_to_user = true

[[rule]]
category = "status"
stream = "status"
fields = [
  "time", "reason", "uptime", "directive", "down_next", "challenge", "boots", "reset", "battery", "spooled", "lost", "refused",
  "faults", "heap", "firmware", "crash", "security", "update",
]
purpose = ["diagnosis"]
basis = "legitimate_interest"
balancing_id = "BT-STATUS-1"
retention = "P12M"
clock = "captured"
after = "delete"
recipients = []
region = "EEA"
visible_to_user = true

[[rule]]
category = "device_storage"
fields = ["time", "lines"]
purpose = ["remote_help"]
basis = "consent"
retention = "P30D"
clock = "record.created"
after = "delete"
recipients = []
region = "EEA"
visible_to_user = true

[[rule]]
category = "contact"
fields = ["email"]
purpose = ["marketing"]
basis = "consent"
retention = "P12M"
clock = "last_interaction"
after = "delete"
recipients = []
region = "EEA"
visible_to_user = true

[[rule]]
category = "contact"
fields = ["email"]
purpose = ["service_change_notice", "safety_notice"]
basis = "contract"
retention = "P12M"
clock = "last_interaction"
after = "delete"
recipients = []
region = "EEA"
visible_to_user = true

[[rule]]
category = "billing"
fields = ["time", "amount"]
purpose = ["invoicing"]
basis = "legal_obligation"
legal_ref = "Bookkeeping act 12"
retention = "P5Y"
clock = "fiscal_year.end"
after = "delete"
recipients = []
region = "EEA"
visible_to_user = true

[[rule]]
category = "audit"
fields = ["kind", "time"]
purpose = ["rights_handling"]
basis = "legal_obligation"
legal_ref = "GDPR Art. 5(2)"
retention = "P3Y"
clock = "record.created"
after = "delete"
recipients = []
region = "EEA"
visible_to_user = true
"""

#: Exact positions with speed and course; five bases of processing side by side; what the demo's policy leaves out.
SYNTHETIC = (
    _HEAD.replace('[location]\nprecision = "cell_100m"', '[location]\nprecision = "exact"').replace(
        'never = ["location.speed", "location.course"]', "never = []"
    )
    + _SYNTHETIC
)
POLICIES = {"demo": DEMO, "synthetic": SYNTHETIC}
