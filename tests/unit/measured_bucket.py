"""CloudWatch's answer for a bucket that grows: GetMetricData as the console asks for it, one value a day."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from tests.unit.console_ledger import World

GB = 10**9
FIRST, EACH_DAY, IN_STANDARD = 640 * GB, 8_100_000_000, 63 * GB


def with_measurements(world: World, today: datetime, days: int = 365) -> None:
    """So many days until yesterday: what is older than a week is in Deep Archive."""
    midnight = today.replace(hour=0, minute=0, second=0, microsecond=0)
    at = [midnight - timedelta(days=number) for number in range(days, 0, -1)]
    deep = [float(FIRST + number * EACH_DAY) for number in range(days)]
    standard = [float(IN_STANDARD + number % 30 * GB) for number in range(days)]
    known = {"DeepArchiveStorage": deep, "StandardStorage": standard, "DeepArchiveS3ObjectOverhead": [41e6] * days}

    def answer(**asked: Any) -> dict[str, Any]:
        return {"MetricDataResults": [_result(query, at, known, asked) for query in asked["MetricDataQueries"]]}

    world.answer("cloudwatch", get_metric_data=answer)


def with_a_stray_upload(world: World, today: datetime) -> None:
    """One that the bucket's rule should have ended long ago."""
    upload = {"Key": "gopro/2026/10/GX010466/GX010466.MP4", "UploadId": "u-1", "Initiated": today - timedelta(days=30)}
    world.answer("s3", list_multipart_uploads={"Uploads": [upload]})


def _result(query: Any, at: list[datetime], known: dict[str, list[float]], asked: Any) -> dict[str, Any]:
    kind = {one["Name"]: one["Value"] for one in query["MetricStat"]["Metric"]["Dimensions"]}["StorageType"]
    values = [(day, value) for day, value in zip(at, known.get(kind, []), strict=False) if day >= asked["StartTime"]]
    if asked["ScanBy"] == "TimestampDescending":
        values.reverse()
    return {"Id": query["Id"], "Timestamps": [day for day, _ in values], "Values": [value for _, value in values]}
