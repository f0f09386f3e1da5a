"""Serial ports on USB, and the boards that their ids stand for."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

# USB vendor and product ids of the boards that byleave runs on, as Linux shows them under /sys (usb.ids; Raspberry Pi's
# and Espressif's published product ids).
KNOWN = {
    ("303a", "1001"): "ESP32-S3 (USB serial/JTAG)",
    ("303a", "4001"): "ESP32-S3 running MicroPython",
    ("2e8a", "0005"): "Raspberry Pi Pico running MicroPython",
    ("2e8a", "0003"): "RP2040 in its USB boot loader",
    ("2e8a", "000f"): "RP2350 in its USB boot loader",
    ("10c4", "ea60"): "CP210x serial bridge (ESP32 boards)",
    ("1a86", "7523"): "CH340 serial bridge (ESP32 boards)",
}


def find_ports(sys_root: Path = Path("/sys")) -> list[dict[str, str]]:
    """Serial ports on USB: device, USB ids, and the board that these ids stand for ('' if unknown). Linux only."""
    found = []
    for tty in sorted((sys_root / "class" / "tty").glob("tty[AU]*")):
        usb = (tty / "device").resolve()
        with suppress(OSError):  # pulled while it was looked at
            for folder in (usb, *usb.parents):
                if (folder / "idVendor").is_file():
                    ids = ((folder / "idVendor").read_text().strip(), (folder / "idProduct").read_text().strip())
                    found.append({"port": f"/dev/{tty.name}", "usb": ":".join(ids), "board": KNOWN.get(ids, "")})
                    break
    return found
