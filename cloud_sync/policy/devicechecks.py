"""What `[device]` and `[[place]]` must mean together: thinning, sums, places [wire format section 7]."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from cloud_sync.model import Precision, Sensor
from cloud_sync.policy.checks import Gap, Raw, period, table, tables, text, words
from cloud_sync.policy.vocabulary import PLACE_FIELDS, PRECISIONS, SIDE_FIELDS
from cloud_sync.wire.directive import MOST_RADIUS_M, grain_m

DAY_S = 86_400
LEAST_AGGREGATE_S = 600
_GNSS = str(Sensor.GNSS.name).lower()


def thinning_together(raw: Raw) -> Iterator[Gap]:
    """A rest is no shorter than the interval, a turn has its distance, a stay has distance and time."""
    device = table(raw, "device")
    rest, interval, stay_time = (period(device.get(key)) for key in ("rest", "interval", "stay_time"))
    if rest and interval and rest.longest_s < interval.longest_s:
        fix = "make it at least as long: at rest fixes leave less often, never more"
        yield Gap(("device", "rest"), f"rest {rest} is shorter than the interval {interval}", fix)
    for key, term in (("rest", rest), ("stay_time", stay_time)):
        if term and term.longest_s > DAY_S:
            yield Gap(("device", key), f"{term} is longer than a day", "make it P1D at most")
    if "turn_deg" in device and "distance_m" not in device:
        fix = "add distance_m: a fix leaves after so far, or sooner after such a turn"
        yield Gap(("device", "turn_deg"), "turn_deg without distance_m", fix)
    for key, other in (("stay_m", "stay_time"), ("stay_time", "stay_m")):
        if key in device and other not in device:
            yield Gap(("device", key), f"{key} without {other}", f"add {other}: a stay has a distance and a time")
    if device.get("wake") is True and "rest" not in device:
        yield Gap(
            ("device", "wake"), "wake without rest", "add rest, or take it out: a sensor that serves nothing is off"
        )


def blur_of_exact_positions(raw: Raw) -> Iterator[Gap]:
    """A blur is of exact positions, and nothing beside it tells how the device moved."""
    if "blur_m" not in table(raw, "device"):
        return
    if PRECISIONS.get(text(table(raw, "location").get("precision")), Precision.EXACT) > Precision.EXACT:
        fix = 'take it out, or set location.precision = "exact": a cell is coarse already'
        yield Gap(("device", "blur_m"), "blur_m beside cells", fix)
    for n, rule in enumerate(tables(raw.get("rule"))):
        for k, field in enumerate(words(rule.get("fields"))):
            if field in SIDE_FIELDS and rule.get("stream") == "location":
                fix = f'take it out and add "location.{field}" to collection.never, or take blur_m out'
                yield Gap(("rule", n, "fields", k), f"{field} beside device.blur_m undoes it", fix)


def sums_divide_the_day(raw: Raw) -> Iterator[Gap]:
    """Intervals of sums begin at midnight and fill the day."""
    span = period(table(raw, "device").get("aggregate"))
    if span is None or span.months:  # the model says that months are no seconds
        return
    if not LEAST_AGGREGATE_S <= span.longest_s <= DAY_S or DAY_S % span.longest_s:
        message = f"{span} is no interval of ten minutes to a day that divides the day"
        yield Gap(("device", "aggregate"), message, "take PT10M, PT1H, PT6H, P1D or another divisor")


def places_told(raw: Raw) -> Iterator[Gap]:
    """Each place has a number of its own; events of places have rules of their own, and such rules have places."""
    seen: dict[object, int] = {}
    places = tables(raw.get("place"))
    for n, place in enumerate(places):
        number = place.get("id")
        if isinstance(number, int) and seen.setdefault(number, n) != n:
            yield Gap(("place", n, "id"), f"place {number} stands twice (place[{seen[number]}])", "number it anew")
    for n, rule in enumerate(tables(raw.get("rule"))):
        fields = words(rule.get("fields"))
        if rule.get("stream") == "location" and not PLACE_FIELDS.isdisjoint(fields):
            yield from _rule_of_places(n, rule, fields, bool(places))


def _rule_of_places(n: int, rule: Raw, fields: list[str], places: bool) -> Iterator[Gap]:
    if not places:
        yield Gap(("rule", n, "fields"), "events of places without a place", "add a [[place]] table, or take them out")
    if missing := sorted(PLACE_FIELDS.difference(fields)):
        yield Gap(("rule", n, "fields"), f"{missing[0]} is missing: an event is of a place", f"add {missing[0]}")
    for k, field in enumerate(fields):
        if field not in PLACE_FIELDS and field != "time":
            message = f"{field} beside events of places, which go in place of positions"
            yield Gap(("rule", n, "fields", k), message, "give positions and places a category each")
    if "sensors" in rule and _GNSS not in words(rule.get("sensors")):
        yield Gap(("rule", n, "sensors"), "events of places without gnss", 'add "gnss": it is what finds a place')


def places_no_finer_than_cells(raw: Raw) -> Iterator[Gap]:
    """`location.precision` bounds places too: no circle is narrower than its cells."""
    cap = PRECISIONS.get(text(table(raw, "location").get("precision")), Precision.EXACT)
    least_m = grain_m(cap, 0)
    for n, place in enumerate(tables(raw.get("place"))):
        radius_m = place.get("radius_m")
        if isinstance(radius_m, int) and radius_m < least_m:
            message = f"a place narrower than a cell of location.precision ({cap.name.lower()})"
            if least_m > MOST_RADIUS_M:
                fix = "take it out, or let location.precision be region or finer"
            else:
                fix = f"make it {least_m} m at least, or location.precision finer"
            yield Gap(("place", n, "radius_m"), message, fix)


DEVICE_CHECKS: tuple[Callable[[Raw], Iterator[Gap]], ...] = (
    thinning_together,
    blur_of_exact_positions,
    sums_divide_the_day,
    places_told,
    places_no_finer_than_cells,
)
