"""What a person types at the friendly prompt: one line under the cursor, and when a statement is complete.

Behaviour: MicroPython 1.28, shared/readline/readline.c and py/repl.c. Completion with Tab is left out.
"""

from collections.abc import Callable

HISTORY = 50
LINE_LIMIT_BYTES = 16 << 10  # of a whole statement; a chip's heap holds no longer one either
INDENT = b"    "
UP, DOWN, RIGHT, LEFT, HOME, END, DELETE = b"A", b"B", b"C", b"D", b"H", b"F", b"3~"
_SAME = {b"1~": HOME, b"7~": HOME, b"4~": END, b"8~": END}
_CONTROL = {0x01: HOME, 0x02: LEFT, 0x05: END, 0x06: RIGHT, 0x0E: DOWN, 0x10: UP}  # Ctrl-A, B, E, F, N, P as in Emacs
_WORDS = (b"if", b"while", b"for", b"try", b"with", b"def", b"class", b"async")


class Line:
    """A line that is being edited; what the person sees of it goes to `write`."""

    def __init__(self, write: Callable[[bytes], None]) -> None:
        self._write = write
        self.text = bytearray()
        self._cursor = 0
        self._history: list[bytes] = []
        self._shown = -1  # place in the history, -1 for the line that is being typed
        self._escape: bytearray | None = None

    def start(self, indent: bytes = b"") -> None:
        """An empty line, or one that is indented already."""
        self.text[:] = indent
        self._cursor, self._shown, self._escape = len(indent), -1, None
        self._write(indent)

    def remember(self, statement: bytes) -> None:
        """Adds a statement of one line to the history."""
        if statement.strip() and b"\n" not in statement and statement not in self._history[:1]:
            self._history = [statement, *self._history][:HISTORY]

    def type(self, byte: int) -> bool:
        """Takes one byte; True when the line is complete."""
        if self._escape is not None:
            self._escaped(byte)
        elif byte == 0x1B:
            self._escape = bytearray()
        elif byte == 0x0D:
            self._write(b"\r\n")
            return True
        elif byte in (0x08, 0x7F):
            self._rub_out()
        elif byte == 0x09:
            self._insert(INDENT)
        elif byte in _CONTROL:
            self._go(_CONTROL[byte])
        elif byte >= 0x20:
            self._insert(bytes([byte]))
        return False

    def _escaped(self, byte: int) -> None:
        # CSI sequences are short; whatever else came after an escape is forgotten.
        sequence = self._escape if self._escape is not None else bytearray()
        sequence.append(byte)
        if bytes(sequence[:1]) not in (b"[", b"O") or len(sequence) > 4:
            self._escape = None
        elif len(sequence) > 1 and 0x40 <= byte <= 0x7E:
            self._escape = None
            key = bytes(sequence[1:])
            self._go(_SAME.get(key, key))

    def _go(self, key: bytes) -> None:
        if key in (UP, DOWN):
            self._recall(self._shown + (1 if key == UP else -1))
        elif key == LEFT and self._cursor:
            self._move(self._cursor - 1)
        elif key == RIGHT and self._cursor < len(self.text):
            self._move(self._cursor + 1)
        elif key == HOME:
            self._move(0)
        elif key == END:
            self._move(len(self.text))
        elif key == DELETE and self._cursor < len(self.text):
            self._cut(self._cursor, 1)

    def _recall(self, place: int) -> None:
        if -1 <= place < len(self._history):
            self._shown = place
            self._move(0)
            self._write(b"\x1b[K")
            self.text[:] = self._history[place] if place >= 0 else b""
            self._write(bytes(self.text))
            self._cursor = len(self.text)

    def _move(self, cursor: int) -> None:
        step = cursor - self._cursor
        if step:
            self._write(b"\x1b[%d%s" % (abs(step), b"C" if step > 0 else b"D"))
        self._cursor = cursor

    def _insert(self, data: bytes) -> None:
        if len(self.text) + len(data) > LINE_LIMIT_BYTES:
            return
        rest = bytes(self.text[self._cursor :])
        self.text[self._cursor : self._cursor] = data
        self._cursor += len(data)
        self._write(data + rest + (b"\x1b[%dD" % len(rest) if rest else b""))

    def _rub_out(self) -> None:
        if not self._cursor:
            return
        before = bytes(self.text[: self._cursor])
        count = len(INDENT) if not before.strip() and len(before) % len(INDENT) == 0 else 1
        self._move(self._cursor - count)
        self._cut(self._cursor, count)

    def _cut(self, at: int, count: int) -> None:
        del self.text[at : at + count]
        rest = bytes(self.text[at:])
        self._write(b"\x1b[K" + rest + (b"\x1b[%dD" % len(rest) if rest else b""))


def continues(statement: bytes) -> bool:
    """Another line belongs to it: an open bracket or long string, a backslash, or a block without its empty line."""
    if not statement:
        return False
    depth, quote = _scan(statement)
    if len(quote) == 3 or (depth > 0 and not quote) or statement.endswith(b"\\"):
        return True
    compound = statement[:1] == b"@" or any(
        statement.startswith(word) and not statement[len(word) : len(word) + 1].isalnum() for word in _WORDS
    )
    return compound and not statement.endswith(b"\n")


def _scan(statement: bytes) -> tuple[int, bytes]:
    """Brackets still open, and the quote that is."""
    depth, quote, i = 0, b"", 0
    while i < len(statement):
        char = statement[i : i + 1]
        if char == b"\\" and quote:
            i += 1
        elif quote:
            if statement.startswith(quote, i):
                i += len(quote) - 1
                quote = b""
        elif char in (b"'", b'"'):
            quote = char * 3 if statement.startswith(char * 3, i) else char
            i += len(quote) - 1
        elif char in (b"(", b"[", b"{"):
            depth += 1
        elif char in (b")", b"]", b"}"):
            depth -= 1
        i += 1
    return depth, quote


def indent_after(statement: bytes) -> bytes:
    """The spaces that the next line of a block begins with."""
    last = statement.rstrip(b"\n").rsplit(b"\n", 1)[-1]
    if not last.strip():
        return b""
    steps = (len(last) - len(last.lstrip(b" "))) // len(INDENT) + last.endswith(b":")
    return INDENT * steps
