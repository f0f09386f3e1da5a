"""Settings of a device (docs/architecture.md): what must be in them before anything starts."""

from firmware.const import const
from firmware.errors import DriverError, WireError

_MAX_CA_BYTES = const(3000)  # PEM of one certificate: 2 KB with a key of RSA-4096; it lies in RAM with the settings


def check(settings) -> None:
    """WireError unless the board and its way to the broker are named; options beyond these are others' affair.

    The way is `wifi` and `broker`, `modem` and `broker`, or `serial`: then the gateway knows the broker.
    """
    if not isinstance(settings, dict) or not isinstance(settings.get("board"), str):
        raise WireError("settings name no board")
    if ("serial" in settings) + ("modem" in settings) + ("wifi" in settings) > 1:  # or nobody knows which was meant
        raise WireError("settings: two ways")
    if "serial" in settings:
        if not _has(settings["serial"], "baudrate", int) or not 9600 <= settings["serial"]["baudrate"] <= 921600:
            raise WireError("settings: baudrate of serial")
    elif "modem" in settings:
        from firmware.link import cellular  # where it is used

        cellular.check(settings)
        _check_broker(settings.get("broker"))
    else:
        if not _has(settings.get("wifi"), "ssid", str) or not _has(settings["wifi"], "key", str):
            raise WireError("settings lack wifi")
        _check_broker(settings.get("broker"))
    if "battery" in settings:
        from firmware import battery

        battery.levels_mv(settings["battery"])
    if "parts" in settings:
        from firmware.drivers import parts

        try:
            parts.check(settings["parts"])
        except DriverError:
            raise WireError("settings: parts")


def _check_broker(broker) -> None:
    if not _has(broker, "host", str) or not _has(broker, "port", int) or not 0 < broker["port"] < 65536:
        raise WireError("settings lack broker")
    for name in ("user", "password"):
        if not isinstance(broker.get(name) or "", str):
            raise WireError("settings: " + name + " of the broker")
    # A CA without TLS, or TLS without a CA, would send the password to whoever answers.
    if bool(broker.get("tls")) != ("ca" in broker):
        raise WireError("settings: tls goes with ca")
    if "ca" in broker and (not isinstance(broker["ca"], str) or len(broker["ca"]) > _MAX_CA_BYTES):
        raise WireError("settings: ca of the broker")


def _has(section, name, kind) -> bool:
    return isinstance(section, dict) and isinstance(section.get(name), kind)
