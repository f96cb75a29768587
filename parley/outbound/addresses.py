"""Which addresses events may be sent to: public ones, whatever a name claims to be."""

import asyncio
import socket
from collections.abc import Awaitable, Callable, Iterable
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address

from parley.errors import ParleyError

Address = IPv4Address | IPv6Address
Resolve = Callable[[str, int], Awaitable[list[Address]]]
# Networks whose addresses carry an IPv4 address that a gateway connects to (RFC 6052, 8215).
_NAT64 = (IPv6Network("64:ff9b::/96"), IPv6Network("64:ff9b:1::/48"))


class AddressRefusedError(ParleyError):
    """Nothing may be sent to this address."""

    code = "address-refused"


class NameUnknownError(ParleyError):
    """The name has no address now."""

    retryable = True
    code = "name-unknown"


async def resolve(host: str, port: int) -> list[Address]:
    """All addresses of a name; also of the many ways to write one in digits.

    Raises:
        NameUnknownError: it has none.
    """
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise NameUnknownError("the name has no address") from error
    return [ip_address(str(entry[4][0]).partition("%")[0]) for entry in found]


def checked(addresses: Iterable[Address], *, loopback: bool, secure: bool) -> Address:
    """The address to connect to.

    A name of which any address is not public is refused: which one is taken must not be luck.

    Args:
        addresses: all of a name's.
        loopback: whether this machine may be sent to, for development.
        secure: whether it is TLS; without it only this machine may be sent to.

    Raises:
        AddressRefusedError: one of them may not be sent to, or there is none.
    """
    first: Address | None = None
    for address in addresses:
        if address.is_loopback and loopback:
            pass
        elif not is_public(address):
            raise AddressRefusedError("the address is not a public one")
        elif not secure:
            raise AddressRefusedError("events are not sent over plain HTTP")
        first = first or address
    if first is None:
        raise AddressRefusedError("the name has no address")
    return first


def is_public(address: Address) -> bool:
    """Whether everybody on the internet can have this address, and only one host has it."""
    if isinstance(address, IPv6Address):
        within = _inner(address)
        if within is not None:
            return is_public(within)
    return (
        address.is_global
        and not address.is_multicast
        and not address.is_reserved
        and not address.is_link_local
        and not address.is_loopback
        and not address.is_unspecified
    )


def _inner(address: IPv6Address) -> IPv4Address | None:
    """The IPv4 address within an IPv6 address that leads there."""
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address.sixtofour is not None:
        return address.sixtofour
    if address.teredo is not None:
        return address.teredo[1]
    if any(address in network for network in _NAT64):
        return IPv4Address(int(address) & 0xFFFF_FFFF)
    return None
