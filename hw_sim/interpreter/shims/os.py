import _link
import _ops
from uos import *  # noqa: F403 - all of the interpreter's own, but for what stands below


def urandom(n):
    return _link.ask(_ops.RANDOM, n)


def uname():
    machine = _link.ask(_ops.MACHINE).decode()
    port = "rp2" if "RP2" in machine else "esp32"
    from collections import namedtuple

    names = ("sysname", "nodename", "release", "version", "machine")
    return namedtuple("uname", names)(port, port, "1.29.0", "byleave hw_sim", machine)


def system(command):
    _link.missing("os.system")


getenv = putenv = unsetenv = system
del VfsPosix  # noqa: F821 - of the star above: the host's files are none of the board's
