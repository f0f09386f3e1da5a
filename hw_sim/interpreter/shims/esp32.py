# esp32.Partition over the simulated NOR flash.
import json

import _blocks
import _link
import _ops

WAKEUP_ALL_LOW = False
WAKEUP_ANY_HIGH = True
_ext0 = []
_ext1 = []


def __getattr__(name):
    if name == "NVS":
        import _nvs

        return _nvs.NVS
    if name in ("HEAP_EXEC", "HEAP_DATA"):
        return 1 if name == "HEAP_EXEC" else 4
    names = "RMT ULP PCNT mcu_temperature raw_temperature idf_heap_info idf_task_info gpio_deep_sleep_hold"
    return _link.absent("esp32", name, names + " wake_on_gpio wake_on_touch wake_on_ulp")


def _wake_on(source, pins, level):
    source[:] = [(pin.id, 1 if level else 0) for pin in pins]
    _link.call(_ops.WAKE_ON, -1)
    for pin, high in _ext0 + _ext1:
        _link.call(_ops.WAKE_ON, pin, high)


def wake_on_ext0(pin=None, level=WAKEUP_ALL_LOW):
    _wake_on(_ext0, () if pin is None else (pin,), level)


def wake_on_ext1(pins=None, level=WAKEUP_ALL_LOW):
    if pins and len(pins) > 1 and not level:
        _link.missing("esp32.wake_on_ext1 with several pins, all of which must be low")
    _wake_on(_ext1, pins or (), level)


def _table():
    return json.loads(_link.ask(_ops.FLASH_TABLE))


class Partition(_blocks.Blocks):
    BOOT = 0
    RUNNING = 1
    TYPE_APP = 0
    TYPE_DATA = 1

    def __init__(self, id, block_size=4096):
        if isinstance(id, str):
            rows = [row for row in _table() if row[4] == id]
            if not rows:
                raise OSError(2)
            id = rows[0]
        elif not isinstance(id, (list, tuple)):
            _link.missing("esp32.Partition.BOOT, RUNNING")
        if block_size != 4096:
            _link.missing("esp32.Partition(block_size) other than 4096")
        self._info = tuple(id)
        self._start = id[2]
        self._size = id[3]

    @classmethod
    def find(cls, type=1, subtype=0xFF, label=None, block_size=4096):
        return [
            cls(row, block_size)
            for row in _table()
            if row[0] == type and subtype in (0xFF, row[1]) and label in (None, row[4])
        ]

    def info(self):
        return self._info

    def __getattr__(self, name):
        return _link.absent("esp32.Partition", name, "set_boot get_next_update mark_app_valid_cancel_rollback")
