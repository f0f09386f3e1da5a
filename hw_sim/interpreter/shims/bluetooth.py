# bluetooth.BLE as a broadcaster: the address is a random one, or nothing is advertised.
import _link
import _ops


def __getattr__(name):
    return _link.absent("bluetooth", name, "UUID")


class BLE:
    def active(self, on=None):
        return bool(_link.call(_ops.BLE_ACTIVE, -1 if on is None else int(bool(on))))

    def config(self, *args, **options):
        if args or list(options) != ["addr_mode"] or options["addr_mode"] != 1:
            _link.missing("bluetooth.BLE.config but addr_mode=1")
        _link.call(_ops.BLE_ADDRESS)

    def gap_advertise(self, interval_us, adv_data=None, *, resp_data=None, connectable=True):
        if interval_us is None:
            _link.call(_ops.BLE_ADVERTISE, -1)
            return
        if adv_data is None or resp_data is None:
            _link.missing("bluetooth.BLE.gap_advertise with the data of the last one")
        sizes = len(adv_data) << 1 | bool(connectable)
        _link.call(_ops.BLE_ADVERTISE, interval_us, sizes, data=bytes(adv_data) + bytes(resp_data))

    def __getattr__(self, name):
        names = "irq gap_scan gap_connect gap_disconnect gap_pair gap_passkey gatts_register_services gatts_read"
        names += " gatts_write gatts_notify gatts_indicate gatts_set_buffer gattc_discover_services"
        return _link.absent("bluetooth.BLE", name, names)
