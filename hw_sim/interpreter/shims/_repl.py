# The program of a board whose console is a serial port: main.py, then what is typed. The simulator reads the lines and
# speaks the protocol, so that the prompt takes no heap; here is only what runs them.
import io
import sys

import _console
import _link
import _ops

_console.install()


def _try(work, *args):
    # What it died of, b"" for nothing.
    try:
        work(*args)
    except SystemExit:  # as at any board's prompt: start again
        _link.call(_ops.RESET, _ops.SOFT)
    except BaseException as error:
        said = io.BytesIO()  # not text: it may name what is no UTF-8, which a port takes byte by byte
        sys.print_exception(error, said)
        return said.getvalue()
    return b""


def _program(main, scope):
    _link.call(_ops.RUNNING)
    exec(main(scope), scope)  # noqa: S102 - the program of the board


def _typed(shows, text, scope):
    exec(compile(text, "<stdin>", "single" if shows else "exec"), scope)  # noqa: S102 - what is typed there


def run(mount, main):
    scope = {"__name__": "__main__"}
    error = _try(mount) if mount else b""
    if main:
        error += _try(_program, main, scope)
    while True:
        try:
            error = _try(_typed, *_link._exchange(_ops.PROMPT, 0, 0, error, None), scope)
        except KeyboardInterrupt:  # typed when the program had just ended
            error = b""
