"""`const`, as MicroPython's compiler knows it: it writes the value where the name is used.

A name that begins with an underscore then takes no room at all on the device, neither in the module nor among the
interned strings, of which the heap holds a table. Under CPython it is an ordinary name.
"""


def const(value):
    """The value."""
    return value
