"""Failed attempts by address: told to wait, and nobody locked out."""

from agent_browser.api.attempts import BURST, MOST, Attempts

HERE = "203.0.113.7"


def failed(attempts: Attempts, address: str, times: int, now: float = 0.0) -> None:
    for _ in range(times):
        attempts.failed(address, now)


def test_after_a_burst_an_address_waits_and_has_its_attempts_again_with_time() -> None:
    attempts = Attempts()
    failed(attempts, HERE, int(BURST) - 1)
    assert attempts.wait(HERE, 0) == 0
    failed(attempts, HERE, 1)
    assert attempts.wait(HERE, 0) == 1
    assert attempts.wait(HERE, 1) == 0
    assert attempts.wait("203.0.113.8", 0) == 0


def test_who_goes_on_without_end_has_one_a_second_and_no_more() -> None:
    attempts, let_through = Attempts(), 0
    for tick in range(10_000):  # a hundred a second, for a hundred seconds
        now = tick / 100
        if not attempts.wait(HERE, now):
            attempts.failed(HERE, now)
            let_through += 1
    assert let_through == int(BURST) + 99
    assert 0 < attempts.wait(HERE, 100) <= 1


def test_who_goes_on_for_a_day_waits_no_longer_than_who_began_now() -> None:
    attempts = Attempts()
    failed(attempts, HERE, 100_000)
    assert attempts.wait(HERE, 0) == 1


def test_the_addresses_of_one_network_count_as_one() -> None:
    attempts = Attempts()
    for number in range(int(BURST)):
        attempts.failed(f"2001:db8:1:2::{number:x}", 0)
    assert attempts.wait("2001:db8:1:2:ffff::1", 0) == 1
    assert attempts.wait("2001:db8:1:3::1", 0) == 0
    failed(attempts, f"::ffff:{HERE}", int(BURST))
    assert attempts.wait(HERE, 0) == 1
    failed(attempts, "fe80::1%eth0", int(BURST))
    assert attempts.wait("fe80::2%eth1", 0) == 1


def test_what_is_no_address_counts_as_one() -> None:
    attempts = Attempts()
    for address in (None, "", "unix", "x" * 100_000):
        attempts.failed(address, 0)
    assert len(attempts) == 1


def test_no_more_addresses_are_remembered_than_there_is_room_for() -> None:
    attempts = Attempts()
    for number in range(MOST + 50):
        attempts.failed(f"10.{number // 65_536}.{number // 256 % 256}.{number % 256}", 0)
    assert len(attempts) == MOST
    failed(attempts, HERE, int(BURST))
    assert len(attempts) == MOST
    assert attempts.wait(HERE, 0) == 1
