"""What tests of notices and messages share: an address on file, a message and its end, a campaign, another edition."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from cloud_sync.errors import Denied
from cloud_sync.gate import MailClass
from cloud_sync.model import Actor
from cloud_sync.notices.campaigns import Campaign
from tests.clauses.made import World

MAILER: Final = Actor("mailer", "service")
CLERK: Final = Actor("c-1", "controller", mfa=True)
SERVICE: Final = [MailClass.SERVICE]
NEWS: Final = [MailClass.MARKETING]
TEXT: Final = "News of the month. Leave: https://company.example/leave/{leave}"


def on_file(world: World, category: str, *subjects: str) -> None:
    """An address of each in records of a category."""
    for subject in subjects or ("u-1",):
        world.cloud.records.put(category, {subject: b"anna@home.example"})


def mail(world: World, purpose: str, category: str, content: list[MailClass], subject: str = "u-1") -> str:
    """Queue a message: "sent", or why not. What was sent is in the log once, and what was not was never handed over."""
    handed: list[str] = []
    before = len(world.logged("mail.sent", subject))
    asked: dict[str, Any] = {"actor": MAILER, "purpose": purpose, "category": category, "subject": subject}
    try:
        world.cloud.mails.send(**asked, content=content, hand_over=lambda: handed.append(subject))
    except Denied as denied:
        assert not handed and len(world.logged("mail.sent", subject)) == before
        return str(denied.reason)
    assert handed == [subject] and len(world.logged("mail.sent", subject)) == before + 1
    return "sent"


def issue(
    world: World,
    purpose: str,
    category: str,
    *subjects: str,
    post: Callable[[str, str], object] | None = None,
    **more: Any,
) -> tuple[Campaign, list[tuple[str, str]]]:
    """An issue to many: what became of it, and the messages that left."""
    sent: list[tuple[str, str]] = []
    with world.cloud.database.transaction():  # a thousand questions, one commit
        done = world.cloud.notices.campaign(
            subjects or ("u-1",),
            actor=MAILER,
            purpose=purpose,
            category=category,
            content=more.pop("content", NEWS),
            text=more.pop("text", TEXT),
            post=post or (lambda subject, text: sent.append((subject, text))),
            **more,
        )
    return done, sent


def token_in(text: str) -> str:
    """The token of the way out in a message."""
    return text.rpartition("/")[2]


def published(world: World, *changes: tuple[str, str]) -> None:
    """Put another edition of the policy in force."""
    text = world.text
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new, 1)
    world.reopen(text)
