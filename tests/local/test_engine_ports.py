"""Ports of the local stack are chosen before they are used."""

from local.engine import free_port, listen


def test_a_free_port_is_none_that_systems_use_for_outgoing_connections() -> None:
    assert all(20_000 <= free_port() < 32_768 for _ in range(5))


def test_a_wanted_port_is_kept_unless_something_listens_on_it() -> None:
    port = free_port()
    assert free_port(port) == port
    with listen(port):
        assert free_port(port) != port
