"""What becomes of open sockets when the radio goes; the peer is a plain server of the test."""

import socket
from collections.abc import Iterator

import pytest

from hw_sim.network.net import Connection, Faults, Network, SocketError
from hw_sim.network.radio import GOT_IP, Radio
from hw_sim.world.clock import World

ECONNABORTED = 103


@pytest.fixture
def joined() -> Iterator[tuple[Network, Radio, Connection]]:
    """A station that is associated, with one socket open."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        world = World()
        network = Network(world, hosts={"b": listener.getsockname()[:2]}, wifi={"depot": "k"})
        radio = Radio(world.clock, network, 500)
        radio.set_active(True)
        radio.connect("depot", "k")
        world.clock.advance_to(1_000_000)
        connection = network.open()
        connection.connect(network.real_address(network.resolve("b"), 1883))
        assert connection.connected and connection.send(b"x") == 1
        yield network, radio, connection
        network.close(connection)


def test_sockets_end_with_the_interface(joined: tuple[Network, Radio, Connection]) -> None:
    """A socket that worked is aborted when the program switches the radio off; the radio's return does not mend it."""
    network, radio, connection = joined
    radio.set_active(False)
    for _ in "before", "after":
        with pytest.raises(SocketError) as gone:
            connection.send(b"x")
        assert gone.value.errno == ECONNABORTED
        radio.set_active(True)
        radio.connect("depot", "k")
        network.world.clock.advance_to(network.world.clock.now_us + 1_000_000)
        assert network.online


def test_another_links_sockets_outlive_the_radio(joined: tuple[Network, Radio, Connection]) -> None:
    """Where PPP has the address by now, the radio takes no socket with it."""
    network, radio, connection = joined
    radio.disconnect()
    network.associated = True
    radio.set_active(False)
    assert connection.connected and connection.send(b"x") == 1 and not connection.lost


@pytest.mark.parametrize("left", [True, False])
def test_nothing_passes_while_the_radio_is_with_nobody(joined: tuple[Network, Radio, Connection], left: bool) -> None:
    """It left, or the access point was away and is back, the radio not yet with it: what is sent then reaches nobody."""
    network, radio, connection = joined
    if left:
        radio.disconnect()
    else:
        network.fault.down = True
        assert radio.status != GOT_IP
        network.fault.down = False
    assert not network.online
    assert connection.send(b"y") == 1 and connection.lost


@pytest.mark.parametrize(("outage_us", "back"), [(5_999_999, True), (6_000_000, False)])
def test_an_outage_ends_the_association_though_nobody_asks(
    joined: tuple[Network, Radio, Connection], outage_us: int, back: bool
) -> None:
    """Six seconds without a beacon and it must associate anew, a moment less and nothing happened; then it comes back by itself."""
    network, radio, connection = joined
    network.fault.set(down=True)
    network.world.clock.advance_to(network.world.clock.now_us + outage_us)
    network.fault = Faults()
    assert network.online is back and connection.connected
    network.world.clock.advance_to(network.world.clock.now_us + 2_999_999)
    assert network.online is back
    network.world.clock.advance_to(network.world.clock.now_us + 1)
    assert (network.online, radio.status) == (True, GOT_IP)


def test_an_outage_that_begins_before_the_radio_leaves_ends_nothing_later(
    joined: tuple[Network, Radio, Connection],
) -> None:
    """The beacons of the association before are not missed by the next one."""
    network, radio, _ = joined
    network.fault.down = True
    radio.disconnect()
    network.fault.down = False
    radio.connect("depot", "k")
    network.world.clock.advance_to(network.world.clock.now_us + 10_000_000)
    assert (network.online, radio.status) == (True, GOT_IP)
