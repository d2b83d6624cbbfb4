"""What the catalogue costs: once for each item, and each month.

Its sizes and seconds are estimates, until a benchmark has measured them.
"""

from __future__ import annotations

from cloud_sync_common import prices
from cloud_sync_common.stores.catalogue_progress import WALKED_AGAIN_AFTER

from costs.model import DAYS_PER_MONTH, GB, Line

PICTURE_BYTES, DETAILS_BYTES, LINE_BYTES = 25_000, 1_500, 400  # of an item: thumbnail.jpg, details.json, its index line
SECONDS_OF_AN_ITEM, SECONDS_OF_A_PICTURE = 1.0, 0.5
WRITER_GB, FRAME_MAKER_GB = 0.25, 1.0  # of memory
LISTED = 1_000  # keys of one ListObjectsV2
READS_OF_A_MOVIE = 4
MONTHS_OF_A_LIBRARY = 100  # of capture: eight years


def once(items: int) -> list[Line]:
    """To describe so many items."""
    seconds = SECONDS_OF_AN_ITEM * WRITER_GB + SECONDS_OF_A_PICTURE * FRAME_MAKER_GB
    return [
        Line(prices.LAMBDA_GB_SECOND, items * seconds, f"{items:,} × {seconds} GB-seconds; an estimate"),
        Line(prices.LAMBDA_REQUEST, items, "one of frame-maker for each"),
        Line(prices.S3_PUT, items * 2.1, "details, thumbnail, and the index of a month for some"),
        Line(prices.S3_GET, items * (1 + READS_OF_A_MOVIE), f"its details, and {READS_OF_A_MOVIE} ranges of its movie"),
        Line(prices.DYNAMODB_READ, items * 2, "its row and those of its files, strongly consistent"),
    ]


def each_month(items: int) -> list[Line]:
    """To keep so many items described, and to look each night whether there are more."""
    stored = items * (PICTURE_BYTES + DETAILS_BYTES + LINE_BYTES) / GB
    walks = DAYS_PER_MONTH / WALKED_AGAIN_AFTER.days
    return [
        Line(prices.STANDARD_GB_MONTH, stored, f"{items:,} × {PICTURE_BYTES + DETAILS_BYTES + LINE_BYTES:,} bytes"),
        Line(prices.S3_PUT, walks * items / LISTED, "the archive is listed once a week; a listing costs as much"),
        Line(prices.S3_GET, walks * MONTHS_OF_A_LIBRARY, f"the indexes of {MONTHS_OF_A_LIBRARY} months, once a week"),
        Line(prices.STEP_FUNCTIONS_TRANSITION, 2 * DAYS_PER_MONTH, "two states a night"),
        Line(prices.LAMBDA_REQUEST, DAYS_PER_MONTH, "one invocation a night"),
        Line(prices.LAMBDA_GB_SECOND, DAYS_PER_MONTH * WRITER_GB, f"one second of {WRITER_GB} GB a night"),
    ]
