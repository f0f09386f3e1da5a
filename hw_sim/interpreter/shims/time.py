# Virtual time, with the ESP32's ways: ticks wrap at 2**30, the epoch is 2000-01-01.
import _link
import _ops
import utime

_PERIOD = 1 << 30
_EPOCH_2000 = 946684800


def ticks_ms():
    return _link.now_us() // 1000 & _PERIOD - 1


def ticks_us():
    return _link.now_us() & _PERIOD - 1


ticks_cpu = ticks_us


def ticks_add(ticks, delta):
    return ticks + delta & _PERIOD - 1


def ticks_diff(a, b):
    return (a - b + _PERIOD // 2 & _PERIOD - 1) - _PERIOD // 2


def sleep_us(us):
    if us > 0:
        _link.call(_ops.SLEEP, us)


def sleep_ms(ms):
    sleep_us(ms * 1000)


def sleep(s):
    sleep_us(int(s * 1000000))


def time_ns():
    return _link.call(_ops.RTC_GET) * 1000


def time():
    return _link.call(_ops.RTC_GET) // 1000000


def gmtime(s=None):
    return utime.gmtime((time() if s is None else s) + _EPOCH_2000)


localtime = gmtime  # the board knows no time zone


def mktime(t):
    # The interpreter's own gmtime is plain arithmetic; its mktime reads the host's zone, so days are counted here.
    y, m, d = t[0], t[1], t[2]
    y += (m - 1) // 12
    m = (m - 1) % 12 + 1
    a = (14 - m) // 12
    n = y + 4800 - a
    days = d + (153 * (m + 12 * a - 3) + 2) // 5 + 365 * n + n // 4 - n // 100 + n // 400 - 32045 - 2451545
    return days * 86400 + t[3] * 3600 + t[4] * 60 + t[5]
