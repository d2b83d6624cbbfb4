"""Adds a library to the stack of page_world: months of a catalogue with pictures, places and HiLights, and an original
that is asleep."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cloud_sync_common.stores.catalogue import Catalogue, Index
from cloud_sync_common.stores.catalogue_rows import CatalogueFile, Details, IndexRow, Picture, Place
from cloud_sync_common.stores.provider_rows import month_of

from tests.unit.console_ledger import World
from tests.unit.in_process_aws import WORK

GB, MB = 10**9, 10**6
SCENES = [file.read_bytes() for file in sorted(Path(__file__).parent.joinpath("scenes").glob("*.jpg"))]
DAY, SHELF = datetime(2026, 11, 20, 16, tzinfo=UTC), "2026-11"  # of what is archived last, and its month
ITEM = "pKx7mVq2RwN1"  # GoPro's, with everything that a catalogue can know
_CAMERAS = ("HERO12 Black", "HERO12 Black", "HERO9 Black", "MAX")
_PROOFS = ("s3-checksum", "claimed-size", "whole-movie")


def with_a_library(world: World, today: datetime, months: int = 3) -> None:
    """Some 60 originals of GoPro in each month and some of Google Drive, those of the last month with their pictures;
    and ITEM, which is the last one, in three files that are asleep."""
    for back in range(months):
        month = (today.replace(day=1, hour=0) - timedelta(days=30 * back)).replace(day=1)
        last = today if back == 0 else month + timedelta(days=27)
        gopro = [_clip(last, number, "gopro", has_picture=back == 0) for number in range(60)]
        drive = [_clip(last, number, "google_drive", has_picture=False) for number in range(7)]
        _shelve(world, "gopro", gopro + ([_details(today).row] if back == 0 else []))
        _shelve(world, "google_drive", drive)
    with_an_item(world, today)


def _clip(last: datetime, number: int, provider: str, *, has_picture: bool) -> IndexRow:
    """The seventh of each day is a photo, the fifth has HiLights; what is not detailed has nothing but its name."""
    seed = (number * 37 + len(provider)) % 97
    taken = (last - timedelta(hours=1 + number * 3.1, minutes=seed)).replace(microsecond=0)
    is_photo, is_known = number % 7 == 6, number % 11 != 10
    return IndexRow(
        media_id=f"{provider[0]}{taken:%Y%m%d}-{number}",
        filename=f"GX01{9999 - number:04}.MP4" if provider == "gopro" else f"IMG_{2214 + number}.MOV",
        listed_at=taken.isoformat(),
        captured_at=taken.isoformat(),
        bytes=(8 * MB if is_photo else (40 + seed * 61) * MB),
        files=1 + (number % 13 == 4),
        kind=("photo" if is_photo else "video") if is_known else "",
        camera=_CAMERAS[number % 4] if is_known and provider == "gopro" else "",
        duration=None if is_photo or not is_known else 12.0 + seed * 8,
        hilights=number % 3 if number % 5 == 4 else 0,
        place=_place(number) if is_known else None,
        picture=Picture.FRAME if is_known and has_picture else Picture.NONE,
        archived_at=taken.isoformat(),
        is_detailed=is_known,
    )


def _place(number: int) -> Place:
    return Place(latitude=42.5674 + (number * 31 % 29 - 14) / 500, longitude=8.7571 + (number * 17 % 31 - 15) / 400)


def _shelve(world: World, provider: str, rows: list[IndexRow]) -> None:
    """Writes the indexes of these rows, each with those of its month, and what pictures they say that there are."""
    catalogue = Catalogue(world.aws.s3, WORK, provider)
    by_month: dict[str, list[IndexRow]] = {}
    for row in rows:
        by_month.setdefault(month_of(row.listed_at), []).append(row)
    for month, some in by_month.items():
        catalogue.replace_index(month, catalogue.index(month), some)
    for number, row in enumerate(rows):
        if row.picture is not Picture.NONE:
            details = Details(provider=provider, media_id=row.media_id, listed_at=row.listed_at)
            catalogue.store(details, SCENES[number % len(SCENES)])


def with_rows(world: World, provider: str, month: str, rows: list[IndexRow]) -> None:
    """The index of one month, and nothing else."""
    assert Catalogue(world.aws.s3, WORK, provider).replace_index(month, Index({}), rows)


def _details(today: datetime) -> Details:
    taken = (today - timedelta(minutes=40)).replace(microsecond=0)
    key = f"gopro/{today:%Y/%m}/{ITEM}/GX010312"
    return Details(
        provider="gopro", media_id=ITEM, filename="GX010312.MP4", kind="video", listed_at=taken.isoformat(),
        captured_at=taken.isoformat(), captured_from="gps", captured_clock="utc", duration=761.0, width=5312,
        height=2988, frame_rate=59.94, codec="hvc1", camera="HERO12 Black", firmware="H23.01.02.32.00", lens="Wide",
        hilights=(72.0, 220.4, 545.0), place=Place(latitude=42.5674, longitude=8.7571, altitude=312.0),
        picture=Picture.FRAME, archived_at=today.isoformat(), written_at=today.isoformat(),
        files=tuple(CatalogueFile(number=n, key=f"{key}-{n:02}.MP4", bytes=4 * GB) for n in (1, 2, 3)),
        taken_from={"camera": "movie", "duration": "movie", "width": "movie", "codec": "movie", "lens": "movie"},
    )  # fmt: skip


def with_an_item(world: World, today: datetime) -> None:
    """ITEM in the ledger, in the catalogue and in S3, where it is in Deep Archive."""
    details = _details(today)
    Catalogue(world.aws.s3, WORK, "gopro").store(details, SCENES[3])
    world.put(f"gopro#{ITEM}", "ITEM", media_id=ITEM, filename=details.filename, status="ARCHIVED", revision="r",
              captured_at=details.listed_at, bytes_total=12 * GB, archived_at=today.isoformat(),
              first_seen=(today - timedelta(minutes=20)).isoformat(), updated_at=today.isoformat())  # fmt: skip
    for file in details.files:
        world.put(f"gopro#{ITEM}", f"SOURCE#{file.number:04}", status="ARCHIVED", key=file.key, size=file.bytes,
                  checksum=f"VY7mQ0pcJ{file.number}E=", proofs=list(_PROOFS),
                  archived_at=today.isoformat())  # fmt: skip
    plain = world.scripted("s3").answers["head_object"]
    sizes = {file.key: file.bytes for file in details.files}

    def head(**asked: Any) -> Any:
        return frozen(sizes[asked["Key"]]) if asked["Key"] in sizes else plain(**asked)

    world.answer("s3", head_object=head)


def frozen(size: int, **more: Any) -> dict[str, Any]:
    """What S3 says of an object in Deep Archive."""
    return {"ContentLength": size, "StorageClass": "DEEP_ARCHIVE", "VersionId": "3sL4kqtJlrpXro",
            "LastModified": datetime.now(UTC), **more}  # fmt: skip
