"""An S3 server for downloads: nginx, with what S3 says of an object in its headers, and with listings, which are files.

It answers what a download asks, and checks neither signatures nor versions. It is the fastest and cheapest server that
there is here, so that it takes little of what the programs need that are compared.
"""

from __future__ import annotations

import base64
import contextlib
import os
import re
import ssl
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from xml.sax.saxutils import escape

from awscrt.checksums import crc64nvme
from cloud_sync_common.provider_interface import Fingerprint, MediaItem, MediaSource
from cloud_sync_common.stores.archive_keys import metadata, object_key

from benchmarks.movie import Movie
from benchmarks.rig import RigError, free_ports, make_certificate, nginx, nginx_head, nginx_user

ARCHIVE, START = "archive", "start"  # buckets: that with the files, and one with a single tiny file
PROVIDER, CAPTURED, VERSION = "gopro", "2026-05-17T08:30:00Z", "v1"
_LISTINGS = {"versions": "versions", "list-type=2": "objects"}  # what is in the query, and the file's name
_MODIFIED = datetime(2026, 11, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Object:
    """An object of the archive, as Cloud Sync puts it there. `checksum` is its CRC-64/NVME as a number."""

    bucket: str
    key: str
    size: int
    checksum: int
    metadata: dict[str, str]

    @property
    def name(self) -> str:
        return self.key.rpartition("/")[2]

    @property
    def headers(self) -> dict[str, str]:
        return {
            "x-amz-version-id": VERSION,
            **{f"x-amz-meta-{name}": value for name, value in self.metadata.items()},
        }

    @property
    def etag(self) -> str:
        """As nginx makes it of a file (ngx_http_set_etag)."""
        return f'"{int(_MODIFIED.timestamp()):x}-{self.size:x}"'

    @property
    def encoded_checksum(self) -> str:
        return base64.b64encode(self.checksum.to_bytes(8, "big")).decode()


@dataclass(frozen=True)
class Store:
    """A running server. `authority` is the file with the authority of its certificate."""

    endpoint: str
    authority: Path
    objects: tuple[Object, ...]

    def requests(self) -> int:
        """How many there were so far, this one included. Raises RigError."""
        trust = ssl.create_default_context(cafile=str(self.authority))
        with urllib.request.urlopen(f"{self.endpoint}/__stats", context=trust, timeout=30) as answer:  # noqa: S310
            match = re.search(r"^ \d+ \d+ (\d+)", answer.read().decode(), re.MULTILINE)
        if not match:
            raise RigError("nginx did not report its number of requests.")
        return int(match[1])


@contextlib.contextmanager
def running(folder: Path, sizes: dict[str, list[int]]) -> Iterator[Store]:
    """Serves files of these sizes, by bucket, while the block runs. Raises RigError."""
    objects = tuple(
        _made(folder / "www", bucket, number, size)
        for bucket, of_bucket in sizes.items()
        for number, size in enumerate(of_bucket, start=1)
    )
    for name, text in listings(objects).items():
        (folder / name).write_text(text)
    make_certificate(folder)
    (port,) = free_ports(1)
    with nginx(folder, configuration(port, nginx_user(), objects), [port]):
        yield Store(f"https://127.0.0.1:{port}", folder / "authority.pem", objects)


def _made(www: Path, bucket: str, number: int, size: int) -> Object:
    item = MediaItem(media_id=f"FILM{number:02}", filename=f"GX01{number:04}.MP4", size=size, captured_at=CAPTURED)
    source = MediaSource(file_number=1, filename=item.filename, url="")
    key = object_key(PROVIDER, item, source)
    path = www / bucket / key
    path.parent.mkdir(parents=True)
    Movie(size).write(path, seed=number)
    os.utime(path, (_MODIFIED.timestamp(),) * 2)
    return Object(
        bucket, key, size, checksum_of(path), metadata(PROVIDER, item, source, Fingerprint(size=size, etag=""))
    )


def checksum_of(path: Path) -> int:
    """The CRC-64/NVME of a file."""
    checksum = 0
    with path.open("rb") as file:
        while piece := file.read(4 * 1024 * 1024):
            checksum = crc64nvme(piece, checksum)
    return checksum


def configuration(port: int, user: str | None, objects: tuple[Object, ...]) -> str:
    """The configuration of nginx. A checksum is that of the whole object, which S3 does not send with a range."""
    whole = "".join(
        f"  map $http_range $checksum_{number} {{ '' '{one.encoded_checksum}'; default ''; }}\n"
        for number, one in enumerate(objects)
    )
    listing = "".join(f" '~(^|&){asked}' {name};" for asked, name in _LISTINGS.items())
    return (
        f"{nginx_head(user)}{whole}  map $args $listing {{{listing} default bucket; }}\n"
        f"  server {{\n    listen 127.0.0.1:{port} ssl;\n    root www;\n    location = /__stats {{ stub_status; }}\n"
        "    location ~ ^/(?<bucket>[a-z]+)/?$ { root .; default_type application/xml; "
        "try_files /$bucket-$listing.xml =404; }\n"
        f"{''.join(map(_location, range(len(objects)), objects))}  }}\n}}\n"
    )


def _location(number: int, one: Object) -> str:
    headers = one.headers | {"x-amz-checksum-crc64nvme": f"$checksum_{number}"}
    lines = "".join(f" add_header {name} '{value}';" for name, value in headers.items())
    return f"    location = /{one.bucket}/{one.key} {{{lines} }}\n"


def listings(objects: tuple[Object, ...]) -> dict[str, str]:
    """The answers about each bucket, by name of their file: its objects, their versions, and that it is there."""
    found = {}
    for bucket in {one.bucket for one in objects}:
        of_bucket = [one for one in objects if one.bucket == bucket]
        for name, root, entry, more in (
            ("objects", "ListBucketResult", "Contents", ""),
            ("versions", "ListVersionsResult", "Version", f"<VersionId>{VERSION}</VersionId><IsLatest>true</IsLatest>"),
        ):
            entries = "".join(
                f"<{entry}><Key>{one.key}</Key>{more}<LastModified>{_MODIFIED.isoformat()}</LastModified>"
                f"<ETag>{escape(one.etag)}</ETag><Size>{one.size}</Size><StorageClass>STANDARD</StorageClass></{entry}>"
                for one in of_bucket
            )
            found[f"{bucket}-{name}.xml"] = (
                f'<?xml version="1.0" encoding="UTF-8"?><{root} xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
                f"<Name>{bucket}</Name><Prefix></Prefix><KeyCount>{len(of_bucket)}</KeyCount><MaxKeys>1000</MaxKeys>"
                f"<IsTruncated>false</IsTruncated>{entries}</{root}>"
            )
        found[f"{bucket}-bucket.xml"] = ""
    return found
