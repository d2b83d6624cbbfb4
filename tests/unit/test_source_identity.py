"""Which file of an item is which, whatever the order in which the provider lists them."""

from __future__ import annotations

import hashlib
from itertools import permutations
from types import SimpleNamespace
from typing import Any, cast

import pytest
from cloud_sync_common.exceptions import OriginalUnavailableError
from cloud_sync_common.provider_access.session import AuthorisedSession
from cloud_sync_common.provider_interface import MediaItem, MediaSource
from cloud_sync_common.source_identity import ListedFile, kept_numbers, numbered, path


def move_with_renewal(ended: MediaSource, offered: list[MediaSource]) -> MediaSource:
    """What is taken for the same file, when the provider offers these."""
    session = SimpleNamespace(sources=lambda _: offered, _check_token=lambda: None)
    same_source = AuthorisedSession.same_source
    return same_source(cast(Any, session), MediaItem(media_id="clip", filename="x.mp4"), ended)


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


@pytest.mark.parametrize("host", ["CDN.example", "cdn.example:443", "cdn.example."])
def test_one_host_in_another_spelling_is_one_host(host: str) -> None:
    assert len(numbered([file(), ListedFile("", 0, link("/1.mp4", host=host))])) == 1


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


def test_of_chapters_1_and_3_the_third_stays_the_third_and_the_second_is_missed() -> None:
    found = numbered([file(number=3, path="/3.mp4"), file(number=1, path="/1.mp4")])
    assert [(one.file_number, one.file_count) for one in found] == [(1, 3), (3, 3)]


def test_files_of_which_one_has_no_number_are_counted() -> None:
    found = numbered([file(number=5, path="/5.mp4"), file(number=0, path="/0.mp4")])
    assert [(one.file_number, one.file_count) for one in found] == [(1, 2), (2, 2)]


def test_numbers_that_differ_are_kept_although_the_positions_differ_too() -> None:
    found = numbered([file("front", 1, "/f.mp4"), file("back", 2, "/b.mp4")])
    assert [(one.file_number, one.file_count) for one in found] == [(1, 2), (2, 2)]


def test_an_identity_is_the_same_in_every_version_of_cloud_sync_because_ledgers_hold_it() -> None:
    assert numbered([file("front", 2, "/x/%31.mp4")])[0].identity == "098f85f3-936e35df24ddbd3a74a07f85"


@pytest.mark.parametrize("name", ["Expires", "x-amz-signature", "X-Goog-Date", "response-content-type", "OSSAccessId"])
def test_what_signs_a_link_makes_no_other_file(name: str) -> None:
    assert len(numbered([file(), ListedFile("", 0, link("/1.mp4", query=f"{name}=1&"))])) == 1


def test_a_link_that_is_none_identifies_by_its_whole_text() -> None:
    assert path("https://[") == "https://[" and path("https://cdn.example/a%20b?c") == "/a b"
    assert len(numbered([ListedFile("", 0, "https://["), ListedFile("", 0, "https://[x")])) == 2


# Numbers that are in the ledger


def listed(files: list[ListedFile]) -> list[tuple[int, str]]:
    return [(found.file_number, found.identity) for found in numbered(files)]


@pytest.mark.parametrize("files", [LENSES, FOUR, UNNUMBERED, SAME_NUMBER], ids=["lenses", "four", "none", "same"])
def test_a_file_keeps_its_number_whichever_others_are_listed_later(files: list[ListedFile]) -> None:
    known = dict(listed(files))
    for count in range(1, len(files) + 1):
        for left in permutations(files, count):
            now = listed(list(left))
            assert [known[number] for number in kept_numbers(now, known)] == [identity for _, identity in now]


@pytest.mark.parametrize("files", [LENSES, FOUR, UNNUMBERED, SAME_NUMBER], ids=["lenses", "four", "none", "same"])
def test_a_file_that_was_never_listed_takes_no_number_of_another(files: list[ListedFile]) -> None:
    known = dict(listed(files))
    (new,) = kept_numbers(listed([file("side", 1, "/side/1.mp4")]), known)
    assert new == len(files) + 1
    both = kept_numbers(listed([*files, file("side", 1, "/side/1.mp4")]), known)
    assert len(set(both)) == len(files) + 1 and set(known) < set(both)


def test_the_file_that_is_left_does_not_take_the_row_of_the_one_that_is_gone() -> None:
    back, front = (listed([lens]) for lens in reversed(LENSES))
    assert back[0][0] == front[0][0] == 1, "alone, each of them is number 1"
    assert kept_numbers(front, dict(back)) == [2]


def test_a_numbered_file_under_another_path_keeps_its_number() -> None:
    known = dict(listed([file(number=1, path="/a/1.mp4"), file(number=2, path="/a/2.mp4")]))
    assert kept_numbers(listed([file(number=number, path=f"/b/{number}.mp4") for number in (1, 2)]), known) == [1, 2]
    assert kept_numbers(listed([file(number=2, path="/b/2.mp4")]), known) == [2]


def test_a_file_whose_number_or_position_comes_or_goes_keeps_its_own() -> None:
    bare, numbered_now = listed([file(path="/one.mp4")]), listed([file("front", 3, "/one.mp4")])
    assert kept_numbers(numbered_now, dict(bare)) == [1] and kept_numbers(bare, dict(numbered_now)) == [3]
    chapters = listed([file(number=number, path=f"/{number}-of.mp4") for number in (1, 2)])
    nameless = listed([file(path=f"/{number}-of.mp4") for number in (1, 2)])
    assert kept_numbers(nameless, dict(chapters)) == kept_numbers(chapters, dict(nameless)) == [1, 2]


def test_one_path_of_two_files_shows_nothing() -> None:
    lenses = [file("front", 1, "/same.mp4"), file("back", 1, "/same.mp4")]
    known = dict(listed(lenses))
    assert kept_numbers(listed([file(path="/same.mp4")]), known) == [3]


def test_rows_and_files_without_an_identity_go_by_their_number() -> None:
    assert kept_numbers([(1, ""), (2, "")], {1: "", 2: ""}) == [1, 2]
    assert kept_numbers([(1, "front"), (2, "back")], {1: "", 2: ""}) == [1, 2]
    assert kept_numbers([(1, "front"), (2, "back")], {}) == [1, 2]
    assert kept_numbers([(1, ""), (2, "")], {1: "front"}) == [1, 2]


def strangers(count: int) -> dict[int, str]:
    return {number: listed([file(path=f"/{number}/x.mp4")])[0][1] for number in range(1, count + 1)}


@pytest.mark.parametrize("count", [1, 5, 11])
def test_files_that_are_not_listed_any_more_do_not_stop_a_new_one(count: int) -> None:
    assert kept_numbers(listed([file(path="/new.mp4")]), strangers(count)) == [count + 1]


def test_files_that_are_others_whenever_they_are_listed_are_given_up() -> None:
    with pytest.raises(OriginalUnavailableError, match="none of the 12"):
        kept_numbers(listed([file(path="/new.mp4")]), strangers(12))
    assert kept_numbers(listed([file(path="/7/x.mp4")]), strangers(12)) == [7]


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


def test_an_identity_stays_as_the_ledger_has_it() -> None:
    """The ledger of earlier versions has these: another form would make every file a new one."""
    unplaced, placed = numbered([file(path="/a.mp4")])[0], numbered([file("front", 2, "/a.mp4")])[0]
    digest = hashlib.sha256(b'["/a.mp4"]').hexdigest()[:24]
    assert unplaced.identity == f"00000000-{digest}"
    assert placed.identity == hashlib.sha256(b'["front", 2]').hexdigest()[:8] + f"-{digest}"


def test_an_item_without_files_has_none_to_number() -> None:
    assert numbered([]) == []


def test_a_link_with_an_empty_parameter_is_another_link_than_one_without() -> None:
    """What tells two files of one path apart may be the mere presence of a parameter."""
    with_one, without = (ListedFile("", 0, link("/a.mp4", query=query)) for query in ("proxy=&", ""))
    assert with_one.unsigned != without.unsigned
