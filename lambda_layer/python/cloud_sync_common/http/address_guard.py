"""Where media bytes may be fetched from: https and public addresses, whatever link a provider hands out.

A link that pointed at the metadata service, at this machine or into the network around it would make the downloader
fetch what its owner never meant to archive (OWASP, "Server-Side Request Forgery Prevention"). The link is checked
before it is used, and a name by the addresses that it resolves to; one of those, and no other, is connected to.
Redirects are not followed at all.
"""

from __future__ import annotations

import ipaddress
import socket
from urllib.parse import urlsplit

from cloud_sync_common.exceptions import ProviderContractError
from cloud_sync_common.http.tls_stream import every_address

type Address = ipaddress.IPv4Address | ipaddress.IPv6Address

_NOT_PUBLIC = "The provider gave a link to an address that is not on the public Internet."
# IPv6 addresses that stand for an IPv4 one: NAT64 (RFC 6052) and its local form (RFC 8215), 6to4 (RFC 3056).
_NAT64 = (ipaddress.IPv6Network("64:ff9b::/96"), ipaddress.IPv6Network("64:ff9b:1::/48"))


def is_public(address: str) -> bool:
    """Whether an IP address, as text, is one of the Internet's: not private, shared, loopback, link-local, multicast or
    reserved, and, for an IPv6 address that stands for an IPv4 one, not one that stands for such."""
    try:
        parsed: Address = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    standing_for = _embedded(parsed)
    return _is_global(parsed) and (standing_for is None or _is_global(standing_for))


def _is_global(address: Address) -> bool:
    site_local = isinstance(address, ipaddress.IPv6Address) and address.is_site_local
    return address.is_global and not (address.is_multicast or address.is_reserved or site_local)


def _embedded(address: Address) -> ipaddress.IPv4Address | None:
    if isinstance(address, ipaddress.IPv4Address):
        return None
    if any(address in network for network in _NAT64):
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    if address.teredo:
        return address.teredo[1]
    return address.ipv4_mapped or address.sixtofour


def _is_loopback(address: str) -> bool:
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False


def check(address: str, *, allow_loopback: bool) -> None:
    """Raises ProviderContractError unless this IP address, as text, may be connected to."""
    if not is_public(address) and not (allow_loopback and _is_loopback(address)):
        raise ProviderContractError(_NOT_PUBLIC)


def check_url(url: str, *, allow_loopback: bool) -> None:
    """Raises ProviderContractError unless `url` is https, has a host and no user name, and that host, where it is an
    address itself in whatever spelling, is public. Names are not looked up here: `addresses` does. On this machine,
    where that is allowed, http will do."""
    try:
        parts = urlsplit(url)
        host, _port = parts.hostname, parts.port
    except ValueError:
        raise ProviderContractError("The provider gave a link that is no address.") from None
    literal = _as_address(host) if host else None
    here = allow_loopback and parts.scheme == "http" and literal is not None and _is_loopback(literal)
    if not (parts.scheme == "https" or here) or not host or parts.username is not None:
        raise ProviderContractError("The provider gave a link that is not plain https.")
    if literal is not None:
        check(literal, allow_loopback=allow_loopback)


def _as_address(host: str) -> str | None:
    """The address that `host` spells, also as 127.1, 0x7f000001 or 2130706433; None for a name."""
    try:
        return str(ipaddress.ip_address(host.partition("%")[0]))
    except ValueError:
        pass
    try:
        return socket.inet_ntoa(socket.inet_aton(host))
    except OSError:
        return None


def addresses(host: str, port: int, *, allow_loopback: bool) -> list[str]:
    """What the name resolves to and may be connected to, in the resolver's order. A connection is made to one of these
    very addresses, so that a name which resolves to something else the second time gains nothing.

    Raises ProviderContractError when none of them may be, OSError when the name does not resolve.
    """
    found = every_address(host, port)
    good = [address for address in found if is_public(address) or (allow_loopback and _is_loopback(address))]
    if found and not good:
        raise ProviderContractError(_NOT_PUBLIC)
    return good
