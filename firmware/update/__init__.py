"""Update over the air (wire-format section 9): what this start knows of it. The rest is loaded when there is something to do."""

from firmware.const import const

# `update` of wire-format section 5, `status`: 0 none, 3 rolled back, and these
_FETCHING = const(1)
_TRIAL = const(2)
_REFUSED = const(4)
_CONFIRMED = const(1)  # of the marks of a slot
_CHANGED = const(7)  # reason of a status: the state of an update changed
# With three starts a broker may be away for half a day before a release is given up that never reached it.
_TRIAL_S = const(14_400)

state = 0
slot = -1  # that the running release lies in; -1: the board was built with it
least = 0  # the highest security version that was confirmed in a slot
first = None  # number of the first status that a release on trial has sealed


def begin(chosen, found, security):
    """What `slots.choose` returned."""
    global state, slot, least, first
    slot, state, least, first = chosen, found, security, None


def boot():
    """The module that chose what runs: it lies beside `main.py`, and reads what is written here."""
    try:
        import slots  # type: ignore[import-not-found]
    except ImportError:  # under CPython it lies in the package
        from firmware import slots
    return slots


def overdue(uptime_s) -> bool:
    """True when a release on trial has had its time without an acknowledged envelope, and must start again or give way."""
    return state == _TRIAL and uptime_s >= _TRIAL_S


def sealed(envelope) -> None:
    """This start has sealed a status. Its number is above all that was sealed before it, and below all that comes."""
    global first  # noqa: PLW0603 - the state of this start, as the others
    if state == _TRIAL and first is None:
        from firmware.wire.envelope import peek_uplink  # a few times in a device's life

        first = peek_uplink(envelope)[:4]


def confirm(node, board, number) -> None:
    """The server has stored the envelope of this number (generation, stream, epoch, counter): a release on trial stays if it
    is a status of this start, and the other slot may be overwritten.
    """
    global state, least
    if state != _TRIAL:
        return
    # What waits in the spool was sealed by the release before, and says nothing of this one's keys and sealing.
    if first is None or number[1] != first[1] or number < first:
        return
    slots = boot()
    running = slots.Slot(slots.device(), slot)
    try:
        running.mark(_CONFIRMED)
        if not running.marked(_CONFIRMED):
            return  # the next acknowledgement tries again
    except OSError:
        return
    state, least = 0, running.head()[2]
    if node.settings.pop("crash", None):  # of another release; this one's own was told at its start
        node.crash = ""
        try:
            board.save_settings(node.settings)
        except OSError:
            pass  # told again after the next start
    node.report_soon(_CHANGED)


def offer(node, board, content) -> None:
    """A sealed offer (release id, chunks, bytes). A release on trial is settled first: the server offers again."""
    if state == _TRIAL:
        return
    from firmware.errors import FlashError
    from firmware.update.fetch import Fetch

    try:
        node.fetch = node.fetch or Fetch(node, board)
        node.fetch.offer(*content)
    except FlashError:  # MicroPython without slots
        begin(slot, _REFUSED, least)
        node.report_soon(_CHANGED)


def resume(node, board):
    """The Fetch that goes on with what the last start left unfinished, or None."""
    if state != _FETCHING:
        return None
    from firmware.errors import FirmwareError
    from firmware.update.fetch import Fetch

    try:
        fetch = Fetch(node, board)
        return fetch if fetch.resume() else None
    except FirmwareError:
        return None


def forget(*names) -> None:
    """Drop modules that are done: their code lies in flash, their names and classes in the heap."""
    import sys

    for name in names:
        sys.modules.pop("firmware.update." + name, None)
        globals().pop(name, None)
