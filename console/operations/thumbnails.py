"""The thumbnails of the catalogue, as the page shows them. The last ones stay in memory, because a browser is told to
keep none."""

from __future__ import annotations

import re
import threading
from collections import OrderedDict

from cloud_sync_common.stores.catalogue_rows import PREFIX, THUMBNAIL_FILE, thumbnail_key

from console.errors import NotFoundError
from console.stack import Stack

MOST_BYTES = 2 * 2**20  # of one picture; the catalogue's are some 30 KB
MOST_KEPT = 64 * 2**20  # bytes of all that are kept
_YEAR, _MONTH = re.compile(r"[0-9]{4}"), re.compile(r"[0-9]{2}")
_ID = re.compile(r"(?:[A-Za-z0-9_-]|\.[0-9a-f]{2}){1,640}")  # as archive_keys.safe_id writes them
_JPEG = b"\xff\xd8\xff"  # each begins so (ITU-T T.81, B.1.1.3)
_MISSING = frozenset({"404", "NoSuchKey"})
_END = f"/{THUMBNAIL_FILE}"


def place_of(provider: str, listed_at: str, media_id: str) -> str:
    """What stands for a thumbnail in an address: `gopro/2026/05/id`."""
    return thumbnail_key(provider, listed_at, media_id).removeprefix(PREFIX).removesuffix(_END)


class Thumbnails:
    """Of all providers of a stack. May be used by several threads at once."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self._kept: OrderedDict[str, bytes] = OrderedDict()
        self._lock = threading.Lock()

    def jpeg(self, provider: str, year: str, month: str, name: str) -> bytes:
        """The picture at a place. Whatever is no place of a thumbnail is looked for nowhere: raises NotFoundError, as
        for a picture that there is not. Raises botocore's errors."""
        fits = _YEAR.fullmatch(year) and _MONTH.fullmatch(month) and _ID.fullmatch(name)
        if provider not in self._stack.secrets or not fits:
            raise NotFoundError("There is no such picture.")
        key = f"{PREFIX}{provider}/{year}/{month}/{name}{_END}"
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key]
        return self._keep(key, self._read(key))

    def _read(self, key: str) -> bytes:
        from botocore.exceptions import ClientError  # noqa: PLC0415 (imports botocore)

        try:
            answer = self._stack.client("s3").get_object(Bucket=self._stack.output("WorkBucket"), Key=key)
        except ClientError as error:
            if error.response["Error"]["Code"] in _MISSING:
                raise NotFoundError("There is no such picture.") from None
            raise
        content: bytes = answer["Body"].read(MOST_BYTES + 1)
        if len(content) > MOST_BYTES or not content.startswith(_JPEG):
            raise NotFoundError("What is there is no picture of the catalogue.")
        return content

    def _keep(self, key: str, content: bytes) -> bytes:
        with self._lock:
            self._kept[key] = content
            while sum(map(len, self._kept.values())) > MOST_KEPT:
                self._kept.popitem(last=False)
        return content
