"""One message to many: each person is asked about when their message is sent, never when the list is made (clause CG-79).

A message that needs a consent carries a link by which it is taken back. What is made for one person in it comes from a reader that
asks the gate; where that says no the person gets the message that everybody gets.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from cloud_sync.errors import ConfigError, Denied

LEAVE: Final = "{leave}"  # where the link stands in a text
#: Sends a text to a person's address: (subject, text).
Post = Callable[[str, str], object]
#: Asks the gate for one message, and calls the last argument only if it may be sent (`disclosure.Mails.send`).
Ask = Callable[[str, Callable[[], None]], object]


@dataclass(frozen=True, slots=True)
class Campaign:
    """What became of a message to many: to whom it went, and how many were left out for which reason."""

    sent: tuple[str, ...]
    withheld: Mapping[str, int]


def send_to_all(
    subjects: Iterable[str],
    text: str,
    post: Post,
    *,
    ask: Ask,
    link: Callable[[str], str] | None,
    tailored: Callable[[str], str] | None = None,
) -> Campaign:
    """Send; `link` makes the way out for one person, None where no consent carries the message.

    ConfigError for a text without the place of a link that it must have.
    """
    if link is not None and LEAVE not in text:
        raise ConfigError(f"a message that rests on consent tells how to leave: put {LEAVE} where the link stands")
    sent: list[str] = []
    withheld: Counter[str] = Counter()
    for subject in subjects:
        try:
            ask(subject, lambda person=subject: _send(person, text, post, link, tailored))  # type: ignore[misc]
        except Denied as denied:
            withheld[str(denied.reason)] += 1
        else:
            sent.append(subject)
    return Campaign(tuple(sent), MappingProxyType(dict(withheld)))


def _send(
    subject: str,
    text: str,
    post: Post,
    link: Callable[[str], str] | None,
    tailored: Callable[[str], str] | None,
) -> None:
    body = text if link is None else text.replace(LEAVE, link(subject))
    post(subject, _made_for(subject, tailored) + body)


def _made_for(subject: str, tailored: Callable[[str], str] | None) -> str:
    """What is in it for one person alone; nothing where the gate says no."""
    try:
        return tailored(subject) if tailored else ""
    except Denied:
        return ""
