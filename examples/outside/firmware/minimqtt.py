# The least of MQTT 3.1.1 that publishes with an acknowledgement. Every wait is bounded.
import socket
import struct


class Link:
    def __init__(self, host, client, timeout_s=10):
        self.sock = socket.socket()
        self.sock.settimeout(timeout_s)
        self.number = 0
        try:
            self.sock.connect(socket.getaddrinfo(host, 1883)[0][-1])
            name = client.encode()
            body = b"\x00\x04MQTT\x04\x02\x00\x3c" + struct.pack(">H", len(name)) + name
            self._send(0x10, body)
            if self._take(4)[:2] != b"\x20\x02":
                raise OSError("no CONNACK")
        except Exception:
            self.sock.close()
            raise

    def publish(self, topic, payload):
        self.number = self.number % 65535 + 1
        topic = topic.encode()
        self._send(0x32, struct.pack(">H", len(topic)) + topic + struct.pack(">H", self.number) + payload)
        if self._take(4) != b"\x40\x02" + struct.pack(">H", self.number):
            raise OSError("no PUBACK")

    def close(self):
        try:
            self._send(0xE0, b"")
        finally:
            self.sock.close()

    def _send(self, kind, body):
        if len(body) > 127:  # one byte of length is enough for what this program says
            raise ValueError("a message of at most 127 bytes with its topic")
        data = bytes((kind, len(body))) + body
        while data:
            data = data[self.sock.write(data) :]

    def _take(self, n):
        data = b""
        while len(data) < n:
            more = self.sock.read(n - len(data))
            if not more:
                raise OSError("closed")
            data += more
        return data
