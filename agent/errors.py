"""Every error that the agent raises on purpose, with the exit code of the command that ends by it.

AgentError              1  anything else
 ├── AgentConfigError   2  a wrong command line or configuration
 ├── SpoolError         1  a gateway's spool that cannot be opened
 ├── EnrolmentFileError 1  an enrolment file that cannot be read, is damaged, or that others could read
 ├── PortError          3  no such port, or no right to open it
 ├── PortBusy           4  another program has the port open
 ├── NoPrompt           5  nobody answers there as MicroPython does
 ├── NoFirmware         6  MicroPython without byleave's firmware
 ├── AlreadyEnrolled    7  the board is a device already
 ├── BoardRefused       8  the board says why it does not do it
 ├── LinkLost           9  the board went away on the way
 │    └── Garbled       9  the board is there, and a byte was changed between it and us
 ├── NotProven         10  what was to be proven could not be: flash that is not erased, a hash that differs
 ├── Findings          11  the doctor has found something wrong
 └── GatewayBusy       13  a gateway runs already on this spool folder
"""


class AgentError(Exception):
    """Base of all errors of the agent."""

    exit_code = 1


class AgentConfigError(AgentError):
    """A wrong command line or configuration; its sentence names the key and says what to write."""

    exit_code = 2


class SpoolError(AgentError):
    """A gateway's spool that cannot be opened, that others could read, or that a newer byleave has made."""


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


class Garbled(LinkLost):
    """The board is there, and what it heard or said is not what was said to it or asked for."""


class NotProven(AgentError):  # noqa: N818
    """What was to be proven could not be: flash that is not erased, a hash that differs."""

    exit_code = 10


class Findings(AgentError):  # noqa: N818
    """The doctor has found something wrong; the findings themselves are told before it."""

    exit_code = 11


class GatewayBusy(AgentError):  # noqa: N818
    """A gateway runs already on this spool folder."""

    exit_code = 13
