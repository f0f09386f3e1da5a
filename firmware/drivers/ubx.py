"""u-blox UBX frames: an incremental parser, a builder, and the few messages that the receiver driver needs.

Source: u-blox M10 SPG 5.10 interface description (UBX-21035062), sections 3.2 frame structure, 3.4 checksum, 3.10.11
CFG-VALSET, 3.9 ACK, 3.14 MON-VER, 3.15.13 NAV-PVT, 6.2 configuration items. Pure: no input or output.
"""

import struct

from firmware.const import const
from firmware.drivers.civil import unix_s
from firmware.errors import DriverError

# class << 8 | identity
ACK_NAK = 0x0500
ACK_ACK = 0x0501
NAV_PVT = 0x0107
MON_VER = 0x0A04
CFG_VALSET = 0x068A

# Configuration keys; bits 28-30 of a key give the size of its value (section 6.2).
RATE_MEAS = 0x30210001  # U2, ms between measurements
RATE_NAV = 0x30210002  # U2, measurements for one solution
OUT_NAV_PVT_UART1 = 0x20910007  # U1, one message for so many solutions
UART1_OUT_UBX = 0x10740001  # L
UART1_OUT_NMEA = 0x10740002  # L
NMEA_WANTED_UART1 = (0x209100BB, 0x209100AC, 0x209100C0)  # GGA, RMC, GSA; U1 as above
NMEA_UNWANTED_UART1 = (0x209100C5, 0x209100CA, 0x209100B1)  # GSV, GLL, VTG

_RAM_AND_BBR = const(0x03)  # layers; standby clears RAM, battery-backed memory outlives it; M10 has no flash

# A longer frame is taken for garbage: the largest that is awaited is MON-VER with 40 + 30 x 10 bytes. RXM-RAWX and its
# like are never switched on.
MAX_PAYLOAD_BYTES = 512

_PVT = const("<IHBBBBBBIiBBBBiiiiIIiiiiiIIHH4sihH")  # 92 bytes
# Dilution above which a position counts as none: satellites in one part of the sky only. Ratings of dilutions in use end
# "moderate" at 10 and take more for a rough guess at most; the receiver itself says fixOK up to 25 (CFG-NAVSPG-OUTFIL_PDOP),
# and the accuracy that it believes is too good then.
_MAX_PDOP_E2 = const(1000)
_VALUE_BYTES = {1: "<B", 2: "<B", 3: "<H", 4: "<I"}


def checksum(data) -> int:
    """8-bit Fletcher over class, identity, length and payload: CK_A in the low byte (section 3.4)."""
    a = b = 0
    for byte in data:
        a += byte
        b += a
    return a & 0xFF | (b & 0xFF) << 8


def frame(message: int, payload: bytes = b"") -> bytes:
    """One frame as it goes to the receiver; an empty payload polls the message."""
    body = struct.pack("<BBH", message >> 8, message & 0xFF, len(payload)) + payload
    return b"\xb5\x62" + body + struct.pack("<H", checksum(body))


class Parser:
    """Frames out of a byte stream that may begin anywhere, lose bytes and carry other protocols.

    `feed` returns the list of whole frames as (message, payload). `errors` counts frames that were begun and not
    believed: wrong checksum or an impossible length. After one the search begins again behind its two sync bytes, so a
    half frame costs itself and not the good one that follows. The buffer never exceeds one frame and one feed.
    """

    def __init__(self):
        self._buffer = bytearray()
        self.errors = 0

    def reset(self) -> None:
        """Forget what is half received."""
        self._buffer = bytearray()

    def feed(self, data: bytes) -> list:
        """Take bytes of any length; return the frames that they complete."""
        frames = []
        buffer = self._buffer
        buffer.extend(data)
        at = 0
        while True:
            at = buffer.find(b"\xb5\x62", at)
            if at < 0:
                at = len(buffer) - 1 if buffer[-1:] == b"\xb5" else len(buffer)
                break
            if len(buffer) - at < 6:
                break
            length = buffer[at + 4] | buffer[at + 5] << 8
            if length > MAX_PAYLOAD_BYTES:
                self.errors += 1
                at += 2
                continue
            end = at + 8 + length
            if len(buffer) < end:
                break
            if checksum(buffer[at + 2 : end - 2]) != buffer[end - 2] | buffer[end - 1] << 8:
                self.errors += 1
                at += 2
                continue
            frames.append((buffer[at + 2] << 8 | buffer[at + 3], bytes(buffer[at + 6 : end - 2])))
            at = end
        self._buffer = buffer[at:]
        return frames


def valset(pairs) -> bytes:
    """UBX-CFG-VALSET frame that writes (key, value) pairs to RAM and BBR; at most 64 pairs (section 3.10.11)."""
    if not 0 < len(pairs) <= 64:
        raise DriverError("VALSET takes 1 to 64 items")
    payload = bytes((0, _RAM_AND_BBR, 0, 0))
    for key, value in pairs:
        payload += struct.pack("<I", key) + struct.pack(_VALUE_BYTES[key >> 28 & 7], value)
    return frame(CFG_VALSET, payload)


def answer_to(message: int, received) -> "bool | None":
    """True for the ACK-ACK of `message`, False for its ACK-NAK, None for any other frame."""
    kind, payload = received
    if kind not in (ACK_ACK, ACK_NAK) or len(payload) != 2 or payload[0] << 8 | payload[1] != message:
        return None
    return kind == ACK_ACK


def protocol_version(payload: bytes) -> int:
    """Protocol version of a MON-VER answer in hundredths (34.10 is 3410); -1 if it names none."""
    at = payload.find(b"PROTVER=")
    text = payload[at + 8 : at + 13]  # NN.NN
    if at < 0 or len(text) < 5 or text[2:3] != b"." or not (text[:2] + text[3:]).isdigit():
        return -1
    return int(text[:2]) * 100 + int(text[3:])


def decode_pvt(payload: bytes) -> "tuple | None":
    """Fix tuple of a NAV-PVT payload (section 3.15.13); None if a field is out of its range: then nothing of it counts.

    Time counts only with gnssFixOK, validDate, validTime and fullyResolved, else it is -1. Without a two- or
    three-dimensional satellite fix, or with a dilution above 10, the position is unknown: mode 1, and -1 in its fields.
    """
    if len(payload) != 92:
        return None
    p = struct.unpack(_PVT, payload)
    valid, fix_type, flags, satellites, lon_e7, lat_e7 = p[7], p[10], p[11], p[13], p[14], p[15]
    h_acc_mm, speed_mm_s, course_e5, pdop_e2, flags3 = p[18], p[23], p[24], p[27], p[28]
    if not (-900000000 <= lat_e7 <= 900000000 and -1800000000 <= lon_e7 <= 1800000000):
        return None
    fix_ok = flags & 1
    time_s = -1
    if fix_ok and valid & 7 == 7:
        time_s = unix_s(p[1:4], p[4], p[5], p[6])
        if time_s < 0:
            return None
    # Type 1 is dead reckoning alone and 5 is time alone: neither is a position from satellites.
    if not fix_ok or flags3 & 1 or fix_type not in (2, 3, 4) or pdop_e2 > _MAX_PDOP_E2:
        return (time_s, -1, -1, -1, -1, -1, 1, satellites)
    if speed_mm_s < 0 or not 0 <= course_e5 <= 36000000:
        return None
    return (time_s, lat_e7, lon_e7, h_acc_mm, speed_mm_s, course_e5 % 36000000, 2 if fix_type == 2 else 3, satellites)
