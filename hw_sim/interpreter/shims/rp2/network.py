# network.WLAN of a CYW43439.
import _base_network
from _base_network import AP_IF, STA_IF, hostname  # noqa: F401

STAT_IDLE, STAT_CONNECTING, STAT_GOT_IP = 0, 1, 3
STAT_CONNECT_FAIL, STAT_NO_AP_FOUND, STAT_WRONG_PASSWORD = -1, -2, -3
_STATES = {1000: 0, 1001: 1, 1010: 3, 200: -1, 201: -2, 202: -3}

_base_network._name = "PicoW"


def __getattr__(name):
    if name == "PPP":  # not in the builds of this port (docs/decisions/0016)
        raise AttributeError(name)
    return _base_network.__getattr__(name)


class WLAN(_base_network.WLAN):
    PM_NONE = 0x10
    PM_PERFORMANCE = 0xA11142
    PM_POWERSAVE = 0x11
    _config = {"pm": 0xA11142, "txpower": 20}

    def status(self, param=None):
        found = super().status(param)
        return _STATES[found] if param is None else found

    def isconnected(self):
        return self.status() == STAT_GOT_IP

    def deinit(self):
        self.active(False)
