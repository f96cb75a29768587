"""Choosing ports: free ones, the same as last time, and a sentence for a taken one."""

import random
import socket

import pytest

from parley_cli.stack.ports import LOOPBACK, PortTakenError, choose_ports, is_free


def test_every_name_gets_a_port_of_its_own() -> None:
    names = [f"part-{n}" for n in range(50)]
    ports = choose_ports(names, wanted={}, preferred={}, rng=random.Random(1))
    assert list(ports) == names
    assert len(set(ports.values())) == 50
    assert all(20_000 <= port < 32_000 for port in ports.values())


def test_last_times_ports_are_used_again_while_they_are_free() -> None:
    first = choose_ports(["a", "b"], wanted={}, preferred={}, rng=random.Random(2))
    again = choose_ports(["a", "b"], wanted={}, preferred=first, rng=random.Random(3))
    assert again == first
    with socket.create_server((LOOPBACK, first["a"])):
        moved = choose_ports(["a", "b"], wanted={}, preferred=first, rng=random.Random(4))
    assert moved["a"] != first["a"]
    assert moved["b"] == first["b"]


def test_a_taken_port_is_one_sentence_that_names_it_and_who_has_it() -> None:
    with socket.create_server((LOOPBACK, 0)) as server:
        port = server.getsockname()[1]
        with pytest.raises(PortTakenError) as caught:
            choose_ports(["api"], wanted={"api": port}, preferred={}, rng=random.Random(5))
    assert f"Port {port} for api is taken by" in str(caught.value)
    assert "choose another port" in str(caught.value)


def test_two_names_cannot_want_the_same_port() -> None:
    port = choose_ports(["x"], wanted={}, preferred={}, rng=random.Random(6))["x"]
    with pytest.raises(PortTakenError):
        choose_ports(["a", "b"], wanted={"a": port, "b": port}, preferred={}, rng=random.Random(7))


@pytest.mark.parametrize("kind", [socket.SOCK_STREAM, socket.SOCK_DGRAM])
def test_a_port_in_use_by_tcp_or_udp_is_not_free(kind: socket.SocketKind) -> None:
    with socket.socket(socket.AF_INET, kind) as used:
        used.bind((LOOPBACK, 0))
        if kind == socket.SOCK_STREAM:
            used.listen()
        port = used.getsockname()[1]
        assert not is_free(port)
    assert is_free(port)
