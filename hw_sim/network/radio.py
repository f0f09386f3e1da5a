"""Wi-Fi station of the board: association takes time, fails for a reason, and is tried again as the ESP32 does it."""

from hw_sim.energy import currents
from hw_sim.energy.meter import UNMETERED, Load
from hw_sim.network.net import Network
from hw_sim.network.traffic import Direction
from hw_sim.world.clock import Handle, VirtualClock

# network.STAT_* of the ESP32 port
BEACON_TIMEOUT, NO_AP_FOUND, WRONG_PASSWORD, IDLE, CONNECTING, GOT_IP = 200, 201, 202, 1000, 1001, 1010
BEACONS_US = 6_000_000  # esp_wifi_set_inactive_time of a station: so long without a beacon, and it is alone
RETRY_US = 3_000_000  # a scan of all channels
SILENCE_DBM = -127  # the least that the driver's signed byte can say


class Radio:
    """The station interface."""

    def __init__(self, clock: VirtualClock, network: Network, associate_ms: int) -> None:
        self._clock, self._network = clock, network
        self._associate_us = associate_ms * 1000
        self._timer: Handle | None = None
        self._wanted: tuple[str, str] | None = None
        self._status = IDLE
        self._active = False
        self._active_since_us = 0
        self._active_us = 0
        self.load: Load = UNMETERED
        network.associated, network.station = False, None
        network.on_air = self._carry
        network.air_changed = self._air_changed
        self._silence: Handle | None = None  # ends it unless a beacon comes

    @property
    def active(self) -> bool:
        """The radio has power."""
        return self._active

    @property
    def active_s(self) -> float:
        """Time under power so far, in s."""
        running = self._clock.now_us - self._active_since_us if self._active else 0
        return (self._active_us + running) / 1e6

    def set_active(self, on: bool) -> None:
        """Radio on or off."""
        if on == self._active:
            return
        self._active = on
        if on:
            self._active_since_us = self._clock.now_us
            self._draw()
        else:
            self._active_us += self._clock.now_us - self._active_since_us
            self.disconnect()
            if not self._network.associated:  # else another link has the address
                self._network.sever()

    def connect(self, ssid: str, key: str) -> None:
        """Begins to associate, and goes on trying."""
        self.disconnect()
        self._wanted = ssid, key
        self._status = CONNECTING
        self._draw()
        self._timer = self._clock.after(self._associate_us, self._try)

    def disconnect(self) -> None:
        """Leaves the network and stops trying."""
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._wanted = None
        self._set(IDLE)

    def _set(self, status: int) -> None:
        was, self._status = self._status, status
        if GOT_IP in (was, status):  # else another link may have the address
            self._network.associated = status == GOT_IP
            self._network.station = self._wanted[0] if status == GOT_IP and self._wanted else None
        self._draw()

    def _draw(self) -> None:
        if not self._active:
            self.load.draw("off", 0.0)
        elif self._status == CONNECTING:
            currents.RADIO_ASSOCIATING.flows(self.load)
        else:
            currents.RADIO_LISTENING.flows(self.load)
            if self._status == GOT_IP:
                self.load.then(currents.AWAKE_US, currents.RADIO_IDLE.state, currents.RADIO_IDLE.ua)

    def _carry(self, way: Direction, n_bytes: int) -> None:
        """Bytes of a connection pass; each segment that comes is acknowledged by a frame of its own."""
        if self._status != GOT_IP:
            return
        self._draw()
        self.load.spend("transmitting", *currents.transmit_uc(n_bytes if way == "up" else 0))

    def _try(self) -> None:
        if self._wanted is None:
            return
        ssid, key = self._wanted
        if self._network.fault.down or ssid not in self._network.wifi or self._network.reach(ssid) is None:
            self._set(NO_AP_FOUND)
        elif self._network.wifi[ssid] != key:
            self._set(WRONG_PASSWORD)
        else:
            self._set(GOT_IP)
            self._timer = None
            return
        self._timer = self._clock.after(RETRY_US, self._try)

    @property
    def joined(self) -> str:
        """Name of the access point with which it is associated, empty for none."""
        return self._network.station or ""

    @property
    def rssi_dbm(self) -> int:
        """Signal of the access point that was asked for; that of silence without one."""
        heard = self._network.reach(self._wanted[0]) if self._wanted else None
        return SILENCE_DBM if heard is None else heard

    def _air_changed(self) -> None:
        """The access point came or went: without beacons the association ends, whether the program asks or not."""
        if self._silence is not None:
            self._silence.cancel()
            self._silence = None
        if self._status == GOT_IP and self._network.out_of_reach:
            self._silence = self._clock.after(BEACONS_US, self._listen)

    def _listen(self) -> None:
        if self._status == GOT_IP and self._network.out_of_reach:
            self._set(BEACON_TIMEOUT)
            self._timer = self._clock.after(RETRY_US, self._try)

    @property
    def status(self) -> int:
        """One of network.STAT_*; a program that asks is told at once that the access point is gone."""
        self._listen()
        return self._status
