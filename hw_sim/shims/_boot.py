# What the board's own start-up code does: mount the file system, then run the program.
import gc
import sys

import _link
import _ops
import _tasks

sys.modules["_asyncio"] = _tasks  # before `asyncio` takes the built-in one


def _prepare():
    import json
    import random

    plan = json.loads(_link.ask(_ops.BOOT))
    random.seed(plan["seed"])
    if plan["mount"]:
        import _setup

        _setup.mount()
        del sys.modules["_setup"]
    scope = {"__name__": "__main__"}
    if not plan["source"]:
        return _main(), scope
    scope["files"] = {name: _link.ask(_ops.FILE, i) for i, name in enumerate(plan["files"])}
    return compile(_link.ask(_ops.SOURCE), "<stdin>", "exec"), scope


def _main():
    for name in ("/main.py", "/app/main.py"):
        try:
            with open(name) as f:
                return compile(f.read(), "main.py", "exec")
        except OSError:
            pass
    print("no main.py on this board")
    return compile("", "main.py", "exec")


def boot():
    try:
        code, scope = _prepare()
        gc.collect()
        _link.call(_ops.HEAP, gc.mem_free(), gc.mem_alloc())
        exec(code, scope)  # noqa: S102 - the program of the board
    except SystemExit:
        pass
    except BaseException as error:
        import io

        text = io.StringIO()
        sys.print_exception(error, text)
        sys.print_exception(error, sys.stdout)
        _link.call(_ops.CRASH, data=text.getvalue().encode())
