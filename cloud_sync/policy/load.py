"""`load_policy(path)`: a policy file becomes a compiled, immutable policy, or is refused with every gap it has."""

from __future__ import annotations

from pathlib import Path

from cloud_sync.errors import PolicyError
from cloud_sync.policy.compiled import Policy
from cloud_sync.policy.compiling import compile_policy
from cloud_sync.policy.finding import Finding
from cloud_sync.policy.lint import examine


class PolicyRefused(PolicyError):  # noqa: N818 - says what happened; the base carries the Error
    """A policy file with gaps; `findings` says file, line, key and what to do for each."""

    def __init__(self, findings: list[Finding]) -> None:
        self.findings = findings
        super().__init__("\n".join(str(finding) for finding in findings))


def load_policy(path: str | Path, *, past: bool = False) -> Policy:
    """The compiled policy of a file, or of one of the `past`; PolicyRefused (a PolicyError) with all findings of its gaps."""
    examined = examine(path, past=past)
    if examined.file is None:
        raise PolicyRefused(examined.findings)
    return compile_policy(examined.file, examined.digest)
