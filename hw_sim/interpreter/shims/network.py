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
    import _wlan

    return _wlan.find(name)


class WLAN:
    IF_STA = 0
    IF_AP = 1
    PM_NONE = 0
    PM_PERFORMANCE = 1
    PM_POWERSAVE = 2

    _config = {"reconnects": -1, "pm": 1, "txpower": 20}  # what any instance set, as the radio is one
    _fixed = None

    def __init__(self, interface=STA_IF):
        self._access = interface != STA_IF  # an access point of one's own: it can be off

    def active(self, on=None):
        if self._access:
            if on:
                _link.missing("network.WLAN(AP_IF).active(True)")
            return False
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

    def ifconfig(self, addresses=None):
        if addresses is not None:
            WLAN._fixed = None if addresses == "dhcp" else tuple(addresses)
            return None
        if self.isconnected():
            return self._fixed or ("192.168.4.20", "255.255.255.0", "192.168.4.1", "192.168.4.1")
        return ("0.0.0.0",) * 4  # noqa: S104 - what an interface without an address says

    def config(self, *args, **kwargs):
        import _wlan

        return _wlan.config(self, args, kwargs)

    def __getattr__(self, name):
        import _wlan

        return _wlan.attribute(self, name)


def hostname(name=None):
    global _name
    if name is None:
        return _name
    _name = name
    return None
