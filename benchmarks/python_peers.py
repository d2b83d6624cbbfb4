"""The peers that are a few lines of Python, in their usual form, each in a process of its own.

`python -m benchmarks.python_peers upload_fileobj|naive --source URL ... --endpoint URL --bucket B [--files-at-once N]`
"""

from __future__ import annotations

import argparse
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import boto3
import requests

from benchmarks.transfer_phase import TransferPhase

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import CompletedPartTypeDef

PART = 8 * 1024 * 1024  # boto3's own default

parser = argparse.ArgumentParser(prog="python -m benchmarks.python_peers", description=__doc__)
parser.add_argument("peer", choices=["upload_fileobj", "naive"])
parser.add_argument("--source", action="append", required=True)
parser.add_argument("--endpoint", required=True)
parser.add_argument("--bucket", required=True)
parser.add_argument("--files-at-once", type=int, default=1)


class Mover:
    """The two peers and their clients."""

    def __init__(self, s3: S3Client, bucket: str) -> None:
        self._s3, self._bucket, self._http = s3, bucket, requests.Session()
        self._http.mount("https://", requests.adapters.HTTPAdapter(pool_maxsize=64))

    def upload_fileobj(self, url: str) -> int:
        """boto3's managed transfer of a streamed response."""
        with self._http.get(url, stream=True, timeout=60) as response:
            response.raise_for_status()
            self._s3.upload_fileobj(response.raw, self._bucket, _name(url))
            return int(response.headers["Content-Length"])

    def naive(self, url: str) -> int:
        """Reads a part into memory, uploads it, reads the next one; a small file in one request."""
        with self._http.get(url, stream=True, timeout=60) as response:
            response.raise_for_status()
            if int(response.headers["Content-Length"]) <= PART:
                self._s3.put_object(Bucket=self._bucket, Key=_name(url), Body=response.content)
                return len(response.content)
            return self._in_parts(response, _name(url))

    def _in_parts(self, response: requests.Response, key: str) -> int:
        upload = self._s3.create_multipart_upload(Bucket=self._bucket, Key=key)["UploadId"]
        parts: list[CompletedPartTypeDef] = []
        moved = 0
        for number, data in enumerate(response.iter_content(PART), start=1):
            answer = self._s3.upload_part(Bucket=self._bucket, Key=key, UploadId=upload, PartNumber=number, Body=data)
            parts.append({"PartNumber": number, "ETag": answer["ETag"]})
            moved += len(data)
        self._s3.complete_multipart_upload(
            Bucket=self._bucket, Key=key, UploadId=upload, MultipartUpload={"Parts": parts}
        )
        return moved


def _name(url: str) -> str:
    return url.rsplit("/", 1)[-1]


def main() -> None:
    arguments = parser.parse_args()
    mover = Mover(boto3.client("s3", endpoint_url=arguments.endpoint), arguments.bucket)
    move = mover.naive if arguments.peer == "naive" else mover.upload_fileobj
    phase = TransferPhase()
    with ThreadPoolExecutor(arguments.files_at_once) as files:
        sizes = list(files.map(move, arguments.source))
    phase.report(files=len(sizes), moved=sum(sizes))


if __name__ == "__main__":
    main()
