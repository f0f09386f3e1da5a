"""A board on the network: Wi-Fi, sockets and MQTT through the proxy to a real broker."""

import pytest

from hw_sim.board import Board
from hw_sim.network.broker import Broker
from hw_sim.network.net import Network
from hw_sim.plugin import BROKER_NAME, WIFI_KEY, WIFI_NAME

pytestmark = [pytest.mark.micropython, pytest.mark.mosquitto]

JOIN = f"""
import asyncio, network, socket, time
wlan = network.WLAN(network.STA_IF)
def join():
    wlan.active(True)
    wlan.connect({WIFI_NAME!r}, {WIFI_KEY!r})
    while not wlan.isconnected():
        time.sleep_ms(50)
CONNECT = bytes.fromhex("10100004 4d515454 0402003c 000461626364".replace(" ", ""))
SUBSCRIBE = bytes.fromhex("820800010003") + b"a/b" + bytes([1])
def publish(number, text):
    return bytes([0x32, 7 + len(text), 0, 3]) + b"a/b" + bytes([0, number]) + text
"""

ECHO = (
    JOIN
    + """
async def main():
    reader, writer = await asyncio.open_connection("broker.example", 1883)
    writer.write(CONNECT)
    await writer.drain()
    print((await reader.readexactly(4)).hex())
    writer.write(SUBSCRIBE)
    await writer.drain()
    print((await reader.readexactly(5)).hex())
    for i in range(1, 6):
        writer.write(publish(i, b"hello"))
        await writer.drain()
        got = b""
        while len(got) < 18:
            got += await reader.read(18 - len(got))
        print(b"hello" in got, bytes([0x40, 2, 0, i]) in got)
        await asyncio.sleep(10)
    writer.close()
    await writer.wait_closed()
join()
asyncio.run(main())
print(time.ticks_ms() // 1000)
"""
)


@pytest.fixture
def network(network: Network, broker: Broker) -> Network:
    """The network with the real broker under its name."""
    network.hosts[BROKER_NAME] = (broker.host, broker.port)
    return network


def start(board: Board, source: str) -> None:
    """Power on with this program."""
    board.program(source)
    board.power_on()


def test_mqtt_through_asyncio_streams(board: Board, network: Network) -> None:
    """CONNECT, SUBSCRIBE and five PUBLISHes are answered without any virtual time but the device's own sleeps."""
    start(board, ECHO)
    board.run(for_s=100)
    lines = str(board.console).splitlines()
    assert lines == ["20020000", "9003000101", *["True True"] * 5, "51"]
    assert network.up.publish == {"a/b": (5, 5 * 14)}
    assert network.down.packets == {"CONNACK": 1, "SUBACK": 1, "PUBACK": 5, "PUBLISH": 5}
    assert network.captured("up").count(b"hello") == 5


def test_blocking_sockets_and_timeouts(board: Board, network: Network) -> None:
    """A blocking read returns the answer; with a timeout and no answer it raises after that virtual time."""
    start(
        board,
        JOIN
        + """
join()
s = socket.socket()
s.connect(socket.getaddrinfo("broker.example", 1883)[0][-1])
s.write(CONNECT)
print(s.read(4).hex())
s.settimeout(30)
t0 = time.ticks_ms()
try:
    s.recv(1)
except OSError as error:
    print(error.errno, time.ticks_diff(time.ticks_ms(), t0) // 1000)
s.setblocking(False)
print(s.read(1))
s.close()
try:
    s.write(b"x")
except OSError as error:
    print(error.errno)
""",
    )
    board.run(for_s=100)
    assert str(board.console).splitlines() == ["20020000", "110 30", "None", "9"]


def test_no_name_no_network_no_listener(board: Board, network: Network) -> None:
    """Before joining and for an unknown name getaddrinfo fails; a refusal is an error of the socket."""
    network.fault.refuse = True
    start(
        board,
        JOIN
        + """
def attempt(name):
    try:
        s = socket.socket()
        s.connect(socket.getaddrinfo(name, 1883)[0][-1])
        s.write(b"x")
        print("connected")
    except OSError as error:
        print(error.errno)
attempt("broker.example")
join()
attempt("nobody.example")
attempt("broker.example")
""",
    )
    board.run(for_s=60)
    assert str(board.console).splitlines() == ["-202", "-202", "111"]


def test_wrong_wifi_key(board: Board) -> None:
    """The status says what is wrong, and the radio never claims to be connected."""
    start(
        board,
        "import network, time\nw = network.WLAN(network.STA_IF)\nw.active(True)\nw.connect('depot', 'wrong')\n"
        "time.sleep(10)\nprint(w.isconnected(), w.status() == network.STAT_WRONG_PASSWORD)\n",
    )
    board.run(for_s=20)
    assert str(board.console) == "False True\n"


def test_a_lost_puback_and_a_half_open_connection(board: Board, network: Network) -> None:
    """The device waits by its own clock for what does not come: 20 virtual seconds, at no real cost."""
    source = (
        JOIN
        + """
async def main():
    reader, writer = await asyncio.open_connection("broker.example", 1883)
    writer.write(CONNECT)
    await writer.drain()
    await reader.readexactly(4)
    await asyncio.sleep(60)
    t0 = time.ticks_ms()
    writer.write(publish(1, b"hello"))
    await writer.drain()
    try:
        print((await asyncio.wait_for(reader.readexactly(4), 20)).hex())
    except asyncio.TimeoutError:
        print("timeout", time.ticks_diff(time.ticks_ms(), t0) // 1000)
join()
asyncio.run(main())
"""
    )
    for fault, expected in (("none", "40020001"), ("puback", "timeout 20"), ("half_open", "timeout 20")):
        network.fault = type(network.fault)()
        start(board, source)
        board.run(for_s=30)
        if fault == "puback":
            network.fault.drop = lambda direction, packet: direction == "down" and packet[0] >> 4 == 4
        network.fault.half_open = fault == "half_open"
        mark = board.console.mark
        board.run(for_s=100)
        assert board.console.since(mark) == expected + "\n"
        board.cut_power()


def test_a_broken_connection_is_an_error_of_the_device(board: Board, network: Network) -> None:
    """Cut after 7 bytes of a PUBLISH: the stream ends or raises within the device, which goes on."""
    start(
        board,
        JOIN
        + """
async def main():
    reader, writer = await asyncio.open_connection("broker.example", 1883)
    writer.write(CONNECT)
    await writer.drain()
    await reader.readexactly(4)
    await asyncio.sleep(60)
    try:
        writer.write(publish(1, b"hello"))
        await writer.drain()
        await reader.readexactly(4)
    except (OSError, EOFError) as error:
        print("broken", repr(error))
join()
asyncio.run(main())
print("goes on")
""",
    )
    board.run(for_s=30)
    network.fault.cut_after(7)
    board.run(for_s=100)
    lines = str(board.console).splitlines()
    assert lines == ["broken OSError(104,)", "goes on"]


def test_reset_closes_the_connection_of_the_device(board: Board, network: Network) -> None:
    """After a power cut nothing is left open, and the next life connects anew."""
    start(board, ECHO)
    board.run(until=lambda: network.up.publishes == 2)
    board.cut_power()
    assert network.connections == []
    board.power_on()
    board.run(until=lambda: network.up.publishes == 4)
    assert network.up.packets["CONNECT"] == 2


def test_the_wheel_broker_works_too(board: Board, network: Network) -> None:
    """The pip-only broker carries the same conversation."""
    pytest.importorskip("iotcore")
    with Broker.start("iotcore") as other:
        network.hosts[BROKER_NAME] = (other.host, other.port)
        start(board, ECHO)
        board.run(for_s=100)
    assert str(board.console).splitlines()[-6:] == [*["True True"] * 5, "51"]
