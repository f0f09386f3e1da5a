"""A policy that has lost a category of which there are stored data: refused, until the file says what becomes of them.

What no rule names nobody may read, and it is over at once (`retention.terms`, `retention.due`): a file with a rule too few, or
the wrong file, would destroy everything of that category before anybody sees it. So the policy says it itself, where it is
archived and logged with the rest: `dropped` of `[retention]` (docs/decisions/0019-retention.md).
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from pathlib import Path

from cloud_sync.audit import Kind
from cloud_sync.errors import PolicyError
from cloud_sync.model import UPLINK_STREAMS, Stream
from cloud_sync.policy import Policy, PolicyArchive
from cloud_sync.policy.succession import further_purposes
from cloud_sync.stores import Database

log = logging.getLogger(__name__)

DROPPED = "retention.dropped"


def check_lost(database: Database, policy: Policy, archive: PolicyArchive, path: Path) -> None:
    """PolicyError unless every category with stored data has a rule, or is dropped in so many words.

    Asked when another policy was in force before: to be called before anything is swept. Nor does it begin a further
    purpose of what is there (`policy.succession`). What is refused leaves the archive again. The texts of before rest on the
    database, where their hashes are in the log [an archive that is lost, on purpose or not, is no way round it].
    """
    try:
        back = archive.recall(database.policy_texts(), path)
        if back:
            log.warning(
                "%d files of the archive of policies were lost or altered, and are put back from the database", back
            )
        _check(database, policy, archive)
    except PolicyError:
        archive.forget(policy)
        raise


def _check(database: Database, policy: Policy, archive: PolicyArchive) -> None:
    loaded = database.audit_events(kind=Kind.POLICY_LOADED.value)
    before = str(dict(loaded[-1][1].detail).get("policy", "")) if loaded else policy.hash
    if before == policy.hash:
        return
    old = archive.by_hash(before)
    if old is None:  # of an installation that lost it before the database kept texts
        log.error(
            "the text of the policy before, %s, is lost: whether a purpose was added cannot be told; look at it yourself",
            before,
        )
    if old is not None and (further := further_purposes(old, policy)):
        raise PolicyError(
            f"policy {policy.id} uses {', '.join(further)}, which is a further purpose of data that is there: add"
            " compatibility_ref or legal_ref to the rule, or rest it on a consent"
        )
    lost = dict(_lost(database, policy, old))
    # 1. Each has a rule or is named [a rule that was forgotten, a file that was mistaken].
    dropped = frozenset(policy.parameters.words(DROPPED))
    if unsaid := sorted(set(lost) - dropped):
        raise PolicyError(
            f"policy {policy.id} has no rule for {', '.join(unsaid)}, of which there are stored data: put the rule back until its"
            f' term is over, or destroy them with dropped = ["{unsaid[0]}"] in [retention]'
        )
    # 2. What is sealed together with another category goes by terms alone [fields nobody may have, kept for another one's term].
    for category, stream in sorted(lost.items()):
        if stream is not None and policy.rules_of_stream(stream):
            raise PolicyError(
                f"{category} cannot be dropped while other rules keep its stream {stream.name.lower()}: put its rule back until"
                " its term is over"
            )
    # 3. Nothing that a hold keeps.
    for hold in database.holds():
        if hold.category in dropped | set(lost):
            raise PolicyError(
                f"{hold.category} cannot be dropped: hold {hold.hold_id} keeps it; release the hold first"
            )


def keep_texts(database: Database, archive: PolicyArchive, at: float) -> None:
    """Keep, in the database, the text of every policy that was in force and that the archive still has."""
    loaded = (dict(event.detail).get("policy", "") for _, event in database.audit_events(kind=Kind.POLICY_LOADED.value))
    known = {digest for digest, _ in database.policy_texts()}
    for digest in dict.fromkeys(map(str, loaded)):
        if digest not in known and (text := archive.text(digest)) is not None:
            database.keep_policy_text(digest, at, text)


def _lost(database: Database, policy: Policy, before: Policy | None) -> Iterator[tuple[str, Stream | None]]:
    """Categories with stored data that the policy has no rule for, each with the stream that fed it, if any.

    Without the former policy, whose file is gone, a stream that no rule keeps stands for all that it fed.
    """
    known = {rule.category for rule in policy.rules}
    for category in database.categories_of_parts():
        if category not in known:
            yield category, None
    for stream in UPLINK_STREAMS:
        if database.levels(stream):
            former = (
                _fed(before, stream)
                if before
                else {}
                if policy.rules_of_stream(stream)
                else {stream.name.lower(): stream}
            )
            yield from ((category, stream) for category in former if category not in known)


def _fed(policy: Policy, stream: Stream) -> Mapping[str, Stream]:
    return {rule.category: stream for rule in policy.rules_of_stream(stream)}
