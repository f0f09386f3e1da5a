"""Every error that the agent raises on purpose.

AgentError
 └── PortError    a serial port that is missing, busy or silent
"""


class AgentError(Exception):
    """Base of all errors of the agent."""


class PortError(AgentError):
    """A serial port that is missing, busy or silent."""
