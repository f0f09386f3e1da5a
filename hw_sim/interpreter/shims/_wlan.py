# What programs ask of `network` now and then: loaded by the first one that does.
import _link
import _ops

_ABSENT = "LAN phy_mode route"
_country = "XX"


def country(code=None):
    global _country
    if code is None:
        return _country
    if len(code) != 2:
        raise ValueError("invalid country code")
    _country = code.upper()
    return None


def ipconfig(*args, **options):
    if args == ("prefer",):
        return 4
    return _link.missing("network.ipconfig")


_VALUES = {
    "AUTH_MAX": 17, "AUTH_OPEN": 0, "AUTH_OWE": 9, "AUTH_WAPI_PSK": 8, "AUTH_WEP": 1, "AUTH_WPA2_ENTERPRISE": 5,
    "AUTH_WPA2_PSK": 3, "AUTH_WPA2_WPA3_PSK": 7, "AUTH_WPA3_ENT_192": 10, "AUTH_WPA3_EXT_PSK": 11,
    "AUTH_WPA3_EXT_PSK_MIXED_MODE": 12, "AUTH_WPA3_PSK": 6, "AUTH_WPA_PSK": 2, "AUTH_WPA_WPA2_PSK": 4,
    "ETH_CONNECTED": 3, "ETH_DISCONNECTED": 4, "ETH_GOT_IP": 5, "ETH_INITIALIZED": 0, "ETH_STARTED": 1,
    "ETH_STOPPED": 2, "MODE_11B": 1, "MODE_11G": 2, "MODE_11N": 4, "MODE_LR": 8, "PHY_DM9051": 101, "PHY_DP83848": 4,
    "PHY_GENERIC": 8, "PHY_IP101": 2, "PHY_KSZ8041": 5, "PHY_KSZ8081": 6, "PHY_KSZ8851SNL": 100, "PHY_LAN8670": 7,
    "PHY_LAN8710": 0, "PHY_LAN8720": 1, "PHY_RTL8201": 3, "PHY_W5500": 102, "STAT_CONNECT_FAIL": 203,
    "STAT_NO_AP_FOUND_IN_AUTHMODE_THRESHOLD": 211, "STAT_NO_AP_FOUND_IN_RSSI_THRESHOLD": 212,
    "STAT_NO_AP_FOUND_W_COMPATIBLE_SECURITY": 210,
}  # fmt: skip


def find(name):
    if name in ("country", "ipconfig"):
        return globals()[name]
    if name in _VALUES:
        return _VALUES[name]
    return _link.absent("network", name, _ABSENT)


def scan():
    import json

    # (name, address, channel, RSSI, security, hidden)
    return [
        (name.encode(), b"\x02\0\0\0\0" + bytes((i,)), 1 + 5 * i % 13, rssi, 3 if key else 0, False)
        for i, (name, rssi, key) in enumerate(json.loads(_link.ask(_ops.WLAN_SCAN)))
    ]


def wlan_ipconfig(wlan, args, options):
    if options:
        if list(options) == ["dhcp4"]:
            if options["dhcp4"]:
                wlan.ifconfig("dhcp")
        elif "addr4" in options:
            address = options["addr4"]
            mask = "255.255.255.0" if isinstance(address, str) else address[1]
            wlan.ifconfig((address if isinstance(address, str) else address[0], mask, options.get("gw4", ""), ""))
        else:
            _link.missing("network.WLAN.ipconfig(" + ", ".join(options) + ")")
        return None
    address, mask, gateway, _ = wlan.ifconfig()
    told = {"addr4": (address, mask), "gw4": gateway, "dhcp4": wlan._fixed is None, "has_dhcp4": wlan._fixed is None}
    if args[0] not in told:
        _link.missing("network.WLAN.ipconfig(%r)" % args[0])
    return told[args[0]]


# Constants of the class: they take heap there, which on a chip they do not, so that a program has them by an object of it.
_OF_WLAN = {
    "BANDWIDTH_160": 4, "BANDWIDTH_20": 1, "BANDWIDTH_40": 2, "BANDWIDTH_80": 3, "BANDWIDTH_80_80": 5,
    "PROTOCOL_DEFAULT": 7, "PROTOCOL_LR": 8, "SEC_DPP": 13, "SEC_OPEN": 0, "SEC_OWE": 9, "SEC_WAPI": 8, "SEC_WEP": 1,
    "SEC_WPA": 2, "SEC_WPA2": 3, "SEC_WPA2_ENT": 5, "SEC_WPA2_WPA3": 7, "SEC_WPA2_WPA3_ENT": 15, "SEC_WPA3": 6,
    "SEC_WPA3_ENT": 14, "SEC_WPA3_ENT_192": 10, "SEC_WPA3_EXT_PSK": 11, "SEC_WPA3_EXT_PSK_MIXED_MODE": 12,
    "SEC_WPA_ENT": 16, "SEC_WPA_WPA2": 4,
}  # fmt: skip
_OF_WLAN_RP2 = {
    "SEC_OPEN": 0, "SEC_WPA2_WPA3": 20971524, "SEC_WPA3": 16777220, "SEC_WPA_WPA2": 4194310,
}  # fmt: skip


def attribute(wlan, name):
    if name == "scan":
        return scan
    if name == "ipconfig":
        return lambda *args, **options: wlan_ipconfig(wlan, args, options)
    values = _OF_WLAN_RP2 if b"RP2" in _link.ask(_ops.MACHINE) else _OF_WLAN
    if name in values:
        return values[name]
    return _link.absent(
        "network.WLAN", name, "csi_available csi_disable csi_dropped csi_enable csi_read ioctl send_ethernet"
    )


def config(wlan, args, options):
    kept = wlan._config
    for name, value in options.items():
        if name in ("hostname", "dhcp_hostname"):
            import network

            network.hostname(value)
        elif name not in kept:
            _link.missing("network.WLAN.config(" + name + "=)")
        else:
            kept[name] = value
    if not args:
        return None
    name = args[0]
    if name == "mac":
        return b"\x02" + _link.ask(_ops.UNIQUE_ID)[1:6]
    if name in ("hostname", "dhcp_hostname"):
        import network

        return network.hostname()
    if name in ("essid", "ssid"):
        return _link.ask(_ops.WLAN_SCAN, 1).decode()
    if name == "channel":
        return 1
    if name not in kept:
        _link.missing("network.WLAN.config(" + name + ")")
    return kept[name]
