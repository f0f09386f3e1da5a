"""Groups `sync`, `policy` and `audit` of the `byleave` command: for operators, data protection officers, auditors.

Exit codes: 0 done; 1 an error, told in one sentence that says what to do; 2 findings, a denial or a proof that fails.
"""

from cloud_sync.cli.auditor import auditor
from cloud_sync.cli.policy import policy
from cloud_sync.cli.sync import sync

__all__ = ["auditor", "policy", "sync"]
