"""Sources whose answers have no ETag and no date: the version is the one that the provider lists, and parts of two
versions are never put together."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from cloud_sync_common.exceptions import (
    MediaNotFoundError,
    ProviderUnavailableError,
    ShortReadError,
    SourceChangedError,
)
from cloud_sync_common.provider_interface import Fingerprint, MediaSource
from cloud_sync_common.stores.ledger_rows import SourceRow, Status
from cloud_sync_common.transfer import source_transfer
from cloud_sync_common.transfer.content_hash import ContentHash
from cloud_sync_common.transfer.proofs import Proofs
from cloud_sync_common.transfer.ranged_get import IfMatch, open_range

from tests.unit.canned import CannedConnections, CannedStream, awaited
from tests.unit.test_source_archived import KEY, KEY_2, LARGE, SMALL, Bytes, World, archived_row, begun_row

SOURCE = MediaSource(1, "x.mp4", url="https://media.example/files/1", revision="rev-1")


@pytest.fixture(autouse=True)
def no_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source_transfer, "RangeTransfer", Bytes)


# Answers


def answered(source: MediaSource, expected: Fingerprint | None, sent: int = 100) -> Fingerprint:
    """The version of an answer without ETag and date, of `sent` bytes instead of a hundred."""
    head = f"HTTP/1.1 206 X\r\nContent-Range: bytes 0-{sent - 1}/1000\r\nContent-Length: {sent}\r\n\r\n"

    async def asking() -> Fingerprint:
        streams = [CannedStream(head.encode() + bytes(sent))]
        opened = await open_range(CannedConnections(streams), source, 0, 99, expected, IfMatch())
        opened.close()
        return opened.fingerprint

    return awaited(asking())


@pytest.mark.parametrize(
    ("described", "listed"),
    [
        ({}, "rev-1"),
        ({"content_hashes": ("sha256:aa", "md5:bb")}, "sha256:aa"),
        ({"content_hashes": ("md5:bb",), "revision": ""}, "md5:bb"),
        ({"revision": ""}, ""),
    ],
    ids=str,
)
def test_the_version_of_an_answer_without_an_etag_is_the_one_that_is_listed(
    described: dict[str, Any], listed: str
) -> None:
    assert answered(replace(SOURCE, **described), None) == Fingerprint(1000, "", "", listed)


def test_a_renewed_link_to_the_listed_version_goes_on() -> None:
    fresh = replace(SOURCE, url="https://media.example/files/1?again")
    assert answered(fresh, answered(SOURCE, None)) == answered(SOURCE, None)


@pytest.mark.parametrize("revision", ["rev-2", ""], ids=["another", "none"])
def test_a_renewed_link_to_another_version_or_to_an_unknown_one_does_not_go_on(revision: str) -> None:
    with pytest.raises(SourceChangedError):
        answered(replace(SOURCE, revision=revision), answered(SOURCE, None))


def test_an_answer_that_is_shorter_than_asked_for_is_completed_only_where_the_parts_are_compared_at_their_end() -> None:
    assert answered(SOURCE, answered(SOURCE, None), sent=40).listed == "rev-1"
    with pytest.raises(ShortReadError):
        answered(SOURCE, None, sent=40)  # it would be one object, of which nobody asks again


# Archived


def listing(world: World, revision: str = "rev-1") -> World:
    """A source without ETag and date, as the provider lists it now."""
    world.source = replace(world.source, revision=revision)
    world.version = Fingerprint(world.version.size, "", "", revision)
    return world


def test_a_file_that_was_replaced_by_one_of_the_same_size_is_moved_again_under_the_next_key() -> None:
    one = listing(World(row=archived_row(etag="", listed="rev-1")), "rev-2")
    row = one.run()
    assert row is not None and (row.key, row.copy, row.listed, one.done) == (KEY_2, 2, "rev-2", [f"put {KEY_2}"])


def test_a_file_that_is_listed_in_the_archived_version_is_not_moved() -> None:
    one = listing(World(row=archived_row(etag="", listed="rev-1")))
    row = one.run()
    assert row is not None and (row.key, one.done) == (KEY, [])


def test_a_file_of_the_same_size_that_was_archived_without_a_version_is_moved() -> None:
    one = listing(World(row=archived_row(etag="", listed="")))
    row = one.run()
    assert row is not None and (row.key, row.listed) == (KEY_2, "rev-1")


def test_an_upload_of_the_version_before_is_aborted_and_none_of_its_parts_is_used() -> None:
    one = listing(World(LARGE, row=begun_row(etag="", listed="rev-1")), "rev-2")
    row = one.run()
    assert row is not None and row.listed == "rev-2"
    assert one.done == ["aborted before", f"began {KEY}", "noted upload instead of before", "4 parts"]


# The question at the end


def replaced_at(world: World, *revisions: str | Exception) -> World:
    """What the provider lists each time that it is asked again; the last one stays."""
    answers = list(revisions)

    def ask_again(ended: MediaSource) -> MediaSource:
        world.fresh_links += 1
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        if isinstance(answer, Exception):
            raise answer
        listing(world, answer)
        return replace(ended, revision=answer)

    world._fresh_link = ask_again  # type: ignore[method-assign]
    return world


def test_once_all_parts_are_there_the_provider_is_asked_whether_it_still_lists_that_version() -> None:
    one = replaced_at(listing(World(LARGE)), "rev-1")
    row = one.run()
    assert row is not None and (row.status, row.listed, one.fresh_links) == (Status.ARCHIVED, "rev-1", 1)


def test_parts_of_a_file_that_was_replaced_meanwhile_are_thrown_away_and_the_new_version_is_read() -> None:
    one = replaced_at(listing(World(LARGE)), "rev-2")
    begun: list[SourceRow] = []
    note = one._note_begun

    def keep(media_id: str, number: int, run_id: str, row: SourceRow, *, replaces: str) -> bool:
        begun.append(row)
        one.row = row
        return note(media_id, number, run_id, row, replaces=replaces)

    one._note_begun = keep  # type: ignore[method-assign]
    row = one.run()
    assert row is not None and (row.status, row.listed) == (Status.ARCHIVED, "rev-2")
    assert [each.listed for each in begun] == ["rev-1", "rev-2"] and one.done.count("aborted upload") == 1


def test_a_file_that_is_replaced_again_and_again_is_not_archived_from_parts() -> None:
    versions = iter(range(2, 99))
    one = listing(World(LARGE))
    one._fresh_link = lambda _: listing(one, f"rev-{next(versions)}").source  # type: ignore[method-assign]
    row = one.run()
    assert row is not None and row.single_stream, "after two changes, one answer is the file"
    assert one.done[-1] == f"stream {KEY}"


@pytest.mark.parametrize(("etag", "date"), [('"e"', ""), ("", "Mon, 02 Nov 2026 10:00:00 GMT")])
def test_answers_that_show_their_version_need_no_question(etag: str, date: str) -> None:
    one = replaced_at(listing(World(LARGE)), "rev-2")
    one.version = Fingerprint(LARGE, etag, date, "rev-1")
    assert one.run() is not None and one.fresh_links == 0


def test_content_that_has_the_published_hash_needs_no_question(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Proofs, "is_shown", property(lambda _: True))
    one = replaced_at(listing(World(LARGE)), "rev-2")
    assert one.run() is not None and one.fresh_links == 0


def test_a_file_that_is_gone_once_it_was_read_is_archived_because_nothing_has_replaced_it() -> None:
    one = replaced_at(listing(World(LARGE)), MediaNotFoundError("deleted meanwhile"))
    row = one.run()
    assert row is not None and row.status is Status.ARCHIVED


def test_without_an_answer_to_the_question_the_parts_stay_and_nothing_is_archived() -> None:
    one = replaced_at(listing(World(LARGE)), ProviderUnavailableError("busy"))
    with pytest.raises(ProviderUnavailableError):
        one.run()
    assert "aborted upload" not in one.done and [row.status for row in one.noted] == [Status.IN_PROGRESS]


def test_a_small_file_is_one_answer_and_needs_no_question() -> None:
    one = replaced_at(listing(World(SMALL)), "rev-2")
    assert one.run() is not None and one.fresh_links == 0


# Several hashes


@pytest.mark.parametrize(
    ("published", "checked"),
    [
        (("sha256:" + "0" * 64, "md5:" + "0" * 32), "sha256"),  # Drive lists both
        (("md5:" + "0" * 32,), "md5"),
        (("sha256-4mib:" + "0" * 64,), "sha256"),  # Dropbox
        (("md5:" + "0" * 32, "sha1:" + "0" * 40, "sha256-4mib:" + "0" * 64), "sha256"),
    ],
)
def test_of_several_published_hashes_the_cheapest_is_checked_and_the_first_names_the_version(
    published: tuple[str, ...], checked: str
) -> None:
    source = replace(SOURCE, content_hashes=published)
    (proof,) = Proofs(source, Fingerprint(LARGE, "", "", source.listed), check_etag=False).all
    assert isinstance(proof, ContentHash)
    assert proof.spec.algorithm == checked and source.listed == published[0]


@pytest.mark.parametrize(
    ("published", "needs_order"),
    [
        (("sha256:0", "md5:0"), True),
        (("sha256-4mib:0", "md5:0"), False),
        (("md5:0", "crc32c:0"), False),
        (("sha1:0",), False),
        ((), False),
    ],
)
def test_only_a_hash_of_the_whole_file_needs_its_parts_in_order(published: tuple[str, ...], needs_order: bool) -> None:
    source = replace(SOURCE, content_hashes=published)
    proofs = Proofs(source, Fingerprint(LARGE, ""), check_etag=False)
    assert proofs.needs_order(64 * 2**20) == needs_order
