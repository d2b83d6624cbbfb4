"""The bucket that files are fetched from: what S3 says of an object, and the signed requests for its bytes."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.exceptions import ClientError, NoCredentialsError
from cloud_sync_common import __version__
from cloud_sync_common.safe_text import one_line
from cloud_sync_common.stores.restore_jobs import FileState, JobFile

from console.aws_account import AwsAccount
from console.aws_refusals import explained
from console.errors import NotFoundError
from console.operations.restore.fetch.outcome import Ending, FileProblem, StoppedError

_AGENT = f"cloudsync/{__version__}"
_FROZEN = frozenset({"GLACIER", "DEEP_ARCHIVE"})
_STAYS = "What is fetched stays."
_THAWS = "It is not thawed yet: repeat the command later."
_START = "`cloudsync restore start` has it thawed again"
_GONE = frozenset({"NoSuchKey", "NoSuchVersion", "NotFound", "404", "MethodNotAllowed", "405"})
_DENIED = frozenset({"AccessDenied", "AllAccessDisabled", "Forbidden", "403"})
_EXPIRED = frozenset({"ExpiredToken", "ExpiredTokenException", "RequestExpired", "TokenRefreshRequired"})
_CHANGED = frozenset({"PreconditionFailed", "412", "InvalidRange", "416"})


@dataclass(frozen=True)
class Known:
    """What S3 says of an object. `checksum` is its CRC-64/NVME in base64, empty where it has none."""

    size: int
    etag: str
    checksum: str


class ObjectChanged(Exception):
    """The object is not the one of which S3 spoke before."""


class ExpiredError(StoppedError):
    """The credentials have ended. Those that botocore can renew are others at the next request."""


class Source:
    """One bucket, by the account's credentials. Its methods may run side by side."""

    def __init__(self, session: Any, client: Any, bucket: str) -> None:
        self._session, self._client, self.bucket = session, client, bucket
        self._region: str = client.meta.region_name
        presigned = client.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": "k"})
        self._url: str = presigned.partition("?")[0].removesuffix("/k")

    @classmethod
    def of(cls, account: AwsAccount, bucket: str) -> Source:
        """A bucket in whichever region it is. Raises NotFoundError, botocore's errors."""
        client = account.client("s3")
        region = _region_of(client, bucket)
        if region and region != client.meta.region_name:
            client = account.session.client("s3", region_name=region)
        return cls(account.session, client, bucket)

    @property
    def is_behind_a_proxy(self) -> bool:
        """Whether the way to S3 leads through a proxy (HTTPS_PROXY), which only botocore knows how to use."""
        from botocore.utils import get_environ_proxies  # noqa: PLC0415 (asked once)

        return bool(get_environ_proxies(self._url))

    @property
    def authorities(self) -> str | None:
        """The file with the certificate authorities that botocore trusts: AWS_CA_BUNDLE, REQUESTS_CA_BUNDLE,
        or the usual ones."""
        from botocore.httpsession import get_cert_path  # noqa: PLC0415 (asked once)

        named = self._session._session.get_config_variable("ca_bundle") or os.environ.get("REQUESTS_CA_BUNDLE")
        return str(named or get_cert_path(True))

    def head(self, file: JobFile) -> Known:
        """Raises FileProblem for an object that is gone, frozen or denied, StoppedError when nothing can be asked."""
        try:
            answer = self._client.head_object(**self._object(file), ChecksumMode="ENABLED")
        except ClientError as error:
            raise self._refused(self._with_reason(error, file), file) from None
        except Exception as error:
            raise stopped(error) from None
        if answer.get("StorageClass") in _FROZEN:
            _check_thawed(answer.get("Restore", ""), file)
        return Known(answer["ContentLength"], answer["ETag"], answer.get("ChecksumCRC64NVME", ""))

    def _with_reason(self, error: ClientError, file: JobFile) -> ClientError:
        """The answer to a HEAD has no body, so that a refusal does not say what is denied: the object, or its key of
        KMS. A GET of one byte does."""
        if error.response["Error"]["Code"] not in _DENIED:
            return error
        try:
            self._client.get_object(**self._object(file), Range="bytes=0-0")["Body"].close()
        except ClientError as reason:
            return reason
        return error

    def body(self, file: JobFile, first: int, last: int, etag: str) -> Any:
        """The bytes of a range as botocore reads them. Raises as `refusal` says, and botocore's errors."""
        asked = {**self._object(file), "Range": f"bytes={first}-{last}", "IfMatch": etag}
        try:
            return self._client.get_object(**asked)["Body"]
        except ClientError as error:
            raise self._refused(error, file) from None

    def request(self, file: JobFile, first: int, last: int, etag: str) -> tuple[str, dict[str, str]]:
        """URL and headers of a signed GET for bytes `first`..`last`. Raises botocore's errors."""
        version = f"?versionId={quote(file.version_id, safe='')}" if file.version_id else ""
        url = f"{self._url}/{quote(file.key, safe='/~')}{version}"
        credentials = self._session.get_credentials()
        if credentials is None:
            raise NoCredentialsError
        headers = {"Range": f"bytes={first}-{last}", "If-Match": etag, "User-Agent": _AGENT}
        request = AWSRequest("GET", url, headers=headers)
        S3SigV4Auth(credentials.get_frozen_credentials(), "s3", self._region).add_auth(request)
        return url, dict(request.headers.items())

    def refusal(self, status: int, headers: Mapping[str, str], body: bytes, file: JobFile) -> Exception:
        """What S3's answer means that was asked without botocore: FileProblem, ObjectChanged or StoppedError."""
        return self._refused(_client_error(status, headers, body), file)

    def _object(self, file: JobFile) -> dict[str, str]:
        version = {"VersionId": file.version_id} if file.version_id else {}
        return {"Bucket": self.bucket, "Key": file.key, **version}

    def _refused(self, error: ClientError, file: JobFile) -> Exception:
        code = error.response["Error"]["Code"]
        if code in _CHANGED:
            return ObjectChanged()
        if code == "InvalidObjectState":
            return _frozen(file)
        if code in _GONE:
            return FileProblem(Ending.LOST, _gone(error, file))
        known = explained(error, restores=True)
        if known and (code in _DENIED or code.upper().startswith("KMS")):
            return FileProblem(Ending.FAILED, str(known))
        if known and code in _EXPIRED:
            return ExpiredError(f"{known} {_STAYS}", known.exit_code)
        return stopped(error)


def stopped(error: Exception) -> Exception:
    """An error of botocore as the end of the fetch; as it is, where it is a fault of this program."""
    known = explained(error, restores=True)
    return StoppedError(f"{known} {_STAYS}", known.exit_code) if known else error


def _check_thawed(restore: str, file: JobFile) -> None:
    """`restore` is S3's header x-amz-restore of a frozen object. Raises FileProblem unless its copy can be read."""
    if 'ongoing-request="true"' in restore:
        raise FileProblem(Ending.THAWING, _THAWS)
    if not restore:
        raise _frozen(file)


def _frozen(file: JobFile) -> FileProblem:
    if file.state in (FileState.WANTED, FileState.REQUESTED):
        return FileProblem(Ending.THAWING, _THAWS)
    if file.ready_until:
        return FileProblem(Ending.ENDED, f"Its thawed copy has ended ({file.ready_until}): {_START}.")
    return FileProblem(Ending.ENDED, f"It is frozen, and no thawed copy is there: {_START}.")


def _gone(error: ClientError, file: JobFile) -> str:
    headers = error.response.get("ResponseMetadata", {}).get("HTTPHeaders", {})
    if headers.get("x-amz-delete-marker") == "true" and not file.version_id:
        return (
            "It was deleted in the bucket; the versions before are still there, below a delete marker: remove the "
            "marker in the S3 console, and repeat the command."
        )
    version = f" (version {file.version_id})" if file.version_id else ""
    return f"S3 has no such object any more{version}: `cloudsync verify` shows what else is missing."


def _region_of(client: Any, bucket: str) -> str:
    """Empty where S3 does not say."""
    try:
        answer = client.head_bucket(Bucket=bucket)
    except ClientError as error:
        if error.response["Error"]["Code"] in ("404", "NoSuchBucket"):
            raise NotFoundError(
                f"There is no bucket {one_line(bucket, 80)}: check its name, --profile and AWS_ENDPOINT_URL."
            ) from None
        answer = error.response
    headers = answer.get("ResponseMetadata", {}).get("HTTPHeaders", {})
    return str(answer.get("BucketRegion") or headers.get("x-amz-bucket-region", ""))


def _client_error(status: int, headers: Mapping[str, str], body: bytes) -> ClientError:
    """S3's refusal as botocore would raise it."""
    import re  # noqa: PLC0415 (only when S3 refuses something)

    from console.aws_refusals import SERVICE  # noqa: PLC0415

    def field(name: bytes) -> str:
        found = re.search(rb"<%s>([^<]{0,1000})</%s>" % (name, name), body)
        return found[1].decode(errors="replace") if found else ""

    answer: Any = {
        "Error": {"Code": field(b"Code") or str(status), "Message": field(b"Message")},
        "ResponseMetadata": {"HTTPStatusCode": status, "HTTPHeaders": dict(headers)},
        SERVICE: "s3",
    }
    return ClientError(answer, "GetObject")
