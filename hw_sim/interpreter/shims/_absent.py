# What the chip has and the simulator has not: it can be imported, and says so when it is used.
import _link


class Absent:
    def __init__(self, name):
        self._name = name

    def __call__(self, *args, **kwargs):
        _link.missing(self._name)

    def __getattr__(self, name):
        _link.missing(self._name + "." + name)

    def __getitem__(self, key):
        _link.missing("%s[0x%x]" % (self._name, key))

    def __setitem__(self, key, value):
        self[key]
