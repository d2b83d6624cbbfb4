"""Starts the emulator with patches for its differences from AWS ("gaps") that matter here. One function per gap.

This file runs inside the emulator's own environment (see emulator.py) and imports of the project only what is beside it
for the same environment: emulator_access.py has the gaps by which another user could get in, emulator_restores.py those
of restores.
`python emulator_gaps.py --open-upstream` lists the gaps that upstream still has. A test compares that list with GAPS,
so that the function for a gap is removed once upstream closes it. docs/design.md explains each one.
"""

from __future__ import annotations

import contextvars
import hashlib
import inspect
import json
import os
import re
import shutil
import sys
import threading
import types
import zipfile
from xml.sax.saxutils import escape

import anycrc
from emulator_access import ACCESS_GAPS
from emulator_restores import RESTORE_GAPS
from ministack import app
from ministack.core import lambda_runtime
from ministack.services import cloudformation as stacks
from ministack.services import dynamodb, kms, lambda_svc, s3, secretsmanager, stepfunctions
from ministack.services.cloudformation import changesets, handlers, provisioners

_HANDLER_ERROR = '{"status": "error", "error": str(e), "trace": traceback.format_exc()}'
_QUERY = "AWS::Logs::QueryDefinition"
_SECRET = "AWS::SecretsManager::Secret"
_ROTATION = ("createSecret", "setSecret", "testSecret", "finishSecret")
_answer = threading.local()
_unpacking = threading.Lock()


def handler_exceptions() -> None:
    """A handler's exception reaches the caller under its class name and leaves the environment warm, as on AWS;
    upstream calls it Runtime.HandlerError and restarts the environment."""
    lambda_runtime._PYTHON_WORKER_SCRIPT = lambda_runtime._PYTHON_WORKER_SCRIPT.replace(
        _HANDLER_ERROR, _HANDLER_ERROR.replace('"error"', '"ok", "error_type": type(e).__name__', 1)
    )
    invoke, execute = lambda_runtime.Worker.invoke, lambda_svc._execute_function_warm

    def invoke_and_remember(self, *args, **kwargs):
        _answer.value = invoke(self, *args, **kwargs)
        return _answer.value

    def execute_and_name(func, event, request_id):
        _answer.value = {}
        result, answer = execute(func, event, request_id), _answer.value
        log = "\n".join(filter(None, [answer.get("log"), answer.get("trace")]))
        if "error_type" in answer:
            return {"body": _error_body(answer["error_type"], answer["error"]), "error": True, "log": log}
        if answer.get("error") in ("Worker process died", "Worker returned no response"):
            return {"body": _error_body("Runtime.ExitError", "Runtime exited with error"), "error": True, "log": log}
        return result

    lambda_runtime.Worker.invoke = invoke_and_remember
    lambda_svc._execute_function_warm = execute_and_name


def _error_body(error_type, message):
    return {"errorMessage": message, "errorType": error_type}


def bare_function_environment() -> None:
    """Functions run in an interpreter without packages, so that a dependency missing from the layer is noticed."""
    detect = lambda_runtime._detect_runtime_binary
    interpreter = os.environ["CLOUD_SYNC_FUNCTION_PYTHON"]

    def detect_bare(runtime):
        binary, script = detect(runtime)
        return (interpreter if runtime.startswith("python") else binary), script

    lambda_runtime._detect_runtime_binary = detect_bare


def fast_crc64() -> None:
    """CRC-64/NVME at memory speed; upstream's is pure Python, 10 MB/s. Not awscrt's, because that one is under test."""
    model = anycrc.Model("CRC64-NVME")
    s3._crc64nvme = lambda body: model.calc(bytes(body))


def full_object_checksums() -> None:
    """Multipart uploads of type FULL_OBJECT (all that use CRC64NVME) are checked over the whole object's bytes
    (S3 user guide, "Checking object integrity"); upstream treats every multipart checksum as composite."""
    create, complete, composite = s3._create_multipart_upload, s3._complete_multipart_upload, s3._composite_checksum
    whole_object = contextvars.ContextVar("whole_object", default=None)

    def is_full_object(algorithm, headers):
        return algorithm == "CRC64NVME" or headers.get("x-amz-checksum-type", "").upper() == "FULL_OBJECT"

    def create_typed(bucket, key, headers):
        before = set(s3._multipart_uploads)
        status, answer, body = create(bucket, key, headers)
        for upload_id in set(s3._multipart_uploads) - before:
            upload = s3._multipart_uploads[upload_id]
            upload["full_object"] = is_full_object(upload.get("checksum_algorithm"), headers)
            if upload["full_object"]:
                answer["x-amz-checksum-type"] = "FULL_OBJECT"
        return status, answer, body

    def checksum_of_whole(algorithm, part_checksums):
        bodies = whole_object.get()
        return composite(algorithm, part_checksums) if bodies is None else s3._compute_s3_checksum(algorithm, bodies())

    def complete_whole(bucket, key, body, query_params, headers=None):
        upload_id = s3._qp(query_params, "uploadId")
        upload = s3._multipart_uploads.get(upload_id)
        if not upload or not upload.get("full_object"):
            return complete(bucket, key, body, query_params, headers)
        numbers = sorted(int(number) for number in re.findall(rb"<PartNumber>(\d+)</PartNumber>", body))
        parts = upload["parts"]
        token = whole_object.set(lambda: b"".join(parts[number]["body"] for number in numbers))
        try:
            status, answer, document = complete(bucket, key, body, query_params, headers)
        finally:
            whole_object.reset(token)
        if status == 200:
            s3._buckets[bucket]["objects"][key]["checksum_type"] = "FULL_OBJECT"
            document = document.replace(b">COMPOSITE<", b">FULL_OBJECT<")
            s3._completed_multipart_uploads[upload_id]["response"] = (status, answer, document)
        return status, answer, document

    s3._create_multipart_upload, s3._complete_multipart_upload = create_typed, complete_whole
    s3._composite_checksum = checksum_of_whole


def missing_or_forbidden() -> None:
    """A missing object is a 404 only for callers who may list its bucket, and a 403 for others; upstream returns 404
    to everybody."""
    handle = s3.handle_request

    async def handle_and_hide(method, path, headers, body, query_params, **more):
        answer = await handle(method, path, headers, body, query_params, **more)
        if answer[0] != 404 or method not in ("GET", "HEAD"):
            return answer
        arn = f"arn:aws:s3:::{path.strip('/').partition('/')[0]}"
        denied = app._enforce_data_plane("s3", "s3:ListBucket", headers, query_params, "", resource_arn=arn)
        return denied or answer

    s3.handle_request = handle_and_hide


def bucket_tiers_and_encryption() -> None:
    """CloudFormation applies a bucket's lifecycle rules, default encryption and access logs, which upstream drops."""
    provisioners._S3_BUCKET_CONFIGURATIONS += (
        ("LoggingConfiguration", _logging_xml, s3._put_bucket_logging, s3._bucket_logging_config.pop),
        ("LifecycleConfiguration", _lifecycle_xml, s3._put_bucket_lifecycle, s3._delete_bucket_lifecycle),
        ("BucketEncryption", _encryption_xml, s3._put_bucket_encryption, s3._delete_bucket_encryption),
    )


def _element(name, *content):
    return f"<{name}>{''.join(content)}</{name}>"


def _lifecycle_xml(configuration):
    rules = []
    for rule in configuration.get("Rules", []):
        parts = [_element("ID", escape(rule.get("Id", ""))), _element("Status", rule["Status"])]
        parts.append(_element("Filter", _element("Prefix", escape(rule.get("Prefix", "")))))
        for step in rule.get("Transitions", []):
            days, tier = _element("Days", str(step["TransitionInDays"])), _element("StorageClass", step["StorageClass"])
            parts.append(_element("Transition", days, tier))
        for step in rule.get("NoncurrentVersionTransitions", []):
            days = _element("NoncurrentDays", str(step["TransitionInDays"]))
            parts.append(_element("NoncurrentVersionTransition", days, _element("StorageClass", step["StorageClass"])))
        if "ExpirationInDays" in rule:
            parts.append(_element("Expiration", _element("Days", str(rule["ExpirationInDays"]))))
        if "AbortIncompleteMultipartUpload" in rule:
            days = str(rule["AbortIncompleteMultipartUpload"]["DaysAfterInitiation"])
            parts.append(_element("AbortIncompleteMultipartUpload", _element("DaysAfterInitiation", days)))
        rules.append(_element("Rule", *parts))
    return _element("LifecycleConfiguration", *rules).encode()


def _logging_xml(configuration):
    fields = (("TargetBucket", "DestinationBucketName"), ("TargetPrefix", "LogFilePrefix"))
    enabled = [_element(name, escape(configuration.get(given, ""))) for name, given in fields]
    return _element("BucketLoggingStatus", _element("LoggingEnabled", *enabled)).encode()


def _encryption_xml(configuration):
    rules = []
    for rule in configuration.get("ServerSideEncryptionConfiguration", []):
        default = dict(rule["ServerSideEncryptionByDefault"])
        if default["SSEAlgorithm"] == "aws:kms":
            default.setdefault("KMSMasterKeyID", "alias/aws/s3")  # which S3 means; upstream demands a key
        fields = [
            _element(name, escape(str(default[name]))) for name in ("SSEAlgorithm", "KMSMasterKeyID") if name in default
        ]
        bucket_key = _element("BucketKeyEnabled", str(rule.get("BucketKeyEnabled", False)).lower())
        rules.append(_element("Rule", _element("ApplyServerSideEncryptionByDefault", *fields), bucket_key))
    return _element("ServerSideEncryptionConfiguration", *rules).encode()


def saved_queries() -> None:
    """CloudFormation accepts a saved query of Logs Insights, which upstream does not know, and ignores it."""
    provisioners._RESOURCE_HANDLERS[_QUERY] = {
        "create": lambda logical_id, props, stack_name: (f"{stack_name}-{logical_id}", {}),
        "update": lambda physical_id, old, new, stack_name: (physical_id, {}),
        "delete": lambda physical_id, props: None,
    }


def taken_names() -> None:
    """CloudFormation creates no table, secret, state machine or alias whose name is taken; upstream overwrites the one
    that has it, with all that it holds."""
    for kind, (attribute, store) in {
        "AWS::DynamoDB::Table": ("TableName", dynamodb._tables),
        _SECRET: ("Name", secretsmanager._secrets),
        "AWS::StepFunctions::StateMachine": ("StateMachineName", stepfunctions._state_machines),
        "AWS::KMS::Alias": ("AliasName", kms._aliases),
    }.items():
        handler = provisioners._RESOURCE_HANDLERS[kind]
        handler["create"] = _create_unless_taken(kind, attribute, store, handler["create"])


def _create_unless_taken(kind, attribute, store, create):
    def create_unless_taken(logical_id, props, stack_name):
        name = props.get(attribute)
        if name and any(key == name or key.endswith(f":{name}") for key in store):
            raise ValueError(f"Resource of type '{kind}' with identifier '{name}' already exists.")
        return create(logical_id, props, stack_name)

    return create_unless_taken


def secret_import() -> None:
    """CloudFormation imports a secret by its ARN (`Id`, the identifier in the schema of the type); upstream cannot."""

    def problem(arn):
        missing = changesets._IMPORT_NOT_FOUND.format(type=_SECRET, value=arn)
        return None if secretsmanager._resolve(arn)[1] else missing

    def adopt(identifier):
        name, secret = secretsmanager._resolve(identifier["Id"])
        return name, {"Id": secret["ARN"], "Arn": secret["ARN"]}

    changesets._IMPORT_LOOKUPS[_SECRET] = (("Id",), problem)
    provisioners._RESOURCE_HANDLERS[_SECRET]["import"] = adopt


def stack_of_a_resource() -> None:
    """DescribeStackResources finds the stack that a resource belongs to; upstream wants the name of the stack."""
    describe = handlers._describe_stack_resources

    def describe_any(params):
        wanted = handlers._p(params, "PhysicalResourceId")
        for name, stack in stacks._stacks.items():
            held = stack.get("_resources", {}).values()
            if wanted and any(
                wanted in (resource.get("PhysicalResourceId"), resource.get("Attributes", {}).get("Arn"))
                for resource in held
            ):
                return describe({"StackName": [name]})
        return describe(params)

    handlers._ACTION_HANDLERS["DescribeStackResources"] = describe_any


def rotation_by_function() -> None:
    """RotateSecret calls the function, step by step, with the events of the Secrets Manager user guide; upstream copies
    the value instead. The function's log and the versions' labels show which step it reached. As on AWS, it refuses
    while AWSPENDING is on a version that is not current, and only tests with RotateImmediately=false."""
    resolve = secretsmanager._resolve

    def rotate(data):
        _, secret = resolve(data.get("SecretId"))
        function = data.get("RotationLambdaARN") or (secret or {}).get("RotationLambdaARN")
        if not secret or not function:
            return secretsmanager.error_response_json("InvalidRequestException", "No secret or no function.", 400)
        labels = [set(version["Stages"]) for version in secret["Versions"].values()]
        if any("AWSPENDING" in each and "AWSCURRENT" not in each for each in labels):
            return secretsmanager.error_response_json(
                "InvalidRequestException", "A previous rotation isn't complete. That rotation will be reattempted.", 400
            )
        secret["RotationLambdaARN"], secret["RotationEnabled"] = function, True
        token = data.get("ClientRequestToken") or secretsmanager.new_uuid()
        steps = _ROTATION if data.get("RotateImmediately", True) else ("testSecret",)
        context, arguments = contextvars.copy_context(), (_rotate, function, secret["ARN"], token, steps)
        threading.Thread(target=context.run, args=arguments, daemon=True).start()
        answer = {"ARN": secret["ARN"], "Name": secret["Name"], "VersionId": token}
        return secretsmanager.json_response(answer)

    secretsmanager._rotate_secret = rotate


def _rotate(function, secret, token, steps):
    record, config, _ = lambda_svc._get_func_record_for_ref(function)
    for step in steps:
        event = {"Step": step, "SecretId": secret, "ClientRequestToken": token}
        called = lambda_svc._execution_record_for_config(record, config)
        if lambda_svc._execute_function_with_config_scope(called, event).get("error"):
            return


def layer_unpacked_once() -> None:
    """All environments of all emulators share one unpacked layer, as they do on AWS, where it is mounted; upstream
    unpacks its 2,900 files for each environment and compiles them again, which is most of a cold start."""
    lambda_runtime.zipfile = types.SimpleNamespace(**{**vars(zipfile), "ZipFile": _SharedLayer})


class _SharedLayer(zipfile.ZipFile):
    """A layer's archive, unpacked once per content and linked from then on; other archives are unpacked as usual."""

    def _place(self):
        with open(self.filename, "rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        return os.path.join(os.environ["CLOUD_SYNC_UNPACKED_LAYERS"], digest)

    def extractall(self, path=None, members=None, pwd=None):
        if not os.path.basename(path).startswith("layer_"):
            super().extractall(path, members, pwd)
            return
        place = self._place()
        with _unpacking:
            if not os.path.exists(place):
                self._unpack(place, members, pwd)
            os.utime(place)  # as it is in use, it stays
        os.rmdir(path)
        os.symlink(place, path)

    def _unpack(self, place, members, pwd):
        unfinished = f"{place}-{os.getpid()}"
        super().extractall(unfinished, members, pwd)
        try:
            os.rename(unfinished, place)
        except OSError:  # another emulator was quicker
            shutil.rmtree(unfinished)


def lines_of_a_manifest() -> None:
    """Lines of JSON Lines end with a line feed only; upstream ends them at every break that Unicode knows, such as
    U+2028 in a title."""
    split = stepfunctions._parse_reader_items

    def split_at_line_feeds(text, config):
        if config.get("InputType") == "JSONL":
            return [json.loads(line) for line in text.split("\n") if line.strip()]
        return split(text, config)

    stepfunctions._parse_reader_items = split_at_line_feeds


def one_port_only() -> None:
    """With TLS on, upstream also opens port 443 if it can; here the emulator uses only the requested port."""
    app._port_is_bindable = lambda host, port: False


# Each gap, with a check that an unpatched emulator still has it.
GAPS = {
    handler_exceptions: lambda: _HANDLER_ERROR in lambda_runtime._PYTHON_WORKER_SCRIPT,
    bare_function_environment: lambda: lambda_runtime._detect_runtime_binary("python3.13")[0] == sys.executable,
    fast_crc64: lambda: not isinstance(s3._crc64nvme, type(len)) and hasattr(s3, "_CRC64NVME_TABLE"),
    full_object_checksums: lambda: "FULL_OBJECT" not in inspect.getsource(s3._complete_multipart_upload),
    missing_or_forbidden: lambda: "ListBucket" not in inspect.getsource(s3.handle_request),
    bucket_tiers_and_encryption: lambda: (
        not {"LifecycleConfiguration", "BucketEncryption"}
        & {name for name, *_ in provisioners._S3_BUCKET_CONFIGURATIONS}
    ),
    saved_queries: lambda: _QUERY not in provisioners._RESOURCE_HANDLERS,
    taken_names: lambda: "already exists" not in inspect.getsource(provisioners._ddb_create),
    secret_import: lambda: "import" not in provisioners._RESOURCE_HANDLERS[_SECRET],
    stack_of_a_resource: lambda: (
        "PhysicalResourceId" not in inspect.getsource(handlers._describe_stack_resources).partition("for ")[0]
    ),
    rotation_by_function: lambda: "RotateSecret stub" in inspect.getsource(secretsmanager._rotate_secret),
    layer_unpacked_once: lambda: "lzf.extractall(layer_dir)" in inspect.getsource(lambda_runtime.Worker._spawn),
    lines_of_a_manifest: lambda: "text.splitlines()" in inspect.getsource(stepfunctions._parse_reader_items),
    one_port_only: lambda: "443" in inspect.getsource(app.main),
    **ACCESS_GAPS,
    **RESTORE_GAPS,
}


def main() -> None:
    if sys.argv[1:] == ["--open-upstream"]:
        print(json.dumps(sorted(gap.__name__ for gap, is_open in GAPS.items() if is_open())))
        return
    for gap in GAPS:
        gap()
    app.main()


if __name__ == "__main__":
    main()
