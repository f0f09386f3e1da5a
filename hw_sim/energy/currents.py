"""The currents of a board's parts, each with where it comes from. One table, to be checked against the data sheets.

`basis` says how far a figure can be trusted:
  data sheet  as the maker prints it, typical unless said otherwise
  measured    by the source named, on hardware of its own
  quoted      a maker's figure that we know at second hand only
  estimate    worked out or assumed; the source says from what

All currents are those of the 3.3 V supply; what a regulator loses on the way from the battery is not in them. The
radio's currents are its share alone, since the makers' figures are for radio and processor together. The sensors on I2C
carry their own figures, in `hw_sim/chips/`.
"""

from typing import NamedTuple

from hw_sim.energy.meter import Load
from hw_sim.silicon.flash import ERASE_SECTOR_US, PROGRAM_PAGE_US

DATA_SHEET, MEASURED, QUOTED, ESTIMATE = "data sheet", "measured", "quoted", "estimate"

_S3 = "ESP32-S3 Series data sheet, table"
_M10 = (
    "MAX-M10S data sheet UBX-20035208, indicative currents at 3 V with good sky, as a power budget of others quotes it"
)
_W25Q = "Winbond W25Q128JV data sheet, section 9.4; the W25Q64JV is of the same family"


class Current(NamedTuple):
    """What one part draws in one state, in µA."""

    part: str
    state: str
    ua: float
    basis: str
    source: str

    def flows(self, load: Load) -> None:
        """The part is in this state from now on."""
        load.draw(self.state, self.ua)


class Charge(NamedTuple):
    """What one act of a part costs, in µC."""

    part: str
    state: str
    uc: float
    basis: str
    source: str

    def paid(self, load: Load, times: int = 1) -> None:
        """So many of these acts have happened; a decimal number, so that portions add up to the whole whenever they are told."""
        load.spend(self.state, round(self.uc * times, 6), times)


# --- ESP32-S3, both cores on, radio apart. Boards measure 31.7 mA (ESP32-S3-DevKitM-1 in vTaskDelay, lucidar.me) to
# 43.8 mA (FeatherS3 in MicroPython, radio off, glenn20/upy-esp32-experiments) where the sheet has 32.9.
MCU_RUNNING = Current(
    "mcu",
    "running",
    51_200,
    DATA_SHEET,
    f"{_S3} 5-9: modem-sleep, 240 MHz, one core running 32-bit access, the other idle",
)
MCU_WAITING = Current(
    "mcu",
    "waiting",
    32_900,
    DATA_SHEET,
    f"{_S3} 5-9: modem-sleep, 240 MHz, WAITI, peripherals' clocks off; 47.6 mA with all on",
)
MCU_LIGHT_SLEEP = Current("mcu", "light-sleep", 240, DATA_SHEET, f"{_S3} 5-10")
MCU_DEEP_SLEEP = Current(
    "mcu", "deep-sleep", 8, DATA_SHEET, f"{_S3} 5-10: RTC memory and peripherals up; ESP-IDF measures 6.8, lucidar.me 8"
)
# Computing takes no virtual time, so it cannot be seen as a state: each request of the program stands for a turn of its
# event loop, at the difference of running and waiting.
TURN_US = 300  # some hundred bytecodes at about a million a second
MCU_TURN = Charge(
    "mcu", "computing", (51_200 - 32_900) * TURN_US / 1e6, ESTIMATE, f"{TURN_US} µs of computing for each request"
)
LOAD_US = 250_000
MCU_LOAD = Charge(
    "mcu",
    "loading",
    51_200 * LOAD_US / 1e6,
    ESTIMATE,
    "some fifty modules in place from flash, 5 ms each, at each start",
)

# --- Wi-Fi, the radio's share
_RX = 88_000 - 32_900
RADIO_LISTENING = Current(
    "radio",
    "receiving",
    _RX,
    DATA_SHEET,
    f"{_S3} 5-7, RX HT20 88 mA with the CPU idle, less its 32.9; FeatherS3 measures 59",
)
RADIO_ASSOCIATING = Current(
    "radio", "associating", 94_700, ESTIMATE,
    "96.9 mC in 664 ms, an ESP32 joining with a static address (glenn20/upy-esp32-experiments), less 51.2 mA for a busy CPU",
)  # fmt: skip
RADIO_IDLE = Current(
    "radio", "associated, modem-sleep", 2_300, MEASURED,
    "ESP-IDF low-power guide, ESP32-S3, DTIM 1, 160 MHz without DFS: 40.1 mA on average less 37.8 mA between beacons",
)  # fmt: skip
AWAKE_US = 50_000  # ESP-IDF's CONFIG_ESP_WIFI_SLP_DEFAULT_MIN_ACTIVE_TIME: awake so long after each packet
_TX_MORE_UA = 291_000 - 88_000  # table 5-7: 802.11g at 19 dBm, over receiving
_FRAME_BYTES = 26 + 16 + 8 + 20 + 20 + 4  # QoS MAC header, CCMP, LLC, IPv4, TCP, FCS
_PREAMBLE_US, _MBIT_S = 20, 6  # IEEE 802.11, clause 17 (OFDM); the lowest rate, so the figure is on the high side
SEGMENT_BYTES = 1440  # CONFIG_LWIP_TCP_MSS of ESP-IDF
FRAME_BASIS = (ESTIMATE, f"{_S3} 5-7, TX 802.11g 291 mA, for the frame's time on air at 6 Mbit/s; retries not counted")


def transmit_uc(n_bytes: int) -> tuple[float, int]:
    """(charge in µC beyond receiving, frames) to transmit so many bytes over TCP; 0 bytes is a frame too."""
    frames = max(1, -(-n_bytes // SEGMENT_BYTES))
    air_us = frames * _PREAMBLE_US + (frames * _FRAME_BYTES + n_bytes) * 8 / _MBIT_S
    return round(_TX_MORE_UA * air_us / 1e6, 6), frames


# --- GNSS receiver. Meshtastic (firmware issue 4061) measures about 12 mA while an M10 acquires.
GNSS_ACQUIRING = Current("gnss", "acquisition", 11_500, QUOTED, _M10)
GNSS_TRACKING = Current("gnss", "tracking", 9_500, QUOTED, _M10)
GNSS_BACKUP = Current("gnss", "hardware backup", 28, QUOTED, _M10)
GNSS_STANDBY = Current("gnss", "software standby", 46, QUOTED, f"{_M10}; Meshtastic (issue 4062) measures some 50")

# --- LTE-M modem, at its battery's voltage, not the 3.3 V of the others
_SIM = "SIM7080 Series specification V2020.03"
_M5 = "M5Stack measures 71 mA at 5 V for its SIM7080G board that joins a network, and 46 mA for the same board at rest"
MODEM_OFF = Current("modem", "off", 3.2, ESTIMATE, "leakage; no figure is published, so that of PSM is taken")
MODEM_PSM = Current("modem", "psm", 3.2, DATA_SHEET, f"{_SIM}: @PSM; the Low Power Mode Application Note says 3.5")
MODEM_IDLE = Current("modem", "idle", 10_000, DATA_SHEET, f"{_SIM}: @Idle, its UART awake")
MODEM_SEARCHING = Current("modem", "searching", 70_000, ESTIMATE, _M5)
MODEM_CONNECTED = Current(
    "modem",
    "connected",
    40_000,
    ESTIMATE,
    "receiving in connected mode with gaps; between idle and the 71 mA of a board that joins",
)
_MODEM_TX_MORE_UA, _MODEM_KBIT_S, _MODEM_FRAME_BYTES = 167_000 - 40_000, 150, 48
MODEM_TX_BASIS = (
    ESTIMATE,
    "167 mA at 23 dBm as the SIM7000's hardware design has it (quoted by Botletics), at 150 kbit/s; IP, TCP and PPP 48 bytes",
)


def modem_transmit(load: Load, n_bytes: int) -> None:
    """So many bytes go up over LTE-M."""
    frames = max(1, -(-n_bytes // SEGMENT_BYTES))
    air_s = (n_bytes + frames * _MODEM_FRAME_BYTES) * 8 / (_MODEM_KBIT_S * 1000)
    load.spend("transmitting", round(_MODEM_TX_MORE_UA * air_s, 6), frames)


# --- flash, for the times that its operations take
FLASH_STANDBY = Current("flash", "standby", 10, DATA_SHEET, f"{_W25Q}: ICC1; reading is in the MCU's figures")
FLASH_PROGRAM = Charge(
    "flash", "page program", 20_000 * PROGRAM_PAGE_US / 1e6, DATA_SHEET, f"{_W25Q}: ICC5 20 mA for 0.4 ms"
)
FLASH_ERASE = Charge(
    "flash", "sector erase", 20_000 * ERASE_SECTOR_US / 1e6, DATA_SHEET, f"{_W25Q}: ICC6 20 mA for 45 ms"
)

# --- what the board adds
LED_LIT = Current("led", "lit", 1_300, ESTIMATE, "a red LED of 2.0 V behind 1 kΩ at 3.3 V")
BUZZER_SOUNDING = Current("buzzer", "sounding", 134, ESTIMATE, "a piezo of 15 nF, charged to 3.3 V 2700 times a second")
BUZZER_SILENT = Current("buzzer", "silent", 0, ESTIMATE, "a piezo is a capacitor")
BLE_ADVERTISING = Current(
    "bluetooth", "advertising", 240, ESTIMATE, "each second 1.2 ms of some 200 mA, on three channels; the processor apart"
)  # fmt: skip
BLE_OFF = Current("bluetooth", "off", 0, ESTIMATE, "its controller has no power")
DIVIDER_OHM = 2_000_000
DIVIDER_BASIS = (ESTIMATE, "two resistors of 1 MΩ on the battery's voltage")

CURRENTS = (
    MCU_RUNNING, MCU_WAITING, MCU_LIGHT_SLEEP, MCU_DEEP_SLEEP, RADIO_LISTENING, RADIO_ASSOCIATING, RADIO_IDLE,
    GNSS_ACQUIRING, GNSS_TRACKING, GNSS_BACKUP, GNSS_STANDBY, FLASH_STANDBY, LED_LIT,
    BUZZER_SOUNDING, BUZZER_SILENT, BLE_ADVERTISING, BLE_OFF,
    MODEM_OFF, MODEM_PSM, MODEM_IDLE, MODEM_SEARCHING, MODEM_CONNECTED,
)  # fmt: skip
CHARGES = (MCU_TURN, MCU_LOAD, FLASH_PROGRAM, FLASH_ERASE)


def basis(part: str, state: str) -> str:
    """How far the figure behind a row of a report can be trusted; empty for what stands in a chip's own file."""
    if (part, state) == ("radio", "transmitting"):
        return FRAME_BASIS[0]
    if (part, state) == ("modem", "transmitting"):
        return MODEM_TX_BASIS[0]
    if part == "battery divider":
        return DIVIDER_BASIS[0]
    return next((c.basis for c in (*CURRENTS, *CHARGES) if (c.part, c.state) == (part, state)), "")
