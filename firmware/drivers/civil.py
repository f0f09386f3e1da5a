"""Civil date to Unix seconds, by integers alone: `time.mktime` has another epoch on each port."""

_DAYS_BEFORE = (0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334)


def unix_s(date: tuple, hour: int = 0, minute: int = 0, second: int = 0) -> int:
    """Unix seconds of a UTC date (year, month, day) and time of day; -1 if there is no such moment.

    Years 1980 to 2105: GPS time begins in 1980, and the wire's 32-bit seconds end in 2106. A leap second (60) is taken
    as the second that follows it, as Unix time has it.
    """
    year, month, day = date
    if not (1980 <= year <= 2105 and 1 <= month <= 12 and 0 <= hour < 24 and 0 <= minute < 60 and 0 <= second <= 60):
        return -1
    leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    last = 31 if month == 12 else _DAYS_BEFORE[month] - _DAYS_BEFORE[month - 1] + (1 if leap and month == 2 else 0)
    if not 1 <= day <= last:
        return -1
    before = year - 1
    days = 365 * (year - 1970) + (before // 4 - 492) - (before // 100 - 19) + (before // 400 - 4)
    days += _DAYS_BEFORE[month - 1] + (1 if leap and month > 2 else 0) + day - 1
    return ((days * 24 + hour) * 60 + minute) * 60 + second
