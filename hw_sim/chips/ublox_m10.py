"""A u-blox M10 receiver on a UART: power, start-up, configuration, time to first fix, solutions, and its faults.

Times: MAX-M10S data sheet UBX-20035208, table 1 (GPS, Galileo, Beidou): cold start 28 s, hot start 1 s, taken as
means of a spread of ±20 %. A hot start needs backup power and orbits younger than 4 h; with older ones the start is
warm, 25 s.

UBX-RXM-PMREQ sends it to software standby: RAM is lost, BBR, clock and orbits stay as long as the main supply does, nothing
is heard but an edge at a pin that the request named, and the byte that makes one on the UART is lost.
"""

import math
import struct
from collections import deque
from collections.abc import Callable

from hw_sim.chips import m10_config as cfg
from hw_sim.chips import m10_messages as say
from hw_sim.chips.m10_emitted import Emitted
from hw_sim.chips.m10_faults import GnssFaults, damaged
from hw_sim.chips.m10_standby import EXTINT0, UARTRX, Standby
from hw_sim.chips.noise import Noise
from hw_sim.chips.sky import FIX_NEEDS, Direction, Horizon, in_view, pdop
from hw_sim.chips.ubx_frames import Parser, frame
from hw_sim.energy import currents
from hw_sim.energy.meter import UNMETERED, Load
from hw_sim.errors import NotSimulated
from hw_sim.world.clock import Handle, World
from hw_sim.world.drive import EARTH_RADIUS_M, Drive, Truth

START_MS = 300  # from power to the first byte; nothing is heard before
COLD_S, WARM_S, HOT_S, SPREAD = 28.0, 25.0, 1.0, 0.2
ORBITS_LAST_S = 4 * 3600
TIME_SHARE, RESOLVED_SHARE = 0.6, 0.8  # of the time to first fix, until time is known, and its leap second
__all__ = ["Emitted", "GnssFaults", "UbloxM10"]
SENTENCES: tuple[tuple[int, Callable[[say.Solution], bytes]], ...] = (
    (cfg.RMC, say.rmc),
    (cfg.VTG, say.vtg),
    (cfg.GGA, say.gga),
    (cfg.GSA, say.gsa),
    (cfg.GSV, say.gsv),
    (cfg.GLL, say.gll),
)
EMITTED_LIMIT = 1_000_000  # eleven days at 1 Hz; older ones are forgotten


class UbloxM10:
    """The receiver. `drive` says where it truly is; without one it sees no sky. `noise_scale` 0 makes it perfect.

    `horizon` hides the part of the sky below an elevation by azimuth, as a street does (`hw_sim.chips.sky`): satellites and
    dilution follow it, and what is not found yet takes as much longer as too few are in view. None: an open sky.
    """

    def __init__(
        self, world: World, drive: Drive | None = None, *, baudrate: int = 38400, noise_scale: float = 1.0
    ) -> None:
        self._world, self._clock = world, world.clock
        self.drive = drive
        self.horizon: Horizon | None = None
        self._looked_s = 0.0  # since power-on, when it last solved
        self.fault = GnssFaults()
        self.emit: Callable[[bytes], None] = lambda data: None
        self.load: Load = UNMETERED
        self.config = cfg.Config(baudrate)
        self._rng = world.random("ublox_m10")
        self._noise = Noise(world.random("ublox_m10/noise"), noise_scale)
        self._parser = Parser()
        self._powered = False
        self._backup = False
        self._started = False
        self._timer: Handle | None = None
        self._on_since_us = 0
        self._powered_us = 0
        self._ttff_s = 0.0
        self._hot = False
        self._standby: Standby | None = None
        self._extint = False
        self._last_fix_us: int | None = None
        self._epoch_count = 0
        self.power_ons = 0
        self.emitted: deque[Emitted] = deque(maxlen=EMITTED_LIMIT)

    @property
    def baudrate(self) -> int:
        """Speed of its UART, in baud."""
        return self.config[cfg.BAUDRATE]

    @property
    def powered(self) -> bool:
        """Main supply is on."""
        return self._powered

    @property
    def asleep(self) -> bool:
        """In software standby."""
        return self._standby is not None

    @property
    def powered_s(self) -> float:
        """Time under power and not in standby since the world began, in s."""
        running = self._clock.now_us - self._on_since_us if self._powered and not self.asleep else 0
        return (self._powered_us + running) / 1e6

    def backup_power(self, on: bool) -> None:
        """V_BCKP: without it the BBR layer, the clock and the orbits are gone."""
        self._backup = on
        if not on and not self._powered:
            self._forget()
        if not self._powered:
            self._draw()

    def _forget(self) -> None:
        self.config.forget(cfg.BBR)
        self._last_fix_us = None

    def power(self, on: bool) -> None:
        """Main supply on or off."""
        if on == self._powered:
            return
        asleep = self.asleep
        self._powered, self._standby = on, None
        if on:
            self.power_ons += 1
            self._begin()
            return
        self._halt(already=asleep)
        self._draw()
        if not self._backup:
            self._forget()

    def _begin(self) -> None:
        self._on_since_us = self._clock.now_us
        self._draw()
        self._timer = self._clock.after(START_MS * 1000, self._start)

    def _halt(self, *, already: bool = False) -> None:
        """It computes no more, and RAM is gone; `already` in standby."""
        self._cancel()
        self._parser.clear()
        self._started = False
        self.config.forget(cfg.RAM)
        if not already:
            self._powered_us += self._clock.now_us - self._on_since_us

    # --- software standby

    def extint(self, level: bool) -> None:
        """The pin EXTINT."""
        edge, self._extint = level != self._extint, level
        if edge:
            self._edge(EXTINT0)

    def _sleep(self, request: Standby) -> None:
        self._halt()
        self._standby = request
        self._draw()
        if request.duration_ms:
            self._timer = self._clock.after(request.duration_ms * 1000, self._awake)

    def _edge(self, source: int) -> None:
        if self._standby is not None and self._standby.sources & source:
            self._awake()

    def _awake(self) -> None:
        self._cancel()
        self._standby = None
        self._begin()

    def _draw(self, *, tracking: bool = False) -> None:
        if self.asleep:
            currents.GNSS_STANDBY.flows(self.load)
        elif self._powered:
            (currents.GNSS_TRACKING if tracking else currents.GNSS_ACQUIRING).flows(self.load)
        elif self._backup:
            currents.GNSS_BACKUP.flows(self.load)
        else:
            self.load.draw("off", 0.0)

    def _cancel(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _start(self) -> None:
        self._started = True
        age_us = None if self._last_fix_us is None else self._clock.now_us - self._last_fix_us
        self._hot = age_us is not None
        mean = COLD_S if age_us is None else HOT_S if age_us < ORBITS_LAST_S * 1_000_000 else WARM_S
        self._ttff_s = mean * self._rng.uniform(1 - SPREAD, 1 + SPREAD)
        self._looked_s = 0.0
        if self.config[cfg.OUT_NMEA]:
            self._send(say.banner())
        self._next_epoch()

    def _send(self, data: bytes) -> None:
        if self.fault.silent:
            return
        if self.fault.bad_checksum:
            data = damaged(data)
        self.emit(data)

    def _next_epoch(self) -> None:
        # Epochs fall on whole multiples of the period in UTC, as the chip aligns them to the top of the second.
        period_us = self.config[cfg.RATE_MEAS] * self.config[cfg.RATE_NAV] * 1000
        start_us = round(self._clock.start_unix_s * 1e6)
        due = ((start_us + self._clock.now_us) // period_us + 1) * period_us - start_us
        self._cancel()
        self._timer = self._clock.at(due, self._epoch)

    def _epoch(self) -> None:
        solution = self._solve()
        self._draw(tracking=solution.ok)
        out = b""
        if self.config[cfg.OUT_NMEA]:
            out += b"".join(make(solution) for key, make in SENTENCES if self._wanted(key))
        if self.config[cfg.OUT_UBX] and self._wanted(cfg.NAV_PVT):
            out += say.nav_pvt(solution)
        self._epoch_count += 1
        if self.fault.garbage:
            self._send(self._rng.randbytes(self.fault.garbage))
        if out:
            self._send(out)
            if solution.ok and not self.fault.silent:
                e7 = round(solution.lat_deg * 1e7), round(solution.lon_deg * 1e7)
                self.emitted.append(Emitted(round(solution.unix_s), *e7))
        self._next_epoch()

    def _wanted(self, key: int) -> bool:
        rate = self.config[key]
        return bool(rate) and self._epoch_count % rate == 0

    def _solve(self) -> say.Solution:
        on_s = (self._clock.now_us - self._on_since_us) / 1e6 - START_MS / 1000
        view = None if self.horizon is None else in_view(self.horizon)
        hidden = view is not None and len(view) < FIX_NEEDS
        if hidden and self._looked_s < self._ttff_s:
            self._ttff_s += on_s - self._looked_s  # what it has not found yet it does not find meanwhile
        self._looked_s = on_s
        blind = self.drive is None or self.fault.no_sky or hidden
        knows_time = self._hot or (not blind and on_s >= TIME_SHARE * self._ttff_s)
        resolved = self._hot or (not blind and on_s >= RESOLVED_SHARE * self._ttff_s)
        unix_s = self._clock.unix_s if knows_time else say.UNSYNCHRONISED_S + on_s
        if self.fault.date is not None and knows_time:
            unix_s = self.fault.date.timestamp() + on_s
        if self.drive is None or blind or on_s < self._ttff_s:
            seen = len(view or ()) if blind else min(3, int(4 * on_s / self._ttff_s))
            return say.Solution(unix_s, knows_time, knows_time, resolved, 0, seen)
        return self._position(self.drive.at(self._clock.unix_s), unix_s, on_s, view)

    def _position(self, truth: Truth, unix_s: float, on_s: float, view: list[Direction] | None) -> say.Solution:
        error = self._noise.at(self._clock.now_us / 1e6)
        self._last_fix_us = self._clock.now_us
        settling = 1.0 + 4.0 * math.exp(-(on_s - self._ttff_s) / 3.0)  # the first seconds are less exact
        north, east = error.north_m * settling + self.fault.jump_m, error.east_m * settling
        lat = max(-90.0, min(90.0, truth.lat_deg + math.degrees(north / EARTH_RADIUS_M)))
        lon = truth.lon_deg + math.degrees(east / (EARTH_RADIUS_M * max(1e-6, math.cos(math.radians(truth.lat_deg)))))
        return say.Solution(
            unix_s, True, True, True, 3, 12 if view is None else len(view),
            lat, (lon + 180) % 360 - 180, truth.alt_m + error.up_m * settling,
            truth.speed_m_s, truth.course_deg, error.h_acc_m * settling, error.v_acc_m * settling,
            self._dilution(view),
        )  # fmt: skip

    def _dilution(self, view: list[Direction] | None) -> float:
        if self.fault.pdop is not None:
            return self.fault.pdop
        return say.OPEN_SKY_PDOP if view is None else min(say.NO_PDOP, pdop(view))

    def receive(self, data: bytes) -> None:
        """Bytes from the board."""
        if data:
            self._edge(UARTRX)
        if not self._started or not self.config[cfg.IN_UBX]:
            return
        for cls, msg, payload in self._parser.feed(data):
            self._handle(cls, msg, payload)

    def _handle(self, cls: int, msg: int, payload: bytes) -> None:
        if (cls, msg) == (0x0A, 0x04) and not payload:
            self._send(say.mon_ver())
        elif (cls, msg) == (0x01, 0x07) and not payload:
            self._send(say.nav_pvt(self._solve()))
        elif (cls, msg) == (0x06, 0x8A):
            self._valset(payload)
        elif (cls, msg) == (0x06, 0x8B):
            answer = self.config.valget(payload)
            if answer is not None:
                self._send(frame(0x06, 0x8B, answer))
            self._acknowledge(cls, msg, answer is not None)
        elif cls == 0x06:
            self._acknowledge(cls, msg, False)
        elif (cls, msg) == (0x02, 0x41):
            request = Standby.of(payload)
            if request is not None:
                self._sleep(request)
        elif (cls, msg) == (0x13, 0x40):
            raise NotSimulated(f"ublox_m10: UBX message {cls:02X} {msg:02X} (assistance)")

    def _valset(self, payload: bytes) -> None:
        before = self.config[cfg.RATE_MEAS], self.config[cfg.RATE_NAV]
        good = not self.fault.refuse and self.config.valset(payload)
        self._acknowledge(0x06, 0x8A, good)
        if self.config[cfg.OPERATEMODE]:
            raise NotSimulated("ublox_m10: CFG-PM-OPERATEMODE other than FULL")
        if (self.config[cfg.RATE_MEAS], self.config[cfg.RATE_NAV]) != before:
            self._next_epoch()

    def _acknowledge(self, cls: int, msg: int, good: bool) -> None:
        self._send(frame(0x05, int(good), struct.pack("BB", cls, msg)))
