"""The division of new work into batches: videos share a child execution, and one invocation can transfer a batch."""

from __future__ import annotations

from io import BytesIO
from itertools import pairwise

import msgspec
import pytest
from cloud_sync_common.provider_interface import MediaItem
from cloud_sync_common.stores.manifest import BATCH_BYTES, BATCH_ITEMS, LINE_LIMIT, Batch, ManifestWriter, batches
from hypothesis import given
from hypothesis import strategies as st

MB = 1_000_000


def clips(*sizes: int | None) -> list[MediaItem]:
    return [MediaItem(media_id=str(at), filename="GX010001.MP4", size=size) for at, size in enumerate(sizes)]


def lengths(*sizes: int | None) -> list[int]:
    return [len(batch.media) for batch in batches(clips(*sizes))]


def test_small_videos_share_a_batch_of_twenty() -> None:
    assert lengths(*[MB] * 45) == [20, 20, 5]
    assert lengths(*[100 * MB] * 25) == [20, 5]


def test_a_batch_is_at_most_two_gibibytes() -> None:
    assert lengths(*[400 * MB] * 11) == [5, 5, 1]
    assert lengths(BATCH_BYTES // 2, BATCH_BYTES // 2, 1) == [2, 1]


def test_a_large_video_is_a_batch_by_itself() -> None:
    assert lengths(MB, 40_000 * MB, MB, MB) == [1, 1, 2]


def test_a_video_of_unknown_size_is_a_batch_by_itself() -> None:
    assert lengths(MB, None, MB) == [1, 1, 1]


def test_no_work_makes_no_batch() -> None:
    assert list(batches([])) == []


@given(
    st.lists(
        st.builds(
            MediaItem,
            media_id=st.text(min_size=1, max_size=40),
            filename=st.text(max_size=3_000),
            size=st.none() | st.integers(0, 2 * BATCH_BYTES),
        ),
        max_size=60,
    )
)
def test_every_video_is_in_one_batch_and_no_batch_exceeds_the_limits(items: list[MediaItem]) -> None:
    found = list(batches(items))
    assert [item for batch in found for item in batch.media] == items
    for batch in found:
        assert 1 <= len(batch.media) <= BATCH_ITEMS
        if len(batch.media) > 1:
            assert sum(item.size or BATCH_BYTES for item in batch.media) <= BATCH_BYTES
            assert len(msgspec.json.encode(batch)) <= LINE_LIMIT
    for one, other in pairwise(found):
        together = Batch((*one.media, other.media[0]))
        assert (
            len(together.media) > BATCH_ITEMS
            or sum(item.size or BATCH_BYTES for item in together.media) > BATCH_BYTES
            or len(msgspec.json.encode(together)) > LINE_LIMIT
        ), "a batch ends only where the next video does not fit"


def of_length(media_id: str, length: int) -> MediaItem:
    """An item whose JSON has so many bytes."""
    bare = MediaItem(media_id=media_id, filename="", size=1)
    return msgspec.structs.replace(bare, filename="x" * (length - len(msgspec.json.encode(bare))))


def test_a_line_of_the_manifest_has_at_most_16384_bytes() -> None:
    assert LINE_LIMIT == 16_384


@pytest.mark.parametrize("more", range(-4, 5))
def test_items_that_fill_a_line_to_the_byte_are_written_and_none_is_lost(more: int) -> None:
    """The last items of a line fill it to a few bytes less, exactly, or a few bytes more than a line holds."""
    empty = len(msgspec.json.encode(Batch(())))
    first = of_length("a", 8_000)
    items = [first, of_length("b", LINE_LIMIT - empty - 8_000 - 1 + more), of_length("c", 500)]
    file = BytesIO()
    count = ManifestWriter(file).add(items)
    lines = file.getvalue().splitlines()
    assert count == len(lines) and max(map(len, lines)) <= LINE_LIMIT
    assert [item for line in lines for item in msgspec.json.decode(line, type=Batch).media] == items
    together = len(msgspec.json.decode(lines[0], type=Batch).media) == 2
    assert more == 0 or together == (more < 0)


@pytest.mark.parametrize(("length", "kept"), [(1_000, 1_000), (1_001, 0), (80_000, 0)])
def test_a_folder_that_is_too_long_keeps_no_video_from_being_archived(length: int, kept: int) -> None:
    """A hundred folders within each other with 255 characters each are allowed at one provider."""
    file = BytesIO()
    item = MediaItem(media_id="a", filename="a.mp4", folder="/".join(["ü" * 99] * (length // 100 + 1))[:length])
    ManifestWriter(file).add([item])
    (written,) = msgspec.json.decode(file.getvalue(), type=Batch).media
    assert len(written.folder) == kept and written == msgspec.structs.replace(item, folder=item.folder[:kept])
    assert not written.unusable


@pytest.mark.parametrize("length", [LINE_LIMIT - 12, LINE_LIMIT - 13])
def test_one_item_that_fills_a_line_to_the_byte_is_written(length: int) -> None:
    assert ManifestWriter(BytesIO()).add([of_length("a", length)]) == 1
