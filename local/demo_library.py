"""A GoPro library for trying Cloud Sync: real H.264 clips, made by ffmpeg, with the special cases of real libraries and
with what cameras note in them."""

import fcntl
import json
import os
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import imageio_ffmpeg  # type: ignore[import-untyped, unused-ignore]

from local import demo_scenes
from local.demo_cameras import LOST, recorded

_VERSION = 2
_STAMP = ".demo-library"
_CHAPTER = timedelta(minutes=12)  # after which a camera begins a new file
_DRAWN = 384  # pixels of width; ffmpeg makes them larger
_PROXY = "media/proxy.mp4"
_BIG = "GX010060.MP4"


class DemoLibraryError(RuntimeError):
    """The demo library could not be made; the message is one sentence for the user."""


@dataclass(frozen=True)
class _Profile:
    """The size of the clips: frame size in pixels, rate in frames and in Mbit a second, length in seconds."""

    name: str
    width: int
    height: int
    seconds: float
    megabits: float
    big_width: int
    big_height: int
    big_seconds: float
    big_megabits: float
    rate: int = 25


_FULL = _Profile("full", 1280, 720, 5, 8, 1920, 1080, 12, 80)
_TINY = _Profile("tiny", 320, 180, 1, 1.5, 960, 540, 2, 70)


@dataclass(frozen=True)
class _Clip:
    """One item: the fields of its row, its files, and what is special in its listing. `place` is one of demo_cameras,
    `hilights` are parts of the clip's length."""

    filename: str | None
    captured_at: str
    camera_model: str | None = "HERO12 Black"
    files: int = 1
    suffix: str = ".MP4"
    length: float = 1.0
    listed: dict[str, Any] = field(default_factory=dict)
    listed_size: Callable[[int], object] | None = None
    place: str = ""
    hilights: tuple[float, ...] = ()


_CLIPS = (
    _Clip("GX010042.MP4", "2026-01-11T09:12:44Z", "HERO13 Black", place="Gornergrat", hilights=(0.2, 0.6)),
    # Another clip with the same name.
    _Clip("GX010042.MP4", "2026-03-29T15:40:02Z", "HERO11 Black", length=0.7, place="Aiguille du Midi"),
    _Clip("GX010051.MP4", "2026-01-24T13:05:10Z", "HERO13 Black", files=3, place="Diavolezza", hilights=(0.5,)),
    _Clip(
        "GH010017.MP4",
        "2026-02-07T16:20:31Z",
        "HERO8 Black",
        files=2,
        listed={"item_numbers": False},
        place="Limone sul Garda",
    ),
    _Clip(_BIG, "2026-02-14T07:58:00Z", hilights=(0.1, 0.4, 0.8)),
    _Clip("GX010063.MP4", "2026-02-21T10:30:00Z", length=0.6, listed_size=lambda size: None),
    _Clip("GX010064.MP4", "2026-02-21T10:41:19Z", listed_size=str),
    _Clip(
        "GX010070.MP4",
        "2026-03-08T12:00:27Z",
        "HERO11 Black",
        place="Lauterbrunnen",
        listed={"reprocessed_at": "2026-03-12T04:00:00Z"},
        listed_size=lambda size: size - 3245,
    ),
    _Clip(
        "Best of winter",
        "2026-03-15T18:00:00Z",
        None,
        listed={"type": "MultiClipEdit", "file_extension": "json", "label": "baked_source", "play_as": "edl"},
        listed_size=lambda size: None,
    ),
    _Clip(
        "GOPR0815.JPG",
        "2026-03-21T11:11:11Z",
        suffix=".JPG",
        listed={"type": "Photo", "resolution": "1", "source_duration": None},
    ),
    _Clip("GX010081.MP4", "2026-06-20T08:00:00Z", listed={"ready_to_view": "transcoding"}),
    _Clip("GX010077.MP4", "2026-04-04T14:14:14Z", files=0, listed_size=lambda size: None),
    _Clip(
        'Über den "Grat" ∕ 50% steil + Blick 🏔️ (1).MP4',
        "2026-04-12T06:45:00Z",
        "HERO13 Black",
        place="Bettmerhorn",
        hilights=(0.3,),
    ),
    _Clip(None, "2026-04-25T17:03:55Z", "HERO13 Black", length=0.6, place=LOST),
    _Clip(
        "Drone over the lake.mov",
        "2026-05-02T19:22:08Z",
        None,
        suffix=".mov",
        listed={"type": "ExternalVideo"},
        place="Oeschinensee",
    ),
    _Clip("GS010003.360", "2026-05-09T10:10:10Z", "MAX", suffix=".360", place="Tre Cime"),
    _Clip(
        "GX010079.MP4",
        "2026-05-16T05:31:47Z",
        "HERO11 Black",
        length=1.4,
        place="Grossglockner",
        listed={"type": "TimeLapseVideo"},
    ),
    _Clip(
        "GOPR0123.MP4",
        "2026-05-23T12:49:00Z",
        "HERO5 Session",
        length=0.8,
        listed={"type": "LoopedVideo"},
        hilights=(0.7,),
    ),
    _Clip("GX010080.MP4", "2026-06-06T21:15:36Z", "HERO13 Black", length=1.2, place="Gornergrat"),
    _Clip("GX010082.MP4", "2026-06-13T09:09:09Z"),
)


def _ignore(_message: str) -> None:
    """Report no progress."""


def ensure_demo_library(folder: Path, progress: Callable[[str], None] = _ignore) -> Path:
    """Make the demo library in `folder`, unless it exists already, and return the folder.

    It has about 240 MB, with one clip of about 120 MB. `progress` is called with a message for every file. Raises
    DemoLibraryError for a folder that holds anything else.
    """
    return _ensure(folder, _FULL, progress)


def make_tiny_library(folder: Path, progress: Callable[[str], None] = _ignore) -> Path:
    """Make a small library with the same special cases for tests: a few hundred kB a clip, one clip of about 24 MB."""
    return _ensure(folder, _TINY, progress)


def _ensure(folder: Path, profile: _Profile, progress: Callable[[str], None]) -> Path:
    return kept_library(folder, f"{profile.name} {_VERSION}", lambda new: _make(new, profile, progress))


def kept_library(folder: Path, stamp: str, make: Callable[[Path], None]) -> Path:
    """A library that is made once: `make` makes it in a new folder, unless `folder` has this stamp already.

    Raises DemoLibraryError for a folder that holds anything else.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    with _alone_in(folder.parent):
        if stamp_of(folder) != stamp:
            _replace(folder, stamp, make)
    return folder


@contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    """Another process that wants the same library waits until this one has made it."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)  # which unlocks it, as the end of the process does


def _replace(folder: Path, stamp: str, make: Callable[[Path], None]) -> None:
    if folder.exists() and any(folder.iterdir()) and stamp_of(folder) is None:
        raise DemoLibraryError(f"{folder} holds files that are not a demo library; choose another folder.")
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}-") as temporary:
        new, old = Path(temporary, "new"), Path(temporary, "old")
        make(new)
        (new / _STAMP).write_text(stamp)
        # Renamed as a whole, so that an interrupted run never leaves half a library under the name.
        if folder.exists():
            folder.rename(old)
        new.rename(folder)


def stamp_of(folder: Path) -> str | None:
    """What the library in this folder was made as; None where there is none."""
    try:
        return (folder / _STAMP).read_text()
    except OSError:
        return None


def _make(folder: Path, profile: _Profile, progress: Callable[[str], None]) -> None:
    (folder / "media").mkdir(parents=True)
    _encode(folder / _PROXY, profile, profile.seconds, 0.4, seed=0, size=(426, 240))
    items = []
    for index, clip in enumerate(_CLIPS, start=1):
        progress(f"{clip.filename or 'a clip without a name'} ({index} of {len(_CLIPS)})")
        items.append(_make_item(folder, profile, index, clip))
    text = json.dumps({"items": items}, indent=2, ensure_ascii=False)
    (folder / "library.json").write_text(text + "\n", encoding="utf-8")


def _make_item(folder: Path, profile: _Profile, index: int, clip: _Clip) -> dict[str, Any]:
    """Encode the files of one item, and return its entry in `library.json`."""
    width, height, seconds, megabits = profile.width, profile.height, profile.seconds * clip.length, profile.megabits
    if clip.filename == _BIG:
        width, height = profile.big_width, profile.big_height
        seconds, megabits = profile.big_seconds, profile.big_megabits
    sources = [f"media/{index:02}-{number}{clip.suffix.lower()}" for number in range(1, clip.files + 1)]
    for number, name in enumerate(sources, start=1):
        seed = 10 * index + number
        _encode(folder / name, profile, seconds, megabits, seed=seed, size=(width, height))
        if clip.suffix != ".JPG":
            begins = datetime.fromisoformat(clip.captured_at) + (number - 1) * _CHAPTER
            marks = tuple(seconds * part for part in clip.hilights)
            recorded(folder / name, clip.camera_model, begins, place=clip.place, hilights=marks, seed=seed)
    size = sum((folder / name).stat().st_size for name in sources)
    uploaded = datetime.fromisoformat(clip.captured_at) + timedelta(hours=12)
    return {
        "id": f"65a0f0c2b7e4d1a2c3b4{index:04x}",
        "type": "Video",
        "filename": clip.filename,
        "file_extension": clip.suffix.lstrip(".").lower(),
        "captured_at": clip.captured_at,
        "created_at": uploaded.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "camera_model": clip.camera_model,
        "source_duration": str(round(1000 * seconds * clip.files)),
        "item_count": max(1, clip.files),
        "width": width,
        "height": height,
        "resolution": f"{height}p",
        "file_size": clip.listed_size(size) if clip.listed_size else size,
        "sources": sources,
        "proxy": _PROXY,
        **clip.listed,
    }


def _encode(
    path: Path, profile: _Profile, seconds: float, megabits: float, *, seed: int, size: tuple[int, int]
) -> None:
    """Make one file of about `seconds` times `megabits`; equal arguments make equal bytes.

    Noise lets the encoder reach any bit rate. The number of threads is fixed and there is no maximum rate, because both
    would change the bytes from run to run, and with them the sizes in `library.json`.
    """
    width, height = size
    moves = f"scale={width * 5 // 4}:{height * 5 // 4},crop={width}:{height}:x='(iw-ow)*t/{seconds:.2f}'"
    noise = f"noise=alls=40:allf=t:all_seed={seed}:enable='gt(n,0)'"  # not in the first picture, which is shown
    if path.suffix.lower() == ".jpg":
        output = ["-frames:v", "1", "-f", "image2", "-update", "1"]
    else:
        output = ["-c:v", "libx264", "-preset", "ultrafast", "-b:v", f"{megabits}M", "-pix_fmt", "yuv420p"]
        container = "mov" if path.suffix.lower() == ".mov" else "mp4"
        output += ["-threads", "2", "-f", container]
    exact = ["-fflags", "+bitexact", "-flags:v", "+bitexact"]
    scene = ["-f", "image2pipe", "-c:v", "ppm", "-framerate", str(profile.rate), "-i", "-"]
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-y", *scene]
    look = f"loop=-1:1,trim=duration={seconds:.2f},{moves},{noise}"
    done = subprocess.run(
        [*command, "-vf", look, *output, *exact, str(path)],
        input=demo_scenes.scene(_DRAWN, height * _DRAWN // width, seed),
        capture_output=True,
        check=False,
    )
    if done.returncode != 0:
        raise DemoLibraryError(
            f"ffmpeg could not make {path.name}: {done.stderr.decode().strip()[-300:] or done.returncode}."
        )
