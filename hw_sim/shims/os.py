import _link
import _ops
from uos import *  # noqa: F403 - all of the interpreter's own, but for what stands below


def urandom(n):
    return _link.ask(_ops.RANDOM, n)


def uname():
    return ("esp32", "esp32", "1.29.0", "byleave hw_sim", "Simulated board with ESP32S3")


def system(command):
    _link.missing("os.system")


getenv = putenv = unsetenv = system
