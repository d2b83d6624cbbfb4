"""The calls that a run is expected to make of the functions, and their answers, for test_definition_interpreted.py.

Payloads are written out as the state machine has to send them. Answers are those of the function code's own types.
"""

from __future__ import annotations

import json
from typing import Any

import msgspec
from cloud_sync_common.provider_interface import Filters, MediaItem
from cloud_sync_common.runtime.run_input import Mode
from cloud_sync_common.runtime.step_status import StepStatus
from cloud_sync_common.steps.authenticate import AuthRequest, AuthResult, CredentialsKind
from cloud_sync_common.steps.catalogue import CatalogueRequest, CatalogueResult, Night
from cloud_sync_common.steps.download import BatchResult, DownloadRequest, SliceResult, SliceStatus
from cloud_sync_common.steps.list_media import ListRequest, ListResult
from cloud_sync_common.steps.reconcile import ReconcileRequest, ReconcileResult
from cloud_sync_common.steps.record_failure import FailureRequest, FailureResult
from cloud_sync_common.steps.report import Failed, ReportRequest, Summary
from cloud_sync_common.stores.runs import RunStatus

from tests.integration.interpreter import EXECUTION_ARN, RUN_ID, STARTED_AT, Call, Failure, manifest_key


def as_json(value: Any) -> Any:
    """What is left of a value on its way through JSON."""
    return json.loads(msgspec.json.encode(value))


REQUESTS: dict[str, Any] = {
    "media-authenticator": AuthRequest, "media-lister": ListRequest, "video-downloader": DownloadRequest,
    "failure-recorder": FailureRequest, "run-report": ReportRequest, "archive-reconciler": ReconcileRequest,
    "catalogue-writer": CatalogueRequest,
}  # fmt: skip
RUN = {"run_id": RUN_ID, "provider": "gopro"}
FILTERS = as_json(Filters())
ARCHIVED, BUSY = SliceResult(SliceStatus.ARCHIVED, 402193), SliceResult(SliceStatus.BUSY)
IN_PROGRESS, UNAVAILABLE = SliceResult(SliceStatus.IN_PROGRESS, 1000), SliceResult(SliceStatus.UNAVAILABLE)
EXPIRED, THROTTLED = Failure("CredentialsExpiredError"), Failure("ProviderThrottledError")
SUMMARY = Summary(
    run_id=RUN_ID, provider="gopro", status=RunStatus.SUCCEEDED, listed=2, new=2, archived=2, bytes_archived=804386,
    failed=0, unavailable=0, left=0, waiting=0, exhausted=0, backlog=0, seconds=61.5, estimated_usd=0.001,
)  # fmt: skip
CATALOGUED = {"status": "COMPLETE", "next": None}  # what the state has of it afterwards
RUN_FAILED = Failed("ConfigurationError", "GoPro refuses the app's name. Ask for a new version.")

type Video = dict[str, Any]


def video(number: int) -> Video:
    item = MediaItem(media_id=f"65a0f0c2b7e4d1a2c3b4000{number}", filename=f"GX01000{number}.MP4", size=402193)
    return dict(as_json(item))


ONE, TWO, THREE = video(1), video(2), video(3)


# What the states are expected to send, and what the functions answer.


def call(function: str, payload: dict[str, Any], answer: Any) -> Call:
    return Call(function, payload, answer if isinstance(answer, Failure) else as_json(answer))


def authenticate(answer: AuthResult | Failure | None = None, *, given: Any = None, mode: Mode = Mode.SYNC) -> Call:
    result = AuthResult(**RUN, filters=Filters(), kind=CredentialsKind.OAUTH, mode=mode, expires_at=1.8e9)
    payload = {"run_id": RUN_ID, "input": {"provider": "gopro"} if given is None else given}
    return call("media-authenticator", payload, answer or result)


def renew(renewals: int, answer: Failure | None = None) -> Call:
    payload = {"run_id": RUN_ID, "input": {"provider": "gopro"}, "renewals": renewals}
    result = AuthResult(**RUN, filters=Filters(), kind=CredentialsKind.OAUTH, mode=Mode.SYNC, renewals=renewals + 1)
    return call("media-authenticator", payload, answer or result)


def list_media(answer: ListResult | Failure, *, cursor: str | None = None) -> Call:
    return call("media-lister", RUN | {"execution_arn": EXECUTION_ARN, "filters": FILTERS, "cursor": cursor}, answer)


def listed(*, new: int, batches: int) -> ListResult:
    return ListResult(
        status=StepStatus.COMPLETE, manifest_key=manifest_key(), listed=new + 1, new=new, waiting=1, batches=batches
    )


def batch(*videos: Video, answer: Failure | None = None, leaves: tuple[Video, ...] = ()) -> Call:
    result = BatchResult(tuple(msgspec.convert(item, MediaItem) for item in leaves))
    return call("video-downloader", {"request": "batch", **RUN, "batch": [*videos]}, answer or result)


def a_slice(item: Video, answer: SliceResult | Failure) -> Call:
    return call("video-downloader", {"request": "slice", **RUN, "media": item}, answer)


def record(scope: str, item: Video, error: Failure, answer: Failure | None = None) -> Call:
    payload = RUN | {"scope": scope, "media": item, "error": error.output}
    return call("failure-recorder", payload, answer or FailureResult("source", 1))


def carried(result: ListResult | ReconcileResult | None, renewals: int = 0) -> dict[str, Any]:
    """What a run carries of its listing or reconciliation; None before the first answer."""
    return ({"next_cursor": None} if result is None else as_json(result)) | {"renewal": {"renewals": renewals}}


def report(listing: ListResult, answer: Summary | Failure = SUMMARY) -> Call:
    payload = RUN | {"started_at": STARTED_AT, "reported_by": "", "mails": "every_night", "listing": carried(listing)}
    return call("run-report", payload, answer)


def catalogue(
    listing: ListResult, answer: CatalogueResult | Failure | None = None, *, after: Night | None = None
) -> Call:
    payload = RUN | {"new": listing.new, "next": as_json(after)}
    return call("catalogue-writer", payload, answer or CatalogueResult(status=StepStatus.COMPLETE))


def ended(listing: ListResult, answer: Summary | Failure = SUMMARY) -> tuple[Call, Call]:
    """The last two calls of a run: its catalogue and its report."""
    return catalogue(listing), report(listing, answer)


def report_failure(answer: Failed | Failure = RUN_FAILED, **state: Any) -> Call:
    return call("run-report", {"run_id": RUN_ID, "started_at": STARTED_AT, "state": state}, answer)


def state_after(listing: ListResult | None, *, renewals: int = 0, **more: Any) -> dict[str, Any]:
    """The state of a run that has authenticated, and has listed if a listing is given."""
    found = {"listing": carried(listing, renewals), "reconciliation": carried(None), "catalogue": {"next": None}}
    begun = {"filters": FILTERS, "mode": "sync", "reported_by": "", "mails": "every_night", "paused": False, "runs": []}
    return RUN | begun | found | more


def error_of(name: str, cause: str) -> dict[str, str]:
    return {"Error": name, "Cause": cause}


def reconcile(answer: ReconcileResult | Failure, *, cursor: str | None = None) -> Call:
    return call(
        "archive-reconciler",
        RUN | {"started_at": STARTED_AT, "filters": FILTERS, "mails": "every_night", "cursor": cursor},
        answer,
    )
