"""What an M10 says at each epoch: UBX-NAV-PVT and the NMEA sentences, from one solution."""

import calendar
import math
import struct
import time
from dataclasses import dataclass

from hw_sim.chips.sky import direction
from hw_sim.chips.ubx_frames import frame, sentence

NO_ACCURACY_MM = 0xFFFFFFFF
GPS_EPOCH_S = 315_964_800  # 1980-01-06
LEAP_S = 18  # GPS minus UTC since 2017
GEOID_M = 45.0  # separation used for all of a drive; its place hardly changes it
OPEN_SKY_PDOP, NO_PDOP, MOST_PDOP = 1.5, 99.99, 25.0  # the last as CFG-NAVSPG-OUTFIL_PDOP has it by default
UNSYNCHRONISED_S = calendar.timegm((2021, 1, 3, 0, 0, 0))  # what the chip counts from before it has seen a satellite


@dataclass(frozen=True)
class Solution:
    """One epoch: UTC in s, which parts of it are valid, and the position if there is one."""

    unix_s: float
    valid_date: bool = False
    valid_time: bool = False
    resolved: bool = False
    fix_type: int = 0  # 0 none, 2 2D, 3 3D
    satellites: int = 0
    lat_deg: float = 0.0
    lon_deg: float = 0.0
    alt_m: float = 0.0
    speed_m_s: float = 0.0
    course_deg: float = 0.0
    h_acc_m: float = 0.0
    v_acc_m: float = 0.0
    pdop: float = OPEN_SKY_PDOP

    @property
    def ok(self) -> bool:
        """gnssFixOK: a fix within the output filters."""
        return self.fix_type >= 2 and self.pdop <= MOST_PDOP


def nav_pvt(s: Solution) -> bytes:
    """UBX-NAV-PVT, 92 bytes, section 3.15.11."""
    whole = math.floor(s.unix_s)
    t = time.gmtime(whole)
    nano = round((s.unix_s - whole) * 1e9)
    itow = round(((s.unix_s - GPS_EPOCH_S + LEAP_S) % 604_800) * 1000)
    valid = s.valid_date | s.valid_time << 1 | s.resolved << 2
    confirmed = (0x20 | s.valid_date << 6 | s.valid_time << 7) if s.resolved else 0
    h_acc = round(s.h_acc_m * 1000) if s.fix_type else NO_ACCURACY_MM
    v_acc = round(s.v_acc_m * 1000) if s.fix_type else NO_ACCURACY_MM
    course = math.radians(s.course_deg)
    speed = s.speed_m_s * 1000
    when = struct.pack("<IHBBBBBB", itow, t.tm_year, t.tm_mon, t.tm_mday, t.tm_hour, t.tm_min, t.tm_sec, valid)
    when += struct.pack("<Ii", 25 if s.resolved else NO_ACCURACY_MM, nano)
    status = struct.pack("<BBBB", s.fix_type, int(s.ok), confirmed, s.satellites)
    heights = round((s.alt_m + GEOID_M) * 1000), round(s.alt_m * 1000)
    place = struct.pack("<iiiiII", round(s.lon_deg * 1e7), round(s.lat_deg * 1e7), *heights, h_acc, v_acc)
    north, east = round(speed * math.cos(course)), round(speed * math.sin(course))
    motion = struct.pack("<iiiii", north, east, 0, round(speed), round(s.course_deg * 1e5) % 36_000_000)
    motion += struct.pack("<II", 300 if s.fix_type else 20_000, 1_500_000 if s.speed_m_s > 1 else 18_000_000)
    tail = struct.pack(
        "<HH4sihH", round(100 * (s.pdop if s.fix_type else NO_PDOP)), 0 if s.ok else 1, bytes(4), 0, 0, 0
    )
    payload = when + status + place + motion + tail
    return frame(0x01, 0x07, payload)


def _angle(value: float, width: int, letters: str) -> str:
    total = round(abs(value) * 60 * 100_000)  # 1e-5 minutes, the chip's resolution
    degrees, minutes = divmod(total, 60 * 100_000)
    return f"{degrees:0{width}d}{minutes // 100_000:02d}.{minutes % 100_000:05d},{letters[value < 0]}"


def _place(s: Solution) -> str:
    return f"{_angle(s.lat_deg, 2, 'NS')},{_angle(s.lon_deg, 3, 'EW')}" if s.ok else ",,,"


def _clock(s: Solution) -> str:
    t = time.gmtime(math.floor(s.unix_s))
    return f"{t.tm_hour:02d}{t.tm_min:02d}{t.tm_sec:02d}.{int(s.unix_s % 1 * 100):02d}" if s.valid_time else ""


def gga(s: Solution) -> bytes:
    """Position and quality."""
    tail = (
        f"1,{s.satellites:02d},{s.pdop * 0.6:.2f},{s.alt_m:.1f},M,{GEOID_M:.1f},M,,"
        if s.ok
        else f"0,{s.satellites:02d},99.99,,,,,,"
    )
    return sentence(f"GNGGA,{_clock(s)},{_place(s)},{tail}")


def rmc(s: Solution) -> bytes:
    """Position, speed, course and date."""
    t = time.gmtime(math.floor(s.unix_s))
    date = f"{t.tm_mday:02d}{t.tm_mon:02d}{t.tm_year % 100:02d}" if s.valid_date else ""
    moving = f"{s.speed_m_s * 3600 / 1852:.3f},{f'{s.course_deg:.2f}' if s.speed_m_s > 1 else ''}" if s.ok else ","
    return sentence(f"GNRMC,{_clock(s)},{'A' if s.ok else 'V'},{_place(s)},{moving},{date},,,{'A' if s.ok else 'N'},V")


def gsa(s: Solution) -> bytes:
    """Satellites in use and dilution."""
    used = [f"{n:02d}" for n in range(2, 2 + min(s.satellites, 12))] if s.ok else []
    # Of PDOP 1.50 the horizontal part is 0.90 and the vertical 1.20, of others the same shares.
    dops = ",".join(f"{s.pdop * share:.2f}" for share in (1, 0.6, 0.8)) if s.ok else "99.99,99.99,99.99"
    return sentence(f"GNGSA,A,{s.fix_type if s.ok else 1},{','.join(used + [''] * (12 - len(used)))},{dops},1")


def gll(s: Solution) -> bytes:
    """Position and time."""
    return sentence(f"GNGLL,{_place(s)},{_clock(s)},{'A' if s.ok else 'V'},{'A' if s.ok else 'N'}")


def vtg(s: Solution) -> bytes:
    """Course and speed over ground."""
    if not s.ok:
        return sentence("GNVTG,,T,,M,,N,,K,N")
    course = f"{s.course_deg:.2f}" if s.speed_m_s > 1 else ""
    return sentence(f"GNVTG,{course},T,,M,{s.speed_m_s * 3600 / 1852:.3f},N,{s.speed_m_s * 3.6:.3f},K,A")


def _satellite(n: int) -> str:
    """Number, elevation, azimuth and signal of a satellite of an invented sky."""
    up, around = direction(n)
    return f"{n:02d},{up:02.0f},{around:03.0f},{30 + n % 12:02d}"


def gsv(s: Solution) -> bytes:
    """Satellites in view, GPS only, four to a sentence."""
    seen = [_satellite(n) for n in range(2, 2 + min(s.satellites, 12))]
    groups = [seen[i : i + 4] for i in range(0, len(seen), 4)] or [[]]
    heads = [f"GPGSV,{len(groups)},{number},{len(seen):02d}" for number in range(1, len(groups) + 1)]
    return b"".join(sentence(",".join([head, *group, "1"])) for head, group in zip(heads, groups, strict=True))


def banner() -> bytes:
    """What the chip says at start (INF messages as NMEA TXT, default configuration)."""
    versions = ("HW UBX M10 000A0000", "ROM SPG 5.10", "FWVER=SPG 5.10", "PROTVER=34.10", "GNSS OTP=GPS GAL BDS")
    return b"".join(sentence(f"GNTXT,01,01,02,{line}") for line in ("u-blox AG - www.u-blox.com", *versions))


def mon_ver() -> bytes:
    """UBX-MON-VER, section 3.14.16."""
    extensions = ("FWVER=SPG 5.10", "PROTVER=34.10", "GPS;GLO;GAL;BDS", "SBAS;QZSS")
    payload = b"ROM SPG 5.10 (7b202e)".ljust(30, b"\0") + b"000A0000".ljust(10, b"\0")
    return frame(0x0A, 0x04, payload + b"".join(e.encode().ljust(30, b"\0") for e in extensions))
