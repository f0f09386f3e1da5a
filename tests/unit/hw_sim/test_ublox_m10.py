"""The simulated receiver, held against pyubx2 and pynmeagps as independent readers of what it says."""

import datetime as dt
import io
import struct

import pynmeagps
import pytest
from pyubx2 import UBX_PROTOCOL, UBXMessage, UBXReader

from hw_sim.chips import m10_config as cfg
from hw_sim.chips.noise import Noise
from hw_sim.chips.ublox_m10 import GnssFaults, UbloxM10
from hw_sim.chips.ubx_frames import Parser, frame
from hw_sim.energy.meter import Meter
from hw_sim.errors import NotSimulated
from hw_sim.world.clock import World
from hw_sim.world.drive import EARTH_RADIUS_M, Drive, Sample

START = 1_769_445_804
NORTH = Drive([Sample(START + t, 53.4 + t * 1e-4, -2.9, 20.0) for t in range(0, 3601, 200)])  # 11.1 m/s


class Bench:
    """A receiver on the bench, with all it ever sent."""

    def __init__(self, drive: Drive | None = NORTH, *, noise: float = 0.0, seed: int = 1) -> None:
        self.world = World(start_unix_s=START, seed=seed)
        self.chip = UbloxM10(self.world, drive, noise_scale=noise)
        self.sent = bytearray()
        self.chip.emit = self.sent.extend
        self.chip.backup_power(True)

    def run(self, seconds: float) -> bytes:
        """What it sends in that time."""
        self.sent.clear()
        self.world.clock.advance_to(self.world.clock.now_us + round(seconds * 1e6))
        return bytes(self.sent)

    def on(self, **items: int) -> "Bench":
        """Powered, started and configured for NAV-PVT alone."""
        self.chip.power(True)
        self.run(0.5)
        self.valset({cfg.OUT_NMEA: 0, cfg.NAV_PVT: 1})
        return self

    def valset(self, items: dict[int, int], layers: int = cfg.RAM | cfg.BBR) -> bool:
        """Whether it acknowledges the setting."""
        payload = bytes((0, layers, 0, 0))
        for key, value in items.items():
            payload += struct.pack("<I", key) + value.to_bytes(cfg.SIZES[key >> 28 & 7], "little")
        self.sent.clear()
        self.chip.receive(frame(0x06, 0x8A, payload))
        return messages(bytes(self.sent))[-1].identity == "ACK-ACK"


def pmreq(*, duration_ms: int = 0, flags: int = 6, sources: int = 1 << 5) -> bytes:
    """UBX-RXM-PMREQ."""
    return frame(0x02, 0x41, struct.pack("<IIII", 0, duration_ms, flags, sources))


def messages(data: bytes) -> list[UBXMessage]:
    """UBX frames as pyubx2 reads them."""
    return [parsed for _, parsed in UBXReader(io.BytesIO(data), protfilter=UBX_PROTOCOL) if parsed is not None]


def fixes(data: bytes) -> list[UBXMessage]:
    """NAV-PVT frames that have a fix."""
    return [m for m in messages(data) if m.identity == "NAV-PVT" and m.gnssFixOk]


def test_says_nothing_without_power() -> None:
    """Off it neither sends nor answers; on it does both."""
    bench = Bench()
    assert bench.run(5) == b""
    bench.chip.receive(frame(0x0A, 0x04))
    assert bench.run(1) == b""
    bench.chip.power(True)
    assert bench.run(5) != b""


def test_banner_names_the_chip() -> None:
    """The first bytes are NMEA text lines that pynmeagps accepts."""
    bench = Bench()
    bench.chip.power(True)
    lines = bench.run(0.4).splitlines(keepends=True)
    parsed = [pynmeagps.NMEAReader.parse(line) for line in lines]
    assert {m.msgID for m in parsed} == {"TXT"}
    assert any("PROTVER=34.10" in m.text for m in parsed)


def test_mon_ver() -> None:
    """The version answer is read by pyubx2."""
    bench = Bench().on()
    bench.sent.clear()
    bench.chip.receive(frame(0x0A, 0x04))
    (answer,) = messages(bytes(bench.sent))
    assert answer.identity == "MON-VER"
    assert answer.extension_02.startswith(b"PROTVER=34.10")


def test_cold_start_takes_its_time_then_1_hz() -> None:
    """No fix in the first 20 s, one by 34 s, then one each second exactly on the second."""
    bench = Bench().on()
    assert not fixes(bench.run(20))
    assert fixes(bench.run(14))
    later = fixes(bench.run(10))
    assert len(later) == 10
    assert {m.nano for m in later} == {0}


def test_validity_comes_before_the_fix() -> None:
    """The flags rise in order: nothing, then time, then resolved, then fix, and never fall."""
    states = []
    for m in messages(Bench().on().run(40)):
        if m.identity == "NAV-PVT":
            state = (m.validDate, m.validTime, m.fullyResolved, m.gnssFixOk)
            if not states or states[-1] != state:
                states.append(state)
    assert states == [(0, 0, 0, 0), (1, 1, 0, 0), (1, 1, 1, 0), (1, 1, 1, 1)]


def test_position_speed_and_time_are_the_truth() -> None:
    """Without noise, NAV-PVT as pyubx2 reads it is the drive at that second."""
    bench = Bench().on()
    for m in fixes(bench.run(60))[-5:]:
        when = dt.datetime(m.year, m.month, m.day, m.hour, m.min, m.second, tzinfo=dt.UTC).timestamp()
        truth = NORTH.at(when)
        assert truth.speed_m_s == pytest.approx(11.12, abs=0.01)
        assert m.lat == pytest.approx(truth.lat_deg, abs=1e-7)
        assert m.lon == pytest.approx(truth.lon_deg, abs=1e-7)
        assert m.gSpeed == pytest.approx(truth.speed_m_s * 1000, abs=1)
        assert m.velN == pytest.approx(m.gSpeed, abs=1)
        assert (m.headMot, m.fixType) == (pytest.approx(0, abs=1e-4), 3)


def test_emitted_lists_what_left() -> None:
    """The list of emitted fixes is what pyubx2 read from the line, and nothing of before the fix."""
    bench = Bench(noise=1.0).on()
    seen = [(round(m.lat * 1e7), round(m.lon * 1e7)) for m in fixes(bench.run(45))]
    assert [(e.lat_e7, e.lon_e7) for e in bench.chip.emitted] == seen


def test_rate_follows_rate_meas() -> None:
    """At 10 s it sends six solutions in a minute, each at a whole ten seconds of UTC."""
    bench = Bench().on()
    bench.run(40)
    assert bench.valset({cfg.RATE_MEAS: 10_000})
    later = fixes(bench.run(60))
    assert len(later) == 6
    assert {m.second % 10 for m in later} == {0}


def test_hot_start_after_a_pause_cold_without_backup() -> None:
    """With backup power the next fix comes within 2 s; without it only after 20 s."""
    for backup, soon in ((True, True), (False, False)):
        bench = Bench().on()
        bench.run(40)
        bench.chip.power(False)
        bench.chip.backup_power(backup)
        bench.run(600)
        bench.chip.backup_power(True)
        bench.on()
        assert bool(fixes(bench.run(3))) is soon


def test_configuration_layers() -> None:
    """RAM dies with the main supply, BBR with the backup supply."""
    bench = Bench().on()
    assert bench.valset({cfg.DYNMODEL: 4}, cfg.RAM)
    assert bench.valset({cfg.RATE_MEAS: 2000}, cfg.BBR)
    bench.chip.power(False)
    assert (bench.chip.config[cfg.DYNMODEL], bench.chip.config[cfg.RATE_MEAS]) == (0, 2000)
    bench.chip.backup_power(False)
    assert bench.chip.config[cfg.RATE_MEAS] == 1000


@pytest.mark.parametrize(
    ("items", "layers"),
    [
        ({0x20990001: 1}, 1),  # a key that the chip does not know
        ({cfg.RATE_MEAS: 10}, 1),  # faster than it can
        ({cfg.BAUDRATE: 1234}, 1),
        ({cfg.OUT_UBX: 2}, 1),  # a bit that is neither
        ({cfg.RATE_MEAS: 2000}, 4),  # flash, which an M10 has not
        ({cfg.RATE_MEAS: 2000}, 0),  # no layer
        ({cfg.RATE_MEAS: 2000, 0x20990001: 1}, 1),  # one bad key spoils all
    ],
)
def test_bad_settings_are_refused_whole(items: dict[int, int], layers: int) -> None:
    """The like setting is acknowledged; with one thing wrong it is not, and nothing changes."""
    bench = Bench().on()
    assert bench.valset({cfg.RATE_MEAS: 3000}, 1)
    assert not bench.valset(items, layers)
    assert bench.chip.config[cfg.RATE_MEAS] == 3000


def test_valget_reads_layers() -> None:
    """VALGET answers RAM and default values, and refuses an unknown key."""
    bench = Bench().on()
    bench.valset({cfg.RATE_MEAS: 5000}, 1)
    for layer, value in ((0, 5000), (7, 1000)):
        bench.sent.clear()
        bench.chip.receive(frame(0x06, 0x8B, bytes((0, layer, 0, 0)) + struct.pack("<I", cfg.RATE_MEAS)))
        answer = messages(bytes(bench.sent))
        assert [m.identity for m in answer] == ["CFG-VALGET", "ACK-ACK"]
        assert value == answer[0].CFG_RATE_MEAS
    bench.sent.clear()
    bench.chip.receive(frame(0x06, 0x8B, bytes(4) + struct.pack("<I", 0x20990001)))
    assert [m.identity for m in messages(bytes(bench.sent))] == ["ACK-NAK"]


def test_nmea_is_sound_and_says_the_same() -> None:
    """All six sentences pass pynmeagps; GGA and RMC give the position of the drive and RMC its date."""
    bench = Bench()
    bench.chip.power(True)
    bench.run(40)
    lines = [pynmeagps.NMEAReader.parse(line) for line in bench.run(1).splitlines(keepends=True)]
    by_id = {m.msgID: m for m in lines}
    assert set(by_id) == {"RMC", "VTG", "GGA", "GSA", "GSV", "GLL"}
    truth = NORTH.at(START + 41)
    for name in ("GGA", "RMC", "GLL"):
        assert by_id[name].lat == pytest.approx(truth.lat_deg, abs=2e-6)
        assert by_id[name].lon == pytest.approx(truth.lon_deg, abs=2e-6)
    assert by_id["RMC"].date == dt.datetime.fromtimestamp(START + 41, dt.UTC).date()
    assert by_id["RMC"].spd == pytest.approx(truth.speed_m_s * 3600 / 1852, abs=0.01)
    assert by_id["GSA"].navMode == 3


def test_sentences_can_be_switched_off() -> None:
    """With GSV, GLL and VTG off only the wanted three remain."""
    bench = Bench()
    bench.chip.power(True)
    bench.run(1)
    assert bench.valset({cfg.GSV: 0, cfg.GLL: 0, cfg.VTG: 0})
    assert {line[3:6] for line in bench.run(2).splitlines()} == {b"RMC", b"GGA", b"GSA"}


def test_noise_has_the_stated_size_and_repeats() -> None:
    """Over many hours the error of an axis has the stated deviation; the same seed gives the same errors."""
    noise = Noise(World(seed=3).random("n"))
    north = [noise.at(t * 100.0).north_m for t in range(3000)]
    sigma = (sum(n * n for n in north) / len(north)) ** 0.5
    assert sigma == pytest.approx((1.2**2 + 0.15**2) ** 0.5, rel=0.06)
    assert Bench(noise=1, seed=5).on().run(60) == Bench(noise=1, seed=5).on().run(60)
    assert Bench(noise=1, seed=5).on().run(60) != Bench(noise=1, seed=6).on().run(60)


def test_accuracy_is_honest() -> None:
    """Nine of ten fixes lie within three times the accuracy that they claim."""
    bench = Bench(Drive.parked(53.4, -2.9), noise=1.0).on()
    found = fixes(bench.run(600))
    near = sum(abs(m.lat - 53.4) * EARTH_RADIUS_M / 57.3 < 3 * m.hAcc / 1000 for m in found)
    assert near > 0.9 * len(found) > 400


def test_fault_silent() -> None:
    """A silent receiver answers nothing; when the fault is gone it goes on."""
    bench = Bench().on()
    assert bench.run(3)
    bench.chip.fault = GnssFaults(silent=True)
    assert bench.run(3) == b""
    bench.chip.fault = GnssFaults()
    assert bench.run(3)


def test_fault_bad_checksum() -> None:
    """Every frame and sentence is refused by a parser that accepted them before."""
    bench = Bench().on()
    assert list(Parser().feed(bench.run(5)))
    bench.chip.fault = GnssFaults(bad_checksum=True)
    damaged = bench.run(5)
    assert damaged
    assert not list(Parser().feed(damaged))
    nmea = Bench()
    nmea.chip.power(True)
    nmea.run(40)
    nmea.chip.fault = GnssFaults(bad_checksum=True)
    for line in nmea.run(1).splitlines(keepends=True):
        with pytest.raises(pynmeagps.NMEAParseError):
            pynmeagps.NMEAReader.parse(line)


def test_fault_garbage_is_between_sound_frames() -> None:
    """Random bytes come with each epoch, and the frames behind them are still whole."""
    bench = Bench().on()
    bench.run(40)
    bench.chip.fault = GnssFaults(garbage=40)
    data = bench.run(5)
    assert len(data) == 5 * (100 + 40)
    assert len([f for f in Parser().feed(data) if f[:2] == (1, 7)]) >= 4


def test_fault_jump_and_no_sky() -> None:
    """A jump moves the fix by its length; without sky there is none."""
    bench = Bench(Drive.parked(53.4, -2.9)).on()
    bench.run(60)
    bench.chip.fault = GnssFaults(jump_m=5000)
    assert fixes(bench.run(1))[0].lat - 53.4 == pytest.approx(5000 / EARTH_RADIUS_M * 57.29578, rel=1e-3)
    bench.chip.fault = GnssFaults(no_sky=True)
    assert not fixes(bench.run(3))


@pytest.mark.parametrize(("pdop", "sound"), [(1.5, True), (12.0, True), (25.0, True), (25.1, False)])
def test_fault_pdop(pdop: float, sound: bool) -> None:
    """The dilution stands in NAV-PVT and GSA; beyond the output filter of 25 the fix is not OK."""
    bench = Bench().on()
    bench.chip.fault.pdop = pdop
    bench.run(40)
    solution = messages(bench.run(1))[-1]
    assert (solution.pDOP, bool(solution.gnssFixOk), solution.fixType) == (pdop, sound, 3)
    bench.valset({cfg.OUT_NMEA: 1, cfg.NAV_PVT: 0})
    sentences = [pynmeagps.NMEAReader.parse(row + b"\r\n") for row in bench.run(1).splitlines()]
    assert {m.PDOP for m in sentences if m.msgID == "GSA"} == {pdop if sound else 99.99}


def test_fault_date() -> None:
    """A receiver that believes in 2037 says so with all flags set."""
    bench = Bench().on()
    bench.chip.fault = GnssFaults(date=dt.datetime(2037, 3, 4, tzinfo=dt.UTC))
    m = fixes(bench.run(40))[-1]
    assert (m.year, m.month, m.day, m.validDate, m.fullyResolved) == (2037, 3, 4, 1, 1)


def test_fault_refuse() -> None:
    """A setting that was acknowledged is refused under the fault."""
    bench = Bench().on()
    assert bench.valset({cfg.RATE_MEAS: 2000})
    bench.chip.fault = GnssFaults(refuse=True)
    assert not bench.valset({cfg.RATE_MEAS: 2000})


def test_powered_time_is_counted() -> None:
    """Two spells of power add up, time without power does not."""
    bench = Bench()
    bench.chip.power(True)
    bench.run(10)
    bench.chip.power(False)
    bench.run(100)
    bench.chip.power(True)
    bench.run(5)
    assert bench.chip.powered_s == pytest.approx(15)
    assert bench.chip.power_ons == 2


def test_unsimulated_parts_say_so() -> None:
    """Assistance, wake-up by other pins and a power save mode raise by name, instead of being ignored."""
    bench = Bench().on()
    with pytest.raises(NotSimulated, match="13 40"):
        bench.chip.receive(frame(0x13, 0x40, bytes(16)))
    with pytest.raises(NotSimulated, match="8 bytes"):
        bench.chip.receive(frame(0x02, 0x41, bytes(8)))
    with pytest.raises(NotSimulated, match="EXTINT1"):
        bench.chip.receive(pmreq(sources=1 << 6))
    with pytest.raises(NotSimulated, match="OPERATEMODE"):
        bench.valset({cfg.OPERATEMODE: 1})


def test_parser_resynchronises() -> None:
    """A sound frame is found byte by byte, after garbage, after a false start, after a wild length."""
    good = frame(0x0A, 0x04, b"abc")
    for before in (b"", b"noise", b"\xb5", b"\xb5\x62\x01\x07\xff\xff", good[:-1] + b"\x00"):
        parser, found = Parser(), []
        for byte in before + good:
            found += parser.feed(bytes((byte,)))
        assert found == [(0x0A, 0x04, b"abc")], before


def test_standby_until_an_edge_at_extint() -> None:
    """It says and hears nothing, draws standby's current, and starts hot from either edge, with what BBR holds only."""
    for level in (True, False):
        bench = Bench().on()
        bench.chip.extint(not level)
        bench.valset({cfg.RATE_MEAS: 2000}, cfg.BBR | cfg.RAM)
        bench.valset({cfg.DYNMODEL: 4}, cfg.RAM)
        bench.run(40)
        part = Meter(bench.world.clock).part("gnss")
        bench.chip.load = part
        bench.chip.receive(pmreq())
        assert (bench.chip.asleep, part.state) == (True, "software standby")
        awake_s = bench.chip.powered_s
        bench.chip.receive(frame(0x0A, 0x04))
        assert bench.run(600) == b"" and bench.chip.powered_s == awake_s
        bench.chip.extint(level)
        assert (bench.chip.asleep, part.state) == (False, "acquisition")
        assert fixes(bench.run(5))
        assert (bench.chip.config[cfg.RATE_MEAS], bench.chip.config[cfg.DYNMODEL]) == (2000, 0)


def test_standby_ends_as_it_was_asked_to() -> None:
    """By a byte on the UART, which is lost, or after its time; not by a source that was not named, and never for nothing."""
    bench = Bench().on()
    bench.chip.receive(pmreq(sources=1 << 3))
    bench.chip.extint(True)
    assert bench.chip.asleep
    bench.chip.receive(frame(0x0A, 0x04))
    assert not bench.chip.asleep and not [m for m in messages(bench.run(0.9)) if m.identity == "MON-VER"]
    bench.chip.receive(pmreq(duration_ms=30_000, sources=0))
    bench.run(29.9)
    assert bench.chip.asleep
    bench.run(0.2)
    assert not bench.chip.asleep
    bench.run(1)
    for request in (pmreq(flags=4), frame(0x02, 0x41, b"\1" + bytes(15))):
        bench.chip.receive(request)
        assert not bench.chip.asleep


def test_power_lost_in_standby() -> None:
    """Without the main supply standby is over; BBR goes where there is no backup supply, and the next start is a cold one."""
    for backup in (True, False):
        bench = Bench().on()
        bench.valset({cfg.RATE_MEAS: 2000}, cfg.BBR)
        bench.run(40)
        bench.chip.receive(pmreq())
        bench.chip.backup_power(backup)
        assert bench.chip.config[cfg.RATE_MEAS] == 2000  # the main supply holds it
        bench.chip.power(False)
        assert not bench.chip.asleep
        bench.chip.power(True)
        assert bench.chip.config[cfg.RATE_MEAS] == (2000 if backup else 1000)
        bench.chip.receive(pmreq())
        assert not bench.chip.asleep  # what is said while it starts is not heard
        bench.run(0.5)
        bench.valset({cfg.NAV_PVT: 1})
        assert bool(fixes(bench.run(8))) is backup
