"""Where media bytes may be fetched from: https and public addresses only, whatever link a provider gives.

A link to the metadata service, to this machine or into the network around it would make the downloader fetch what its
owner never meant to archive (OWASP, "Server-Side Request Forgery Prevention"). Every link is checked before it is used.
A host name is resolved, its addresses are checked, and the connection goes to one of those addresses. Redirects are not
followed.
"""

from __future__ import annotations

import ipaddress
import socket
from urllib.parse import urlsplit

from cloud_sync_common.exceptions import OriginalUnavailableError
from cloud_sync_common.http.connecting import every_address

type Address = ipaddress.IPv4Address | ipaddress.IPv6Address

_NOT_PUBLIC = "The provider gave a link to an address that is not on the public Internet."
# IPv6 networks whose addresses contain an IPv4 address: NAT64 (RFC 6052) and its local form (RFC 8215).
_NAT64 = (ipaddress.IPv6Network("64:ff9b::/96"), ipaddress.IPv6Network("64:ff9b:1::/48"))
_DOCUMENTATION = ipaddress.IPv6Network("3fff::/20")  # RFC 9637; Python 3.13 still takes it for public


def is_public(address: str) -> bool:
    """Whether an IP address, as text, is on the public Internet: not private, shared, loopback, link-local, multicast
    or reserved. An IPv4 address inside an IPv6 address is checked in the same way."""
    try:
        parsed: Address = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    embedded = _embedded(parsed)
    return _is_global(parsed) and (embedded is None or _is_global(embedded))


def _is_global(address: Address) -> bool:
    site_local = isinstance(address, ipaddress.IPv6Address) and address.is_site_local
    return (
        address.is_global
        and not (address.is_multicast or address.is_reserved or site_local)
        and address not in _DOCUMENTATION
    )


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
    """Raises OriginalUnavailableError, which concerns one video, for an IP address that must not be connected to."""
    if not is_public(address) and not (allow_loopback and _is_loopback(address)):
        raise OriginalUnavailableError(_NOT_PUBLIC)


def check_url(url: str, *, allow_loopback: bool) -> None:
    """Raises OriginalUnavailableError unless `url` is https and has a host and no user name; a host that is an IP
    address, in whatever spelling, must be public. Names are not resolved here but in `addresses`. With
    `allow_loopback`, http is accepted for loopback addresses."""
    try:
        parts = urlsplit(url)
        host, _port = parts.hostname, parts.port
    except ValueError:
        raise OriginalUnavailableError("The provider gave a link that is not a valid URL.") from None
    literal = _as_address(host) if host else None
    local = allow_loopback and parts.scheme == "http" and literal is not None and _is_loopback(literal)
    if not (parts.scheme == "https" or local) or not host or parts.username is not None:
        raise OriginalUnavailableError("The provider gave a link that is not plain https.")
    if literal is not None:
        check(literal, allow_loopback=allow_loopback)


def _as_address(host: str) -> str | None:
    """The IP address that `host` is, also in the spellings 127.1, 0x7f000001 and 2130706433; None for a name."""
    try:
        return str(ipaddress.ip_address(host.partition("%")[0]))
    except ValueError:
        pass
    try:
        return socket.inet_ntoa(socket.inet_aton(host))
    except OSError:
        return None


def addresses(host: str, port: int, *, allow_loopback: bool) -> list[str]:
    """The addresses of a name that may be connected to, in the resolver's order. The caller connects to one of these
    without resolving the name again, so a different second answer (DNS rebinding) has no effect.

    Raises OriginalUnavailableError when none of the addresses is allowed, OSError when the name does not resolve.
    """
    found = every_address(host, port)
    allowed = [address for address in found if is_public(address) or (allow_loopback and _is_loopback(address))]
    if found and not allowed:
        raise OriginalUnavailableError(_NOT_PUBLIC)
    return allowed
