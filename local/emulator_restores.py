"""What a restore job needs of S3 and Step Functions, where the emulator differs from AWS. Each function is one of the
gaps of emulator_gaps.py.
"""

from __future__ import annotations

import contextvars
import inspect
import json
import os
import threading
import time
from collections import ChainMap
from xml.etree import ElementTree

from ministack.core import iam_actions
from ministack.services import eventbridge, s3, stepfunctions

THAW_SECONDS = "CLOUD_SYNC_THAW_SECONDS"
# Of the request that is answered: its parameters and headers, and the version that stands for the current object.
_request = contextvars.ContextVar("request", default=({}, {}))
_stand_in = contextvars.ContextVar("stand_in", default=None)
_event = contextvars.ContextVar("event", default=None)
# Of the task that is done: its state machine, and the token with which a function is called.
_machine = contextvars.ContextVar("machine", default="*")
_calling = contextvars.ContextVar("calling", default=None)
_machines = {}  # by the token of a task


def thawing_of_versions() -> None:
    """RestoreObject thaws the version that is named, and it alone, which HEAD and GET of that version then show, also a
    part of it; it refuses Expedited in Deep Archive, and a faster tier speeds up what is thawing (S3 user guide,
    "Restoring an archived object"). How long it takes is set by CLOUD_SYNC_THAW_SECONDS."""
    s3._RESTORE_DELAY_SECONDS = float(os.environ.get(THAW_SECONDS, s3._RESTORE_DELAY_SECONDS))
    handle, ensure, record_of = s3.handle_request, s3._ensure_bucket, s3._object_record_from_version
    get = s3._get_object

    async def handle_known(method, path, headers, body, query_params, **more):
        token = _request.set((query_params, headers))
        try:
            return await handle(method, path, headers, body, query_params, **more)
        finally:
            _request.reset(token)

    def ensure_with_stand_in(name):
        bucket, stand_in = ensure(name), _stand_in.get()
        if bucket is None or stand_in is None:
            return bucket
        key, record = stand_in
        return {**bucket, "objects": ChainMap({key: record}, bucket["objects"])}

    def get_version(bucket_name, key, headers, query_params):
        entry = _entry(bucket_name, key, s3._qp(query_params, "versionId", ""))
        if entry is None or entry.get("is_delete_marker"):
            return get(bucket_name, key, headers, query_params)
        body = s3._version_body(ensure(bucket_name), bucket_name, key, entry)
        plain = {name: value for name, value in query_params.items() if name != "versionId"}
        record = {**s3._object_record_from_version(entry), "body": body}
        return _standing_in(key, record, lambda: get(bucket_name, key, headers, plain))

    s3.handle_request, s3._ensure_bucket, s3._get_object = handle_known, ensure_with_stand_in, get_version
    s3._object_record_from_version = lambda entry: {**record_of(entry), **_thawing_of(entry)}
    s3._restore_object = _restored(s3._restore_object)
    tell = s3._schedule_restore_completed
    # _tell_when_thawed says it of a version.
    s3._schedule_restore_completed = lambda *args: None if _stand_in.get() else tell(*args)


def _standing_in(key, record, call):
    token = _stand_in.set((key, record))
    try:
        return call()
    finally:
        _stand_in.reset(token)


def _thawing_of(record):
    return {"restore": record["restore"]} if record.get("restore") else {}


def _entry(bucket_name, key, version):
    """The version of that id; None if there is none."""
    entries = s3._object_versions.get((bucket_name, key), [])
    return next((entry for entry in entries if version and entry["version_id"] == version), None)


def _restored(restore):
    def restore_version(bucket_name, key, body):
        bucket, resource = s3._ensure_bucket(bucket_name), f"/{bucket_name}/{key}"
        current = (bucket or {"objects": {}})["objects"].get(key) or {}
        version = s3._qp(_request.get()[0], "versionId", "") or current.get("version_id")
        entry = _entry(bucket_name, key, version)
        if version not in (None, "", "null") and entry is None:
            return s3._error("NoSuchVersion", "The specified version does not exist.", 404, resource)
        if entry and entry.get("is_delete_marker"):
            return s3._error("MethodNotAllowed", "The specified method is not allowed.", 405, resource)
        if entry is None:
            return restore(bucket_name, key, body)
        if b">Expedited<" in body and entry["storage_class"] == "DEEP_ARCHIVE":
            return s3._error(
                "InvalidArgument", "Retrieval option is not supported by this storage class", 400, resource
            )
        if b">Standard<" in body and _sped_up(bucket_name, key, entry):
            return 202, {}, b""
        record = s3._object_record_from_version(entry)
        answer = _standing_in(key, record, lambda: restore(bucket_name, key, body))
        if answer[0] == 202:
            entry["restore"] = record["restore"]
            if current.get("version_id") == version:
                current["restore"] = record["restore"]
            _tell_when_thawed(bucket_name, key, entry)
        return answer

    return restore_version


def _sped_up(bucket_name, key, entry):
    """Whether it is thawing by Bulk, and is from now on by Standard."""
    if s3._sync_restore(bucket_name, key, entry) != "in_progress" or entry["restore"]["tier"] != "Bulk":
        return False
    entry["restore"]["tier"] = "Standard"
    return True


def _tell_when_thawed(bucket_name, key, entry):
    restore = entry["restore"]

    def tell():
        while (left := restore["available_at"] - time.time()) > 0:
            time.sleep(left)
        if entry.get("restore") is not restore or entry not in s3._object_versions.get((bucket_name, key), []):
            return
        until = s3._restore_expiry_iso(restore["expires_at"])
        _event.set(
            {
                "version-id": entry["version_id"],
                "restore-expiry-time": until.replace(".000", ""),
                "source-storage-class": entry["storage_class"],
            }
        )
        data = {"lifecycleRestorationExpiryTime": until, "lifecycleRestoreStorageClass": entry["storage_class"]}
        s3._fire_s3_event(
            bucket_name, key, "s3:ObjectRestore:Completed", size=entry["size"], etag=entry["etag"],
            restore_event_data=data, version_id=entry["version_id"],
        )  # fmt: skip

    threading.Thread(target=contextvars.copy_context().run, args=(tell,), daemon=True).start()


def thawing_in_listings() -> None:
    """ListObjectVersions says how far each version is thawed where it is asked for that (API reference,
    ListObjectVersions, OptionalObjectAttributes)."""
    listed = s3._list_object_versions
    ElementTree.register_namespace("", s3.S3_NS)

    def list_thawing(bucket_name, query_params):
        status, headers, body = listed(bucket_name, query_params)
        if status != 200 or "RestoreStatus" not in _request.get()[1].get("x-amz-optional-object-attributes", ""):
            return status, headers, body
        root = ElementTree.fromstring(body)  # noqa: S314 (made by the emulator)
        for version in root.findall(f"{{{s3.S3_NS}}}Version"):
            name, number = (version.findtext(f"{{{s3.S3_NS}}}{part}") for part in ("Key", "VersionId"))
            _add_status(version, bucket_name, name, _entry(bucket_name, name, number) or {})
        return status, headers, ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)

    s3._list_object_versions = list_thawing


def _add_status(version, bucket_name, key, entry):
    phase = s3._sync_restore(bucket_name, key, entry)
    if not phase:
        return
    status = ElementTree.SubElement(version, f"{{{s3.S3_NS}}}RestoreStatus")
    ElementTree.SubElement(status, f"{{{s3.S3_NS}}}IsRestoreInProgress").text = str(phase == "in_progress").lower()
    if phase == "restored":
        until = s3._restore_expiry_iso(entry["restore"]["expires_at"])
        ElementTree.SubElement(status, f"{{{s3.S3_NS}}}RestoreExpiryDate").text = until


def events_of_thawing() -> None:
    """EventBridge's event of a thawed object names its version and how long it stays (S3 user guide, "EventBridge event
    message structure")."""
    dispatch = eventbridge._dispatch_event

    def dispatch_whole(event, *more, **named):
        added = _event.get()
        if added and event.get("DetailType") == "Object Restore Completed":
            detail = json.loads(event["Detail"])
            version, more_detail = added["version-id"], {k: v for k, v in added.items() if k != "version-id"}
            detail = {**detail, **more_detail, "object": {**detail["object"], "version-id": version}}
            event = {**event, "Detail": json.dumps(detail)}
        return dispatch(event, *more, **named)

    eventbridge._dispatch_event = dispatch_whole


def waits_for_a_token() -> None:
    """A task that waits for its token ends as on AWS: after TimeoutSecondsPath, which upstream does not know, and with
    the error of the function that was to hand the token on, which upstream ignores. Its time-out is scaled as the
    other waits are. SendTaskSuccess is allowed by the state machine whose task it ends."""
    execute, invoke, call = (
        stepfunctions._execute_task,
        stepfunctions._invoke_with_callback,
        stepfunctions._call_lambda,
    )
    arn_of = iam_actions.extract_resource_arn

    def execute_in_time(state_def, raw_input, execution, ctx):
        _machine.set((execution or {}).get("stateMachineArn", "*"))
        return execute(_timed(state_def, raw_input, ctx), raw_input, execution, ctx)

    def invoke_noted(resource, input_data, token, state_def):
        _machines[token] = _machine.get()
        before = _calling.set(token)
        try:
            return invoke(resource, input_data, token, state_def)
        finally:
            _calling.reset(before)

    def call_and_tell(function, event):
        try:
            return call(function, event)
        except stepfunctions._ExecutionError as error:
            if waiting := stepfunctions._task_tokens.get(_calling.get()):
                waiting["error"] = {"Error": error.error, "Cause": error.cause}
                waiting["event"].set()
            raise

    def arn_of_the_machine(service, method, path, headers, body, *more):
        token = iam_actions._safe_json_field(body, "taskToken") if service == "states" else ""
        return _machines.get(token) or arn_of(service, method, path, headers, body, *more)

    stepfunctions._execute_task, stepfunctions._invoke_with_callback = execute_in_time, invoke_noted
    stepfunctions._call_lambda, iam_actions.extract_resource_arn = call_and_tell, arn_of_the_machine


def _timed(state_def, raw_input, ctx):
    """A state with its time-out in seconds as it is here."""
    if "TimeoutSecondsPath" in state_def:
        given = stepfunctions._apply_input_path(state_def, raw_input, ctx)
        seconds = stepfunctions._resolve_path(state_def["TimeoutSecondsPath"], given)
        state_def = {**state_def, "TimeoutSeconds": seconds}
    if "TimeoutSeconds" in state_def and ".waitForTaskToken" in state_def.get("Resource", ""):
        state_def = {**state_def, "TimeoutSeconds": state_def["TimeoutSeconds"] * stepfunctions._SFN_WAIT_SCALE}
    return state_def


# Each gap, with a check that an unpatched emulator still has it.
RESTORE_GAPS = {
    thawing_of_versions: lambda: "versionId" not in inspect.getsource(s3._restore_object),
    thawing_in_listings: lambda: "RestoreStatus" not in inspect.getsource(s3._list_object_versions),
    events_of_thawing: lambda: "version-id" not in inspect.getsource(s3._fire_s3_event),
    waits_for_a_token: lambda: "TimeoutSecondsPath" not in inspect.getsource(stepfunctions),
}
