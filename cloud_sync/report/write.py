"""Every report of a policy as files: the same bytes for the same file, wherever and whenever they are made."""

from __future__ import annotations

import json
from pathlib import Path

from cloud_sync.errors import ConfigError
from cloud_sync.policy import Policy
from cloud_sync.report.dpv import dpv
from cloud_sync.report.notice import notice
from cloud_sync.report.record import record, record_page
from cloud_sync.report.words import LANGUAGES


def reports(policy: Policy) -> dict[str, str]:
    """The text of each report by its file name. A notice for each language of the policy that the product has words in."""
    languages = [language for language in policy.languages if language in LANGUAGES] or ["en"]
    return {
        "record.json": _json(record(policy)),
        "record.md": record_page(policy),
        **{f"notice.{language}.md": notice(policy, language) for language in languages},
        "policy.jsonld": _json(dpv(policy)),
    }


def _json(value: object) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"


def write_reports(policy: Policy, directory: str | Path) -> list[Path]:
    """Write every report into a directory, which is made where it is missing; ConfigError when it cannot be written."""
    folder, written = Path(directory), []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in reports(policy).items():
            path = folder / name
            path.write_text(text, "utf-8")
            written.append(path)
    except OSError as error:
        raise ConfigError(f"{folder}: {error.strerror}; name a directory that can be written") from error
    return written
