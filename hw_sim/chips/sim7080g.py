"""A SIM7080G modem on a UART: PWRKEY and STATUS, AT commands, registration, PSM, and the two ends of a PPP call.

Times and words after SIMCom's AT Command Manual V1.05, Low Power Mode Application Note V1.02 and the SIM7080G & SIM800C Compatible
Design V1.00; where these say nothing, the constants below say "estimate". Not simulated, and named when asked for: NB-IoT, sleep by
DTR (AT+CSCLK), GNSS, the modem's own sockets. A call carries no PPP frames: `network.ppp` says when LCP and IPCP would be done, and
sockets then use `hw_sim.network.net`; what a program writes into a call is swallowed, but for the escape sequence.
"""

from collections.abc import Callable
from dataclasses import dataclass

from hw_sim.chips.sim7080g_network import OnNetwork
from hw_sim.chips.sim7080g_words import Words
from hw_sim.world.clock import Handle, World

ON_US = 1_000_000  # PWRKEY low so long: on, or out of PSM
OFF_US = 1_200_000  # and so long, off
RESET_US = 12_000_000
BOOT_US = 800_000  # from there to STATUS and UART: 1.8 s behind the press
LEAVE_US = 2_000_000  # NORMAL POWER DOWN, 1.8 to 2 s
SIM_US = 1_500_000  # estimate: the card is busy for so long behind the start
RESUME_S = 1.0  # estimate: out of PSM the registration stands


@dataclass(slots=True)  # a misspelt fault is an error, not a test that is green for nothing
class ModemFaults:
    """What is wrong with the modem at present; assign `ModemFaults()` for nothing.

    `dead`: no power. `hung`: its program stands still; a reset by PWRKEY ends that. `silent`: its TX is torn off. `garbage`: so
    many bytes of noise before each of its lines. `model`: what it says it is. `refuse`: the command of this name ends in ERROR.
    """

    dead: bool = False
    hung: bool = False
    silent: bool = False
    garbage: int = 0
    model: str = "SIMCOM_SIM7080"
    refuse: str = ""


@dataclass(slots=True)
class Sim:
    """The card: `pin` "" where none is asked for; three wrong ones in a row lock it."""

    pin: str = ""
    present: bool = True
    tries: int = 3


class Sim7080g(OnNetwork):
    """The modem. `sim` is its card; `on_status` hears STATUS; `counts` what happened how often, `heard` each command."""

    baudrate = 115_200

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self._words = Words(self)
        self.sim, self.fault = Sim(), ModemFaults()
        self.emit: Callable[[bytes], None] = lambda data: None
        self.on_status: Callable[[bool], None] = lambda awake: None
        self._supply = self._was_awake = False
        self._pressed_us: int | None = None
        self._timers: dict[str, Handle] = {}
        self.state = "off"  # off, booting, running, leaving, psm
        self.heard: list[str] = []
        self._forget()

    def _forget(self) -> None:
        """What is lost with the program."""
        self.functional, self.unlocked, self.sim_ready = True, False, False
        self._words.reset()
        self._forget_network()

    # --- pins and supply

    def power(self, on: bool) -> None:
        """The battery."""
        self._supply = on
        if not on:
            self._stop("off")

    def backup_power(self, on: bool) -> None:
        """It has none."""

    def key(self, pressed: bool) -> None:
        """PWRKEY by its transistor."""
        if pressed == (self._pressed_us is not None):
            return
        now_us = self._clock.now_us
        if not pressed:
            held_us, self._pressed_us = now_us - (self._pressed_us or 0), None
            self._drop("on", "reset")
            if self._was_awake and OFF_US <= held_us < RESET_US and self.state == "running" and not self.fault.hung:
                self.leave()
            return
        self._pressed_us, self._was_awake = now_us, self.state not in ("off", "psm")
        self._after("on", ON_US, self._switch_on)
        self._after("reset", RESET_US, self._reset)

    def _switch_on(self) -> None:
        if self.state in ("off", "psm") and self._supply and not self.fault.dead:
            self._boot(resumes=self.state == "psm")

    def _reset(self) -> None:
        if self._supply and not self.fault.dead:
            self.fault.hung = False
            self.counts["resets"] += 1
            self._stop("off")
            self._boot(resumes=False)

    @property
    def awake(self) -> bool:
        """STATUS is high."""
        return self.state in ("running", "leaving")

    # --- life

    def _boot(self, *, resumes: bool) -> None:
        self.counts["starts out of PSM" if resumes else "starts"] += 1
        self._drop("period")
        self._enter("booting")
        self._after("boot", BOOT_US, lambda: self._run(resumes))

    def _run(self, resumes: bool) -> None:
        self._enter("running")
        self.say("RDY", "+CFUN: 1")
        if resumes:
            self.sim_ready = self.unlocked = self._attached = True
            self._look(RESUME_S)
        else:
            self._after("sim", SIM_US, self._sim_starts)

    def _sim_starts(self) -> None:
        self.sim_ready = self.sim.present
        self.say(f"+CPIN: {self.sim_state}" if self.sim.present else "+CPIN: NOT INSERTED", "SMS Ready")
        self.search()

    @property
    def sim_state(self) -> str:  # type: ignore[override]  # there it is but declared
        """As AT+CPIN? has it."""
        if not self.sim.tries:
            return "SIM PUK"
        return "SIM PIN" if self.sim.pin and not self.unlocked else "READY"

    def leave(self) -> None:
        """Normal power down."""
        self._end_call()
        self._enter("leaving")
        self._attached = False
        self._after("leave", LEAVE_US, self._left)

    def _left(self) -> None:
        self.say("NORMAL POWER DOWN")
        self._stop("off")

    def _stop(self, state: str) -> None:
        attached = self._attached
        self._drop(*[name for name in self._timers if name not in ("on", "reset")])
        self._end_call()
        self._forget()
        self._attached = attached and state == "psm"
        self._enter(state)

    def _enter(self, state: str) -> None:
        was, self.state = self.awake, state
        if self.awake != was:
            self.on_status(self.awake)
        self.draw()

    # --- the wire

    def receive(self, data: bytes) -> None:
        """Bytes from the board."""
        if self.state == "running" and not self.fault.hung:
            self._words.hear(data)

    def say(self, *lines: str) -> None:
        """Lines as they come on the wire."""
        for line in lines:
            if self.fault.silent or self.fault.hung or self.state not in ("running", "leaving"):
                return
            self.emit(self._rng.randbytes(self.fault.garbage) + f"\r\n{line}\r\n".encode())

    def echo(self, data: bytes) -> None:
        """What it hears, said back."""
        if not self.fault.silent:
            self.emit(data)

    def later(self, us: int, act: Callable[[], None]) -> None:
        """An answer that takes its time; gone when the modem stops."""
        self._after("answer", us, act)

    def _after(self, name: str, us: int, act: Callable[[], None]) -> None:
        self._drop(name)
        self._timers[name] = self._clock.after(us, act)

    def _drop(self, *names: str) -> None:
        for name in names:
            timer = self._timers.pop(name, None)
            if timer is not None:
                timer.cancel()

    def timers(self) -> tuple[int, int]:
        """As its words have them."""
        return self._words.timers()

    @property
    def deaf(self) -> bool:
        """It hangs."""
        return self.fault.hung

    def _leave_data_mode(self) -> None:
        self._words.online = False

    @property
    def now_us(self) -> int:
        """Virtual time."""
        return self._clock.now_us
