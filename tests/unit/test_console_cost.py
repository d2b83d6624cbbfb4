"""`cloudsync cost`: its sums are the cost model's, and it recommends nothing that costs more than it saves."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from cloud_sync_common import metrics_utils, prices

from cloud_sync.alarm_names import alarm_names
from cloud_sync.config import ENVIRONMENTS, Config
from console import main
from console.errors import Exit
from console.operations import cost, fixed_costs, savings, storage
from console.operations.cost import Figures, Growth
from console.operations.fixed_costs import Kept
from console.operations.ledger import Reading
from console.operations.safe import SpentMonth
from console.operations.savings import Saving
from console.operations.storage import Lifecycle
from costs import model
from costs.model import Library
from tests.unit.console_account import refusal
from tests.unit.console_ledger import World, a_world

GB = 10**9
OLD = datetime(2020, 1, 1, tzinfo=UTC)
RULES = {
    "Rules": [
        {"Status": "Enabled", "Transitions": [{"Days": 7, "StorageClass": "DEEP_ARCHIVE"}]},
        {"Status": "Enabled", "NoncurrentVersionTransitions": [{"NoncurrentDays": 8, "StorageClass": "DEEP_ARCHIVE"}]},
        {"Status": "Enabled", "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 9}},
        {"Status": "Disabled", "Transitions": [{"Days": 1, "StorageClass": "DEEP_ARCHIVE"}]},
    ]
}
KEPT = Kept(
    providers=1, alarms=10, dashboards=1, keys=0, watches=0, detailed=False, network=False, trail=False
)  # fmt: skip


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    with a_world(monkeypatch) as world:
        world.answer("s3", get_bucket_lifecycle_configuration=RULES, list_multipart_uploads={})
        for number in range(10):
            world.resource("AWS::CloudWatch::Alarm", f"gopro-sync-{number}")
        world.resource("AWS::CloudWatch::Dashboard", "GoPro-Sync-Operations")
        yield world


def spent(month: str, count: int = 0, usd: float = 0, archived: int = 0) -> SpentMonth:
    return SpentMonth(month=month, runs=1, usd=usd, archived=archived, bytes=count)


def figures(**changes: Any) -> Figures:
    """A library of 100 GB in 1,000 files that grows by as much each month."""
    plain = Figures(
        environment="dev", spent=[], tiers=[storage.tier_of("DeepArchiveStorage", 100 * GB)], measured=True,
        lifecycle=Lifecycle(deep_archive_days=7, older_versions_days=7, abort_days=7),
        fixed=fixed_costs.fixed_costs(KEPT), kept=KEPT, growth=Growth(bytes=100 * GB, originals=1_000, usd=0.08),
        ledger_bytes=100 * GB, ledger_originals=1_000,
    )  # fmt: skip
    return msgspec.structs.replace(plain, **changes)


def saving_of(name: str, found: Figures) -> Saving | None:
    return next((one for one in savings.by_figures(found) if one.name == name and one.is_worth_it), None)


# The sums are the cost model's


def kept_by(config: Config) -> Kept:
    """What a stack of this environment has."""
    return Kept(
        providers=len(config.providers), alarms=len(alarm_names(config)), dashboards=1,
        keys=int(config.customer_managed_key), watches=len(config.providers) if config.is_watched else 0,
        detailed=config.detailed_monitoring, network=config.private_network, trail=config.audit_trail,
    )  # fmt: skip


CONFIGS = [
    *(ENVIRONMENTS[name] for name in ("dev", "staging", "prod")),
    replace(ENVIRONMENTS["dev"], providers=("gopro", "google_drive", "dropbox")),
    replace(ENVIRONMENTS["dev"], schedule="cron(0 2 ? * SUN *)"),
]


@pytest.mark.parametrize("config", CONFIGS)
def test_the_fixed_costs_are_those_of_the_cost_model(config: Config) -> None:
    kept, lines = kept_by(config), model.fixed_costs(config)
    assert sum(line.usd for line in fixed_costs.fixed_costs(kept)) == pytest.approx(model.total(lines))
    assert fixed_costs.billed(kept) == pytest.approx(model.billed(lines))


def test_the_constants_are_those_of_the_cost_model() -> None:
    own = (fixed_costs.ALWAYS_FREE, fixed_costs.DAYS_PER_MONTH, fixed_costs.FLOW_LOG_GB, fixed_costs.TRAIL_FILES)
    assert own == (model.ALWAYS_FREE, model.DAYS_PER_MONTH, model.FLOW_LOG_GB, model.TRAIL_FILES)
    assert fixed_costs.metrics_of(detailed=False) == len(metrics_utils.ESSENTIAL)


@pytest.mark.parametrize("days", [1, 7, 30])
def test_a_month_of_storage_is_that_of_the_cost_model(days: int) -> None:
    """With a growth of 100 GB a month, so many days of it are in Standard, and everything else in Deep Archive."""
    stored, growth = Library(3_000, 100_000_000), Library(1_000, 100_000_000)
    young = model.standard_storage(growth, days)
    deep = (stored.gb - young.count) / stored.gb * model.deep_archive_storage(stored).usd
    assert cost.storage_usd(300 * GB, 100 * GB, days) == pytest.approx(young.usd + deep)
    assert cost.storage_usd(300 * GB, 100 * GB, None) == pytest.approx(model.standard_storage(stored, 30).usd)


@pytest.mark.parametrize("days", [1, 7, 30])
def test_what_the_way_straight_into_deep_archive_saves_is_that_of_the_cost_model(days: int) -> None:
    library, engine = Library(1_000, 15_000_000), model.Engine(3.0, 200)
    design = model.Design()
    before = model.total(model.transfer(library, design, engine)) + model.standard_storage(library, days).usd
    after = model.total(model.transfer(library, replace(design, direct=True), engine))
    earlier = model.deep_archive_storage(library).usd * days / model.DAYS_PER_MONTH
    assert savings.direct_usd(1_000, 15 * GB, days) == pytest.approx(before - after - earlier)


@pytest.mark.parametrize("providers", [("gopro",), ("gopro", "dropbox"), ("gopro", "google_drive", "dropbox")])
def test_the_essential_alarms_are_those_of_the_infrastructure(providers: tuple[str, ...]) -> None:
    config = replace(ENVIRONMENTS["dev"], providers=providers)
    assert savings.essential_alarms(len(providers)) == len(alarm_names(config))


@pytest.mark.parametrize("config", [replace(one, detailed_monitoring=True) for one in CONFIGS])
def test_what_the_essential_metrics_save_is_that_of_the_cost_model(config: Config) -> None:
    saving = saving_of("detailed-monitoring", figures(kept=kept_by(config)))
    small = model.billed(model.fixed_costs(replace(config, detailed_monitoring=False)))
    assert saving is not None
    assert saving.usd_month == pytest.approx(model.billed(model.fixed_costs(config)) - small)
    assert saving.command == "cdk deploy -c environment=dev -c detailed_monitoring=false"


def test_what_the_audit_trail_costs_is_that_of_the_cost_model() -> None:
    config = replace(ENVIRONMENTS["dev"], audit_trail=True)
    saving = saving_of("audit-trail", figures(kept=kept_by(config)))
    without = model.total(model.fixed_costs(ENVIRONMENTS["dev"]))
    assert saving is not None
    assert saving.usd_month == pytest.approx(model.total(model.fixed_costs(config)) - without)
    assert saving.command == "cdk deploy -c environment=dev -c audit_trail=false"


def test_what_the_private_network_costs_is_that_of_the_cost_model() -> None:
    library, engine = Library(1_000, 100_000_000), model.Engine(3.0, 200)
    within = replace(model.Design(), extras=prices.Extras(private_network=True))
    moved = model.total(model.transfer(library, within, engine)) - model.total(
        model.transfer(library, model.Design(), engine)
    )
    saving = saving_of("network", figures(kept=msgspec.structs.replace(KEPT, network=True)))
    assert saving is not None and saving.usd_month == pytest.approx(prices.NETWORK_MONTH_USD + moved)


# Growth and forecast


def test_growth_is_the_average_of_the_full_months_after_the_first_backup() -> None:
    found = [spent("2026-07", 900 * GB), spent("2026-09", 30 * GB, 0.3, 30), spent("2026-10", 6 * GB),
             spent("2026-11", 7 * GB)]  # fmt: skip
    assert cost.growth_of(found, "2026-11") == Growth(
        bytes=12 * GB, originals=10, usd=pytest.approx(0.1), by="2026-08 to 2026-10"
    )
    assert cost.growth_of(found, "2026-09").by == "2026-08"


def test_without_a_full_month_growth_is_this_month_as_far_as_it_goes() -> None:
    assert cost.growth_of([spent("2026-11", 7 * GB)], "2026-11") == Growth(bytes=7 * GB, by="2026-11")
    assert cost.growth_of([], "2026-11") == Growth(by="2026-11")


def test_months_go_over_the_end_of_a_year() -> None:
    assert cost.months_before("2026-02", 3) == ["2025-11", "2025-12", "2026-01"]
    assert cost.months_after("2026-11", 2) == ["2026-12", "2027-01"]


def test_a_forecast_adds_the_growth_of_each_month_and_the_fixed_costs() -> None:
    year = cost.forecast(figures(), "2026-11")
    assert [month.month for month in (year[0], year[-1])] == ["2026-12", "2027-11"]
    assert year[0].storage == pytest.approx(cost.storage_usd(200 * GB, 100 * GB, 7))
    assert year[-1].storage == pytest.approx(cost.storage_usd(1_300 * GB, 100 * GB, 7))
    assert (year[0].fixed, year[0].runs) == (pytest.approx(fixed_costs.billed(KEPT)), 0.08)
    assert year[0].total == year[0].storage + year[0].fixed + year[0].runs


def test_the_spending_of_several_providers_is_one() -> None:
    found = cost.added_up([spent("2026-11", 1, 0.1, 1), spent("2026-10"), spent("2026-11", 2, 0.2, 3)])
    assert [one.month for one in found] == ["2026-10", "2026-11"]
    assert (found[1].runs, found[1].bytes, found[1].archived, found[1].usd) == (2, 3, 4, pytest.approx(0.3))


# What is stored


def test_the_tiers_are_those_that_cloudwatch_has_measured_last(world: World) -> None:
    results = [{"Id": "tier0", "Values": [5.0 * GB, 1.0]}, {"Id": "tier3", "Values": [100.0 * GB]}, {"Id": "tier5",
               "Values": [0.0]}, {"Id": "tier1", "Values": []}]  # fmt: skip
    world.answer("cloudwatch", get_metric_data={"MetricDataResults": results})
    standard, deep = storage.measured(world.stack)
    assert (standard.name, standard.bytes, standard.usd_month) == ("S3 Standard", 5 * GB, pytest.approx(0.115))
    assert (deep.storage_type, deep.bytes, deep.usd_month) == ("DeepArchiveStorage", 100 * GB, pytest.approx(0.099))
    _, asked = world.scripted("cloudwatch").asked[0]
    assert len(asked["MetricDataQueries"]) == len(storage.TIERS) and asked["ScanBy"] == "TimestampDescending"


def test_without_a_measurement_the_tiers_are_estimated_from_the_ledger() -> None:
    rules, growth = Lifecycle(deep_archive_days=15), Growth(bytes=10 * GB)
    standard, deep = cost.estimated(100 * GB, growth, rules)
    assert (standard.bytes, deep.bytes) == (5 * GB, 95 * GB)
    assert [tier.bytes for tier in cost.estimated(GB, growth, rules)] == [GB]
    assert [tier.storage_type for tier in cost.estimated(GB, growth, Lifecycle())] == ["StandardStorage"]


def test_the_rules_of_the_bucket_are_read(world: World) -> None:
    assert storage.lifecycle(world.stack) == Lifecycle(deep_archive_days=7, older_versions_days=8, abort_days=9)
    world.answer("s3", get_bucket_lifecycle_configuration=refusal("NoSuchLifecycleConfiguration", "Get"))
    assert storage.lifecycle(world.stack) == Lifecycle()


# Recommendations


def test_the_way_straight_into_deep_archive_is_recommended_with_what_is_lost() -> None:
    saving = saving_of("direct", figures())
    assert saving is not None and saving.usd_month == pytest.approx(0.005 + 100 * 7 / 30 * (0.023 - 0.00099))
    assert "The 7 days in which a new original can be read at once" in saving.lost and "within 180 days" in saving.lost
    assert saving.command == "cdk deploy -c environment=dev -c deep_archive_after_days=0"


@pytest.mark.parametrize(
    "changes",
    [
        {"lifecycle": Lifecycle(deep_archive_days=0, older_versions_days=0, abort_days=7)},
        {"growth": Growth()},
        {"growth": Growth(bytes=GB, originals=100_000)},  # smaller than what the lifecycle moves
        {"growth": Growth(bytes=GB // 10, originals=1)},  # less than a cent a month
    ],
)
def test_it_is_not_recommended_where_it_saves_nothing(changes: dict[str, Any]) -> None:
    assert saving_of("direct", figures(**changes)) is None


def test_a_stack_as_it_is_deployed_gets_no_other_recommendation() -> None:
    assert [one.name for one in savings.by_figures(figures()) if one.is_worth_it] == ["direct"]


def test_without_a_rule_what_is_in_standard_for_ever_is_named() -> None:
    tiers = [storage.tier_of("StandardStorage", 100 * GB)]
    saving = saving_of("tiers", figures(tiers=tiers, lifecycle=Lifecycle(abort_days=7, older_versions_days=7)))
    assert saving is not None and saving.usd_month == pytest.approx(100 * (0.023 - 0.00099))
    assert saving.usd_once == pytest.approx(1_000 * 0.05 / 1_000)


def test_what_costs_more_once_than_a_year_saves_is_not_recommended() -> None:
    """Ten million tiny files: moving each into Deep Archive costs more than they ever cost in Standard."""
    tiny = figures(
        tiers=[storage.tier_of("StandardStorage", 10 * GB)], lifecycle=Lifecycle(abort_days=7), ledger_originals=10**7
    )
    assert saving_of("tiers", tiny) is None


def test_older_versions_without_a_rule_cost_what_the_bucket_has_beyond_the_ledger() -> None:
    rules = Lifecycle(deep_archive_days=7, abort_days=7)
    tiers = [storage.tier_of("StandardStorage", 60 * GB), storage.tier_of("DeepArchiveStorage", 90 * GB)]
    saving = saving_of("older-versions", figures(tiers=tiers, lifecycle=rules))
    assert saving is not None and saving.usd_month == pytest.approx(50 * (0.023 - 0.00099))
    assert saving_of("older-versions", figures(tiers=tiers, lifecycle=rules, measured=False)) is None
    assert saving_of("older-versions", figures(lifecycle=rules)) is None


def upload(key: str, initiated: datetime) -> dict[str, Any]:
    return {"Key": key, "UploadId": f"id-{key}", "Initiated": initiated}


def test_uploads_that_nothing_ends_are_named_with_the_command_that_does(world: World) -> None:
    young = datetime.now(UTC) - timedelta(days=8)
    uploads = {"Uploads": [upload("old.mp4", OLD), upload("young.mp4", young)]}
    world.answer("s3", list_multipart_uploads=uploads, list_parts={"Parts": [{"Size": 3 * GB}, {"Size": GB}]})
    (saving,) = savings.recommendations(world.stack, figures(growth=Growth()), Reading())
    assert saving.name == "unfinished-uploads" and saving.usd_month == pytest.approx(4 * 0.023)
    assert saving.command.endswith("--bucket archive --key old.mp4 --upload-id id-old.mp4")


def test_a_key_of_somebody_else_is_no_command_for_the_shell(world: World) -> None:
    world.answer(
        "s3", list_multipart_uploads={"Uploads": [upload("a'; rm -rf ~; '", OLD)]}, list_parts={"Parts": [{"Size": GB}]}
    )
    (saving,) = savings.recommendations(world.stack, figures(growth=Growth()), Reading())
    assert shlex.split(saving.command)[-3:] == ["a'; rm -rf ~; '", "--upload-id", "id-a'; rm -rf ~; '"]


def test_young_uploads_are_no_waste(world: World) -> None:
    world.answer("s3", list_multipart_uploads={"Uploads": [upload("young.mp4", datetime.now(UTC))]})
    assert savings.recommendations(world.stack, figures(growth=Growth()), Reading()) == []


def source(
    world: World, provider: str, media_id: str, archived_at: datetime, size: int = 100 * GB, **more: Any
) -> None:
    world.put(
        f"{provider}#{media_id}", "SOURCE#0001", status="ARCHIVED", size=size, checksum="crc=",
        archived_at=archived_at.isoformat(), **more,
    )  # fmt: skip


def test_duplicates_of_several_providers_are_told_and_never_deleted(world: World) -> None:
    world.answer("s3", list_objects_v2_pages=[{}])
    source(world, "gopro", "a", OLD)
    source(world, "google_drive", "b", OLD)
    source(world, "gopro", "c", OLD, size=7)
    source(world, "gopro", "d", OLD, size=8)
    source(world, "gopro", "e", OLD, size=8)  # twice at one provider
    source(world, "gopro", "f", OLD, size=9)
    source(world, "google_drive", "g", OLD, size=9, copy_of="the object of f")  # recorded as a copy, and not stored
    (saving,) = savings.recommendations(world.stack, figures(growth=Growth()), Reading(), deep=True)
    assert (saving.name, saving.usd_month, saving.usd_once) == ("duplicates", pytest.approx(0.099), 0)
    assert saving.command == "cloudsync show google_drive/b" and "Cloud Sync deletes none." in saving.lost


@pytest.mark.parametrize(("days", "rest"), [(0, 180), (150, 30), (179, 1), (180, 0)])
def test_a_copy_that_is_younger_than_180_days_costs_the_rest_of_them(world: World, days: int, rest: int) -> None:
    world.answer("s3", list_objects_v2_pages=[{}])
    archived_at = datetime.now(UTC) - timedelta(days=days)
    source(world, "gopro", "a", archived_at)
    source(world, "google_drive", "b", datetime.now(UTC))
    (saving,) = savings.recommendations(world.stack, figures(growth=Growth()), Reading(), deep=True)
    assert saving.usd_once == pytest.approx(rest / 30 * 0.099, abs=1e-4)


def test_thawed_copies_are_told_until_they_end(world: World) -> None:
    alive = {"Key": "a.mp4", "Size": 100 * GB, "RestoreStatus": {"RestoreExpiryDate": OLD}}
    world.answer("s3", list_objects_v2_pages=[{"Contents": [{"Key": "b", "Size": 1}]}, {"Contents": [alive]}])
    (saving,) = savings.recommendations(world.stack, figures(growth=Growth()), Reading(), deep=True)
    assert (saving.name, saving.usd_month) == ("thawed-copies", pytest.approx(2.3))


def test_what_saves_most_comes_first(world: World) -> None:
    kept = msgspec.structs.replace(KEPT, network=True)
    found = savings.recommendations(world.stack, figures(kept=kept), Reading())
    assert [one.name for one in found] == ["network", "direct"]


# The verb


def test_the_verb_shows_what_is_spent_stored_and_to_come(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    world.night("night-1")
    world.put("PROVIDER#gopro", "MONTH#2026-05", originals=3, bytes=2_000_000_000, run_id="x")
    world.put("PROVIDER#gopro", "SPENT#2026-10", runs=30, usd=0, archived=3, bytes=2_000_000_000, run_id="x")
    assert main.main(["cost"]) == Exit.FINE
    printed = capsys.readouterr()
    text = " ".join(printed.out.split())
    assert printed.err == (
        f"Prices of us-east-1 as of {prices.AS_OF}, before any free tier but CloudWatch's own. This stack is in "
        "eu-west-1, whose prices differ.\n"
    )
    assert "2026-10 30 3 2.0 GB 0.0000" in text and "2026-11-26 01:00 GoPro 4.0 MB 0.0100" in text
    assert "Stored, estimated from the ledger, because CloudWatch has not measured the bucket yet" in text
    assert "Secrets Manager, a secret 2 0.80 0.80" in text and "CloudWatch, an alarm 10 1.00 0.00" in text
    assert "The next twelve months: " in text and text.endswith("Nothing would make it cheaper by a cent a month.")


def test_json_has_the_figures_the_forecast_and_the_recommendations(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    month = f"{datetime.now(UTC):%Y-%m}"
    world.put("PROVIDER#gopro", f"SPENT#{month}", runs=1, usd=0, archived=1_000, bytes=100 * GB, run_id="x")
    assert main.main(["cost", "--json", "--runs", "0"]) == Exit.FINE
    found = json.loads(capsys.readouterr().out)
    assert (found["version"], found["kind"], found["runs"], len(found["forecast"])) == (1, "cost", [], 12)
    assert [one["name"] for one in found["recommendations"]] == ["direct"]
    assert found["figures"]["growth"]["by"] == month and not found["figures"]["measured"]
