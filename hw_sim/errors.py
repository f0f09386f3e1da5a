"""Every error that hw_sim raises on purpose.

HwSimError
 ├── NoInterpreter    no MicroPython on this machine
 ├── ChildFailed      the program on the board ended with an exception or a hang
 │    └── ChildSilent it computes and asks for nothing
 ├── NotSimulated     a part of the machine interface that no chip here stands for
 ├── DriveError       a recorded drive that cannot be read
 ├── FaultError       a fault that does not exist, or cannot happen there or so
 ├── ScenarioError    a scenario that cannot be read or run
 └── SettleTimeout    broker or server did not answer in real time

and `DeviceError`, which is none of them: what a program on the board gets told by its own simulated machine.
"""


class HwSimError(Exception):
    """Base of all errors of hw_sim."""


class NoInterpreter(HwSimError):  # noqa: N818 - reads as the finding it is
    """No MicroPython interpreter was found."""


class ChildFailed(HwSimError):  # noqa: N818
    """The program on the board ended with an exception or hung."""


class ChildSilent(ChildFailed):
    """The program on the board computes and asks for nothing."""


class NotSimulated(HwSimError):  # noqa: N818
    """A part of the machine interface that nothing here simulates."""


class DriveError(HwSimError):
    """A recorded drive that cannot be read."""


class FaultError(HwSimError):
    """A fault that does not exist, or that cannot happen there or with these parameters."""


class ScenarioError(HwSimError):
    """A scenario that cannot be read or run."""


class SettleTimeout(HwSimError):  # noqa: N818
    """Broker or server did not come to rest within the bound in real time."""


class DeviceError(Exception):
    """An errno for the program on the board; never leaves the simulator."""

    def __init__(self, errno: int) -> None:
        super().__init__(errno)
        self.errno = errno
