"""The policy file: schema, loading, lint."""

from cloud_sync.policy.archive import PolicyArchive
from cloud_sync.policy.compare import widened
from cloud_sync.policy.compiled import Policy
from cloud_sync.policy.diff import Diff, diff
from cloud_sync.policy.finding import Finding
from cloud_sync.policy.lint import lint
from cloud_sync.policy.load import PolicyRefused, load_policy
from cloud_sync.policy.notes import notes
from cloud_sync.policy.period import Period
from cloud_sync.policy.provisions import AccessRules, ChildrenRules, Safeguards, StatsRules
from cloud_sync.policy.rules import Recipient, Rule, Step
from cloud_sync.policy.vocabulary import After, Clock

__all__ = [
    "AccessRules",
    "After",
    "ChildrenRules",
    "Clock",
    "Diff",
    "Finding",
    "Period",
    "Policy",
    "PolicyArchive",
    "PolicyRefused",
    "Recipient",
    "Rule",
    "Safeguards",
    "StatsRules",
    "Step",
    "diff",
    "lint",
    "load_policy",
    "notes",
    "widened",
]
