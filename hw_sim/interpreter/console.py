"""What the program on the board prints."""

from collections.abc import Callable

LIMIT_CHARS = 4 << 20  # a program that prints without end must not fill the host's memory


class Console:
    """Text in order, the oldest dropped beyond a limit; `listen` hears each new piece, `tap` its bytes."""

    def __init__(self) -> None:
        self._text = ""
        self._dropped = 0
        self.listen: Callable[[str], None] | None = None
        self.tap: Callable[[bytes], None] | None = None

    def feed(self, data: bytes) -> None:
        """Appends output of the program."""
        text = data.decode("utf-8", "replace")
        self._text += text
        if len(self._text) > LIMIT_CHARS:
            self._dropped += len(self._text) - LIMIT_CHARS // 2
            self._text = self._text[-LIMIT_CHARS // 2 :]
        if self.listen is not None:
            self.listen(text)
        if self.tap is not None:
            self.tap(data)

    @property
    def mark(self) -> int:
        """A place to read from later."""
        return self._dropped + len(self._text)

    def since(self, mark: int) -> str:
        """Text after a mark."""
        return self._text[max(0, mark - self._dropped) :]

    def tail(self, lines: int = 20) -> str:
        """The last lines."""
        return "\n".join(self._text.splitlines()[-lines:])

    def __str__(self) -> str:
        return self._text

    def __contains__(self, text: str) -> bool:
        return text in self._text
