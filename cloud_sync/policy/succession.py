"""What a policy may be after others: another text has another version, and what is there serves no further purpose unsaid.

1. One version, one text: the archive knows every file that was ever in force by its hash, and a file of the same id and
   version that says something else is refused [a policy that is changed silently]. Comments and layout are no part of it.
2. A purpose that a category did not have is a further one for what has been collected (GDPR Art. 5(1)(b), 6(4)): it rests
   on a new consent, names the law that entitles to it, or the assessment by which it is compatible.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from cloud_sync.model import LawfulBasis
from cloud_sync.policy.compiled import Policy
from cloud_sync.policy.finding import Finding
from cloud_sync.policy.locate import Locator


def version_of(raw: dict[str, Any]) -> tuple[str, str]:
    """Id and version of a parsed file."""
    table = raw.get("policy")
    said = table if isinstance(table, dict) else {}
    return str(said.get("id", "")), str(said.get("version", ""))


def unchanged_versions(path: Path, others: Iterator[Path]) -> list[Finding]:
    """A finding if one of the `others` has the id and the version of this file, and says something else."""
    text = path.read_text("utf-8")
    raw = tomllib.loads(text)
    for other in others:
        try:
            before = tomllib.loads(other.read_text("utf-8"))
        except (OSError, ValueError):
            continue  # altered or half written: it proves nothing
        if version_of(before) == version_of(raw) and before != raw:
            line = Locator(text).line(("policy", "version"))
            message = f"another text has version {version_of(raw)[1]} already (version_unchanged; SHA-256 {other.stem})"
            return [Finding(str(path), line, "policy.version", message, "give the changed text a version of its own")]
    return []


def further_purposes(old: Policy, new: Policy) -> list[str]:
    """Each `category for purpose` of `new` that `old` did not have of that category, and that rests on nothing of its own."""
    found = []
    for rule in new.rules:
        known = {purpose for before in old.rules_of(rule.category) for purpose in before.purposes}
        referred = rule.compatibility_ref or rule.legal_ref or rule.basis is LawfulBasis.CONSENT
        if known and not referred:
            found += [f"{rule.category} for {purpose}" for purpose in rule.purposes if purpose not in known]
    return found
