# As the ESP32's but for the epoch, which is 1970 here.
import _base_time
import utime
from _base_time import sleep, sleep_ms, sleep_us, ticks_add, ticks_cpu, ticks_diff, ticks_ms, ticks_us  # noqa: F401

_EPOCH_2000 = 946684800


def time():
    return _base_time.time() + _EPOCH_2000


def time_ns():
    return _base_time.time_ns() + _EPOCH_2000 * 1000000000


def gmtime(s=None):
    return utime.gmtime(time() if s is None else s)


localtime = gmtime


def mktime(t):
    return _base_time.mktime(t) + _EPOCH_2000
