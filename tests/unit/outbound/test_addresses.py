"""Which addresses events go to: every private corner of the internet is refused."""

from ipaddress import ip_address

import pytest

from parley.outbound.addresses import AddressRefusedError, checked, is_public, resolve

PUBLIC = ["93.184.215.14", "1.1.1.1", "2606:4700:4700::1111", "64:ff9b::1.1.1.1"]
PRIVATE = [
    "127.0.0.1",
    "127.8.9.10",
    "0.0.0.0",
    "10.0.0.1",
    "172.16.0.1",
    "172.31.255.255",
    "192.168.1.1",
    "169.254.169.254",
    "100.64.0.1",
    "192.0.2.1",
    "198.18.0.1",
    "224.0.0.1",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "fe80::1",
    "fc00::1",
    "fd12:3456::1",
    "ff02::1",
    "2001:db8::1",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "2002:7f00:1::",
    "2002:a00:1::",
    "64:ff9b::10.0.0.1",
    "64:ff9b::169.254.169.254",
    "64:ff9b:1::127.0.0.1",
]


@pytest.mark.parametrize("text", PUBLIC)
def test_public_ones_are_taken(text: str) -> None:
    address = ip_address(text)
    assert checked([address], loopback=False, secure=True) == address


@pytest.mark.parametrize("text", PRIVATE)
@pytest.mark.parametrize("others", [(), ("1.1.1.1",)])
def test_private_ones_are_refused_among_public_ones_too(text: str, others: tuple[str, ...]) -> None:
    assert not is_public(ip_address(text))
    for texts in ([text, *others], [*others, text]):
        with pytest.raises(AddressRefusedError):
            checked(map(ip_address, texts), loopback=False, secure=True)


@pytest.mark.parametrize("text", PRIVATE)
def test_development_opens_this_machine_and_nothing_else(text: str) -> None:
    address = ip_address(text)
    if address.is_loopback and text != "::ffff:127.0.0.1":
        assert checked([address], loopback=True, secure=False) == address
    elif text != "::ffff:127.0.0.1":
        with pytest.raises(AddressRefusedError):
            checked([address], loopback=True, secure=False)


def test_plain_http_goes_to_no_other_machine() -> None:
    with pytest.raises(AddressRefusedError, match="plain HTTP"):
        checked([ip_address("1.1.1.1")], loopback=True, secure=False)


def test_a_name_without_an_address_is_refused() -> None:
    with pytest.raises(AddressRefusedError):
        checked([], loopback=True, secure=True)


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "127.1", "2130706433", "0x7f000001", "017700000001", "::1", "localhost"]
)
async def test_every_way_to_write_this_machine_is_this_machine(host: str) -> None:
    with pytest.raises(AddressRefusedError):
        checked(await resolve(host, 443), loopback=False, secure=True)
