"""The demo library has real clips with the special cases of real libraries."""

import subprocess
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import imageio_ffmpeg  # type: ignore[import-untyped, unused-ignore]
import pytest

from local.demo_library import DemoLibraryError, make_tiny_library
from local.fake_providers.library import Library


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny_library(tmp_path_factory.mktemp("demo") / "library")


def test_it_has_every_special_case_of_real_libraries(folder: Path) -> None:
    items = Library.load(folder).items()
    rows = [item.row for item in items]
    assert sum(item.is_archivable for item in items) >= 12
    assert max(Counter(row["filename"] for row in rows).values()) == 2
    assert {(len(item.sources), item.item_numbers) for item in items} >= {(3, True), (2, False), (0, True)}
    assert {type(row["file_size"]) for row in rows} == {int, str, type(None)}
    assert {row["type"] for row in rows} >= {"Video", "Photo", "MultiClipEdit", "ExternalVideo"}
    assert {row["ready_to_view"] for row in rows} == {"ready", "transcoding"}
    assert None in {row["filename"] for row in rows} and any('"' in str(row["filename"]) for row in rows)
    assert len({row["captured_at"][:7] for row in rows}) >= 5


def test_one_size_is_stale_because_of_reprocessing(folder: Path) -> None:
    (item,) = (item for item in Library.load(folder).items() if item.row["reprocessed_at"])
    assert item.sources[0].stat().st_size - item.row["file_size"] == 3245


def test_all_files_differ_and_the_largest_needs_several_parts(folder: Path) -> None:
    files = [path.read_bytes() for path in (folder / "media").iterdir()]
    assert len(set(files)) == len(files) and 20 * 2**20 < max(map(len, files)) < 30 * 2**20


def test_clips_are_h264_that_a_player_can_decode(folder: Path) -> None:
    item = next(item for item in Library.load(folder).items() if len(item.sources) == 3)
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-i", str(item.sources[2]), "-f", "null", "-"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "Video: h264" in done.stderr and "320x180" in done.stderr


def test_it_is_made_once_and_always_with_the_same_bytes(folder: Path) -> None:
    before = (folder / "library.json").stat().st_mtime_ns
    assert make_tiny_library(folder) == folder
    assert (folder / "library.json").stat().st_mtime_ns == before
    again = make_tiny_library(folder.parent / "again")
    for name in ("library.json", "media/03-2.mp4"):
        assert (again / name).read_bytes() == (folder / name).read_bytes()


def test_two_that_want_it_at_once_make_it_once(tmp_path: Path) -> None:
    said: list[str] = []
    with ThreadPoolExecutor() as pool:
        both = [pool.submit(make_tiny_library, tmp_path / "library", said.append) for _ in range(2)]
        assert {each.result() for each in both} == {tmp_path / "library"}
    assert len(said) > 12 and len(said) == len(set(said))


def test_an_older_demo_library_is_replaced_and_nothing_is_left_beside_it(tmp_path: Path) -> None:
    (tmp_path / "library").mkdir()
    (tmp_path / "library" / ".demo-library").write_text("tiny 0")
    assert len(Library.load(make_tiny_library(tmp_path / "library")).originals()) > 12
    assert [path.name for path in tmp_path.iterdir()] == ["library"]


def test_a_folder_with_other_files_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "diary.txt").write_text("mine")
    with pytest.raises(DemoLibraryError, match="not a demo library"):
        make_tiny_library(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["diary.txt"]
