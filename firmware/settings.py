"""Settings of a device (docs/architecture.md): what must be in them before anything starts."""

from firmware.errors import WireError


def check(settings) -> None:
    """WireError unless board, Wi-Fi and broker are named; options beyond these are the board's and the link's affair."""
    if not isinstance(settings, dict) or not isinstance(settings.get("board"), str):
        raise WireError("settings name no board")
    wifi, broker = settings.get("wifi"), settings.get("broker")
    if not _has(wifi, "ssid", str) or not _has(wifi, "key", str):
        raise WireError("settings lack wifi")
    if not _has(broker, "host", str) or not _has(broker, "port", int) or not 0 < broker["port"] < 65536:
        raise WireError("settings lack broker")
    for name in ("user", "password"):
        if not isinstance(broker.get(name) or "", str):
            raise WireError("settings: " + name + " of the broker")
    if broker.get("tls"):  # rather than to send the password in the clear
        raise WireError("this firmware has no TLS")


def _has(section, name, kind) -> bool:
    return isinstance(section, dict) and isinstance(section.get(name), kind)
