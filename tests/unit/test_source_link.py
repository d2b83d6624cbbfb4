"""A link that ends: it is renewed once for all who read the source, and not without end."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace

import pytest
from cloud_sync_common.exceptions import (
    MediaNotFoundError,
    OriginalUnavailableError,
    ProviderThrottledError,
    SourceLinkExpiredError,
)
from cloud_sync_common.provider_interface import MediaSource
from cloud_sync_common.retry_utils import Deadline
from cloud_sync_common.transfer.request_limiter import RequestLimiter
from cloud_sync_common.transfer.source_link import LINK_RENEWALS, SAME_LINKS, SourceLink

FIRST = MediaSource(file_number=1, filename="x.mp4", url="https://cdn.example/0")


@dataclass
class Provider:
    """Gives a new link whenever it is asked; the links up to number `ended` no longer work."""

    ended: int = 0
    renewed: list[str] = field(default_factory=list)
    read: list[str] = field(default_factory=list)

    def renew(self, source: MediaSource) -> MediaSource:
        self.renewed.append(source.url)
        return replace(source, url=f"https://cdn.example/{len(self.renewed)}")

    async def use(self, source: MediaSource) -> str:
        await asyncio.sleep(0)  # so that others read with the same link
        if int(source.url.rpartition("/")[2]) < self.ended:
            raise SourceLinkExpiredError("ended")
        self.read.append(source.url)
        return source.url

    def link(self, most: int = 8) -> SourceLink:
        return SourceLink(FIRST, self.renew, Deadline.after(60), RequestLimiter(most, Deadline.after(600)))


async def read_by(link: SourceLink, provider: Provider, readers: int) -> list[str]:
    return await asyncio.gather(*(link.use(provider.use) for _ in range(readers)))


def test_a_link_that_works_is_never_renewed() -> None:
    provider = Provider()
    assert asyncio.run(read_by(provider.link(), provider, 3)) == [FIRST.url] * 3 and provider.renewed == []


def test_a_link_that_has_ended_is_renewed_once_for_all_who_read() -> None:
    provider = Provider(ended=1)
    assert asyncio.run(read_by(provider.link(), provider, 5)) == ["https://cdn.example/1"] * 5
    assert provider.renewed == [FIRST.url]


def test_a_renewed_link_stays_for_whoever_comes_later() -> None:
    provider = Provider(ended=2)
    link = provider.link()

    async def twice() -> None:
        await link.use(provider.use)
        await link.use(provider.use)

    asyncio.run(twice())
    assert provider.renewed == [FIRST.url, "https://cdn.example/1"] and provider.read == ["https://cdn.example/2"] * 2


def test_a_link_may_end_ten_times_in_a_row_and_no_more() -> None:
    patient, endless = Provider(ended=LINK_RENEWALS), Provider(ended=LINK_RENEWALS + 1)
    assert asyncio.run(read_by(patient.link(), patient, 1)) == [f"https://cdn.example/{LINK_RENEWALS}"]
    with pytest.raises(SourceLinkExpiredError, match="10 times"):
        asyncio.run(read_by(endless.link(), endless, 1))
    assert len(patient.renewed) == len(endless.renewed) == LINK_RENEWALS == 10


def test_links_that_end_are_counted_anew_whenever_something_was_read() -> None:
    """Each link is good for one answer: a long transfer takes many of them."""
    provider = Provider()
    link = provider.link()

    async def reading() -> None:
        for _ in range(5 * LINK_RENEWALS):
            await link.use(provider.use)
            provider.ended = len(provider.renewed) + 1

    asyncio.run(reading())
    assert len(provider.renewed) == 5 * LINK_RENEWALS - 1 and len(provider.read) == 5 * LINK_RENEWALS


def test_a_file_that_is_refused_by_the_same_link_again_is_not_asked_for_ten_times() -> None:
    """With a token in a header, the link never changes; what it is refused for is not its age."""
    asked: list[str] = []

    async def refuse(source: MediaSource) -> str:
        asked.append(source.url)
        raise SourceLinkExpiredError("403")

    link = SourceLink(FIRST, replace, Deadline.after(60), RequestLimiter(1, Deadline.after(600)))
    with pytest.raises(SourceLinkExpiredError, match="no other link"):
        asyncio.run(link.use(refuse))
    assert asked == [FIRST.url] * (1 + SAME_LINKS) and SAME_LINKS == 2


def test_a_link_that_is_refused_for_a_moment_may_be_the_same_one_again() -> None:
    refusals = iter([SourceLinkExpiredError("403")] * SAME_LINKS)

    async def use(_: MediaSource) -> str:
        if refusal := next(refusals, None):
            raise refusal
        return "read"

    link = SourceLink(FIRST, replace, Deadline.after(60), RequestLimiter(1, Deadline.after(600)))
    assert asyncio.run(link.use(use)) == "read"


def test_a_link_with_another_token_is_another_link() -> None:
    asked: list[str] = []

    async def use(source: MediaSource) -> str:
        asked.append(source.headers["Authorization"])
        if len(asked) == 1:
            raise SourceLinkExpiredError("401")
        return "read"

    old = replace(FIRST, headers={"Authorization": "Bearer 1"})
    link = SourceLink(
        old,
        lambda ended: replace(ended, headers={"Authorization": "Bearer 2"}),
        Deadline.after(60),
        RequestLimiter(1, Deadline.after(600)),
    )
    assert asyncio.run(link.use(use)) == "read" and asked == ["Bearer 1", "Bearer 2"]


def test_a_fresh_description_may_have_the_same_link() -> None:
    link = SourceLink(FIRST, replace, Deadline.after(60), RequestLimiter(1, Deadline.after(600)))
    assert asyncio.run(link.refresh()) == FIRST


@pytest.mark.parametrize("error", [MediaNotFoundError("x"), OriginalUnavailableError("x")])
def test_what_the_provider_says_instead_of_a_new_link_is_raised(error: Exception) -> None:
    provider = Provider(ended=1)

    def refuse(_: MediaSource) -> MediaSource:
        raise error

    link = SourceLink(FIRST, refuse, Deadline.after(60), RequestLimiter(1, Deadline.after(600)))
    with pytest.raises(type(error)):
        asyncio.run(read_by(link, provider, 1))


def test_a_source_that_asks_to_slow_down_is_asked_again_and_all_requests_take_turns() -> None:
    refusals, at_once, most = iter([ProviderThrottledError("x", 0.0)]), 0, 0

    async def use(_: MediaSource) -> str:
        nonlocal at_once, most
        if refusal := next(refusals, None):
            raise refusal
        at_once += 1
        most = max(most, at_once)
        await asyncio.sleep(0)
        at_once -= 1
        return "read"

    async def reading() -> list[str]:
        link = Provider().link(most=3)
        return await asyncio.gather(*(link.use(use) for _ in range(9)))

    assert asyncio.run(reading()) == ["read"] * 9 and most == 3


@pytest.mark.parametrize(("times", "found"), [(1, True), (2, False)])
def test_a_source_that_is_missing_is_asked_for_once_more(times: int, found: bool) -> None:
    asked: list[str] = []

    async def read(source: MediaSource) -> bool:
        asked.append(source.url)
        if len(asked) <= times:
            raise MediaNotFoundError("404")
        return True

    if found:
        assert asyncio.run(Provider().link().use(read))
    else:
        with pytest.raises(MediaNotFoundError):
            asyncio.run(Provider().link().use(read))
    assert len(asked) == 2
