# network.PPP as of MicroPython 1.26: over a UART, in the background.
import _link
import _ops

_ERROR = 2
_CONNECTED = 4


class PPP:
    SEC_NONE = 0
    SEC_PAP = 1
    SEC_CHAP = 2
    AUTH_NONE = 0
    AUTH_PAP = 1
    AUTH_CHAP = 2

    def __init__(self, stream):
        if not hasattr(stream, "poll_id"):
            _link.missing("network.PPP over another stream than a UART")
        self._stream = stream

    def connect(self, security=SEC_NONE, user=None, key=None):
        if security != self.SEC_NONE:
            _link.missing("network.PPP.connect with a password")
        _link.call(_ops.PPP_CONNECT, self._stream.poll_id, 1)

    def disconnect(self):
        _link.call(_ops.PPP_CONNECT, self._stream.poll_id, 0)

    def status(self):
        return _link.call(_ops.PPP_STATUS, self._stream.poll_id)

    def isconnected(self):
        return self.status() == _CONNECTED

    def ifconfig(self, *args):
        if args:
            _link.missing("network.PPP.ifconfig with an address")
        if self.isconnected():
            return ("10.64.0.2", "255.255.255.255", "10.64.64.64", "10.64.0.1")
        return ("0.0.0.0",) * 4  # noqa: S104 - what an interface without an address says

    def config(self, *args, **kwargs):
        if args == ("stream",):
            return self._stream
        return _link.missing("this option of network.PPP.config")

    def poll(self, irq_arg=None):
        return 0

    def __getattr__(self, name):
        return _link.absent("network.PPP", name, "active ipconfig")
