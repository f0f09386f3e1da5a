"""`lint(path)`: every gap of a policy file at once, each with its line and what to do."""

from __future__ import annotations

import difflib
import hashlib
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path as FilePath
from typing import Any, NamedTuple

from pydantic import ValidationError

from cloud_sync.policy.capchecks import CAP_CHECKS
from cloud_sync.policy.checks import CHECKS, Gap, fields_covered
from cloud_sync.policy.company import COMPANY_CHECKS
from cloud_sync.policy.devicechecks import DEVICE_CHECKS
from cloud_sync.policy.fields import FIELD_CHECKS
from cloud_sync.policy.finding import Finding, dotted
from cloud_sync.policy.identifiers import IDENTIFIER_CHECKS
from cloud_sync.policy.lawchecks import LAW_CHECKS
from cloud_sync.policy.locate import Locator, Path
from cloud_sync.policy.origin import ORIGIN_CHECKS
from cloud_sync.policy.provisionchecks import PROVISION_CHECKS
from cloud_sync.policy.reference import general, keys
from cloud_sync.policy.schema import PolicyFile
from cloud_sync.policy.streamchecks import STREAM_CHECKS, always_sent, location_told
from cloud_sync.policy.textchecks import TEXT_CHECKS
from cloud_sync.policy.transferchecks import TRANSFER_CHECKS

# A policy is a page or ten; the locator counts lines from the start for each key.
MAX_FILE_BYTES = 256 * 1024

_AT_LINE = re.compile(r"\(at line (\d+), column \d+\)")
_MISSING = {
    "retention": ("a category without a finite term", 'add retention = "P90D" or another ISO 8601 period'),
    "basis": ("a purpose without a lawful basis", 'add basis = "consent" or another basis of GDPR Art. 6(1)'),
    "purpose": ("a category without a purpose", "add purpose = [...]: what has no purpose is not taken"),
    "fields": ("a category without its closed list of fields", "add fields = [...]"),
    "clock": ("a term without the event that starts it", 'add clock = "captured" or another clock'),
    "after": ("a term without what follows it", 'add after = "delete"'),
}


#: What a policy must mean for its compiled form to be right.
_MEANING = CHECKS + STREAM_CHECKS + DEVICE_CHECKS + PROVISION_CHECKS
#: Not asked of a policy of the past: the compiled policy permits nothing for what they find.
_OF_TODAY = (fields_covered, location_told)
#: What a policy must promise today. Nobody asks it of one of the past: who agreed to it agreed to what it says.
_PROMISES = (
    *(*TRANSFER_CHECKS, *LAW_CHECKS, *CAP_CHECKS, *TEXT_CHECKS, *COMPANY_CHECKS, *FIELD_CHECKS, *ORIGIN_CHECKS),
    *IDENTIFIER_CHECKS,
    always_sent,
)


class Examined(NamedTuple):
    """What an examination of a policy file yields; `file` is None unless there is no finding."""

    findings: list[Finding]
    file: PolicyFile | None
    digest: str


def lint(path: str | FilePath) -> list[Finding]:
    """Every gap of the policy file, in order of lines; empty when it may be loaded. An unreadable file is a finding."""
    return examine(path).findings


def examine(path: str | FilePath, *, past: bool = False) -> Examined:
    """Parse, validate and check a policy file.

    Of one of the `past` nobody asks for fields that streams did not have when it was written, nor for whole positions, nor for
    promises that came later: what it does not name, it does not permit [a new check must not make the policies unreadable that
    people agreed to].
    """
    name = str(path)
    try:
        with FilePath(path).open("rb") as handle:
            data = handle.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        return _refused(name, 1, f"cannot be read: {error.strerror}", "name a readable file")
    if len(data) > MAX_FILE_BYTES:
        return _refused(name, 1, f"is longer than {MAX_FILE_BYTES} bytes", "split what is no policy out of it")
    digest = hashlib.sha256(data).hexdigest()
    try:
        text = data.decode()
        raw = tomllib.loads(text)
        locator = Locator(text)
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        return _refused(name, line, "is not UTF-8", "save the file as UTF-8")
    except tomllib.TOMLDecodeError as error:
        match = _AT_LINE.search(str(error))
        line = int(match[1]) if match else text.count("\n") + 1
        return _refused(name, line, f"is no TOML: {_AT_LINE.sub('', str(error)).strip()}", "correct the line")
    except RecursionError:
        return _refused(name, 1, "is nested too deeply", "a policy needs three levels")
    return _examined(name, raw, locator, digest, past)


def _refused(name: str, line: int, message: str, fix: str) -> Examined:
    return Examined([Finding(name, line, "file", message, fix)], None, "")


def _examined(name: str, raw: dict[str, Any], locator: Locator, digest: str, past: bool) -> Examined:
    gaps: list[Gap] = []
    file: PolicyFile | None = None
    try:
        file = PolicyFile.model_validate(raw)
    except ValidationError as error:
        gaps += _structural(error, raw)
    checks = [check for check in _MEANING if check not in _OF_TODAY] if past else [*_MEANING, *_PROMISES]
    wrong = {gap.path for gap in gaps}  # a value of no kind needs no second finding about its meaning
    gaps += [gap for check in checks for gap in check(raw) if gap.path not in wrong]
    findings = sorted({Finding(name, locator.line(gap.path), dotted(gap.path), gap.message, gap.fix) for gap in gaps})
    return Examined(findings, None if findings else file, digest)


def _structural(error: ValidationError, raw: dict[str, Any]) -> Iterator[Gap]:
    for item in error.errors(include_url=False, include_context=False, include_input=False):
        path = _in_file(item["loc"], raw)
        key = str(path[-1]) if path else "file"
        if item["type"] == "missing":
            message, fix = _MISSING.get(key, (f"{key} is missing", f"add {key}"))
        elif item["type"] == "extra_forbidden":
            message, fix = "unknown key", _nearest(path)
        else:
            message, fix = item["msg"].removeprefix("Value error, "), "correct the value"
        yield Gap(path, message, fix)


def _in_file(location: tuple[str | int, ...], raw: Any) -> Path:
    """Pydantic's path without the parts that are no keys of the file, such as `[key]` after a key that is unknown."""
    path: list[str | int] = []
    for part in location:
        if part == "[key]":
            continue
        path.append(part)
    return tuple(path)


def _nearest(path: Path) -> str:
    """The key that was probably meant, of those that may stand in the same table."""
    above = f"{general(path).rpartition('.')[0]}." if len(path) > 1 else ""
    below = (name.removeprefix(above) for name in keys() if name.startswith(above))
    known = {name.partition(".")[0].removesuffix("[]") for name in below}
    close = difflib.get_close_matches(str(path[-1]), sorted(known), n=1) if path else []
    return f"did you mean {close[0]}?" if close else "take it out: what nothing reads, nobody keeps"
