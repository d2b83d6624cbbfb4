"""Plays the deployed state machine in moto's Step Functions interpreter, with Lambda replaced by a script.

The interpreter is LocalStack's. It has its own grammar of Amazon States Language and shares no code with the emulator
(ministack) or with state_machine_player.py. Manifests are read from moto's S3.

It differs from AWS in five points that this definition depends on. Four are made good here, in the interpreter, so
that the definition that is played stays the one that is deployed:

- `ItemReader` knows CSV and JSON, but not JSON Lines (`_json_lines`).
- A failed child leaves the map successful. On AWS a Map Run without a tolerated failure threshold fails with
  `States.ExceedToleratedFailureThreshold` as soon as one child fails ("Setting failure thresholds for Distributed Map
  states", developer guide), and starts no further child (`_a_failed_child_fails_its_map`).
- Paths in the parameters of `ResultWriter` look into the results of the children instead of into the state's input,
  where the CDK's integration test of `bucketNamePath`, which runs on AWS, finds its bucket (`_writer_reads_the_input`).

- A Task that starts an execution hands its parameters to boto3 by the names of the definition, and reads boto3's own
  names in the answer (`_names_of_step_functions`).

The fifth is the form of `$$.Execution.StartTime`: an offset and microseconds, where AWS has `Z` and milliseconds.
Both are ISO 8601. Of the results, only the manifest is written. Waits before a retry are recorded instead of waited.
"""

from __future__ import annotations

import importlib
import io
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

import boto3
from botocore.exceptions import ClientError
from moto import mock_aws

from tests.integration.wait_until import wait_until

REGION, ACCOUNT = "eu-west-3", "123456789012"  # those of the definition's ARNs (tools/definition_check.py)
RUN_ID = "2026-11-22-example"
EXECUTION_ARN = f"arn:aws:states:{REGION}:{ACCOUNT}:execution:gopro-sync-orchestrator:{RUN_ID}"
EXCEEDED = "The specified tolerated failure threshold was exceeded"  # AWS's cause for a failed map
STARTED_AT = "(when the execution started)"  # stands for the time in the payloads that are compared

_ASL = "moto.stepfunctions.parser.asl"
_MAP = f"{_ASL}.component.state.exec.state_map"


@dataclass(frozen=True)
class Failure:
    """The answer of a function that raises an exception: what Lambda's runtime returns for it. An error that begins
    with `Lambda.` is one of the service itself, which refuses the invocation."""

    error: str
    message: str = "It did not work."

    @property
    def cause(self) -> str:
        """What Step Functions makes the cause of the error: the text that Lambda answers."""
        return json.dumps({"errorType": self.error, "errorMessage": self.message}, separators=(",", ":"))

    @property
    def output(self) -> dict[str, str]:
        """The error as a Catch puts it into the state."""
        return {"Error": self.error, "Cause": self.cause}


@dataclass(frozen=True)
class Call:
    """An invocation that is expected: the function's name, its payload, and what it answers."""

    function: str
    payload: dict[str, Any]
    answer: Any

    @property
    def seen(self) -> tuple[str, Any]:
        return self.function, self.payload


@dataclass
class Execution:
    """How a run ended, and what happened on the way. `waits` are seconds before retries, in order; `failed_children`
    are the errors of children of the distributed map; `written` the keys below runs/ that the run wrote."""

    status: str
    output: Any
    error: str | None
    cause: str | None
    invoked: list[tuple[str, Any]]
    waits: list[float] = field(default_factory=list)
    failed_children: list[dict[str, str]] = field(default_factory=list)
    written: list[str] = field(default_factory=list)


class ScriptedLambda:
    """Stands for the interpreter's Lambda client: notes each invocation, and answers with the next line of the script.
    Past its end it raises an error that no state expects."""

    def __init__(self, script: list[Call]) -> None:
        self.invoked: list[tuple[str, Any]] = []
        self._answers = [call.answer for call in script]

    def invoke(self, *, FunctionName: str, Payload: bytes) -> dict[str, Any]:
        assert FunctionName.startswith(f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:")
        number = len(self.invoked)
        self.invoked.append((FunctionName.rpartition(":")[2], json.loads(Payload)))
        answer = self._answers[number] if number < len(self._answers) else Failure("NotInTheScript")
        if isinstance(answer, Failure) and answer.error.startswith("Lambda."):
            raise _refusal(answer.error.removeprefix("Lambda."))
        if isinstance(answer, Failure):
            return {"StatusCode": 200, "FunctionError": "Unhandled", "Payload": io.BytesIO(answer.cause.encode())}
        return {"StatusCode": 200, "Payload": io.BytesIO(json.dumps(answer).encode())}


def _refusal(code: str) -> ClientError:
    """What boto3 raises when Lambda does not invoke the function."""
    metadata = {"HTTPStatusCode": 502, "RequestId": "00000000-0000-4000-8000-000000000000"}
    return ClientError({"Error": {"Code": code, "Message": "Not now."}, "ResponseMetadata": metadata}, "Invoke")


def play(
    definition: dict[str, Any], given: Any, script: list[Call], manifest: list[list[dict[str, Any]]] | None = None
) -> Execution:
    """Runs one execution with the input `given` to its end. `manifest` has the videos of each batch."""
    functions, waits, failed = ScriptedLambda(script), list[float](), list[dict[str, str]]()
    with mock_aws(config={"stepfunctions": {"execute_state_machine": True}}), _as_on_aws(functions, waits, failed):
        s3, bucket = boto3.client("s3", region_name=REGION), work_bucket(definition)
        s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": REGION})
        lines = "".join(json.dumps({"media": batch}) + "\n" for batch in manifest or [])
        s3.put_object(Bucket=bucket, Key=manifest_key(), Body=lines.encode())
        described = _execute(definition, given)
        keys = [found["Key"] for found in s3.list_objects_v2(Bucket=bucket)["Contents"]]
    return Execution(
        status=described["status"],
        output=json.loads(described["output"]) if "output" in described else None,
        error=described.get("error"),
        cause=described.get("cause"),
        invoked=[(name, _with_a_fixed_start(payload, described["startDate"])) for name, payload in functions.invoked],
        waits=waits,
        failed_children=failed,
        written=[key for key in keys if key != manifest_key()],
    )


def manifest_key() -> str:
    return f"runs/{RUN_ID}/work.jsonl"


def work_bucket(definition: dict[str, Any]) -> str:
    bucket: str = definition["States"]["EachBatch"]["ItemReader"]["Parameters"]["Bucket"]
    return bucket


def _execute(definition: dict[str, Any], given: Any) -> Any:
    """The description of an execution that has ended."""
    client = boto3.client("stepfunctions", region_name=REGION)
    machine = client.create_state_machine(
        name="gopro-sync-orchestrator", definition=json.dumps(definition), roleArn=f"arn:aws:iam::{ACCOUNT}:role/run"
    )
    started = client.start_execution(stateMachineArn=machine["stateMachineArn"], name=RUN_ID, input=json.dumps(given))[
        "executionArn"
    ]
    wait_until(lambda: client.describe_execution(executionArn=started)["status"] != "RUNNING", "the execution ended")
    return client.describe_execution(executionArn=started)


def _with_a_fixed_start(payload: dict[str, Any], started: datetime) -> dict[str, Any]:
    """The payload with STARTED_AT in place of the moment when the execution started."""
    at = payload.get("started_at")
    is_the_start = at is not None and abs(datetime.fromisoformat(at) - started) < timedelta(seconds=1)
    return payload | {"started_at": STARTED_AT} if is_the_start else payload


@contextmanager
def _as_on_aws(functions: ScriptedLambda, waits: list[float], failed: list[dict[str, str]]) -> Iterator[None]:
    """The interpreter with the scripted functions, without waits, and with the three points above made good."""
    lambda_calls = importlib.import_module(f"{_ASL}.component.state.exec.state_task.lambda_eval_utils")
    retrier = importlib.import_module(f"{_ASL}.component.common.retry.retrier_decl")
    with (
        patch.object(lambda_calls, "boto_client_for", lambda **_: functions),
        patch.object(retrier, "time", SimpleNamespace(sleep=waits.append)),
        _json_lines(),
        _a_failed_child_fails_its_map(failed),
        _writer_reads_the_input(),
        _names_of_step_functions(),
    ):
        yield


@contextmanager
def _names_of_step_functions() -> Iterator[None]:
    """`StateMachineArn` in a definition is `stateMachineArn` for boto3, and `output` in its answer is `Output`."""
    module = importlib.import_module(f"{_ASL}.component.state.exec.state_task.service.state_task_service_sfn")
    task = module.StateTaskServiceSfn
    given, answered = task._normalise_parameters, task._normalise_response

    def parameters(self: Any, parameters: dict[str, Any], *more: Any, **named: Any) -> None:
        given(self, parameters, *more, **named)
        _rename(parameters, str.lower)

    def response(self: Any, response: dict[str, Any], *more: Any, **named: Any) -> None:
        answered(self, response, *more, **named)
        _rename(response, str.upper)

    with patch.object(task, "_normalise_parameters", parameters), patch.object(task, "_normalise_response", response):
        yield


def _rename(values: dict[str, Any], first_letter: Callable[[str], str]) -> None:
    renamed = {first_letter(name[0]) + name[1:]: value for name, value in values.items()}
    values.clear()
    values.update(renamed)


@contextmanager
def _json_lines() -> Iterator[None]:
    """`InputType: JSONL` is read as JSON whose array is made of the lines."""
    parser = importlib.import_module(f"{_ASL}.parse.preprocessor")
    reader = importlib.import_module(f"{_MAP}.item_reader.item_reader_decl")
    as_json = importlib.import_module(f"{_MAP}.item_reader.eval.resource_output_transformer.transformer_json")

    class JsonLinesType(parser.InputType):
        def __init__(self, input_type: str) -> None:
            assert input_type == "JSONL"
            super().__init__("JSON")

    class JsonLines(as_json.ResourceOutputTransformerJson):
        def _eval_body(self, env: Any) -> None:
            config, text = env.stack.pop(), env.stack.pop()
            env.stack += [json.dumps([json.loads(line) for line in text.splitlines()]), config]
            super()._eval_body(env)

    with (
        patch.object(parser, "InputType", JsonLinesType),
        patch.object(reader, "resource_output_transformer_for", lambda input_type: JsonLines()),
    ):
        yield


@contextmanager
def _a_failed_child_fails_its_map(failed: list[dict[str, str]]) -> Iterator[None]:
    """A child that fails is noted, and fails its map with the error that AWS documents."""
    worker = importlib.import_module(f"{_MAP}.iteration.itemprocessor.distributed_item_processor_worker")
    errors = importlib.import_module(f"{_ASL}.component.common.error_name.failure_event")
    names = importlib.import_module(f"{_ASL}.component.common.error_name.states_error_name")
    types = importlib.import_module(f"{_ASL}.component.common.error_name.states_error_name_type")
    states = importlib.import_module(f"{_ASL}.eval.program_state")
    api = importlib.import_module("moto.stepfunctions.parser.api")
    evaluate = worker.DistributedItemProcessorWorker._eval_job

    def eval_job(self: Any, env: Any, job: Any) -> None:
        evaluate(self, env, job)
        state = env.program_state()
        if isinstance(state, states.ProgramError):
            failed.append({name: state.error[name] for name in ("error", "cause")})
            too_many = names.StatesErrorName(types.StatesErrorNameType.StatesExceedToleratedFailureThreshold)
            details = {"error": too_many.error_name, "cause": EXCEEDED}
            job.job_output = errors.FailureEventException(
                errors.FailureEvent(
                    env, too_many, api.HistoryEventType.MapRunFailed, {"mapRunFailedEventDetails": details}
                )
            )

    with patch.object(worker.DistributedItemProcessorWorker, "_eval_job", eval_job):
        yield


@contextmanager
def _writer_reads_the_input() -> Iterator[None]:
    """The parameters of `ResultWriter` are filled from the state's input. The results stay where they were."""
    writer = importlib.import_module(f"{_MAP}.result_writer.result_writer_decl")

    def eval_body(self: Any, env: Any) -> None:
        env.stack.append(env.states.get_input())
        self.parargs.eval(env=env)
        parameters, _ = env.stack.pop(), env.stack.pop()
        env.stack.append(parameters)
        self.resource_eval.eval_resource(env=env)

    with patch.object(writer.ResultWriter, "_eval_body", eval_body):
        yield
