"""What the fakes of Google Drive and Dropbox hold in the demo has the special cases of real accounts."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from local.demo_clouds import HELD, cloud_library
from local.demo_library import DemoLibraryError, make_tiny_library
from local.fake_providers.dropbox import FakeDropbox
from local.fake_providers.google_drive import FakeGoogleDrive
from local.fake_providers.library import Library


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny_library(tmp_path_factory.mktemp("demo") / "library")


def test_drive_has_two_files_of_one_name_in_one_folder_and_a_video_without_an_extension(tiny: Path) -> None:
    originals = FakeGoogleDrive(Library.load(cloud_library("google_drive", tiny))).control.originals()
    names = Counter(original["filename"] for original in originals)
    assert len(originals) == 8
    assert names["GX010042.MP4"] == 2 and names["GS010003.360"] == 1 and names["Best of winter"] == 1


def test_dropbox_has_one_name_in_two_folders_and_names_beyond_ascii(tiny: Path) -> None:
    originals = FakeDropbox(Library.load(cloud_library("dropbox", tiny))).control.originals()
    names = Counter(original["filename"] for original in originals)
    assert len(originals) == 8
    assert names["GX010063.MP4"] == 2 and names["GS010003.360"] == 1 and names["Über den Grat.mp4"] == 1


@pytest.mark.parametrize("provider", HELD)
def test_the_clips_take_no_room_of_their_own_and_are_brought_once(tiny: Path, provider: str) -> None:
    folder = cloud_library(provider, tiny)
    before = (folder / "library.json").stat().st_mtime_ns
    clips = [path for path in (folder / "media").iterdir() if path.name != "notes.txt"]
    assert len(clips) > 8 and all(clip.samefile(tiny / "media" / clip.name) for clip in clips)
    assert cloud_library(provider, tiny) == folder
    assert (folder / "library.json").stat().st_mtime_ns == before


def test_a_demo_library_that_lacks_a_clip_is_named(tmp_path: Path) -> None:
    (tmp_path / "library" / "media").mkdir(parents=True)
    with pytest.raises(DemoLibraryError, match="delete the demo library"):
        cloud_library("dropbox", tmp_path / "library")
    assert [path.name for path in tmp_path.iterdir()] == ["library"]
