"""The policy file: schema, loading, lint."""

from cloud_sync.policy.archive import PolicyArchive
from cloud_sync.policy.compare import widened
from cloud_sync.policy.compiled import Policy, Recipient, Rule
from cloud_sync.policy.finding import Finding
from cloud_sync.policy.lint import lint
from cloud_sync.policy.load import PolicyRefused, load_policy
from cloud_sync.policy.period import Period
from cloud_sync.policy.vocabulary import Clock

__all__ = [
    "Clock",
    "Finding",
    "Period",
    "Policy",
    "PolicyArchive",
    "PolicyRefused",
    "Recipient",
    "Rule",
    "lint",
    "load_policy",
    "widened",
]
