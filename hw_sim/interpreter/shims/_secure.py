# Waiting for a TLS socket. TLS itself is the interpreter's own; its socket is asked as the chip's poll asks it, and passes
# the question on to the simulated socket beneath, with the direction that the protocol needs next.
import sys

asked = None  # (poll_id, mask) of the socket beneath, while the interpreter's own poll runs


def _own_select():
    # The name with a u is the interpreter's own module, but for the alias that `_boot` has put there.
    alias = sys.modules.pop("uselect", None)
    import uselect as own

    sys.modules["uselect"] = alias
    return own


_select = _own_select()


def beneath(obj, mask):
    # (events that are there without the network, poll_id, mask) of a TLS socket.
    global asked
    poller = _select.poll()
    poller.register(obj, mask)
    asked = ()
    try:
        ready = poller.poll(0)
        return (ready[0][1] if ready else 0,) + (asked or (None, 0))
    finally:
        asked = None
