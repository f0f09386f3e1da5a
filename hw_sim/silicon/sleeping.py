"""The sleep of a board: deep, in which its program is gone until an alarm or a pin starts it anew, and light, in which it waits."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast

from hw_sim.silicon.life import Cause
from hw_sim.world.clock import Handle

if TYPE_CHECKING:
    from hw_sim.board import Board

EXT0_WAKE, EXT1_WAKE, TIMER_WAKE = 2, 3, 4  # machine.wake_reason() of the ESP32 port


class Sleeping:
    """What of a board is about its sleep; `Board` is made of it."""

    _alarm_us: int | None = None
    _alarm: Handle | None = None

    @property
    def _sleeper(self) -> "Board":
        return cast("Board", self)

    def deep_sleep(self, sleep_us: int) -> None:
        """The program ends; the board starts after so long (negative: never), or when a pin wakes it."""
        board = self._sleeper
        board._engine.stop(reset_peers=True)
        board._lose_chip_state(release=False)
        board.asleep = True
        board.counters["deep sleeps"] += 1
        board.meter.waiting()
        if sleep_us >= 0:
            self._set_alarm(board.world.clock.now_us + board.rtc.true_us(sleep_us))
        board.rtc.sleep()
        self._pin_changed()

    def sleep_state(self) -> dict[str, object]:
        """What of the chip outlives its program, as plain data."""
        board = self._sleeper
        rtc, causes = board.rtc, [int(board.reset_cause), int(board._chip_cause)]
        wakes = {"wake_on": sorted(board.wake_on.items()), "alarm_us": self.alarm_us}
        return {"rtc_us": rtc.us, "asleep_ppm": rtc.asleep_ppm, "causes": causes, **wakes}

    def sleep_again(self, state: Mapping[str, Any], *, asleep: bool) -> None:
        """The same taken up by a new board."""
        board = self._sleeper
        board.rtc.us, board.rtc.asleep_ppm = int(state["rtc_us"]), int(state["asleep_ppm"])
        board.reset_cause, board._chip_cause = (Cause(cause) for cause in state["causes"])
        board.wake_on.update({int(pin): int(level) for pin, level in state["wake_on"]})
        board._powered = board.asleep = asleep
        if asleep:
            board.rtc.sleep()
            if state["alarm_us"] is not None:
                self._set_alarm(int(state["alarm_us"]))

    @property
    def alarm_us(self) -> int | None:
        """When the deep sleep ends, None: never."""
        return self._alarm_us

    def drop_alarm(self) -> None:
        """It does not end by itself."""
        if self._alarm is not None:
            self._alarm.cancel()
        self._alarm_us = None

    def light_sleep(self) -> None:
        """The program sleeps lightly: the radio is off, the UARTs hear nothing."""
        board = self._sleeper
        board.radio.set_active(False)
        board.meter.light_sleep()
        for port in board.uarts.values():
            port.deaf = True

    def _set_alarm(self, at_us: int) -> None:
        self._alarm_us, self._alarm = at_us, self._sleeper.world.clock.at(at_us, lambda: self._awake(TIMER_WAKE))

    def _pin_changed(self) -> None:
        """A pin that was named before it wakes the sleeping board by its level."""
        board = self._sleeper
        if board.asleep and any(board.gpio.inputs.get(pin) == level for pin, level in board.wake_on.items()):
            self._awake(EXT0_WAKE if len(board.wake_on) == 1 else EXT1_WAKE)

    def _awake(self, reason: int) -> None:
        self._sleeper._woken_by = reason
        self._sleeper._ask_reset(Cause.DEEP_SLEEP)
