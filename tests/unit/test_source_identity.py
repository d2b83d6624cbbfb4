"""Which file of an item is which, whatever the order in which the provider lists them."""

from __future__ import annotations

from itertools import permutations
from types import SimpleNamespace
from typing import Any, cast

import pytest
from cloud_sync_common.exceptions import OriginalUnavailableError
from cloud_sync_common.provider_interface import MediaItem, MediaSource
from cloud_sync_common.source_identity import ListedFile, numbered, path
from cloud_sync_common.steps.download import VideoDownloader

from tests.unit.doubles import PLENTY


def move_with_renewal(ended: MediaSource, offered: list[MediaSource]) -> MediaSource:
    """What the step Download takes for the same file, when the provider offers these."""
    session = SimpleNamespace(sources=lambda _: offered)
    nothing = cast(Any, None)
    step = VideoDownloader(cast(Any, session), nothing, nothing, nothing, nothing, 1, PLENTY, 512, 10**12)
    return step._same_source(MediaItem(media_id="clip", filename="x.mp4"), ended)


def link(path: str, signature: str = "a", query: str = "", host: str = "cdn.example") -> str:
    return f"https://{host}{path}?{query}Expires=1&Signature={signature}&response-content-disposition={signature}"


def file(position: str = "", number: int = 0, path: str = "/1.mp4", signature: str = "a") -> ListedFile:
    return ListedFile(position, number, link(path, signature))


LENSES = [file("front", 1, "/x/front/1.mp4"), file("back", 1, "/x/back/1.mp4")]
FOUR = [file(side, number, f"/{side}/{number}.mp4") for side in ("front", "back") for number in (1, 2)]
UNNUMBERED = [file(path="/front.mp4"), file(path="/back.mp4"), file(path="/side.mp4")]
SAME_NUMBER = [file(number=1, path="/front/1.mp4"), file(number=1, path="/back/1.mp4")]


@pytest.mark.parametrize("files", [LENSES, FOUR, UNNUMBERED, SAME_NUMBER], ids=["lenses", "four", "none", "same"])
def test_a_file_has_the_same_number_and_identity_in_every_order(files: list[ListedFile]) -> None:
    found = {
        tuple((given.file_number, given.identity, given.url) for given in numbered(list(order)))
        for order in permutations(files)
    }
    assert len(found) == 1
    (only,) = found
    assert [number for number, _, _ in only] == list(range(1, len(files) + 1))
    assert len({identity for _, identity, _ in only}) == len(files)
    assert {url for _, _, url in only} == {listed.url for listed in files}


def test_a_new_signature_or_host_is_the_same_file() -> None:
    (before,) = numbered([file("front", 1, signature="a")])
    (after,) = numbered([ListedFile("front", 1, link("/1.mp4", "b", host="cdn2.example"))])
    assert before.identity == after.identity and before.url != after.url


@pytest.mark.parametrize("other", [file("back", 1), file("front", 2), file("front", 1, "/2.mp4")], ids=str)
def test_another_position_number_or_path_is_another_file(other: ListedFile) -> None:
    assert numbered([file("front", 1)])[0].identity != numbered([other])[0].identity


def test_a_file_that_is_listed_twice_is_one_file() -> None:
    assert [found.file_number for found in numbered([file("front", 1, signature=sign) for sign in "ab"])] == [1]
    twice = [*FOUR, *(file(one.position, one.number, path(one.url), "b") for one in FOUR)]
    assert len(numbered(twice)) == 4 and {found.file_count for found in numbered(twice)} == {4}


@pytest.mark.parametrize(
    "url", [link("/1.mp4", query="file=back&"), link("/1.mp4", host="other.example")], ids=["query", "host"]
)
def test_files_that_cannot_be_told_apart_are_refused(url: str) -> None:
    with pytest.raises(OriginalUnavailableError, match="told apart"):
        numbered([file(), ListedFile("", 0, url)])


def test_a_missing_file_of_one_lens_is_missed_and_shifts_no_number() -> None:
    whole = {(found.identity, found.file_number) for found in numbered(FOUR)}
    for lost in FOUR:
        left = numbered([one for one in FOUR if one != lost])
        assert {(found.identity, found.file_number) for found in left} < whole
        if lost.number < 2:
            assert {found.file_count for found in left} == {4}


# A renewed link


def source(number: int, identity: str = "", url: str = "https://cdn.example/old") -> MediaSource:
    return MediaSource(file_number=number, filename="x.mp4", url=url, identity=identity)


def test_a_renewed_link_is_found_by_identity_and_keeps_its_number() -> None:
    ended = source(1, "front")
    renewed = move_with_renewal(ended, [source(1, "back", "https://cdn.example/b"), source(2, "front", "https://f")])
    assert (renewed.url, renewed.file_number, renewed.identity) == ("https://f", 1, "front")


def test_without_identities_the_number_identifies_a_file() -> None:
    assert move_with_renewal(source(2), [source(1, url="https://a"), source(2, url="https://b")]).url == "https://b"


@pytest.mark.parametrize(
    "offered",
    [[], [source(1, "back")], [source(1)], [source(1, "front"), source(2, "front")]],
    ids=["nothing", "another", "unidentified", "twice"],
)
def test_a_link_that_leads_to_no_file_or_to_several_is_an_error(offered: list[MediaSource]) -> None:
    with pytest.raises(OriginalUnavailableError, match="file 1"):
        move_with_renewal(source(1, "front"), offered)
