"""One account at AWS and at a provider, and whole nights in it: the state machine's own definition, and every function
behind it, with faults in what the provider sends."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import importlib
import io
import json
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest
from cloud_sync_common import retry_utils
from cloud_sync_common.aws import clients
from cloud_sync_common.exceptions import UnexpectedError, error_classes
from cloud_sync_common.http import client as http_client
from cloud_sync_common.logging_utils import logger
from cloud_sync_common.provider_access.renewal import CredentialsRenewal
from cloud_sync_common.provider_access.session import AuthorisedSession
from cloud_sync_common.providers import PROVIDERS
from cloud_sync_common.runtime import settings
from cloud_sync_common.transfer import part_plan, upload_stream
from moto.core import DEFAULT_ACCOUNT_ID
from moto.s3 import models as s3_models
from moto.sns.models import Subscription

from tests.integration.aws_on_loopback import ARCHIVE, REGION, SECRET, WORK, Aws, AwsServer, forget_clients
from tests.integration.fuzzing.answers import TOKEN, Answer, Fault, Place
from tests.integration.fuzzing.harness import Fuzzed, Recorded
from tests.integration.fuzzing.table import Tables
from tests.integration.fuzzing.wires import (
    ArchiveConnections,
    Clock,
    Endless,
    Request,
    SourceConnections,
    VirtualLoop,
    api_connections,
    boto_handler,
)
from tests.integration.secret_check import assert_no_secret
from tests.integration.state_machine_player import Player, StatesError

# What a night may need at most, whatever the provider sends: far less than the library would allow without a bound.
MOST_REQUESTS, MOST_INVOCATIONS, MOST_SECONDS = 3_000, 400, 2 * 86_400.0
INVOCATION_SECONDS, RETRY_SECONDS = 300.0, 60.0
STATE_LIMIT = 256 * 1024  # bytes: Step Functions quotas, input or result of a task
MIB_PARTS = 512 * 1024


class _Context:
    """The part of Lambda's context object that the functions use."""

    memory_limit_in_mb, aws_request_id = 1024, "request-1"

    def __init__(self, name: str, clock: Clock) -> None:
        self.function_name, self._clock = name, clock
        self.invoked_function_arn = f"arn:aws:lambda:{REGION}:000000000000:function:{name}"
        self._end = clock.passed + INVOCATION_SECONDS

    def get_remaining_time_in_millis(self) -> int:
        return max(0, int(1000 * (self._end - self._clock.passed)))


@dataclass
class Desk:
    """Answers for the provider: truly, except where a fault strikes."""

    account: Fuzzed
    recorded: Recorded
    clock: Clock
    faults: list[Fault] = field(default_factory=list)
    requests: int = 0
    struck: list[Fault] = field(default_factory=list)
    _met: dict[int, int] = field(default_factory=dict)

    def expect(self, faults: tuple[Fault, ...]) -> None:
        """From now on, these and no others."""
        self.faults, self.requests = list(faults), 0
        self.struck.clear()
        self._met.clear()

    def __call__(self, request: Request) -> Answer:
        self.requests += 1
        self.clock.advance(0.05)
        if self.requests > MOST_REQUESTS:
            raise Endless(f"more than {MOST_REQUESTS} requests")
        place, answer = self.account.place_of(request), self.recorded(request)
        for number, fault in enumerate(self.faults):
            answer = self._with(number, fault, place, answer)
        return answer

    def _with(self, number: int, fault: Fault, place: Place, answer: Answer) -> Answer:
        within = self._within(fault, place, answer)
        if within is None:
            return answer
        self._met[number] = met = self._met.get(number, 0) + 1
        if met <= fault.after or (fault.times is not None and met > fault.after + fault.times):
            return answer
        self.struck.append(fault)
        return self._with_token(fault.change.apply(answer, within))

    def _within(self, fault: Fault, place: Place, answer: Answer) -> tuple[Any, ...] | None:
        """The part of the answer that a fault concerns; None if it does not concern the answer."""
        mine = fault.place
        if mine.covers(place):
            return ()
        if place.about is not None or not Place(mine.endpoint).covers(place):
            return None
        try:
            return self.account.part_about(mine, json.loads(answer.body))
        except (ValueError, LookupError, TypeError, RecursionError):
            return None

    def _with_token(self, answer: Answer) -> Answer:
        token = str(self.account.session["access_token"])
        headers = tuple((name, value.replace(TOKEN, token)) for name, value in answer.headers)
        body = answer.body.replace(TOKEN.encode(), token.encode())
        return Answer(answer.status, headers, body, answer.end, answer.cut)


@dataclass
class Night:
    """How a night ended: SUCCEEDED or the name of an error, and everything that left the functions as text."""

    end: str = ""
    errors: list[str] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    invocations: int = 0
    cause: str = ""


@dataclass
class World:
    """One account; `nights` of it come one after the other."""

    desk: Desk
    aws: Aws
    clock: Clock
    nights: int = 0

    def night(self, faults: tuple[Fault, ...] = (), credentials: Mapping[str, Any] | None = None) -> Night:
        """Plays one run, and checks what has to hold whatever the faults are."""
        self.nights += 1
        self.desk.expect(faults)
        self.clock.most = self.clock.passed + MOST_SECONDS
        if credentials:
            self.aws.store(dict(credentials))
        night, log = Night(), io.StringIO()
        run_id = f"night-{self.nights}"
        arn = f"arn:aws:states:{REGION}:123456789012:execution:gopro-sync-orchestrator:{run_id}"
        stream, logger.registered_handler.stream = logger.registered_handler.stream, log
        try:
            with contextlib.redirect_stdout(log), contextlib.redirect_stderr(log):
                player = Player(self._invoking(night), self._manifest, self._wait, run_id, arn)
                player.play({"provider": self.desk.account.name})
            night.end = "SUCCEEDED"
        except StatesError as error:
            night.end, night.cause = error.name, error.cause
        finally:
            logger.registered_handler.stream = stream
        night.texts.append(log.getvalue())
        self._check(night)
        return night

    def _wait(self, _: StatesError) -> None:
        self.clock.advance(RETRY_SECONDS)

    def _manifest(self, key: str) -> list[bytes]:
        return self.aws.read(key, WORK).split(b"\n")[:-1]

    def _invoking(self, night: Night) -> Any:
        def invoke(function: str, payload: Any) -> Any:
            night.invocations += 1
            if night.invocations > MOST_INVOCATIONS:
                raise Endless(f"more than {MOST_INVOCATIONS} invocations")
            given = json.dumps(payload)
            assert len(given) <= STATE_LIMIT, f"{function} is given {len(given)} bytes"
            handler = importlib.import_module(f"lambdas.{function.replace('-', '_')}.handler").handler
            try:
                result = json.dumps(handler(json.loads(given), _Context(function, self.clock)))
            except Exception as error:
                night.errors.append(type(error).__name__)
                cause = json.dumps({"errorType": type(error).__name__, "errorMessage": str(error)})
                night.texts.append(cause)
                raise StatesError(type(error).__name__, cause) from None
            assert len(result) <= STATE_LIMIT, f"{function} gives {len(result)} bytes"
            night.texts.append(result)
            return json.loads(result)

        return invoke

    def _check(self, night: Night) -> None:
        """No error but ours, nothing archived that is no original, nothing secret anywhere."""
        known = set(error_classes()) - {UnexpectedError.__name__}
        assert set(night.errors) <= known, f"errors that are not ours: {night.errors}\n{_tracebacks(night.texts)}"
        self._check_archive()
        night.texts += [json.dumps(row, default=str, ensure_ascii=False) for row in self.rows()]
        night.texts += [json.dumps(mail, ensure_ascii=False) for mail in (*self.aws.mails(), *self.aws.dead_letters())]
        night.texts += self._objects()
        assert_no_secret("\n".join(night.texts), self.desk.account.secrets())

    def rows(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.aws.table.scan(ConsistentRead=True)["Items"]
        return found

    def _objects(self) -> Iterator[str]:
        for key, stored in _objects_in(ARCHIVE).items():
            yield f"{key} {dict(stored.metadata)}"
        for stored in _objects_in(WORK).values():
            yield stored.value.decode(errors="replace")

    def sources(self, media_id: str) -> list[bytes]:
        """The content of the objects that the ledger names for an item, where they are ARCHIVED."""
        pk = f"{self.desk.account.name}#{media_id}"
        rows = [row for row in self.rows() if row["pk"] == pk and row["sk"].startswith("SOURCE#")]
        archived = _objects_in(ARCHIVE)
        return [archived[row["key"]].value for row in rows if row["status"] == "ARCHIVED"]

    def status(self, media_id: str) -> str:
        row = self.aws.row(f"{self.desk.account.name}#{media_id}", "ITEM")
        return str(row.get("status", "not in the ledger"))

    def is_archived(self, media_id: str) -> bool:
        """Whether an item is ARCHIVED with every one of its files."""
        wanted = set(self.desk.account.originals[media_id])
        return self.status(media_id) == "ARCHIVED" and wanted <= set(self.sources(media_id))

    def _check_archive(self) -> None:
        """Every ARCHIVED source is, byte for byte, one of that item's originals."""
        originals, archived = self.desk.account.originals, _objects_in(ARCHIVE)
        for row in self.rows():
            if row["sk"].startswith("SOURCE#") and row["status"] == "ARCHIVED":
                media_id = row["pk"].partition("#")[2]
                content = archived[row["key"]].value
                assert content in originals.get(media_id, ()), (
                    f"{media_id} {row['sk']} is ARCHIVED with {len(content)} bytes that are no original of it"
                )
                assert int(row["size"]) == len(content), "the ledger has another size"


def _objects_in(bucket: str) -> Any:
    """The objects of a bucket by key, without a request."""
    return s3_models.s3_backends[DEFAULT_ACCOUNT_ID]["aws"].get_bucket(bucket).keys


def _tracebacks(texts: list[str]) -> str:
    lines = [line for text in texts for line in text.splitlines() if '"exception"' in line]
    return "\n".join(json.loads(line)["exception"] for line in lines)[-4000:]


@contextlib.contextmanager
def worlds(account: Fuzzed) -> Iterator[Any]:
    """A function that makes a new world for each call."""
    clock, server, tables = Clock(), AwsServer(), Tables(clients.table)
    desk = Desk(account, Recorded(account.base_url), clock)
    with pytest.MonkeyPatch.context() as patch:
        _set_up(patch, server, desk, tables)
        try:
            yield lambda *, quick=True: _new_world(server, desk, clock, tables, quick)
        finally:
            settings.load.cache_clear()
            http_client.session.cache_clear()
            forget_clients()


def _new_world(server: AwsServer, desk: Desk, clock: Clock, tables: Tables, quick: bool) -> World:
    tables.is_quick = quick
    tables.quick.items.clear()
    clock.passed, clock.most = 0.0, float("inf")
    upload_stream.of_this_process(allow_loopback=True).sources.close()
    return World(desk, Aws(server), clock)


def _set_up(patch: pytest.MonkeyPatch, server: AwsServer, desk: Desk, tables: Tables) -> None:
    """Puts the wires in place of the network, the clock in place of time, and sizes that are quick to move."""
    server.variables = {
        "AWS_ENDPOINT_URL": "http://127.0.0.1:1",
        "AWS_ACCESS_KEY_ID": "inside",
        "AWS_SECRET_ACCESS_KEY": "inside",
        "AWS_DEFAULT_REGION": REGION,
    }
    for name, value in server.variables.items():
        patch.setenv(name, value)
    forget_clients()
    clients.session().events.register("before-send", boto_handler(server))
    patch.setattr(clients, "table", tables)
    variables = Aws(server).variables | {"SINGLE_PUT_MIB": "1", "CONNECTIONS_PER_VIDEO": "2"}
    variables |= {f"{desk.account.name.upper()}_CREDENTIALS_SECRET": SECRET}
    variables |= {f"{name.upper()}_BASE_URL": desk.account.base_url for name in PROVIDERS[desk.account.name].base_urls}
    for name, value in variables.items():
        patch.setenv(name, value)
    settings.load.cache_clear()
    for name in ("MIN_PART", "MIN_SHARE"):
        patch.setattr(part_plan, name, MIB_PARTS)
    patch.setattr(s3_models, "S3_UPLOAD_PART_MIN_SIZE", MIB_PARTS, raising=False)
    made = functools.cache(Subscription.private_key.__wrapped__)  # moto makes another key for each subscription
    patch.setattr(Subscription, "private_key", lambda _: made(None))
    _wire(patch, server, desk, desk.clock)
    _tell_the_time(patch, desk.clock)


def _wire(patch: pytest.MonkeyPatch, server: AwsServer, desk: Desk, clock: Clock) -> None:
    patch.setattr(http_client._Pool, "ConnectionCls", api_connections(desk, clock))
    uploader = upload_stream.of_this_process(allow_loopback=True)
    sources = SourceConnections(addresses=uploader.sources.addresses, check_url=uploader.sources.check_url)
    sources.server = desk
    uploader.sources, uploader._archive = sources, ArchiveConnections(server)
    uploader._runner = _runner(clock)


def _runner(clock: Clock) -> asyncio.Runner:
    return asyncio.Runner(loop_factory=lambda: VirtualLoop(clock))


def _tell_the_time(patch: pytest.MonkeyPatch, clock: Clock) -> None:
    """Everything that waits uses the clock; two default values were bound when the code was imported."""
    patch.setattr(time, "time", clock.time)
    patch.setattr(time, "monotonic", clock.monotonic)
    kept = retry_utils.retrying.__kwdefaults__ or {}
    patch.setattr(retry_utils.retrying, "__kwdefaults__", {**kept, "sleep": clock.advance})
    for kind in (AuthorisedSession, CredentialsRenewal):
        defaults = tuple(clock.advance if value is time.sleep else value for value in kind.__init__.__defaults__ or ())
        patch.setattr(kind.__init__, "__defaults__", defaults)
