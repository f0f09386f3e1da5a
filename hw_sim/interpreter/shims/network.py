# network.WLAN as a station.
import _link
import _ops

STA_IF = 0
AP_IF = 1
STAT_BEACON_TIMEOUT = 200
STAT_NO_AP_FOUND = 201
STAT_WRONG_PASSWORD = 202
STAT_ASSOC_FAIL = 203
STAT_HANDSHAKE_TIMEOUT = 204
STAT_IDLE = 1000
STAT_CONNECTING = 1001
STAT_GOT_IP = 1010

_name = "mpy-esp32s3"


def __getattr__(name):
    if name == "PPP":
        import _ppp  # with a modem only: it takes heap, which on a chip it does not

        return _ppp.PPP
    return _link.absent("network", name, "LAN country phy_mode ipconfig")


class WLAN:
    IF_STA = 0
    IF_AP = 1
    PM_NONE = 0
    PM_PERFORMANCE = 1
    PM_POWERSAVE = 2

    _config = {"reconnects": -1, "pm": 1, "txpower": 20}  # what any instance set, as the radio is one

    def __init__(self, interface=STA_IF):
        if interface != STA_IF:
            _link.missing("network.WLAN(AP_IF)")

    def active(self, on=None):
        return bool(_link.call(_ops.WLAN_ACTIVE, -1 if on is None else int(bool(on))))

    def connect(self, ssid=None, key=None, bssid=None):
        if ssid is None or bssid is not None:
            _link.missing("network.WLAN.connect without ssid, or with bssid")
        data = ssid.encode() + b"\0" + (key or "").encode()
        _link.call(_ops.WLAN_CONNECT, data=data)

    def disconnect(self):
        _link.call(_ops.WLAN_DISCONNECT)

    def isconnected(self):
        return self.status() == STAT_GOT_IP

    def status(self, param=None):
        if param is None:
            return _link.call(_ops.WLAN_STATUS)
        if param == "rssi":
            return _link.call(_ops.WLAN_RSSI)
        raise ValueError("unknown status param")

    def ifconfig(self, *args):
        if args:
            _link.missing("network.WLAN.ifconfig with an address")
        if self.isconnected():
            return ("192.168.4.20", "255.255.255.0", "192.168.4.1", "192.168.4.1")
        return ("0.0.0.0",) * 4  # noqa: S104 - what an interface without an address says

    def config(self, *args, **kwargs):
        for name, value in kwargs.items():
            if name not in self._config:
                _link.missing("network.WLAN.config(" + name + "=)")
            self._config[name] = value
        if args:
            if args[0] == "mac":
                return b"\x02" + _link.ask(_ops.UNIQUE_ID)[1:6]
            if args[0] not in self._config:
                _link.missing("network.WLAN.config(" + args[0] + ")")
            return self._config[args[0]]
        return None


def hostname(name=None):
    global _name
    if name is None:
        return _name
    _name = name
    return None
