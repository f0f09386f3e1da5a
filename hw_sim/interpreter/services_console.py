"""The board's answers about its serial console; a part of `hw_sim.interpreter.services`."""

from hw_sim.errors import NotSimulated
from hw_sim.interpreter.child import Request
from hw_sim.interpreter.services_bus import BusServices
from hw_sim.interpreter.services_net import NONE, POLLIN, POLLOUT, on
from hw_sim.interpreter.shims import _ops
from hw_sim.interpreter.waits import Result, Wait
from hw_sim.shell.prompt import Act
from hw_sim.shell.terminal import Terminal


class ConsoleServices(BusServices):
    """The prompt of one board, and what its program reads and writes there."""

    @property
    def _terminal(self) -> Terminal:
        if self._board.terminal is None:
            raise NotSimulated("a console to type at: `byleave sim shell` gives one")
        return self._board.terminal

    def _console_events(self, mask: int) -> int:
        return mask & (POLLIN * self._terminal.readable | POLLOUT)

    @on(_ops.RUNNING)
    def _running(self, request: Request) -> Result:
        self._terminal.run_begins()
        return NONE

    @on(_ops.PROMPT)
    def _prompt(self, request: Request) -> Wait:
        terminal = self._terminal
        terminal.run_ended(request.data)

        def ready() -> Result | None:
            command = terminal.next_command()
            if command is None:
                return None
            if command.act is Act.RESET:
                self._board.program_reset(_ops.SOFT, 0)
                return None
            return command.act, command.text

        return Wait(ready, None)

    @on(_ops.STDIN_READ)
    def _stdin_read(self, request: Request) -> Wait:
        terminal = self._terminal

        def ready() -> Result | None:
            data = terminal.read(request.a)
            return (len(data), data) if data else None

        return Wait(ready, self._deadline(request.b))

    @on(_ops.STDOUT_WRITE)
    def _stdout_write(self, request: Request) -> Result:
        self._terminal.send(request.data)
        return NONE

    @on(_ops.KBD_INTR)
    def _kbd_intr(self, request: Request) -> Result:
        self._terminal.set_interrupt_char(request.a)
        return NONE
