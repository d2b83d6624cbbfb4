"""`cloudsync plan`: what a run would move, counted as a run counts it; nothing is written, and no token is lost."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from functools import partial
from io import BytesIO
from typing import Any
from unittest.mock import Mock

import pytest
from cloud_sync_common import prices, providers
from cloud_sync_common.exceptions import CredentialsExpiredError, ProviderUnavailableError
from cloud_sync_common.filters import Filters
from cloud_sync_common.metrics_utils import EnvironmentMetrics
from cloud_sync_common.provider_access.session import AuthorisedSession
from cloud_sync_common.provider_interface import Capabilities, Credentials, MediaItem, MediaPage
from cloud_sync_common.retry_utils import Deadline
from cloud_sync_common.steps.list_media import ListRequest, MediaLister
from cloud_sync_common.stores.credential_store import CredentialStore
from cloud_sync_common.stores.credentials_lease import CredentialsLease
from cloud_sync_common.stores.manifest import Manifest

from console import main
from console.errors import Exit
from console.operations import estimate as estimates
from console.operations import provider_session
from console.operations.deployed_functions import Deployed, of_configuration
from console.operations.estimate import Speed, Work, estimate, requests_of, speed_of, speed_of_a_function
from console.operations.runs import Run
from console.operations.storage import Lifecycle
from costs import model
from tests.unit.console_account import ScriptedClient, refusal
from tests.unit.console_ledger import STORED, World, a_world
from tests.unit.in_process_aws import WORK

DEPLOYED = Deployed(
    max_attempts=3, max_run_gb=500, single_put_mib=128, connections_per_video=4, private_network=False,
    audit_trail=False,
)  # fmt: skip
VARIABLES = {
    "FILTERS": '{"gopro": {"max_size_mb": 1000}}', "MAX_ATTEMPTS": "3", "MAX_RUN_GB": "500", "SINGLE_PUT_MIB": "128",
    "CONNECTIONS_PER_VIDEO": "4", "PRIVATE_NETWORK": "false", "AUDIT_TRAIL": "false",
    "GOOGLE_DRIVE_PROVIDER_OPTIONS": '{"shortcuts": true}', "GOPRO_CREDENTIALS_SECRET": "gopro/credentials",
}  # fmt: skip
CONFIGURATION = {"Environment": {"Variables": VARIABLES}, "MemorySize": 512, "Timeout": 900}


class Cloud:
    """A provider whose listing is these pages. Tokens in `refused` are refused, once `good` pages were given."""

    media_origins = ()

    def __init__(self, name: str, *pages: MediaPage) -> None:
        self.name, self.pages, self.refused, self.good = name, pages, set[str](), 0
        self.capabilities = Capabilities(counts_exactly=True)
        self.asked: list[tuple[str, Filters]] = []

    def validate(self, credentials: Credentials) -> Credentials:
        if credentials.access_token in self.refused:
            raise CredentialsExpiredError("The provider refuses it (401). Connect again: `cloudsync connect gopro`.")
        return credentials

    def refresh(self, credentials: Credentials) -> Credentials:
        raise AssertionError("a token is renewed by the function alone")

    def list_media(self, token: str, cursor: str | None, filters: Filters) -> MediaPage:
        number = int(cursor or 0)
        if token in self.refused and number >= self.good:
            raise CredentialsExpiredError("The provider refuses it (401). Connect again: `cloudsync connect gopro`.")
        self.asked.append((token, filters))
        return self.pages[number]


def item(name: str, size: int | None = 100_000_000, **more: Any) -> MediaItem:
    return MediaItem(media_id=name, filename=f"{name}.MP4", size=size, revision="r", **more)


def pages() -> list[MediaPage]:
    """Two pages: of ten rows, six are work."""
    first = [*map(item, ("new-1", "old", "changed", "failed", "exhausted")), item("huge", 2_000_000_000)]
    second = [item("new-2", None), item("new-1"), item("waits"), item("new-3", 300_000_000)]
    return [
        MediaPage(items=tuple(first), next_cursor="1", waiting=("w",), total=10),
        MediaPage(items=tuple(second), left_out={"folder": 2}, total=10),
    ]


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    with a_world(monkeypatch) as world:
        clouds = {
            "gopro": Cloud("gopro", *pages()),
            "google_drive": Cloud("google_drive", MediaPage(items=(), total=0)),
        }
        world.clouds = clouds  # type: ignore[attr-defined]
        monkeypatch.setattr(providers, "get", lambda name, *_: clouds[name])
        unhurried = partial(AuthorisedSession, sleep=lambda _: None)
        monkeypatch.setattr(provider_session, "AuthorisedSession", unhurried)
        for name in ("video-downloader", "media-authenticator"):
            world.resource("AWS::Lambda::Function", name)
        world.account.services["lambda"] = ScriptedClient({"get_function_configuration": CONFIGURATION})
        world.answer("s3", get_bucket_lifecycle_configuration={"Rules": [
            {"Status": "Enabled", "Transitions": [{"StorageClass": "DEEP_ARCHIVE", "Days": 7}]}
        ]})  # fmt: skip
        world.answer("stepfunctions", list_executions={"executions": []})
        store(world, refresh_token="refresh-token", client_id="client-id", client_secret="client-secret",
              access_token="token-one")  # fmt: skip
        known(world)
        yield world


def store(world: World, version: str = "v1", **fields: Any) -> None:
    value = {"SecretString": json.dumps(fields), "VersionId": version, "CreatedDate": STORED}
    world.answer("secretsmanager", get_secret_value=lambda **given: value,
                 describe_secret={"VersionIdsToStages": {version: ["AWSCURRENT"]}})  # fmt: skip


def known(world: World) -> None:
    """What the ledger has of the listing."""
    rows: dict[str, dict[str, Any]] = {
        "old": {"status": "ARCHIVED", "revision": "r"}, "changed": {"status": "ARCHIVED", "revision": "before"},
        "failed": {"status": "FAILED", "attempts": 2}, "exhausted": {"status": "FAILED", "attempts": 3},
        "waits": {"status": "PENDING"},
    }  # fmt: skip
    for media_id, fields in rows.items():
        world.put(f"gopro#{media_id}", "ITEM", media_id=media_id, **fields)


def rows(world: World) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = world.aws.table.scan()["Items"]
    return sorted(found, key=lambda row: (row["pk"], row["sk"]))


def asked_of_the_secret(world: World) -> set[str]:
    return {operation for operation, _ in world.scripted("secretsmanager").asked}


def planned(capsys: pytest.CaptureFixture[str], *options: str, code: int = 0) -> dict[str, Any]:
    assert main.main(["plan", "--json", *options]) == code
    found: dict[str, Any] = {one["provider"]: one for one in json.loads(capsys.readouterr().out)["providers"]}
    return found


# What is counted


def test_a_plan_counts_what_is_new_what_is_left_and_why_and_writes_nothing(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    before = rows(world)
    gopro = planned(capsys, "--provider", "gopro")["gopro"]
    assert rows(world) == before and world.started == []
    counts = {name: gopro[name] for name in ("listed", "archived", "videos", "again", "changed", "waiting",
                                             "exhausted", "unknown_sizes")}  # fmt: skip
    assert counts == {
        "listed": 10, "archived": 1, "videos": 6, "again": 2, "changed": 1, "waiting": 1, "exhausted": 1,
        "unknown_sizes": 1,
    }  # fmt: skip
    assert gopro["left_out"] == {"folder": {"items": 2, "bytes": 0}, "size": {"items": 1, "bytes": 2_000_000_000}}
    assert gopro["bytes"] == 700_000_000 * 6 // 5  # the one of unknown size counts as the average
    assert gopro["filters"] == {"max_size_mb": 1000.0}
    assert [one["filename"] for one in gopro["examples"]] == [
        "new-1.MP4", "changed.MP4", "failed.MP4", "new-2.MP4", "waits.MP4"
    ]  # fmt: skip
    assert asked_of_the_secret(world) == {"describe_secret", "get_secret_value"}


@pytest.mark.parametrize("filters", [{}, {"retry_failed": True}, {"names": ["new*", "ex*"]}, {"max_size_mb": 150.0}])
def test_a_plan_counts_as_the_lister_counts(
    filters: dict[str, Any], world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    options = {"retry_failed": ["--retry-failed"], "names": ["--name", "new*", "--name", "ex*"],
               "max_size_mb": ["--max-size-mb", "150"]}  # fmt: skip
    gopro = planned(capsys, "--provider", "gopro", *(word for name in filters for word in options[name]))["gopro"]
    done = lister(world).list_new(
        ListRequest(
            run_id="r", provider="gopro", execution_arn="a", filters=Filters(**{"max_size_mb": 1000.0, **filters})
        )
    )
    assert (gopro["listed"], gopro["videos"], gopro["exhausted"], gopro["waiting"]) == (
        done.listed, done.new, done.exhausted, done.waiting
    )  # fmt: skip
    assert {reason: left["items"] for reason, left in gopro["left_out"].items()} == done.left_out


def lister(world: World) -> MediaLister:
    cloud = world.clouds["gopro"]  # type: ignore[attr-defined]
    lease = CredentialsLease(world.aws.table, "gopro")
    secrets = CredentialStore(world.scripted("secretsmanager"), "gopro/credentials", "gopro")  # type: ignore[arg-type]
    return MediaLister(
        session=AuthorisedSession(cloud, secrets, lease, Deadline.after(60)),
        ledger=world.aws.ledger, runs=world.aws.runs, manifest=Manifest(world.aws.s3, WORK, "r"), executions=Mock(),
        max_attempts=3, most_bytes=10**12, deadline=Deadline.after(60),
        metrics=EnvironmentMetrics("dev", detailed=False),
    )  # fmt: skip


def test_a_listing_that_does_not_add_up_is_started_again_and_counted_anew(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    cloud = world.clouds["google_drive"]  # type: ignore[attr-defined]
    wrong, right = MediaPage(items=(item("a"),), total=2), MediaPage(items=(item("a"), item("b")), total=2)
    answers = iter([wrong, right])
    cloud.list_media = lambda *_: next(answers)
    drive = planned(capsys, "--provider", "google-drive")["google_drive"]
    assert (drive["listed"], drive["videos"]) == (2, 2)


def test_a_run_under_way_is_named(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    arn = world.night("night-1", status="RUNNING")
    world.put("PROVIDER#gopro", "RUN_UNDER_WAY", current="night-1", execution_arn=arn)
    assert planned(capsys, "--provider", "gopro")["gopro"]["run_under_way"] == "night-1"


def test_the_lasting_filters_of_the_settings_count_and_a_pause_is_said(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    document = json.dumps({"paused": True, "filters": {"max_size_mb": None, "names": ["new*"]}})
    world.put("PROVIDER#gopro", "SETTINGS", version=3, document=document)
    gopro = planned(capsys, "--provider", "gopro")["gopro"]
    assert (gopro["paused"], gopro["videos"], gopro["filters"]) == (True, 3, {"names": ["new*"]})
    given = planned(capsys, "--provider", "gopro", "--name", "changed*")["gopro"]
    assert given["filters"] == {"names": ["changed*"]}
    main.main(["plan", "--provider", "gopro"])
    shown = capsys.readouterr().out
    assert "until `cloudsync settings resume --provider gopro`" in shown
    assert "`cloudsync run --provider gopro --even-if-paused`" in shown


def test_settings_that_cannot_be_read_are_a_problem_and_no_plan(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    world.put("PROVIDER#gopro", "SETTINGS", version=3, document='{"paused": "no"}')
    gopro = planned(capsys, "--provider", "gopro", code=Exit.FAILED)["gopro"]
    assert "field 'paused' must be true or false" in gopro["problem"]


# Tokens


def renewing(world: World, answer: Any) -> list[dict[str, Any]]:
    """Has the function renew; returns its events."""
    events: list[dict[str, Any]] = []

    def invoke(FunctionName: str, Payload: bytes) -> Any:
        assert FunctionName == "media-authenticator"
        events.append(json.loads(Payload))
        if isinstance(answer, Exception):
            raise answer
        return answer()

    world.account.services["lambda"].answers["invoke"] = invoke
    return events


def renew(world: World) -> Any:
    def invoked() -> dict[str, Any]:
        store(world, "v2", refresh_token="another-refresh", client_id="client-id", client_secret="client-secret",
              access_token="token-two")  # fmt: skip
        return {"Payload": BytesIO(b"{}")}

    return invoked


@pytest.mark.parametrize("fields", [
    {}, {"access_token": "token-one", "expires_at": time.time() + 60}, {"access_token": "token-one", "refused": True},
])  # fmt: skip
def test_a_token_that_has_ended_is_renewed_by_the_function_before_anything_is_listed(
    fields: dict[str, Any], world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    if fields.pop("refused", False):
        world.put("PROVIDER#gopro", "CREDENTIALS", refused_version="v1")
    store(world, refresh_token="refresh-token", client_id="client-id", client_secret="client-secret", **fields)
    events = renewing(world, renew(world))
    assert planned(capsys, "--provider", "gopro")["gopro"]["videos"] == 6
    assert [(event["input"], event["renewals"]) for event in events] == [({"provider": "gopro"}, 0)]
    cloud = world.clouds["gopro"]  # type: ignore[attr-defined]
    assert {token for token, _ in cloud.asked} == {"token-two"}


def test_a_token_that_ends_on_the_way_is_renewed_and_the_listing_goes_on_where_it_was(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    cloud = world.clouds["gopro"]  # type: ignore[attr-defined]
    cloud.refused, cloud.good = {"token-one"}, 1
    events = renewing(world, renew(world))
    gopro = planned(capsys, "--provider", "gopro")["gopro"]
    assert (gopro["listed"], gopro["videos"], len(events)) == (10, 6, 1)
    assert [token for token, _ in cloud.asked] == ["token-one", "token-two"]
    # What tells the function that this one has to be renewed is all that is noted.
    noted = world.aws.table.get_item(Key={"pk": "PROVIDER#gopro", "sk": "CREDENTIALS"})["Item"]
    assert noted["refused_version"] == "v1"


def test_who_may_not_have_it_renewed_is_told_what_to_do_and_nothing_is_spent(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    store(world, refresh_token="refresh-token", client_id="client-id", client_secret="client-secret")
    renewing(world, refusal("AccessDeniedException", "Invoke"))
    assert main.main(["plan", "--provider", "gopro"]) == Exit.CREDENTIALS
    printed = capsys.readouterr()
    assert "it cannot be renewed from here: The AWS credentials may not do Invoke." in " ".join(printed.out.split())
    assert "Or start a run, which renews it (`cloudsync run`)" in " ".join(printed.out.split())
    assert asked_of_the_secret(world) == {"describe_secret", "get_secret_value"}


def test_who_may_not_read_the_secret_is_told_which_permission_that_is(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    world.answer("secretsmanager", get_secret_value=refusal("AccessDeniedException", "GetSecretValue"))
    assert main.main(["plan", "--provider", "gopro"]) == Exit.CREDENTIALS
    assert "The AWS credentials may not do GetSecretValue." in capsys.readouterr().err


def test_what_the_function_says_of_a_refused_renewal_is_passed_on(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    store(world, refresh_token="refresh-token", client_id="client-id", client_secret="client-secret")
    said = {"errorType": "CredentialsExpiredError", "errorMessage": "GoPro refuses the refresh token."}
    renewing(world, lambda: {"FunctionError": "Unhandled", "Payload": BytesIO(json.dumps(said).encode())})
    gopro = planned(capsys, "--provider", "gopro", code=Exit.CREDENTIALS)["gopro"]
    assert gopro["problem"].endswith("(CredentialsExpiredError): GoPro refuses the refresh token.")


def test_a_session_that_has_ended_is_the_owners_to_renew(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    store(world, access_token="token-one", user_id="u")
    world.clouds["gopro"].refused = {"token-one"}  # type: ignore[attr-defined]
    gopro = planned(capsys, "--provider", "gopro", code=Exit.CREDENTIALS)["gopro"]
    assert gopro["problem"].endswith("Connect again: `cloudsync connect gopro`.")


def test_a_token_that_is_refused_again_and_again_is_given_up(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    world.clouds["gopro"].refused = {"token-one", "token-two"}  # type: ignore[attr-defined]
    events = renewing(world, renew(world))
    assert "Connect again" in planned(capsys, "--provider", "gopro", code=Exit.CREDENTIALS)["gopro"]["problem"]
    assert len(events) <= 4


def test_one_provider_that_cannot_be_asked_leaves_the_plan_of_the_others(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    def unavailable(*_: Any) -> MediaPage:
        raise ProviderUnavailableError("Google Drive answers with 500.")

    cloud = world.clouds["google_drive"]  # type: ignore[attr-defined]
    cloud.list_media = unavailable
    found = planned(capsys, code=Exit.FAILED)
    assert found["google_drive"]["problem"].startswith("Google Drive answers with 500.")
    assert found["gopro"]["videos"] == 6


# For people


def test_for_people_a_plan_is_one_screen_and_text_is_taken_as_it_is(
    world: World, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    world.clouds["google_drive"].pages = (MediaPage(items=(item("[red]"),), total=1),)  # type: ignore[attr-defined]
    assert main.main(["plan", "--provider", "all"]) == Exit.FINE
    text = capsys.readouterr().out
    assert "listed     10; archived already: 1" in text
    assert "to move    6 items, 840.0 MB (2 tried or listed before, 1 a new version, 1 of unknown size)" in text
    assert "1 smaller or larger (min_size_mb, max_size_mb), 2.0 GB" in text
    assert "not ready  1 item; a later run tries again" in text and "1 item has failed too often" in text
    assert "(assumed: no run has shown it)" in text and "USD once" in text and "USD a month" in text
    assert "[red].MP4 (100.0 MB)" in text and "All\n  to move  7 items, 940.0 MB" in text
    monkeypatch.setenv("COLUMNS", "80")
    main.main(["plan"])
    assert max(map(len, capsys.readouterr().out.splitlines())) <= 80


def test_where_no_size_is_known_neither_size_nor_time_is_made_up(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    world.clouds["google_drive"].pages = (MediaPage(items=(item("one", size=None),), total=1),)  # type: ignore[attr-defined]
    assert main.main(["plan", "--provider", "google-drive"]) == Exit.FINE
    text = capsys.readouterr().out
    assert "to move  1 item (1 of unknown size)" in text and "time" not in text and "USD once" in text


def test_where_everything_is_archived_that_is_said(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    assert main.main(["plan", "--provider", "google-drive"]) == Exit.FINE
    assert "to move  nothing: all that is listed, and that no filter leaves out, is archived" in capsys.readouterr().out


def test_functions_of_another_version_are_said_to_be(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    odd = {**CONFIGURATION, "Environment": {"Variables": {"MAX_ATTEMPTS": "many"}}}
    world.account.services["lambda"].answers["get_function_configuration"] = odd
    assert main.main(["plan"]) == Exit.FAILED
    assert "Deploy the stack again from this clone." in capsys.readouterr().err


# Time and cost


def test_what_the_functions_were_deployed_with_is_read_from_one_of_them() -> None:
    found = of_configuration(CONFIGURATION)
    assert (found.max_attempts, found.private_network, found.downloader_memory_mb) == (3, False, 512)
    assert found.filters == {"gopro": {"max_size_mb": 1000}}
    assert found.provider_options == {"google_drive": {"shortcuts": True}}


def test_the_speed_is_that_of_runs_that_moved_enough_and_otherwise_one_functions() -> None:
    def night(name: str, provider: str, moved: int | None, seconds: float | None) -> Run:
        return Run(run_id=name, provider=provider, mode="sync", status="SUCCEEDED", started_at="",
                   bytes_archived=moved, seconds=seconds)  # fmt: skip

    runs = [night("a", "gopro", 10**9, 100), night("b", "gopro", 3 * 10**9, 100), night("c", "gopro", 10**6, 100),
            night("d", "dropbox", 10**9, 1), night("e", "gopro", None, None)]  # fmt: skip
    assert speed_of(runs, "gopro", DEPLOYED) == Speed(bytes_per_second=2e7, runs=2)
    assumed = speed_of(runs, "google_drive", DEPLOYED)
    assert assumed.runs == 0 and assumed.bytes_per_second == pytest.approx(38e6, rel=0.01)
    assert speed_of_a_function(10_000) == estimates.MOST_BYTES_PER_SECOND


@pytest.mark.parametrize("size", [15_000_000, 100_000_000, 4_000_000_000])
def test_the_cost_of_moving_agrees_with_the_cost_model(size: int) -> None:
    files = 100
    work = Work()
    work.add([item(str(n), size) for n in range(files)], files // 20 or 1, DEPLOYED)
    found = estimate(work, Speed(bytes_per_second=1e7, runs=1), DEPLOYED, Lifecycle(deep_archive_days=7))
    library, engine = model.Library(files, size), model.Engine(8.2 / 4, 70)
    modelled = model.total(model.transfer(library, model.Design(), engine))
    assert found.run_usd == pytest.approx(modelled, rel=0.15)
    assert found.first_usd == pytest.approx(model.standard_storage(library, 7).usd)
    assert found.month_usd == pytest.approx(model.deep_archive_storage(library).usd)
    assert found.hours == pytest.approx(files * size / 1e7 / 3600, abs=1e-4)


def test_what_stays_in_standard_costs_that_each_month_and_a_large_plan_takes_several_runs() -> None:
    work = Work(videos=1, known_bytes=1_200 * prices.GB, known=1)
    found = estimate(work, Speed(bytes_per_second=1e7, runs=0), DEPLOYED, Lifecycle())
    assert (found.first_usd, found.runs) == (0.0, 3)
    assert found.month_usd == pytest.approx(1_200 * prices.STANDARD_GB_MONTH.each)


def test_a_file_is_written_in_one_request_or_in_its_parts_and_two_more() -> None:
    mib = 1024**2
    assert [requests_of(size, DEPLOYED) for size in (0, 128 * mib, 128 * mib + 1, 6_400 * mib, 10**18)] == [
        1, 1, 6, 102, 1
    ]  # fmt: skip
