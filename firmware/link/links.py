"""Links: how a device reaches its broker, chosen by the settings; only the chosen one is loaded.

A link is a radio and a client. The radio has `radio_connect(settings)` (begins, does not wait; OSError where the driver is
stuck), `radio_connected()` and `radio_off()`; the board itself is that of Wi-Fi. A radio that takes longer than Wi-Fi has
`BOUND_MS`, `failed` (why the last try ended) and `faults` (bits of `status`), and its `radio_off()` returns a coroutine to be
waited for. The client is an `MqttClient`.
"""

from firmware.link.mqtt import MqttClient


def link_of(node, board, on_message, on_change) -> tuple:
    """(radio, client) for the section in the settings: `serial`, `modem`, else `wifi`."""
    settings, device = node.settings, node.keystore.device
    broker = settings.get("broker") or {}
    if "serial" in settings:
        from firmware.link import serial

        radio = transport = codec = serial.SerialLink(board, device)
    else:
        from firmware.link import packets

        radio, transport, codec = board, _transport(node, board, broker), packets  # type: ignore[assignment]  # by shape
        if "modem" in settings:
            from firmware.link.cellular import Cellular

            radio = Cellular(board, settings)  # type: ignore[assignment]  # by shape
    user, password = broker.get("user") or "", broker.get("password") or ""
    return radio, MqttClient(transport, codec, device, user, password, on_message=on_message, on_change=on_change)


def _transport(node, board, broker):
    if broker.get("tls"):
        from firmware.link.secure import SecureTransport

        return SecureTransport(
            board.socket_module, broker["ca"], node.clock.now_s, lambda: node.keystore.floor_s, board.set_clock
        )
    from firmware.link.transport import TcpTransport

    return TcpTransport(board.socket_module)
