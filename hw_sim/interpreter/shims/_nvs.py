# esp32.NVS in the partition "nvs": two sectors in turn, the newer one with a good sum counts.
import binascii
import json

import esp32


class NVS:
    def __init__(self, namespace):
        if len(namespace) > 15:
            raise OSError(-4361, "ESP_ERR_NVS_KEY_TOO_LONG")
        found = esp32.Partition.find(1, label="nvs")
        if not found:
            raise OSError(-4367, "ESP_ERR_NVS_PART_NOT_FOUND")
        self._part, self._name = found[0], namespace
        self._new = {}  # what is set and not committed

    def _sectors(self):
        head, found = bytearray(12), []
        for sector in (0, 1):
            self._part.readblocks(sector, head, 0)
            number, size, good = (int.from_bytes(head[i : i + 4], "little") for i in (0, 4, 8))
            if size > 4084:
                continue
            body = bytearray(size)
            self._part.readblocks(sector, body, 12)
            if binascii.crc32(body) == good:
                found.append((number, sector, body))
        return max(found) if found else (0, 1, b"{}")

    def _all(self):
        return json.loads(self._sectors()[2])

    def _get(self, key, kind):
        value = self._new[key] if key in self._new else self._all().get(self._name, {}).get(key)
        if value is None or value[0] != kind:
            raise OSError(-4354, "ESP_ERR_NVS_NOT_FOUND")
        return value[1]

    def set_i32(self, key, value):
        self._set(key, ("i", value))

    def set_blob(self, key, value):
        self._set(key, ("b", binascii.hexlify(value).decode()))

    def _set(self, key, value):
        if len(key) > 15:
            raise OSError(-4361, "ESP_ERR_NVS_KEY_TOO_LONG")
        self._new[key] = value

    def get_i32(self, key):
        return self._get(key, "i")

    def get_blob(self, key, buffer):
        data = binascii.unhexlify(self._get(key, "b"))
        if len(data) > len(buffer):
            raise OSError(-4364, "ESP_ERR_NVS_INVALID_LENGTH")
        buffer[: len(data)] = data
        return len(data)

    def erase_key(self, key):
        if key not in self._new and key not in self._all().get(self._name, {}):
            raise OSError(-4354, "ESP_ERR_NVS_NOT_FOUND")
        self._new[key] = None

    def commit(self):
        number, sector, body = self._sectors()
        everything = json.loads(body)
        kept = everything.setdefault(self._name, {})
        kept.update(self._new)
        everything[self._name] = {key: value for key, value in kept.items() if value is not None}
        body = json.dumps(everything).encode()
        if len(body) > 4084:
            raise OSError(-4357, "ESP_ERR_NVS_NOT_ENOUGH_SPACE")
        head = b"".join(n.to_bytes(4, "little") for n in (number + 1, len(body), binascii.crc32(body)))
        self._part.ioctl(6, 1 - sector)
        self._part.writeblocks(1 - sector, head + body, 0)
        self._new = {}
