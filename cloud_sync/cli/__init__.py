"""Groups `sync` and `policy` of the `byleave` command: the ways of the operator and of the data protection officer.

Exit codes: 0 done; 1 an error, told in one sentence that says what to do; 2 findings, a denial or a proof that fails.
"""

from cloud_sync.cli.policy import policy
from cloud_sync.cli.sync import sync

__all__ = ["policy", "sync"]
