# select.select, on top of poll.
from select import POLLIN, POLLOUT, poll


def select(rlist, wlist, xlist, timeout=None):
    poller, masks = poll(), []
    for objects, mask in ((rlist, POLLIN), (wlist, POLLOUT), (xlist, 0)):
        for obj in objects:
            found = [entry for entry in masks if entry[0] is obj]
            if found:
                found[0][1] |= mask
            else:
                masks.append([obj, mask])
    for obj, mask in masks:
        poller.register(obj, mask)
    ready = poller.poll(-1 if timeout is None else int(timeout * 1000))
    reads = [obj for obj, events in ready if events & ~POLLOUT and any(obj is other for other in rlist)]
    writes = [obj for obj, events in ready if events & POLLOUT and any(obj is other for other in wlist)]
    broken = [obj for obj, events in ready if events & ~(POLLIN | POLLOUT) and any(obj is other for other in xlist)]
    return reads, writes, broken
