"""What a movie says of itself: of each maker's boxes, and of each that is missing or wrong."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from cloud_sync_common.movie.camera_models import model_of
from cloud_sync_common.movie.facts import MovieFacts
from cloud_sync_common.movie.place import Place

from local.gopro_notes import settings, telemetry, user_data
from local.movie_writing import box, full_box, keyed, movie_header, numbers, since_1904, worded
from tests.unit.built_movies import MATTERHORN, Build, read

IPHONE = {
    "com.apple.quicktime.make": "Apple",
    "com.apple.quicktime.model": "iPhone 15 Pro",
    "com.apple.quicktime.software": "18.1",
    "com.apple.quicktime.creationdate": "2026-05-02T21:22:08+0200",
    "com.apple.quicktime.location.ISO6709": "+46.0207+007.7491+1608.512/",
    "com.apple.quicktime.camera.lens_model": "iPhone 15 Pro back camera 6.765mm f/1.78",
}
PHONE = worded(b"\xa9xyz", "+46.0207+007.7491/")


def facts(**parts: object) -> MovieFacts:
    return read(Build(**parts).content()).facts  # type: ignore[arg-type]


def of_gopro(camera: str = "HERO11 Black", firmware: str = "H22.01.02.32.00", **said: object) -> MovieFacts:
    return facts(notes=user_data(camera, firmware, "3461324500123", **said))  # type: ignore[arg-type]


def test_the_header_and_the_picture_track_say_what_the_movie_is() -> None:
    assert facts() == MovieFacts(
        duration=12.5,
        width=1920,
        height=1080,
        frame_rate=29.97,
        codec="avc1",
        created_at="2026-01-11T09:12:44Z",
        created_clock="utc",
    )


@pytest.mark.parametrize(("rotation", "shown"), [(0, (1920, 1080)), (90, (1080, 1920)), (180, (1920, 1080))])
def test_width_and_height_are_those_of_the_picture_as_it_is_shown(rotation: int, shown: tuple[int, int]) -> None:
    found = facts(rotation=rotation)
    assert (found.width, found.height) == shown


def test_an_index_of_64_bits_is_read_as_well() -> None:
    assert facts(version=1, created=since_1904(datetime(2041, 1, 1, tzinfo=UTC)), wide=True).created_at[:4] == "2041"


@pytest.mark.parametrize("created", [0, 1, since_1904(datetime(1970, 12, 31, tzinfo=UTC)), 1_780_000_000])
def test_a_time_before_1971_is_unknown_also_where_a_writer_counts_from_1970(created: int) -> None:
    found = facts(created=created)
    assert (found.created_at, found.created_clock) == ("", "")


def test_a_time_beyond_2100_is_unknown() -> None:
    assert [facts(version=1, created=created).created_at for created in (7 * 10**9, 2**63)] == ["", ""]


def test_an_action_camera_says_who_it_is_and_writes_its_own_clock() -> None:
    found = of_gopro(hilights_ms=[61_500, 2_000])
    assert (found.camera, found.firmware, found.lens) == ("HERO11 Black", "H22.01.02.32.00", "LAJ3461324500123")
    assert found.hilights == (2.0, 61.5)
    assert (found.created_at, found.created_clock) == ("2026-01-11T09:12:44", "camera")


def test_the_model_is_known_by_the_firmware_where_it_is_not_named() -> None:
    assert of_gopro("", "HD5.03.02.51.00", model=False).camera == "HERO5 Session"


def test_a_firmware_that_nobody_knows_leaves_the_name_in_the_settings() -> None:
    assert of_gopro("HERO99 Black", "H99.01.01.00.00").camera == "HERO99 Black"
    assert of_gopro("HERO99 Black", "H99.01.01.00.00", model=False).camera == ""


def test_the_telemetry_names_the_camera_where_nothing_else_does() -> None:
    assert facts(telemetry=[telemetry("HERO8 Black", MATTERHORN)]).camera == "HERO8 Black"
    assert facts(telemetry=[telemetry("HERO5 Black", MATTERHORN)]).camera == ""  # it calls itself Camera
    assert facts(telemetry=[telemetry("HERO8 Black", MATTERHORN)]).created_clock == "camera"


def test_the_settings_have_the_firmware_and_the_hilights_too() -> None:
    notes = box(b"udta", box(b"GPMF", settings("HERO8 Black", "HD8.01.02.51.00", "33", [4_000, 9_500])))
    found = facts(notes=notes)
    assert (found.camera, found.firmware, found.lens) == ("HERO8 Black", "HD8.01.02.51.00", "LAJ33")
    assert found.hilights == (4.0, 9.5)


def test_more_hilights_are_announced_than_there_are() -> None:
    notes = box(b"udta", box(b"FIRM", b"HD4.02.05.00.00"), box(b"HMMT", numbers(0xFFFFFFFF, 3_000, 1_000)))
    found = facts(notes=notes)
    assert (found.camera, found.hilights) == ("HERO4 Black", (1.0, 3.0))


@pytest.mark.parametrize("plain", [True, False], ids=["QuickTime", "with a version"])
def test_an_iphone_says_its_model_its_time_with_its_zone_and_its_place(plain: bool) -> None:
    found = facts(notes=keyed(IPHONE, plain=plain))
    assert (found.camera, found.firmware) == ("iPhone 15 Pro", "18.1")
    assert found.lens == "iPhone 15 Pro back camera 6.765mm f/1.78"
    assert (found.created_at, found.created_clock) == ("2026-05-02T19:22:08Z", "utc")
    assert found.place == Place(latitude=46.0207, longitude=7.7491, altitude=1608.5)
    assert found.gps_time == ""


def test_a_time_without_a_zone_is_the_cameras_and_a_day_alone_says_less_than_the_header() -> None:
    name = "com.apple.quicktime.creationdate"
    assert facts(notes=keyed({name: "2026-05-02T21:22:08"})).created_clock == "camera"
    found = facts(notes=keyed({name: "2026-05-02"}))
    assert (found.created_at, found.created_clock) == ("2026-01-11T09:12:44Z", "utc")


@pytest.mark.parametrize(
    "text", ["yesterday", "0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-12:00", "2026-13-01T00:00:00"]
)
def test_a_time_that_is_none_leaves_the_headers_or_nothing(text: str) -> None:
    assert facts(notes=keyed({"com.apple.quicktime.creationdate": text})).created_at in ("2026-01-11T09:12:44Z", "")


def test_android_says_maker_and_model_and_the_place_in_the_user_data() -> None:
    said = {"com.android.manufacturer": "samsung", "com.android.model": "SM-S921B"}
    found = facts(notes=keyed(said, plain=False) + box(b"udta", PHONE))
    assert found.camera == "samsung SM-S921B"
    assert found.place == Place(latitude=46.0207, longitude=7.7491)


def test_notes_of_a_phone_are_found_where_ffmpeg_puts_them() -> None:
    assert facts(notes=box(b"udta", keyed(IPHONE, plain=False))).camera == "iPhone 15 Pro"


def loci(longitude: float, latitude: float, name: bytes = b"home\0") -> bytes:
    degrees = numbers(round(longitude * 65536), round(latitude * 65536), 0, form="i")
    return box(b"udta", full_box(b"loci", numbers(0x15C7, form="H"), name, b"\0", degrees, b"earth\0\0"))


def test_the_place_of_3gpp_is_read() -> None:
    assert facts(notes=loci(-7.75, 46.5)).place == Place(latitude=46.5, longitude=-7.75)
    assert facts(notes=loci(-7.75, 146.5)).place is None
    assert facts(notes=loci(0.0, 0.0)).place is None
    assert facts(notes=box(b"udta", full_box(b"loci", bytes(2), b"no end"))).place is None


def test_user_data_in_words_say_maker_model_and_firmware() -> None:
    words = box(b"udta", worded(b"\xa9mak", "Canon"), worded(b"\xa9mod", "Canon EOS R5"), worded(b"\xa9swr", "1.8.1"))
    found = facts(notes=words)
    assert (found.camera, found.firmware) == ("Canon EOS R5", "1.8.1")


@pytest.mark.parametrize(
    "location",
    [
        "",
        "+00.0000+000.0000/",
        "+91.0+007.0/",
        "+46.0-190.0/",
        "4600N00700E",
        "+46.02",
        "+4601.2+00744.9/",
        "+nan+nan/",
    ],
)
def test_what_is_no_place_on_earth_is_no_place(location: str) -> None:
    assert facts(notes=box(b"udta", worded(b"\xa9xyz", location))).place is None


def test_a_telemetry_without_a_sure_position_leaves_the_place_in_the_user_data() -> None:
    lost = telemetry("HERO8 Black", replace(MATTERHORN, dimensions=0))
    found = facts(telemetry=[lost], notes=box(b"udta", PHONE))
    assert found.place == Place(latitude=46.0207, longitude=7.7491)


def test_names_are_one_line_of_letters_that_are_seen() -> None:
    shown = facts(notes=keyed({"com.apple.quicktime.model": "iPhone\n\u202eevil\x1b[31m" + "x" * 500})).camera
    assert shown.isprintable()
    assert len(shown) <= 100
    assert facts(notes=box(b"udta", box(b"FIRM", b"\xff\xfe\0more"))).firmware == ""


def test_a_movie_without_tracks_says_what_its_header_says() -> None:
    index = box(b"moov", movie_header(since_1904(datetime(2026, 1, 1, tzinfo=UTC)), 600, 1200))
    assert read(index).facts == MovieFacts(duration=2.0, created_at="2026-01-01T00:00:00Z", created_clock="utc")


@pytest.mark.parametrize("ticks", [0, 0xFFFFFFFF])
def test_a_duration_that_is_not_said_is_that_of_the_longest_track(ticks: int) -> None:
    assert facts(duration=ticks).duration == 0.1


def test_a_movie_in_fragments_has_the_announced_duration() -> None:
    index = box(b"moov", movie_header(0, 1000, 0), box(b"mvex", full_box(b"mehd", numbers(90_500))))
    found = read(index + box(b"moof", bytes(40)) + box(b"mdat", bytes(99))).facts
    assert found == MovieFacts(duration=90.5)


def test_pictures_of_different_length_have_their_average_rate() -> None:
    whole = Build().content()
    changed = whole.replace(b"stts" + numbers(0, 1, 3, 1001), b"stts" + numbers(0, 1, 2, 1001))
    assert changed != whole
    assert read(changed).facts.frame_rate == 29.97


def test_the_name_of_a_firmware_says_the_model() -> None:
    assert [model_of(name) for name in ("H24.02.02.00.00", "HD9.01.01.72.00", "H77.01", "", "HERO")] == [
        "MAX2",
        "HERO9 Black",
        "",
        "",
        "",
    ]
