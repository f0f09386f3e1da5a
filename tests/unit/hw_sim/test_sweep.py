"""The sweep itself: names and shares of cuts, the kept state, going on after an interruption, anybody's firmware, its broker."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from hw_sim.cli import sim
from hw_sim.network.traffic import Splitter, name_of, payload_of
from hw_sim.scenario.product import Finding, Plan
from hw_sim.sweep.branch import Result
from hw_sim.sweep.cuts import Cut, Share, SweepError, of_step, parse_hows
from hw_sim.sweep.firmware import AnyFirmware, Seen, promise
from hw_sim.sweep.local import LocalBroker, LocalNetwork, Wire
from hw_sim.sweep.run import STATE, Order, State, sweep
from hw_sim.world.clock import World

# A program that counts its starts in a file: once written in place, once written beside and renamed.
IN_PLACE = """
import os
try:
    with open("starts") as file:
        starts = int(file.read())
except OSError:
    starts = 0
with open("starts", "w") as file:
    file.write(str(starts + 1))
print("start", starts + 1)
"""
RENAMED = IN_PLACE.replace('open("starts", "w")', 'open("new", "w")').replace(
    'print("start"', 'os.rename("new", "starts")\nprint("start"'
)


def said_something(seen: Seen) -> Iterable[str]:
    """The program says which start it is."""
    if "start" not in str(seen.board.console):
        yield "it said nothing"


def never(seen: Seen) -> Iterable[str]:
    """Nothing pleases it."""
    yield f"after {seen.before} messages"


def order(folder: Path, source: str, hows: str = "clean,torn") -> Order:
    """A sweep over half a minute of a program."""
    (folder / "counter").mkdir(parents=True)
    (folder / "counter" / "main.py").write_text(source)
    product = AnyFirmware(folder / "counter", {"said-something": said_something})
    return Order(product, Plan(seed=1), 5.0, parse_hows(hows, hosted=False))


@pytest.mark.parametrize("name", ["flash/1/clean", "flash/12/torn", "net/3/host", "net/3/dip"])
def test_a_cut_has_a_name_that_leads_back_to_it(name: str) -> None:
    """What a failure prints is what --replay takes."""
    assert str(Cut.parse(name)) == name


@pytest.mark.parametrize(
    "name", ["", "flash/1", "disk/1/clean", "flash/x/clean", "flash/1/often", "flash/1/clean/", "flash/-1/torn"]
)
def test_what_names_no_cut_is_refused(name: str) -> None:
    """With a sentence that shows the form."""
    with pytest.raises(SweepError, match="write flash/37/torn"):
        Cut.parse(name)


def test_half_a_packet_is_no_cut_of_its_own() -> None:
    """A step of the network is cut clean, by a dip or with the host; a flash operation torn as well."""
    hows = parse_hows("", hosted=True)
    assert [str(cut) for cut in of_step("net", 2, hows)] == ["net/2/clean", "net/2/dip", "net/2/host"]
    assert len(of_step("flash", 2, hows)) == 4
    with pytest.raises(SweepError, match="--how host"):
        parse_hows("clean,host", hosted=False)


def test_shares_of_many_seeds_cover_every_cut() -> None:
    """One in ten each time, another one each time, and in the end all of them."""
    cuts = [Cut("flash", number, "clean") for number in range(200)]
    taken = [{cut for cut in cuts if Share.parse("1/10", str(seed)).takes(cut)} for seed in range(100)]
    assert 10 < sum(map(len, taken)) / 100 < 30
    assert taken[0] != taken[1] and set.union(*taken) == set(cuts)
    assert all(Share().takes(cut) for cut in cuts)


@pytest.mark.parametrize("text", ["1", "0/5", "6/5", "1/x", "-1/5", "1/0"])
def test_a_share_that_is_none_is_refused(text: str) -> None:
    """With a sentence that shows the form."""
    with pytest.raises(SweepError, match="write N/M"):
        Share.parse(text, "")


def test_results_come_back_from_the_kept_state(tmp_path: Path) -> None:
    """A line that a kill cut short is dropped, and its cut is made again; the rest is as it was."""
    whole = Result("flash/1/clean", "a page", [Finding("it-goes-on", "it does not")], 0.3, 0.4, "tail")
    state = State(tmp_path, {"seconds": 5.0}, go_on=False)
    state.add(whole)
    with (tmp_path / STATE).open("a") as file:
        file.write('{"cut": "flash/2/cl')
    assert State(tmp_path, {"seconds": 5.0}, go_on=True).results == {"flash/1/clean": whole}
    assert (tmp_path / STATE).read_text().endswith("\n")


def test_a_state_of_another_sweep_is_refused(tmp_path: Path) -> None:
    """Results of another run say nothing about this one; nor is a state overwritten that nobody named."""
    State(tmp_path, {"seconds": 5.0}, go_on=False)
    with pytest.raises(SweepError, match=r"seconds was 5\.0, now it is 6\.0"):
        State(tmp_path, {"seconds": 6.0}, go_on=True)
    with pytest.raises(SweepError, match="--resume"):
        State(tmp_path, {"seconds": 5.0}, go_on=False)
    with pytest.raises(SweepError, match="nothing to resume"):
        State(tmp_path / "new", {"seconds": 5.0}, go_on=True)


@pytest.mark.micropython
def test_a_file_written_in_place_is_found_and_one_renamed_is_not(tmp_path: Path) -> None:
    """Anybody's firmware, with a promise of its author's: some cuts leave an empty file, at which the next start dies."""
    bad = sweep(order(tmp_path / "bad", IN_PLACE, "clean"), jobs=1)
    good = sweep(order(tmp_path / "good", RENAMED, "clean"), jobs=1)
    assert good.held and good.steps["flash"] > bad.steps["flash"] > 3
    assert {finding.invariant for result in bad.failed for finding in result.findings} == {"it-runs"}
    assert 0 < len(bad.failed) < len(bad.results)


@pytest.mark.micropython
def test_an_interrupted_sweep_goes_on_where_it_was(tmp_path: Path) -> None:
    """Ctrl-C after two cuts: both are kept, and the second run makes the others only."""
    asked, folder = order(tmp_path, RENAMED, "clean"), tmp_path / "out"

    def stop(what: str, done: float) -> None:
        if what.startswith("2 of"):
            raise KeyboardInterrupt

    first = sweep(asked, folder, jobs=1, told=stop)
    assert first.interrupted and not first.held and len(first.results) == 2
    second = sweep(asked, folder, go_on=True, jobs=2)
    assert second.held and second.resumed == 2 and len(second.results) == second.chosen > 3
    lines = (folder / STATE).read_text().splitlines()[1:]
    assert sorted(json.loads(line)["cut"] for line in lines) == sorted(result.cut for result in second.results)


@pytest.mark.micropython
def test_the_command_tells_the_cut_to_replay(tmp_path: Path) -> None:
    """A failure names its cut, and `--replay` of that name finds the same; a limit is kept; what the cut left is laid down."""
    (tmp_path / "counter").mkdir()
    (tmp_path / "counter" / "main.py").write_text(RENAMED)
    here = f"{__name__}:never"
    asked = ["sweep", str(tmp_path / "counter"), "--check", here, "--minutes", "0.1", "--how", "clean"]
    run = CliRunner().invoke(sim, [*asked, "--limit", "2", "--jobs", "1", "--json", "--out", str(tmp_path / "out")])
    figures = json.loads(run.stdout)
    assert run.exit_code == 1 and figures["cuts_made"] == 2 == figures["failed"]
    name = figures["failures"][0]["cut"]
    assert (tmp_path / "out" / "failed" / name.replace("/", "-") / "flash.bin").stat().st_size == 4 << 20
    again = CliRunner().invoke(sim, [*asked, "--replay", name])
    assert again.exit_code == 1 and f"{name}: " in again.stdout and "never: after 0 messages" in again.stdout
    gone = CliRunner().invoke(sim, [*asked, "--replay", "flash/9999/clean"])
    assert gone.exit_code == 2 and "this run has flash steps" in gone.output


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        (["nothing-of-that-name"], "no product"),
        (["byleave", "--check", "a:b"], "--check is for a folder"),
        (["byleave", "--share", "2/1"], "write N/M"),
        (["byleave", "--replay", "flash"], "names no cut"),
        (["."], "name them with --check"),
        ([".", "--check", "nowhere"], "write module:function"),
        ([".", "--check", "no_such_module:f"], "no_such_module"),
    ],
)
def test_what_cannot_be_done_is_said(asked: list[str], says: str) -> None:
    """One sentence and exit 2, before any work."""
    run = CliRunner().invoke(sim, ["sweep", *asked])
    assert run.exit_code == 2 and says in run.output and "Traceback" not in run.output


def test_a_promise_is_found_by_its_name() -> None:
    """`module:function`, as on the command line."""
    assert promise(f"{__name__}:never").__doc__ == never.__doc__


# The broker in the same process.

CONNECT = b"\x10\x0d\x00\x04MQTT\x04\x00\x00\x3c\x00\x01d"
SUBSCRIBE = b"\x82\x08\x00\x01\x00\x03d/#\x01"
PUBLISH = b"\x32\x08\x00\x02up\x00\x07hi"


class Client:
    """One client on the wire, and what it heard."""

    def __init__(self, broker: LocalBroker) -> None:
        self.network = LocalNetwork(World(), name="broker.example", wifi={}, broker=broker)
        self.steps: list[str] = []
        self.network.on_step = lambda way, packet: self.steps.append(f"{way} {name_of(packet)}")
        self.wire = Wire(self.network)

    def say(self, *packets: bytes) -> list[bytes]:
        """What is answered, whole packets."""
        for packet in packets:
            self.wire.sendall(packet)
        return self.hear()

    def hear(self) -> list[bytes]:
        """What waits."""
        heard = b""
        while True:
            try:
                part = self.wire.recv(4096)
            except BlockingIOError:
                break
            if not part:
                break
            heard += part
        return list(Splitter().feed(heard))


def test_every_packet_is_a_step() -> None:
    """Both ways, in order, each before it takes effect."""
    client = Client(LocalBroker())
    client.say(CONNECT, SUBSCRIBE, PUBLISH)
    assert client.steps == [
        *("up CONNECT", "up SUBSCRIBE", "up PUBLISH"),
        *("down CONNACK", "down SUBACK", "down PUBACK"),
    ]


def test_what_is_not_acknowledged_comes_again_in_the_next_connection() -> None:
    """With DUP, under the same number, until its PUBACK; the session knows its subscription."""
    broker = LocalBroker()
    first = Client(broker)
    first.say(CONNECT, SUBSCRIBE)
    broker.publish("d/x", b"one")
    [packet] = first.hear()
    first.wire.close()
    broker.publish("d/x", b"two")
    second = Client(broker)
    connack, *waiting = second.say(CONNECT)
    assert connack == b"\x20\x02\x01\x00" and [payload_of(each) for each in waiting] == [b"one", b"two"]
    assert waiting[0][0] == packet[0] | 8 and waiting[0][1:] == packet[1:]
    second.say(b"\x40\x02\x00\x01")
    second.wire.close()
    assert [payload_of(each) for each in Client(broker).say(CONNECT)[1:]] == [b"two"]


def test_a_resumed_broker_is_the_same_and_a_dead_one_knows_nothing() -> None:
    """Its state is plain data; a broker that died forgets sessions, and refuses while it is gone."""
    broker, other = LocalBroker(), LocalBroker()
    Client(broker).say(CONNECT, SUBSCRIBE)
    broker.publish("d/x", b"one")
    other.resume(json.loads(json.dumps({"running": True, "retained": {}, "sessions": {}})))
    assert Client(other).say(CONNECT) == [b"\x20\x02\x00\x00"]
    other.resume(broker.state())
    assert len(Client(other).say(CONNECT)) == 2
    other.stop()
    other.start()
    assert Client(other).say(CONNECT) == [b"\x20\x02\x00\x00"]


@pytest.mark.parametrize("nonsense", [PUBLISH, b"\xf0\x00", b"\x10\xff\xff\xff\xff\x7f"])
def test_what_is_no_mqtt_ends_the_connection(nonsense: bytes) -> None:
    """A PUBLISH before the CONNECT, a reserved type, a length that is none."""
    client = Client(LocalBroker())
    assert client.say(nonsense) == [] and client.wire.recv(1) == b""
