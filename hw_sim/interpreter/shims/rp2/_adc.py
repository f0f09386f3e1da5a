# machine.ADC of the RP2s; loaded by the first program that wants it.
import _base_machine
import _link
import _ops


class ADC:
    CORE_TEMP = 4

    def __init__(self, pin):
        self._pin = getattr(pin, "id", pin)
        if isinstance(pin, int) and 0 <= pin <= 4:  # a channel
            self._pin = 26 + pin
            if pin == self.CORE_TEMP:
                return
        if not 26 <= self._pin <= 28:
            raise ValueError("Pin doesn't have ADC capabilities")

    def read_u16(self):
        # 12 bits of 3.3 V, spread over 16
        if self._pin == 30:
            _link.missing("machine.ADC.CORE_TEMP")
        raw = min(_link.call(_ops.ADC_READ, self._pin), 3300000) * 4095 // 3300000
        return raw << 4 | raw >> 8

    __getattr__ = _base_machine._more
