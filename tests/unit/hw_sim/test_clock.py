"""The virtual clock: order, cancellation, time of the world."""

from hw_sim.world.clock import VirtualClock, World


def test_callbacks_run_in_order_of_time_then_of_asking() -> None:
    """Two callbacks of one instant run as they were asked for, an earlier one before both."""
    clock, seen = VirtualClock(), []
    clock.at(20, lambda: seen.append(("b", clock.now_us)))
    clock.at(20, lambda: seen.append(("c", clock.now_us)))
    clock.at(10, lambda: seen.append(("a", clock.now_us)))
    clock.advance_to(30)
    assert seen == [("a", 10), ("b", 20), ("c", 20)]
    assert clock.now_us == 30


def test_a_cancelled_callback_does_not_run() -> None:
    """Of two callbacks the cancelled one is silent, and no longer counts as the next event."""
    clock, seen = VirtualClock(), []
    clock.at(10, lambda: seen.append("kept"))
    clock.at(5, lambda: seen.append("cancelled")).cancel()
    assert clock.next_us == 10
    clock.advance_to(20)
    assert seen == ["kept"]


def test_step_stops_at_each_event() -> None:
    """A step goes to one event only, so that whoever waits can look after each."""
    clock = VirtualClock()
    clock.at(10, lambda: None)
    assert clock.step(100)
    assert clock.now_us == 10
    assert not clock.step(100)
    assert clock.now_us == 100


def test_a_callback_may_ask_for_another() -> None:
    """A periodic event made of one-shot ones runs within one advance."""
    clock, times = VirtualClock(), []

    def tick() -> None:
        times.append(clock.now_us)
        clock.after(10, tick)

    clock.after(10, tick)
    clock.advance_to(35)
    assert times == [10, 20, 30]


def test_time_never_falls() -> None:
    """Advancing to the past leaves the clock where it is."""
    clock = VirtualClock()
    clock.advance_to(50)
    clock.advance_to(20)
    assert clock.now_us == 50


def test_unix_time_and_back() -> None:
    """Unix time of the world is its start plus virtual time, both ways."""
    world = World(start_unix_s=1000.5)
    world.clock.advance_to(2_500_000)
    assert world.clock.unix_s == 1003.0
    assert world.clock.us_of(1003.0) == 2_500_000


def test_random_numbers_follow_seed_and_name() -> None:
    """The same seed and name repeat; another seed or another name differs."""
    draw = World(seed=7).random("a").random()
    assert World(seed=7).random("a").random() == draw
    assert World(seed=8).random("a").random() != draw
    assert World(seed=7).random("b").random() != draw
