"""How finely a value may come in that no device sealed: cut where that is harmless, and refused where it is not.

An address of the network loses its last byte, a description of a browser all but its family: nobody here has a finer use of
them. A place that is finer than promised is refused instead [whoever sends it would go on sending it].
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable
from types import MappingProxyType
from typing import Final

from cloud_sync.errors import Denied
from cloud_sync.model import Reason

#: Of an address, as published analytics of the field keep it: three bytes of four, and 48 bits of 128 (one site).
PREFIX_BITS: Final = MappingProxyType({4: 24, 6: 48})
#: Of IPv6 addresses that have an IPv4 address within: 6to4 (RFC 3056) has it in bits 16 to 48, so that three bytes of it end at 40.
SIX_TO_FOUR: Final = ipaddress.IPv6Network("2002::/16")
SIX_TO_FOUR_BITS: Final = 40
#: What is told of a browser or a telephone. Others first that also call themselves by an older one's name.
_FAMILIES: Final = (
    *(
        ("Edg", "Edge"),
        ("OPR", "Opera"),
        ("SamsungBrowser", "Samsung Internet"),
        ("Firefox", "Firefox"),
        ("FxiOS", "Firefox"),
    ),
    *(("Chrome", "Chrome"), ("CriOS", "Chrome"), ("Safari", "Safari")),
)
_PLATFORMS: Final = (
    *(("Android", "Android"), ("iPhone", "iOS"), ("iPad", "iOS"), ("iOS", "iOS"), ("Windows", "Windows")),
    *(("Macintosh", "macOS"), ("macOS", "macOS"), ("Linux", "Linux")),
)
#: A cell of 10 km by its row and column, or a region by its code (ISO 3166-2).
_AREA: Final = re.compile(r"cell_10km/(-?[0-9]{1,4})/(-?[0-9]{1,4})|[A-Z]{2}(-[A-Z0-9]{1,3})?", re.ASCII)
#: Rows and columns of a tenth of a degree (docs/wire-format.md section 5): beyond them lie the numbers of smaller cells alone.
_ROWS, _COLUMNS = range(-900, 900), range(-1800, 1800)
_COUNTRY: Final = re.compile(r"[A-Z]{2}", re.ASCII)


def address(value: str) -> str:
    """The network of an address, or of a network that is coarse enough already; `Denied` for what is none."""
    try:
        network = ipaddress.ip_network(value, strict=False)
    except ValueError:
        raise Denied(Reason.PRECISION_TOO_FINE, "no address of the network: send an address or its prefix") from None
    most = PREFIX_BITS[network.version]
    if isinstance(network, ipaddress.IPv6Network) and network.overlaps(SIX_TO_FOUR):
        most = SIX_TO_FOUR_BITS
    return str(network.supernet(new_prefix=most) if network.prefixlen > most else network)


def family(value: str) -> str:
    """The family of a browser, without version and build."""
    return next((name for mark, name in _FAMILIES if mark in value), "other")


def platform(value: str) -> str:
    """The family of an operating system, without version and model."""
    return next((name for mark, name in _PLATFORMS if mark in value), "other")


def area(value: str) -> str:
    """A cell of 10 km or the code of a region; `Denied` for everything finer."""
    found = _AREA.fullmatch(value)
    if not found or (found[1] and (int(found[1]) not in _ROWS or int(found[2]) not in _COLUMNS)):
        why = "an area is a cell of 10 km (cell_10km/<row>/<col>) or the code of a region, such as RO-B"
        raise Denied(Reason.PRECISION_TOO_FINE, why)
    return value


def country(value: str) -> str:
    """The two letters of a country; `Denied` for everything finer."""
    if not _COUNTRY.fullmatch(value):
        raise Denied(Reason.PRECISION_TOO_FINE, "a country is two letters (ISO 3166), and nothing within it")
    return value


#: By field, or by category and field.
COARSE: Final[MappingProxyType[str, Callable[[str], str]]] = MappingProxyType(
    {
        "ip": address,
        "ip_prefix": address,
        "address_prefix": address,
        "browser": family,
        "system": platform,
        "platform": platform,
        "area": area,
        "usage_area": area,
        "country.from": country,
        "country.to": country,
    }
)


def coarse(category: str, field: str, value: str) -> str:
    """The value as it may be kept; `Denied` where it is too fine."""
    cut = COARSE.get(f"{category}.{field}") or COARSE.get(field)
    return cut(value) if cut else value
