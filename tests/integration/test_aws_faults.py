"""Faults of AWS: the proxy that causes them, and how the downloader handles them."""

from __future__ import annotations

import json
import ssl
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest
from cloud_sync_common.aws.clients import AwsError
from cloud_sync_common.exceptions import ArchiveUnavailableError, ConfigurationError, IntegrityError

from local.aws_fault_menu import AwsFault, AwsFaultError, AwsFaultKind
from local.aws_proxy import AwsProxy, aws_proxy
from local.emulator import Certificates
from tests.integration.aws_on_loopback import ARCHIVE, Aws, AwsServer, forget_clients
from tests.integration.downloader import BIG, CHAPTERS, PLAIN, Downloader, assert_whole

K = AwsFaultKind


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return Certificates(tmp_path_factory.mktemp("proxy"))


@pytest.fixture
def proxy(aws_server: AwsServer, certificates: Certificates, monkeypatch: pytest.MonkeyPatch) -> Iterator[AwsProxy]:
    """A proxy for all requests to AWS from this process."""
    trust = ssl.create_default_context(cafile=aws_server.variables["AWS_CA_BUNDLE"])
    with aws_proxy(certificates, trust) as proxy:
        proxy.target = aws_server.variables["AWS_ENDPOINT_URL"]
        through = {"AWS_ENDPOINT_URL": proxy.url, "AWS_CA_BUNDLE": str(certificates.ca_bundle)}
        for name, value in (aws_server.variables | through).items():
            monkeypatch.setenv(name, value)
        forget_clients()
        yield proxy
    forget_clients()


@pytest.fixture
def aws(aws_server: AwsServer, proxy: AwsProxy) -> Aws:
    """An account with the stack's resources, reached through the proxy."""
    return Aws(aws_server)


@pytest.fixture
def downloader(downloader: Downloader) -> Downloader:
    downloader.connections = 2
    return downloader


# The proxy


def test_without_a_rule_every_request_passes_unchanged(aws: Aws, downloader: Downloader) -> None:
    for media_id in (PLAIN, CHAPTERS, BIG):
        assert downloader.move(media_id)[-1].status == "ARCHIVED"
        assert_whole(downloader, media_id)


def test_a_rule_affects_one_operation_on_one_object_a_number_of_times(aws: Aws, proxy: AwsProxy) -> None:
    proxy.add_fault(K.ACCESS_DENIED, "s3", "GetObject", holding=("clip-a",), after=1, times=1)
    for key in ("clip-a", "clip-b"):
        aws.s3.put_object(Bucket=ARCHIVE, Key=key, Body=b"x")
    assert aws.read("clip-b") == aws.read("clip-a") == b"x"
    with pytest.raises(AwsError, match="AccessDenied"):
        aws.read("clip-a")
    assert aws.read("clip-a") == b"x"
    (rule,) = proxy.rules.listed()
    assert (rule["seen"], rule["applied"]) == (3, 1)


def ask(proxy: AwsProxy, certificates: Certificates, method: str, path: str, body: Any = None) -> Any:
    data, headers = (None, {}) if body is None else (json.dumps(body).encode(), {"Content-Type": "application/json"})
    request = urllib.request.Request(  # noqa: S310 (loopback)
        f"{proxy.url}/_control/{path}", method=method, data=data, headers=headers
    )
    with urllib.request.urlopen(request, context=certificates.client_context()) as answer:  # noqa: S310
        return json.load(answer)


def test_the_control_api_adds_lists_and_clears_rules(proxy: AwsProxy, certificates: Certificates) -> None:
    assert {entry["kind"] for entry in ask(proxy, certificates, "GET", "menu")} == set(AwsFaultKind)
    rule = {"kind": "slow_down", "service": "s3", "operation": "UploadPart", "times": 2}
    ask(proxy, certificates, "POST", "faults", rule)
    (listed,) = ask(proxy, certificates, "GET", "faults")
    assert listed.items() >= rule.items()
    ask(proxy, certificates, "DELETE", "faults")
    assert ask(proxy, certificates, "GET", "faults") == []


def test_an_invalid_rule_is_refused_with_a_message(proxy: AwsProxy, certificates: Certificates) -> None:
    with pytest.raises(urllib.error.HTTPError) as refusal:
        ask(proxy, certificates, "POST", "faults", {"kind": "meteorite", "service": "s3"})
    assert refusal.value.code == 400 and "meteorite" in refusal.value.read().decode()
    with pytest.raises(AwsFaultError, match="bad_digest does not happen at dynamodb"):
        AwsFault(K.BAD_DIGEST, "dynamodb")


# Transient faults


@pytest.mark.parametrize("media_id", [PLAIN, BIG])
@pytest.mark.parametrize(
    ("kind", "service", "operations"),
    [
        (K.SLOW_DOWN, "s3", ("PutObject", "CreateMultipartUpload", "UploadPart", "CompleteMultipartUpload")),
        (K.INTERNAL_ERROR, "s3", ("PutObject", "UploadPart", "CompleteMultipartUpload", "HeadObject")),
        (K.ERROR_IN_200, "s3", ("CompleteMultipartUpload",)),
        (K.THROTTLED, "dynamodb", ("GetItem", "UpdateItem")),
        (K.REQUESTS_THROTTLED, "dynamodb", ("GetItem", "UpdateItem")),
        (K.INTERNAL_ERROR, "dynamodb", ("GetItem", "UpdateItem")),
    ],
)
def test_a_transient_fault_of_aws_is_retried(
    downloader: Downloader,
    proxy: AwsProxy,
    kind: AwsFaultKind,
    service: str,
    operations: tuple[str, ...],
    media_id: str,
) -> None:
    for operation in operations:
        proxy.add_fault(kind, service, operation, times=1)
    assert downloader.move(media_id)[-1].status == "ARCHIVED"
    applied = sum(rule["applied"] for rule in proxy.rules.listed())
    assert applied or (media_id, kind) == (PLAIN, K.ERROR_IN_200)  # a small file completes no upload
    assert_whole(downloader, media_id)


@pytest.mark.parametrize(
    "holding", [(":instead_of",), ("#upload_id = :upload_id",), ("SOURCE#", ":archived_at"), (":bytes_total",)]
)
def test_a_ledger_write_whose_response_is_lost_is_neither_taken_for_refused_nor_done_twice(
    aws: Aws, downloader: Downloader, proxy: AwsProxy, holding: tuple[str, ...]
) -> None:
    proxy.add_fault(K.ANSWER_LOST, "dynamodb", "UpdateItem", holding=holding, times=1)
    assert downloader.move(BIG)[-1].status == "ARCHIVED"
    assert [rule["applied"] for rule in proxy.rules.listed()] == [1]
    assert len(aws.calls("CreateMultipartUpload")) == 1 and aws.calls("AbortMultipartUpload") == []
    assert_whole(downloader, BIG)


@pytest.mark.parametrize(("media_id", "operation"), [(PLAIN, "PutObject"), (BIG, "UploadPart")])
def test_an_object_whose_response_is_lost_is_stored_once(
    aws: Aws, downloader: Downloader, proxy: AwsProxy, media_id: str, operation: str
) -> None:
    proxy.add_fault(K.ANSWER_LOST, "s3", operation, times=1)
    assert downloader.move(media_id)[-1].status == "ARCHIVED"
    assert [rule["applied"] for rule in proxy.rules.listed()] == [1]
    assert len(aws.archived()) == 1
    assert_whole(downloader, media_id)


# Lasting faults


def test_a_lasting_failure_of_s3_is_an_error_and_a_later_slice_resumes(downloader: Downloader, proxy: AwsProxy) -> None:
    proxy.add_fault(K.SLOW_DOWN, "s3", "CompleteMultipartUpload")
    with pytest.raises(ArchiveUnavailableError):
        downloader.move(BIG)
    proxy.rules.clear()
    served = downloader.bytes_served()
    assert downloader.move(BIG)[-1].status == "ARCHIVED"
    assert downloader.bytes_served() - served < 100_000  # the parts were uploaded already
    assert_whole(downloader, BIG)


def test_an_upload_whose_completion_meets_another_write_is_made_anew(
    aws: Aws, downloader: Downloader, proxy: AwsProxy
) -> None:
    proxy.add_fault(K.CONFLICT, "s3", "CompleteMultipartUpload", times=1)
    assert downloader.move(BIG)[-1].status == "ARCHIVED"
    assert len(aws.calls("CreateMultipartUpload")) == 2
    assert len(aws.calls("AbortMultipartUpload")) == 1 and aws.uploads() == []
    assert_whole(downloader, BIG)


def test_completions_that_always_conflict_are_an_error_and_leave_no_upload(
    aws: Aws, downloader: Downloader, proxy: AwsProxy
) -> None:
    proxy.add_fault(K.CONFLICT, "s3", "CompleteMultipartUpload")
    with pytest.raises(ArchiveUnavailableError, match="Another write"):
        downloader.move(BIG)
    assert len(aws.calls("CreateMultipartUpload")) == 2 and aws.uploads() == [] and aws.archived() == {}
    proxy.rules.clear()
    assert downloader.move(BIG)[-1].status == "ARCHIVED"
    assert_whole(downloader, BIG)


def test_a_small_object_that_meets_another_write_is_sent_again(downloader: Downloader, proxy: AwsProxy) -> None:
    proxy.add_fault(K.CONFLICT, "s3", "PutObject", times=1)
    assert downloader.move(PLAIN)[-1].status == "ARCHIVED"
    assert_whole(downloader, PLAIN)


def test_a_part_that_s3_calls_damaged_is_an_integrity_error_and_leaves_no_upload(
    aws: Aws, downloader: Downloader, proxy: AwsProxy
) -> None:
    proxy.add_fault(K.BAD_DIGEST, "s3", "UploadPart", times=1)
    with pytest.raises(IntegrityError):
        downloader.move(BIG)
    assert aws.archived() == {} and aws.uploads() == []
    assert downloader.move(BIG)[-1].status == "ARCHIVED"
    assert_whole(downloader, BIG)


@pytest.mark.parametrize(("service", "operation"), [("s3", "PutObject"), ("dynamodb", "UpdateItem")])
def test_a_missing_permission_is_a_configuration_error(
    aws: Aws, downloader: Downloader, proxy: AwsProxy, service: str, operation: str
) -> None:
    proxy.add_fault(K.ACCESS_DENIED, service, operation)
    with pytest.raises(ConfigurationError, match="may not do this"):
        downloader.move(PLAIN)
    assert aws.archived() == {}


@pytest.mark.parametrize(("media_id", "operation"), [(PLAIN, "PutObject"), (BIG, "CreateMultipartUpload")])
def test_a_disabled_key_is_a_configuration_error_that_names_the_key(
    aws: Aws, downloader: Downloader, proxy: AwsProxy, media_id: str, operation: str
) -> None:
    proxy.add_fault(K.KEY_DISABLED, "s3", operation)
    with pytest.raises(ConfigurationError, match=r"KMS key cannot be used .*KMS\.DisabledException"):
        downloader.move(media_id)
    assert aws.archived() == {}


def test_a_video_claimed_by_another_run_is_left_to_it(downloader: Downloader, proxy: AwsProxy) -> None:
    proxy.add_fault(K.CONDITION_FAILED, "dynamodb", "UpdateItem", holding=(":instead_of",), times=1)
    assert downloader.slice(PLAIN).status == "BUSY"
    assert downloader.move(PLAIN)[-1].status == "ARCHIVED"
    assert_whole(downloader, PLAIN)
