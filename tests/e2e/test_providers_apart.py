"""Least privilege where several providers are backed up: whatever a role's statement names of a provider (its secret,
its rows of the ledger, its prefix in the archive) is needed by the steps of that provider, and of no other provider is
anything allowed.

The statements come from the deployed policies, so that a new one that names a provider without a step here fails.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from cloud_sync_common.stores.restore_jobs import FileState
from cloud_sync_common.stores.thawing import NOT_ALLOWED

from cloud_sync.providers import PROVIDERS
from local.deep_archive import freeze
from local.deployment import Deployment, deploy
from local.emulator import EMULATOR_PYTHON, FUNCTION_PYTHON, Certificates
from local.fake_accounts import Fake, account_of
from local.fake_providers import dropbox, google_drive, gopro
from local.fake_providers.library import Library
from local.movies import movie_of
from tests.e2e.roles import Policy, Probe, Statement, call, outcome, probing
from tests.e2e.test_restore import written
from tests.installed import installed
from tests.synthesis import FUNCTIONS

SECRETS, ITEMS, ROWS = "UseTheCredentials", "UseTheItems", "UseTheRowsOfTheProvider"
ARCHIVE, WRITING = "SeeWhatIsArchived", "WriteTheArchive"
NAMES_A_PROVIDER = {
    "media-authenticator": {SECRETS, ROWS},
    "media-lister": {SECRETS, ITEMS, ROWS},
    "video-downloader": {SECRETS, ITEMS, ROWS, ARCHIVE, WRITING},
    "failure-recorder": {ITEMS},
    "run-report": {ITEMS, ROWS},
    "archive-reconciler": {SECRETS, ITEMS, ROWS, ARCHIVE},
    "archive-thawer": {"HaveObjectsThawed"},
    "catalogue-writer": {SECRETS, ITEMS, ROWS, ARCHIVE},
    "credentials-rotator": {SECRETS, ROWS},
    "frame-maker": set(),
}
NOT_THAWED = {"archive-thawer"}  # its step does not fail: each file that it may not have thawed does
JOB = "restore-20261127T120000Z-0001"
SIZES = {"small.mp4": 60_000, "large.mp4": 6 * 1024**2}
# The large one is looked up in the archive before it is uploaded in parts.
IN_PARTS = {"single_put_mib": "5"}
REFUSED = {"AccessDenied", "AccessDeniedException"}
PERMITTED = {"allowed", "NoSuchKey", "ObjectAlreadyInActiveTierError"}
# A provider that is not backed up, and two whose names are like those of some that are.
OTHERS = ("somecloud", "gopro2", "dropbox_business")


@dataclass(frozen=True)
class Clouds:
    """A deployment with three providers, and of each the videos as its lister writes them, the smallest first."""

    deployment: Deployment
    fakes: tuple[Fake, ...]
    videos: dict[str, list[dict[str, Any]]] = field(default_factory=dict)

    def reset(self) -> None:
        """Empties archive and ledger, and stores the latest tokens of each account."""
        self.deployment.clear()
        for account in map(account_of, self.fakes):
            self.deployment.store_credentials(account.session() | account.oauth(), provider=account.provider)

    def prepare(self, function: str, provider: str) -> None:
        """What the step of this function finds: something archived, or a manifest."""
        if function in ("archive-reconciler", "catalogue-writer"):
            assert outcome(self.deployment, "video-downloader", self.event("video-downloader", provider)) == ("", "")
        if function == "catalogue-writer":  # in Deep Archive, so that its provider is asked for it
            for key in self.deployment.objects(provider):
                freeze(self.deployment, key)
        if function in ("run-report", "catalogue-writer"):
            line = json.dumps({"media": self.videos[provider]}).encode()
            key = f"runs/{run_of(provider)['run_id']}/work.jsonl"
            self.deployment.s3.put_object(Bucket=self.deployment.work_bucket, Key=key, Body=line)

    def event(self, function: str, provider: str, sid: str = "") -> dict[str, Any]:
        """What the state machine, or Secrets Manager, sends to a function about a provider."""
        small, large = self.videos.get(provider, ({}, {}))
        run: dict[str, Any] = {**run_of(provider)}
        started = {"started_at": "2026-11-22T02:00:00Z"}
        error = {"Error": "IntegrityError", "Cause": "other bytes"}
        return {
            "media-authenticator": {"run_id": run["run_id"], "input": {"provider": provider}},
            "media-lister": run | {"execution_arn": "arn:aws:states:eu-west-3:000000000000:execution:x:run-1"},
            "video-downloader": run | {"request": "slice", "media": large if sid == ARCHIVE else small},
            "failure-recorder": run | {"scope": "media", "media": small, "error": error},
            "run-report": run | started | {"listing": {"listed": 2, "new": 2}},
            "archive-reconciler": run | started | {"cursor": None},
            "catalogue-writer": run | {"new": 2},
            "credentials-rotator": {"Step": "createSecret", "SecretId": PROVIDERS[provider].secret},
        }[function]


def run_of(provider: str) -> dict[str, str]:
    return {"run_id": f"run-{provider}", "provider": provider}


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Library:
    """Two videos, one of which is uploaded in parts."""
    folder = tmp_path_factory.mktemp("library")
    for name, size in SIZES.items():
        (folder / name).write_bytes(movie_of(random.Random(name).randbytes(size)))  # noqa: S311 (test data)
    return Library.load(folder)


@pytest.fixture(scope="module")
def clouds(tmp_path_factory: pytest.TempPathFactory, certificates: Certificates, library: Library) -> Iterator[Clouds]:
    installed("node", "cdk", str(EMULATOR_PYTHON), str(FUNCTION_PYTHON))
    tls = certificates.server_context
    with (
        gopro.running(library, tls()) as one,
        google_drive.running(library, tls()) as two,
        dropbox.running(library, tls()) as three,
    ):
        fakes = (one, two, three)
        folder, accounts = tmp_path_factory.mktemp("clouds"), [account_of(fake) for fake in fakes]
        with deploy(folder, certificates, accounts, context=IN_PARTS, retry_delay_scale=0.02) as deployment:
            found = Clouds(deployment, fakes)
            found.reset()
            for provider in PROVIDERS:
                found.videos[provider] = listed(deployment, found.event("media-lister", provider))
            yield found


def listed(deployment: Deployment, event: dict[str, Any]) -> list[dict[str, Any]]:
    """The videos that a lister has found, the smallest first."""
    assert outcome(deployment, "media-lister", event) == ("", "")
    key = f"runs/{event['run_id']}/work.jsonl"
    body = deployment.s3.get_object(Bucket=deployment.work_bucket, Key=key)["Body"].read()
    found = [item for line in body.splitlines() for item in json.loads(line)["media"]]
    return sorted(found, key=lambda item: int(item["size"]))


def named(statement: Statement) -> list[str]:
    """What a statement names: its resources, or the keys of rows that it is limited to."""
    condition = statement.get("Condition", {}).get("ForAllValues:StringLike", {})
    found = condition.get("dynamodb:LeadingKeys") or statement["Resource"]
    return [found] if isinstance(found, str) else list(found)


def is_of(name: str, provider: str) -> bool:
    """Whether it is the provider's secret, its rows of the ledger, or its prefix in the archive."""
    secret = f":secret:{PROVIDERS[provider].secret}"
    return name in (f"{provider}#*", f"PROVIDER#{provider}") or secret in name or name.endswith(f"/{provider}/*")


def narrowed(statement: Statement, provider: str) -> Statement:
    """The statement without what it names of this provider."""
    left = [name for name in named(statement) if not is_of(name, provider)]
    assert len(left) == len(named(statement)) - 1
    if "dynamodb:LeadingKeys" in statement.get("Condition", {}).get("ForAllValues:StringLike", {}):
        return {**statement, "Condition": {"ForAllValues:StringLike": {"dynamodb:LeadingKeys": left}}}
    return {**statement, "Resource": left}


def test_these_statements_name_every_provider_once_and_nothing_else_and_all_others_name_none(clouds: Clouds) -> None:
    for function in FUNCTIONS:
        statements = Policy(clouds.deployment, function).statements
        for sid, statement in statements.items():
            owners = [provider for name in named(statement) for provider in PROVIDERS if is_of(name, provider)]
            assert sorted(owners) == (sorted(PROVIDERS) if sid in NAMES_A_PROVIDER[function] else []), (function, sid)
            assert sid not in NAMES_A_PROVIDER[function] or len(named(statement)) == len(PROVIDERS)
        assert statements.keys() >= NAMES_A_PROVIDER[function]


@pytest.mark.parametrize(
    ("function", "sid"),
    [(f, sid) for f in NAMES_A_PROVIDER if f not in NOT_THAWED for sid in sorted(NAMES_A_PROVIDER[f])],
)
def test_without_its_part_of_this_statement_the_step_of_a_provider_fails_and_with_it_it_succeeds(
    clouds: Clouds, function: str, sid: str
) -> None:
    deployment = clouds.deployment
    clouds.reset()
    policy = Policy(deployment, function)
    for provider in PROVIDERS:
        clouds.prepare(function, provider)
        with policy.with_instead(sid, narrowed(policy.statements[sid], provider)):
            error, sentence = outcome(deployment, function, clouds.event(function, provider, sid))
        assert error == "ConfigurationError" and "role may not do this" in sentence, provider
        assert outcome(deployment, function, clouds.event(function, provider, sid)) == ("", ""), provider


def test_without_its_prefix_no_object_of_a_provider_is_thawed_and_with_it_it_is(clouds: Clouds) -> None:
    deployment, event = clouds.deployment, {"request": "request", "job_id": JOB}
    policy = Policy(deployment, "archive-thawer")
    for provider in PROVIDERS:
        clouds.reset()
        assert outcome(deployment, "video-downloader", clouds.event("video-downloader", provider)) == ("", "")
        (key,) = deployment.objects(provider)
        freeze(deployment, key)
        jobs = written(deployment, JOB)
        with policy.with_instead("HaveObjectsThawed", narrowed(policy.statements["HaveObjectsThawed"], provider)):
            assert outcome(deployment, "archive-thawer", event) == ("", "")
        assert [file.problem for file in jobs.files(JOB)] == [NOT_ALLOWED], provider
        jobs.update_file(JOB, 1, {"state": FileState.WANTED})
        assert outcome(deployment, "archive-thawer", event) == ("", "")
        assert [file.state for file in jobs.files(JOB)] == [FileState.REQUESTED], provider


@pytest.mark.parametrize("function", ["video-downloader", "archive-reconciler"])
def test_without_the_rows_of_contents_a_step_that_compares_them_fails_and_with_them_it_succeeds(
    clouds: Clouds, function: str
) -> None:
    """A reconciliation notes the contents of what was archived before anybody compared them."""
    clouds.reset()
    clouds.prepare(function, "dropbox")
    for row in clouds.deployment.rows("dropbox"):
        if row["sk"].startswith("SOURCE#"):
            place = {name: {"S": row[name]} for name in ("pk", "sk")}
            clouds.deployment.dynamodb.update_item(
                TableName=clouds.deployment.ledger_table, Key=place, UpdateExpression="REMOVE noted"
            )
    with Policy(clouds.deployment, function).without("CompareTheContents"):
        error, sentence = outcome(clouds.deployment, function, clouds.event(function, "dropbox"))
    assert error == "ConfigurationError" and "role may not do this" in sentence
    assert outcome(clouds.deployment, function, clouds.event(function, "dropbox")) == ("", "")


@pytest.fixture(scope="module")
def probe(clouds: Clouds) -> Iterator[Probe]:
    with probing(clouds.deployment) as ask:
        yield ask


def everything_of(provider: str, deployment: Deployment) -> list[dict[str, Any]]:
    """Each call by which a function reads or changes what belongs to a provider of this name."""
    known = PROVIDERS.get(provider)
    secret = {"SecretId": known.secret if known else f"{provider}/credentials"}
    place = {"Bucket": deployment.archive_bucket, "Key": f"{provider}/probe"}
    rows = [
        {"TableName": deployment.ledger_table, "Key": {"pk": {"S": pk}, "sk": {"S": "probe"}}}
        for pk in (f"{provider}#probe", f"PROVIDER#{provider}")
    ]
    return [
        call("secretsmanager", "get_secret_value", **secret),
        call("secretsmanager", "put_secret_value", **secret, SecretString="{}"),
        *(call("dynamodb", name, **row) for name in ("get_item", "update_item") for row in rows),
        call("s3", "head_object", **place),
        call("s3", "get_object", **place),
        call("s3", "put_object", **place, IfNoneMatch="*"),
        call("s3", "restore_object", **place, RestoreRequest={"Days": 1}),
    ]


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_role_reaches_nothing_of_a_provider_that_is_not_backed_up(
    clouds: Clouds, probe: Probe, function: str
) -> None:
    deployment = clouds.deployment
    for other in OTHERS:
        clouds.deployment.secrets.create_secret(Name=f"{other}/credentials", SecretString="{}")
    try:
        beyond = probe(function, *(each for other in OTHERS for each in everything_of(other, deployment)))
        within = probe(function, *everything_of("dropbox", deployment))
    finally:
        for other in OTHERS:
            deployment.secrets.delete_secret(SecretId=f"{other}/credentials", ForceDeleteWithoutRecovery=True)
    # HeadObject has no body, so that its code is the status.
    assert {"AccessDenied" if code == "403" else code for code in beyond} <= REFUSED
    reached = {"allowed", "NoSuchKey", "ObjectAlreadyInActiveTierError"} & {*within}
    assert len(beyond) == len(OTHERS) * len(within) and bool(reached) is (function != "frame-maker")  # that may nothing
