"""AES-CCM cases of NIST response files; runs under CPython and under MicroPython.

    micropython ccm_cases.py <root of the project> <name of a response file>...

Prints "<name> <cases> <failures>" for each file.
"""

import sys


def records(path):
    """One dictionary a case: what the file has said so far, the lengths of the brackets included."""
    known = {}
    with open(path, encoding="utf-8") as lines:  # noqa: PTH123 - MicroPython has no pathlib
        for raw in lines:
            line = raw.strip().strip("[]")
            if not line and "CT" in known:
                yield known
                for name in ("CT", "Payload", "Result"):
                    known.pop(name, None)
            for part in line.split(","):
                if "=" in part and not line.startswith("#"):
                    name, value = part.split("=")
                    known[name.strip()] = value.strip()
    if "CT" in known:
        yield known


def agrees(case):
    """True if sealing and opening give what the case says."""
    from firmware.errors import SealError
    from firmware.wire import ccm

    tag_bytes = int(case["Tlen"])
    key, nonce, sealed = (bytes.fromhex(case[name]) for name in ("Key", "Nonce", "CT"))
    aad = bytes.fromhex(case["Adata"])[: int(case["Alen"])]
    try:
        plaintext = ccm.open_(key, nonce, aad, sealed, tag_bytes)
    except SealError:
        return case.get("Result") == "Fail"
    if case.get("Result", "Pass") != "Pass" or plaintext != bytes.fromhex(case["Payload"])[: int(case["Plen"])]:
        return False
    return ccm.seal(key, nonce, aad, plaintext, tag_bytes) == sealed


def count(path):
    """(cases, failures) of one file."""
    results = [agrees(case) for case in records(path)]
    return len(results), results.count(False)


if __name__ == "__main__":
    sys.path.insert(0, sys.argv[1])
    for file_name in sys.argv[2:]:
        total, wrong = count(sys.argv[1] + "/tests/data/crypto/nist-ccm/" + file_name + ".rsp")
        print(file_name, total, wrong)
