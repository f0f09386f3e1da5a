"""Every error that the agent raises on purpose, with the exit code of the command that ends by it.

AgentError              1  anything else
 ├── EnrolmentFileError 1  an enrolment file that cannot be read, is damaged, or that others could read
 ├── PortError          3  no such port, or no right to open it
 ├── PortBusy           4  another program has the port open
 ├── NoPrompt           5  nobody answers there as MicroPython does
 ├── NoFirmware         6  MicroPython without byleave's firmware
 ├── AlreadyEnrolled    7  the board is a device already
 ├── BoardRefused       8  the board says why it does not do it
 └── LinkLost           9  the board went away on the way
"""


class AgentError(Exception):
    """Base of all errors of the agent."""

    exit_code = 1


class EnrolmentFileError(AgentError):
    """An enrolment file that cannot be read, is damaged, or that others could read."""


class PortError(AgentError):
    """A serial port that is missing or may not be opened."""

    exit_code = 3


class PortBusy(AgentError):  # noqa: N818 - these read as the findings they are
    """Another program has the port open."""

    exit_code = 4


class NoPrompt(AgentError):  # noqa: N818
    """Nobody answers at the port as MicroPython does."""

    exit_code = 5


class NoFirmware(AgentError):  # noqa: N818
    """MicroPython without byleave's firmware."""

    exit_code = 6


class AlreadyEnrolled(AgentError):  # noqa: N818
    """The board is a device already."""

    exit_code = 7


class BoardRefused(AgentError):  # noqa: N818
    """The board says why it does not do what it was asked."""

    exit_code = 8


class LinkLost(AgentError):  # noqa: N818
    """The board went away on the way."""

    exit_code = 9
