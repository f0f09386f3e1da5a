"""Letters to people, one by one: whoever cannot be reached stops nobody else, and nobody who was told is told again.

1. Each call is waited for a bounded time [a mail server that hangs]. One that ends later counts when it has ended.
2. Told is noted durably before the next one is tried [an end of the program in the middle of a thousand].
3. Where nobody at all is reached any more the round ends [an hour for each hundred people of a server that is away].
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Final

from cloud_sync.audit import Kind
from cloud_sync.breach.book import IncidentBook
from cloud_sync.disclosure.patience import Attempt
from cloud_sync.errors import LinkError
from cloud_sync.model.incidents import Party

log = logging.getLogger(__name__)

PATIENCE_S: Final = 30.0  # for one letter: a mail server has ten seconds for each step of a few
MOST_HANGING: Final = 3  # threads that wait for a server: it answers none of them
MOST_IN_A_ROW: Final = 50  # that were not taken: no fifty addresses one after another are wrong


class LettersLeft(LinkError):  # noqa: N818 - says what happened
    """Letters that were not taken; `untold` are the people, `told` counts those of this round who were reached."""

    def __init__(self, untold: tuple[str, ...], told: int) -> None:
        super().__init__(
            f"{len(untold)} people were not told, and {told} were: see who hands the letters over, then give it again;"
            " nobody is told twice"
        )
        self.untold, self.told = untold, told


class Round:
    """One round of letters; `told` counts those who were reached, `error` is why the first one was not."""

    def __init__(self, book: IncidentBook, incident_id: str, by: str, patience_s: float | None = None) -> None:
        self._book, self._incident_id, self._by = book, incident_id, by
        self._patience_s = PATIENCE_S if patience_s is None else patience_s
        self._hanging: dict[str, Attempt] = {}
        self.told = 0
        self.error: Exception | None = None

    def go(self, people: Sequence[str], hand_over: Callable[[str], None]) -> None:
        """Try everybody."""
        missed = 0
        for subject in people:
            attempt = Attempt(lambda person=subject: hand_over(person))  # type: ignore[misc]
            if not attempt.ended(self._patience_s):  # 1.
                self._hanging[subject] = attempt
            missed = 0 if self._ended(subject, attempt) else missed + 1
            self._look_back()
            if missed >= MOST_IN_A_ROW or len(self._hanging) >= MOST_HANGING:  # 3.
                log.error("no letter is taken any more: the rest of the people are not tried")
                break
        for attempt in self._hanging.values():
            attempt.ended(self._patience_s)
        self._look_back()

    def _look_back(self) -> None:
        for subject, attempt in list(self._hanging.items()):
            if attempt.ended():
                del self._hanging[subject]
                self._ended(subject, attempt)

    def _ended(self, subject: str, attempt: Attempt) -> bool:
        """Whether the person was told."""
        if not attempt.ended():
            return False
        if attempt.error is not None:
            self.error = self.error or attempt.error
            return False
        book = self._book
        with book.database.transaction():  # 2.
            book.database.note_told(self._incident_id, subject, book.clock.now())
            said = {"party": Party.PERSONS.value}
            book.log(self._incident_id, Kind.BREACH_TOLD, by=self._by, subject=subject, detail=said)
        self.told += 1
        return True
