"""ExifTool and ffmpeg, which know the movies of real cameras, read in ours what we read in them.

ExifTool judges all but the HiLights, which it leaves unread; ffmpeg makes chapters of them.
"""

from __future__ import annotations

import json
import re
import subprocess
from collections import defaultdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import imageio_ffmpeg  # type: ignore[import-untyped, unused-ignore]
import pytest
from cloud_sync_common.movie.facts import MovieFacts
from cloud_sync_common.movie.key_picture import KeyPicture
from cloud_sync_common.movie.reading import read_movie

from local.gopro_movie import rewrite
from local.movie_writing import keyed
from tests.installed import ROOT, installed
from tests.unit.built_movies import Build

EXIFTOOL = "node_modules/exiftool-vendored.pl/bin/exiftool"
SURE = 3  # a fix in three dimensions
IPHONE = {
    "com.apple.quicktime.make": "Apple",
    "com.apple.quicktime.model": "iPhone 15 Pro",
    "com.apple.quicktime.software": "18.1.1",
    "com.apple.quicktime.creationdate": "2026-05-02T21:22:08+0200",
    "com.apple.quicktime.location.ISO6709": "+46.0207-007.7491+1608.512/",
}
START_CODE = b"\0\0\0\1"


class FileSource:
    """A file on this machine."""

    def __init__(self, path: Path) -> None:
        self._path, self.size = path, path.stat().st_size

    def read(self, first: int, length: int) -> bytes:
        with self._path.open("rb") as file:
            file.seek(first)
            return file.read(length)


def facts_of(path: Path) -> MovieFacts:
    return read_movie(FileSource(path)).facts


def said_by_exiftool(*paths: Path) -> list[dict[str, Any]]:
    """What it reads in each, by group and name; of telemetry the group has the number of the sample."""
    installed("perl", EXIFTOOL)
    options = ["-ee3", "-json", "-G3:1", "-n", "-api", "QuickTimeUTC=0"]
    done = subprocess.run(
        ["perl", str(ROOT / EXIFTOOL), *options, *map(str, paths)],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    return json.loads(done.stdout)  # type: ignore[no-any-return]


def chapters_by_ffmpeg(path: Path) -> list[float]:
    """When each chapter begins, in seconds."""
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-i", str(path), "-f", "ffmetadata", "-"]
    said = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout
    return [int(start) / int(base) for base, start in re.findall(r"TIMEBASE=1/(\d+)\nSTART=(\d+)", said)]


@pytest.fixture(scope="module")
def clips(demo_folder: Path) -> list[Path]:
    """The movies of the demo library."""
    return [path for path in sorted((demo_folder / "media").iterdir()) if path.suffix != ".jpg"]


@pytest.fixture(scope="module")
def judged(clips: list[Path]) -> list[tuple[MovieFacts, dict[str, Any]]]:
    """What each of us reads in each movie."""
    return [(facts_of(clip), said) for clip, said in zip(clips, said_by_exiftool(*clips), strict=True)]


Judged = list[tuple[MovieFacts, dict[str, Any]]]


def test_each_movie_is_the_same_to_exiftool(judged: Judged) -> None:
    for facts, said in judged:
        assert facts.duration == pytest.approx(said["QuickTime:Duration"], abs=0.001)
        assert [facts.width, facts.height] == [int(size) for size in said["Composite:ImageSize"].split()]
        assert (facts.codec, facts.frame_rate) == (said["Track1:CompressorID"], said["Track1:VideoFrameRate"])
        assert facts.created_at[:19].replace("T", " ").replace("-", ":") == said["QuickTime:CreateDate"].replace(
            "0000:00:00 00:00:00", ""
        )


def test_each_camera_is_the_same_to_exiftool(judged: Judged) -> None:
    cameras = [(facts, said) for facts, said in judged if facts.camera]
    assert len(cameras) > 15
    for facts, said in cameras:
        assert facts.firmware == said["UserData:FirmwareVersion"]
        assert facts.lens == said["UserData:LensSerialNumber"]
        assert facts.created_clock == "camera"
        if facts.camera == "HERO5 Session":  # which names itself nowhere; its firmware is that of the model
            assert "GoPro:Model" not in said
        else:
            assert (facts.camera, facts.firmware) == (said["GoPro:Model"], said["GoPro:FirmwareVersion"])
    assert all("UserData:FirmwareVersion" not in said for facts, said in judged if not facts.camera)


def first_sure_position(said: dict[str, Any]) -> dict[str, Any]:
    """Of the telemetry as ExifTool reads it: the first sample with a fix in three dimensions."""
    samples: dict[str, dict[str, Any]] = defaultdict(dict)
    for name, value in said.items():
        if found := re.fullmatch(r"(Doc\d+):Track\d+:(GPS\w+)", name):
            samples[found[1]][found[2]] = value
    return next((sample for sample in samples.values() if sample.get("GPSMeasureMode") == SURE), {})


def test_each_position_is_the_one_that_exiftool_finds(judged: Judged) -> None:
    placed = [(facts, said) for facts, said in judged if facts.gps_time]
    assert {facts.camera for facts, _ in placed} == {"HERO13 Black", "HERO11 Black", "HERO8 Black", "MAX"}
    for facts, said in placed:
        theirs = first_sure_position(said)
        assert facts.place is not None
        assert facts.place.latitude == pytest.approx(theirs["GPSLatitude"], abs=1e-7)
        assert facts.place.longitude == pytest.approx(theirs["GPSLongitude"], abs=1e-7)
        assert facts.place.altitude == pytest.approx(theirs["GPSAltitude"], abs=0.05)
        assert datetime.fromisoformat(facts.gps_time) == datetime.strptime(
            theirs["GPSDateTime"][:19], "%Y:%m:%d %H:%M:%S"
        ).replace(tzinfo=UTC)
    assert all(first_sure_position(said) == {} for facts, said in judged if not facts.gps_time)


def test_a_drones_place_is_the_same_to_exiftool(judged: Judged) -> None:
    ((facts, said),) = ((facts, said) for facts, said in judged if facts.place and not facts.gps_time)
    assert facts.place is not None
    ours = [facts.place.latitude, facts.place.longitude, facts.place.altitude]
    assert ours == pytest.approx([float(part) for part in said["UserData:GPSCoordinates"].split()])


def test_hilights_are_the_beginnings_of_ffmpegs_chapters(clips: list[Path]) -> None:
    marked = {clip: facts.hilights for clip in clips if (facts := facts_of(clip)).hilights}
    assert len({len(hilights) for hilights in marked.values()}) == 3
    assert {clip: chapters_by_ffmpeg(clip) for clip in marked} == {clip: list(found) for clip, found in marked.items()}


def test_an_iphones_notes_are_the_same_to_exiftool(clips: list[Path], tmp_path: Path) -> None:
    path = tmp_path / "IMG_0001.MOV"
    path.write_bytes(next(clip for clip in clips if clip.suffix == ".mov").read_bytes())
    rewrite(path, clock=datetime(2026, 5, 2, 19, 22, 8, tzinfo=UTC), notes=keyed(IPHONE))
    (said,), facts = said_by_exiftool(path), facts_of(path)
    assert (facts.camera, facts.firmware) == (said["Keys:Model"], said["Keys:Software"]) == ("iPhone 15 Pro", "18.1.1")
    assert datetime.fromisoformat(facts.created_at) == datetime.strptime(
        said["Keys:CreationDate"], "%Y:%m:%d %H:%M:%S%z"
    )
    assert facts.place is not None
    ours = [facts.place.latitude, facts.place.longitude, facts.place.altitude]
    assert ours == pytest.approx([float(part) for part in said["Keys:GPSCoordinates"].split()], abs=0.05)


def test_notes_that_ffmpeg_wrote_are_read(clips: list[Path], tmp_path: Path) -> None:
    """It puts keys into the user data, and the place into a box of 3GPP."""
    path = tmp_path / "written_anew.mov"
    said = {"location": "+46.0207+007.7491/", "com.apple.quicktime.model": "iPhone 15 Pro"}
    words = [part for name, value in said.items() for part in ("-metadata", f"{name}={value}")]
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-i", str(clips[0]), "-map", "0:v", "-c", "copy"]
    command += [*words, "-metadata", "creation_time=2026-05-02T19:22:08Z", "-movflags", "use_metadata_tags", str(path)]
    subprocess.run(command, check=True, timeout=60)
    facts = facts_of(path)
    assert (facts.camera, facts.created_at, facts.created_clock) == ("iPhone 15 Pro", "2026-05-02T19:22:08Z", "utc")
    assert facts.place is not None
    assert [facts.place.latitude, facts.place.longitude] == pytest.approx([46.0207, 7.7491], abs=1e-4)


@pytest.mark.parametrize("rotation", [0, 90, 180, 270])
def test_exiftool_turns_a_picture_by_as_much(rotation: int, tmp_path: Path) -> None:
    path = tmp_path / "turned.mp4"
    path.write_bytes(Build(rotation=rotation).content())
    (said,), picture = said_by_exiftool(path), read_movie(FileSource(path)).key_picture()
    assert picture is not None
    assert picture.rotation == said["Composite:Rotation"] == rotation


def test_ffmpeg_decodes_the_key_picture_from_its_settings_and_its_bytes_alone(
    clips: list[Path], tmp_path: Path
) -> None:
    """Both are written as a stream of units (ISO/IEC 14496-10, annex B), and the picture is that of the movie."""
    clip = clips[0]
    picture = read_movie(FileSource(clip)).key_picture()
    assert picture is not None
    stream = tmp_path / "picture.h264"
    stream.write_bytes(b"".join(START_CODE + unit for unit in [*_parameters(picture), *_units(picture.sample)]))
    assert _first_frame(stream) == _first_frame(clip) != b""


def _parameters(picture: KeyPicture) -> list[bytes]:
    """The sets in avcC (ISO/IEC 14496-15, 5.3.3): of sequences, and of pictures."""
    content, first, found = picture.configuration, 5, []
    for mask in (0x1F, 0xFF):
        count, first = content[first] & mask, first + 1
        for _ in range(count):
            length = int.from_bytes(content[first : first + 2])
            found.append(content[first + 2 : first + 2 + length])
            first += 2 + length
    return found


def _units(sample: bytes) -> list[bytes]:
    first, found = 0, []
    while first < len(sample):
        length = int.from_bytes(sample[first : first + 4])
        found.append(sample[first + 4 : first + 4 + length])
        first += 4 + length
    return found


def _first_frame(path: Path) -> bytes:
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-i", str(path), "-frames:v", "1"]
    output = ["-pix_fmt", "yuv420p", "-f", "rawvideo", "-"]
    return subprocess.run([*command, *output], capture_output=True, check=True, timeout=60).stdout
