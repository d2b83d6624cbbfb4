"""Where media bytes may come from: https and public addresses only, in whatever spelling."""

from __future__ import annotations

from typing import Any

import pytest
from cloud_sync_common.exceptions import OriginalUnavailableError
from cloud_sync_common.http import address_guard
from cloud_sync_common.http.address_guard import addresses, check_url, is_public
from hypothesis import given
from hypothesis import strategies as st

PRIVATE = [
    "10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1",  # private
    "127.0.0.1", "127.255.255.254", "0.0.0.0", "0.1.2.3",  # noqa: S104 (this machine, this network)
    "169.254.169.254", "169.254.170.2",  # link-local: the metadata services
    "100.64.0.1", "100.127.255.255",  # shared by a carrier's customers (RFC 6598)
    "192.0.0.1", "192.0.2.1", "198.51.100.1", "203.0.113.1", "198.18.0.1",  # protocols, documentation, benchmarks
    "224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255",  # multicast, reserved, broadcast
    "::", "::1", "fe80::1", "fe80::1%eth0", "fc00::1", "fd00:ec2::254", "fec0::1", "ff02::1", "2001:db8::1",
    "3fff::1", "3fff:fff:ffff::1",  # documentation (RFC 9637)
    "::ffff:10.0.0.1", "::ffff:169.254.169.254", "::ffff:7f00:1",  # IPv4 in IPv6
    "64:ff9b::a00:1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::a00:1",  # NAT64
    "2002:a00:1::1", "2002:7f00:1::", "2002:a9fe:a9fe::",  # 6to4
    "2001:0:4136:e378:8000:63bf:5601:5601",  # Teredo, of a client at 169.254.169.254
    "", "localhost", "10.0.0", "1.2.3.4.5", "::g",  # not an address
]  # fmt: skip
PUBLIC = ["1.1.1.1", "8.8.8.8", "52.95.110.1", "172.32.0.1", "100.128.0.1", "2600:9000::1", "2a00:1450:4007::200e",
          "3ffe:ffff::1", "3fff:1000::1"]  # fmt: skip


@pytest.mark.parametrize("address", PRIVATE)
def test_an_address_that_is_not_on_the_internet_is_not_public(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", PUBLIC)
def test_an_address_on_the_internet_is_public(address: str) -> None:
    assert is_public(address)


@given(st.ip_addresses(v=4, network="10.0.0.0/8") | st.ip_addresses(v=4, network="169.254.0.0/16"))
def test_a_private_address_stays_private_in_every_ipv6_disguise(address: Any) -> None:
    number = int(address)
    assert not is_public(f"::ffff:{address}")
    assert not is_public(f"64:ff9b::{number >> 16:x}:{number & 0xFFFF:x}")
    assert not is_public(f"2002:{number >> 16:x}:{number & 0xFFFF:x}::1")


@pytest.mark.parametrize(
    "url",
    [
        "http://cdn.example/1.mp4",
        "ftp://cdn.example/1.mp4",
        "file:///etc/passwd",
        "//cdn.example/1.mp4",
        "cdn.example/1.mp4",
        "",
        "https://",
        "https:///1.mp4",
        "https://user@cdn.example/1.mp4",
        "https://user:word@cdn.example/1.mp4",
        "https://cdn.example:port/1.mp4",
        "https://[::1/1.mp4",
        "https://127.0.0.1/1.mp4",
        "https://127.1/1.mp4",
        "https://2130706433/1.mp4",
        "https://0x7f000001/1.mp4",
        "https://0177.0.0.1/1.mp4",
        "https://169.254.169.254/latest/meta-data/",
        "https://[::1]/1.mp4",
        "https://[::ffff:169.254.169.254]/1.mp4",
        "https://[fe80::1%25eth0]/1.mp4",
    ],
)
def test_a_link_that_is_not_public_https_is_refused_without_repeating_it(url: str) -> None:
    with pytest.raises(OriginalUnavailableError) as caught:
        check_url(url, allow_loopback=False)
    assert str(caught.value).startswith("The provider gave a link") and "1.mp4" not in str(caught.value)


@pytest.mark.parametrize("url", ["https://cdn.example/1.mp4?Signature=x", "https://8.8.8.8:8443/1.mp4"])
def test_a_public_https_link_is_accepted(url: str) -> None:
    check_url(url, allow_loopback=False)


def test_with_loopback_allowed_no_other_private_address_is() -> None:
    for url in ("https://127.0.0.1:8443/1.mp4", "http://127.0.0.1:8443/1.mp4"):
        check_url(url, allow_loopback=True)
    for url in ("https://169.254.169.254/", "https://10.0.0.1/", "http://10.0.0.1/", "http://cdn.example/"):
        with pytest.raises(OriginalUnavailableError):
            check_url(url, allow_loopback=True)


def resolves_to(monkeypatch: pytest.MonkeyPatch, *found: str) -> None:
    monkeypatch.setattr(address_guard, "every_address", lambda *_: list(found))


@pytest.mark.parametrize("address", ["10.0.0.1", "127.0.0.1", "169.254.169.254", "::1", "::ffff:10.0.0.1"])
def test_a_name_that_resolves_to_a_private_address_is_not_connected_to(
    monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    resolves_to(monkeypatch, address)
    with pytest.raises(OriginalUnavailableError, match="not on the public Internet"):
        addresses("innocent.example", 443, allow_loopback=False)


def test_only_the_public_addresses_of_a_name_are_connected_to(monkeypatch: pytest.MonkeyPatch) -> None:
    resolves_to(monkeypatch, "10.0.0.1", "8.8.8.8", "::1", "2600:9000::1")
    assert addresses("innocent.example", 443, allow_loopback=False) == ["8.8.8.8", "2600:9000::1"]


def test_a_name_may_resolve_to_loopback_only_if_that_is_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    resolves_to(monkeypatch, "127.0.0.1", "10.0.0.1")
    assert addresses("here.example", 443, allow_loopback=True) == ["127.0.0.1"]
