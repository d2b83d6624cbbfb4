"""AWS on loopback, over TLS as in production: moto's services behind a real HTTP server, for tests.

moto's own server needs Flask, which nothing else here does. This one serves moto with werkzeug and records every S3
call. moto verifies no checksums: tests verify an object by reading it back.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import re
import ssl
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import trustme
from awscrt.checksums import crc64nvme
from cloud_sync_common.aws import aws_chunked, clients
from cloud_sync_common.transfer import upload_stream
from moto import mock_aws
from moto.core import DEFAULT_ACCOUNT_ID
from moto.core.botocore_stubber import BotocoreStubber
from moto.core.request import Request
from moto.s3.models import s3_backends
from werkzeug.serving import WSGIRequestHandler, make_server
from werkzeug.wrappers import Response

from tests.ledger_table import LEDGER_TABLE, TABLE

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table

REGION = "us-east-1"
ARCHIVE, WORK, SECRET = "archive", "work", "gopro/credentials"
LARGE_BODY = 64 * 1024  # bytes
CLIENTS = ("session", "s3", "table", "secrets", "sns", "sqs", "step_functions")

_UPLOAD_CALLS = {
    "PUT": "UploadPart",
    "POST": "CompleteMultipartUpload",
    "GET": "ListParts",
    "DELETE": "AbortMultipartUpload",
}
_OBJECT_CALLS = {
    "PUT": "PutObject",
    "POST": "RestoreObject",
    "GET": "GetObject",
    "HEAD": "HeadObject",
    "DELETE": "DeleteObject",
}


@dataclass(frozen=True)
class S3Call:
    """One request for an object and S3's status; `part` is the number of the part, if it is about one."""

    name: str
    bucket: str
    key: str
    status: int
    part: int | None = None
    upload_id: str = ""


@dataclass
class AwsServer:
    """The WSGI application, and its record of S3 calls. `variables` is the environment with which boto3 uses it.
    `encryption` is what S3 says of an upload that begins (AES256, aws:kms), as AWS always does and moto does not.
    `after` is called with each S3 call that was carried out, before the response is sent. `watch` is called for every
    request with its name: when it has arrived (`sent`), when half of a large body has arrived (`body`), and when it was
    carried out but not answered yet (`done`). It may raise ConnectionError to end the request. `busy` is the number of
    requests in progress. `instead` answers calls of a name, JSON for JSON, in place of moto.
    """

    variables: dict[str, str] = field(default_factory=dict)
    calls: list[S3Call] = field(default_factory=list)
    after: Callable[[S3Call], None] = lambda _: None
    watch: Callable[[str, str], None] = lambda _moment, _name: None
    instead: dict[str, Callable[[Any], Any]] = field(default_factory=dict)
    busy: int = 0
    encryption: str = ""
    # A conditional write is atomic on AWS; moto reads first and writes afterwards.
    _one_at_a_time: threading.Lock = field(default_factory=threading.Lock)

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Any:
        # moto distinguishes services by host name, so each request gets the real one.
        service = environ["HTTP_AUTHORIZATION"].split("Credential=")[1].split("/")[3]
        environ["HTTP_HOST"] = f"{service}.{REGION}.amazonaws.com"
        with self._one_at_a_time:
            self.busy += 1
        try:
            request, (status, headers, content) = self._carried_out(service, environ)
        finally:
            with self._one_at_a_time:
                self.busy -= 1
        response = Response(content, status, dict(headers))
        if request.method == "HEAD" and "content-length" in headers:
            response.headers["Content-Length"] = headers["content-length"]
        return response(environ, start_response)

    def _carried_out(self, service: str, environ: dict[str, Any]) -> tuple[Request, tuple[int, Any, Any]]:
        request = Request(environ)
        name = _name(service, request)
        self.watch("sent", name)
        if int(request.headers.get("X-Amz-Decoded-Content-Length") or request.content_length or 0) > LARGE_BODY:
            half = request.stream.read(LARGE_BODY // 2)
            self.watch("body", name)
            environ["wsgi.input"] = io.BytesIO(half + request.stream.read())
            request = Request(environ)
        request.get_data()
        if name in self.instead:
            body = json.dumps(self.instead[name](json.loads(request.get_data()))).encode()
            answer: tuple[int, Any, Any] = (200, {"Content-Type": "application/x-amz-json-1.0"}, body)
        else:
            with contextlib.nullcontext() if service == "s3" else self._one_at_a_time:
                answer = _answer(request)
        if name == "s3.CreateMultipartUpload" and self.encryption:
            answer[1]["x-amz-server-side-encryption"] = self.encryption
        if _is_about_an_object(service, request):
            self.calls.append(call := _s3_call(request, answer[0]))
            self.after(call)
        self.watch("done", name)
        return request, answer


def _is_about_an_object(service: str, request: Request) -> bool:
    return service == "s3" and request.path.count("/") > 1


def _name(service: str, request: Request) -> str:
    """The name of a request, such as `dynamodb.UpdateItem`."""
    if _is_about_an_object(service, request):
        return f"s3.{_s3_call(request, 0).name}"
    return f"{service}.{request.headers.get('X-Amz-Target', request.method).rpartition('.')[2]}"


def _answer(request: Request) -> tuple[int, Any, Any]:
    try:
        answer = BotocoreStubber().process_request(request)  # type: ignore[arg-type]
    except KeyError:
        if "uploadId" not in request.args:
            raise
        return 404, {}, "<Error><Code>NoSuchUpload</Code></Error>"  # moto lacks this for a completion
    assert answer is not None, f"moto has no answer to {request.url}"
    return _with_checksums(request, answer) if _is_list_of_parts(request) else answer


def _is_list_of_parts(request: Request) -> bool:
    return request.method == "GET" and "uploadId" in request.args


def _with_checksums(request: Request, answer: tuple[int, Any, Any]) -> tuple[int, Any, Any]:
    """ListParts with each part's checksum, as on AWS; moto leaves it out."""
    status, headers, content = answer
    bucket = s3_backends[DEFAULT_ACCOUNT_ID]["aws"].get_bucket(request.path.split("/")[1])
    upload = bucket.multiparts.get(request.args["uploadId"])
    if status != 200 or upload is None:
        return answer

    def with_checksum(number: re.Match[str]) -> str:
        checksum = aws_chunked.encode_checksum(crc64nvme(upload.parts[int(number[1])].value))
        return f"{number[0]}<ChecksumCRC64NVME>{checksum}</ChecksumCRC64NVME>"

    text = content.decode() if isinstance(content, bytes) else content
    listed = re.sub(r"<PartNumber>(\d+)</PartNumber>", with_checksum, text)
    return status, {name: value for name, value in headers.items() if name.lower() != "content-length"}, listed


def _s3_call(request: Request, status: int) -> S3Call:
    _, bucket, key = request.path.split("/", 2)
    if "uploads" in request.args:
        name = "CreateMultipartUpload"
    else:
        name = (_UPLOAD_CALLS if "uploadId" in request.args else _OBJECT_CALLS)[request.method]
    part = request.args.get("partNumber")
    return S3Call(name, bucket, key, status, int(part) if part else None, request.args.get("uploadId", ""))


class _Handler(WSGIRequestHandler):
    def log(self, *_: Any) -> None:
        """Logs nothing, so that a test captures only the functions' own log."""


@contextlib.contextmanager
def serving(folder: Path) -> Iterator[AwsServer]:
    """Serves from a thread while the block runs. Writes the certificate's authority into `folder`."""
    authority, context = trustme.CA(), ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    authority.cert_pem.write_to_path(str(folder / "authority.pem"))
    app = AwsServer()
    server = make_server("127.0.0.1", 0, app, threaded=True, request_handler=_Handler, ssl_context=context)
    server.daemon_threads = True
    app.variables = {
        "AWS_ENDPOINT_URL": f"https://127.0.0.1:{server.port}",
        "AWS_CA_BUNDLE": str(folder / "authority.pem"),
        "AWS_ACCESS_KEY_ID": "loopback",
        "AWS_SECRET_ACCESS_KEY": "loopback",
        "AWS_DEFAULT_REGION": REGION,
    }
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield app
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def forget_clients() -> None:
    """Drops the clients that the function code makes once per process, so that it makes new ones for the present
    environment."""
    for name in CLIENTS:
        getattr(clients, name).cache_clear()
    upload_stream.of_this_process(
        allow_loopback=True
    ).close()  # its connections trust the authority of that environment
    upload_stream.of_this_process.cache_clear()


@cache
def _inside() -> tuple[Any, ...]:
    session = boto3.Session("inside", "inside", region_name=REGION)
    names = ("dynamodb", "s3", "secretsmanager", "sqs", "sns")
    return tuple(session.client(name, endpoint_url=f"https://{name}.{REGION}.amazonaws.com") for name in names)


@dataclass
class Aws:
    """An account with the empty resources of the stack, and methods for tests."""

    server: AwsServer
    topic_arn: str = ""
    queue_url: str = ""
    inbox_url: str = ""

    def __post_init__(self) -> None:
        self._create_resources()
        self.server.calls.clear()
        self.server.after = lambda _: None
        self.server.watch = lambda _moment, _name: None
        self.server.instead.clear()
        self.server.encryption = ""
        self.s3, self.secrets = clients.s3(), clients.secrets()
        self.sns, self.sqs = clients.sns(), clients.sqs()
        self.table: Table = clients.table(TABLE)

    def _create_resources(self) -> None:
        """Creates the resources inside the process, which is quick; the server then serves them."""
        moto = mock_aws()
        moto.start(reset=True)
        dynamodb, s3, secrets, sqs, sns = _inside()
        for bucket in (ARCHIVE, WORK):
            s3.create_bucket(Bucket=bucket)
        dynamodb.create_table(**LEDGER_TABLE)
        secrets.create_secret(Name=SECRET)
        queues = (sqs.create_queue(QueueName=name)["QueueUrl"] for name in ("dead-letters", "inbox"))
        self.queue_url, self.inbox_url = queues
        self.topic_arn = sns.create_topic(Name="gopro-sync-alerts")["TopicArn"]
        found = sqs.get_queue_attributes(QueueUrl=self.inbox_url, AttributeNames=["QueueArn"])
        sns.subscribe(TopicArn=self.topic_arn, Protocol="sqs", Endpoint=found["Attributes"]["QueueArn"])
        moto.stop(remove_data=False)

    @property
    def variables(self) -> dict[str, str]:
        """The environment that the stack gives its functions."""
        return {
            "ARCHIVE_BUCKET": ARCHIVE,
            "ARCHIVE_STORAGE_CLASS": "STANDARD",
            "WORK_BUCKET": WORK,
            "LEDGER_TABLE": TABLE,
            "GOPRO_CREDENTIALS_SECRET": SECRET,
            "ALERTS_TOPIC_ARN": self.topic_arn,
            "DEAD_LETTER_QUEUE_URL": self.queue_url,
            "MAX_RUN_GB": "1000",
            "MAX_ATTEMPTS": "3",
            "CONNECTIONS_PER_VIDEO": "4",
            "ENVIRONMENT": "dev",
            "DETAILED_MONITORING": "false",
            "PRIVATE_NETWORK": "false",
            "AUDIT_TRAIL": "false",
            "SINGLE_PUT_MIB": "64",
            "FILTERS": "{}",
            "CHECK_SOURCE_ETAG": "false",
            "RECORD_COPIES": "false",
            "CATALOGUE_PLACES": "true",
            "CATALOGUE_REQUESTS": "1000",
            "ALLOW_LOOPBACK_SOURCES": "true",
            "POWERTOOLS_METRICS_NAMESPACE": "CloudSync",
            "POWERTOOLS_SERVICE_NAME": "cloud-sync",
        }

    def store(self, value: object) -> str:
        """Stores credentials in the secret, as the owner does. Returns the version's id."""
        text = value if isinstance(value, str) else json.dumps(value)
        return self.secrets.put_secret_value(SecretId=SECRET, SecretString=text)["VersionId"]

    def calls(self, name: str) -> list[S3Call]:
        """The S3 calls of that name so far, to the archive bucket."""
        return [call for call in self.server.calls if call.name == name and call.bucket == ARCHIVE]

    def archived(self) -> dict[str, str]:
        """SHA-256 of every object in the archive, by key."""
        keys = [found["Key"] for found in self.s3.list_objects_v2(Bucket=ARCHIVE).get("Contents", [])]
        return {key: hashlib.sha256(self.read(key)).hexdigest() for key in keys}

    def read(self, key: str, bucket: str = ARCHIVE) -> bytes:
        return self.s3.get_object(Bucket=bucket, Key=key)["Body"].read()

    def uploads(self) -> list[str]:
        """Ids of the multipart uploads in progress."""
        found = self.s3.list_multipart_uploads(Bucket=ARCHIVE).get("Uploads", [])
        return [upload["UploadId"] for upload in found]

    def row(self, pk: str, sk: str) -> dict[str, Any]:
        return self.table.get_item(Key={"pk": pk, "sk": sk}, ConsistentRead=True).get("Item", {})

    def mails(self) -> list[dict[str, str]]:
        """The mails to the topic's subscribers since the last call."""
        answer = self.sqs.receive_message(QueueUrl=self.inbox_url, MaxNumberOfMessages=10)
        return [json.loads(message["Body"]) for message in answer.get("Messages", [])]

    def dead_letters(self) -> list[dict[str, Any]]:
        answer = self.sqs.receive_message(QueueUrl=self.queue_url, MaxNumberOfMessages=10)
        return [json.loads(message["Body"]) for message in answer.get("Messages", [])]
