# In place of `_thread`: threads of the host would run beside virtual time, and no run would repeat.
import _link


def __getattr__(name):
    return _link.absent("_thread", name, "start_new_thread allocate_lock get_ident stack_size exit")
