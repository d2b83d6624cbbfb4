"""`cloudsync cost`: its sums are the cost model's, and what it shows of them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from cloud_sync_common import metrics_utils, prices

from cloud_sync.config import Config
from console import main
from console.errors import Exit
from console.operations import cost, fixed_costs, storage, this_month
from console.operations.cost import Growth
from console.operations.storage import Lifecycle
from costs import model
from costs.model import Library
from tests.unit.console_account import refusal
from tests.unit.console_ledger import World, a_world
from tests.unit.cost_figures import CONFIGS, GB, KEPT, figures, kept_by, spent

RULES = {
    "Rules": [
        {"Status": "Enabled", "Transitions": [{"Days": 7, "StorageClass": "DEEP_ARCHIVE"}]},
        {"Status": "Enabled", "NoncurrentVersionTransitions": [{"NoncurrentDays": 8, "StorageClass": "DEEP_ARCHIVE"}]},
        {"Status": "Enabled", "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 9}},
        {"Status": "Disabled", "Transitions": [{"Days": 1, "StorageClass": "DEEP_ARCHIVE"}]},
    ]
}


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    with a_world(monkeypatch) as world:
        world.answer("s3", get_bucket_lifecycle_configuration=RULES, list_multipart_uploads={})
        for number in range(10):
            world.resource("AWS::CloudWatch::Alarm", f"gopro-sync-{number}")
        world.resource("AWS::CloudWatch::Dashboard", "GoPro-Sync-Operations")
        yield world


# The sums are the cost model's


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


def test_this_month_is_what_was_spent_and_what_is_still_to_come() -> None:
    """Six days of thirty are over. Runs have cost 0.30 until now, and 0.08 a month before."""
    found = figures(spent=[spent("2026-10", usd=0.08), spent("2026-11", usd=0.30)])
    month = this_month.month_of(found, datetime(2026, 11, 7, tzinfo=UTC))
    stored, fixed = 0.099, fixed_costs.billed(KEPT)
    assert (month.name, month.elapsed) == ("November", 0.2)
    assert month.total == pytest.approx(0.30 + stored + fixed)
    assert month.expected == pytest.approx(month.total + 0.8 * 0.08)
    assert month.so_far == pytest.approx(0.30 + 0.2 * (stored + fixed))


def test_without_a_month_before_nobody_says_what_further_runs_cost() -> None:
    found = figures(growth=Growth(usd=5, by="2026-11"), spent=[spent("2026-11", usd=5)])
    month = this_month.month_of(found, datetime(2026, 11, 7, tzinfo=UTC))
    assert month.expected == month.total == pytest.approx(5 + month.storage + month.fixed)


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
    assert re.search(r"This month: 0\.8\d USD, 0\.\d\d of it until today \(storage 0\.\d\d, fixed 0\.80, runs ", text)
    assert "The next twelve months: " in text
    _, _, advice = text.partition("Nothing would make it cheaper by a cent a month. Looked at, and better left alone ")
    assert advice == (
        "The secrets of the providers. Each provider's credentials have to be kept somewhere. To renew them costs "
        "nothing that counts. 1 more would save less than a cent a month, or cost more; `--json` has each with its "
        "reason."
    )


def test_the_verb_shows_the_arithmetic_of_a_recommendation_and_its_command_in_one_line(
    world: World, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    key = "gopro/2026/10/GX010466/" + "a" * 60 + ".MP4"
    stray = {"Key": key, "UploadId": "u-1", "Initiated": datetime(2020, 1, 1, tzinfo=UTC)}
    world.answer("s3", list_multipart_uploads={"Uploads": [stray]}, list_parts={"Parts": [{"Size": 100 * GB}]})
    assert main.main(["cost", "--runs", "0"]) == Exit.FINE
    printed = capsys.readouterr().out
    assert f"\n  aws s3api abort-multipart-upload --bucket archive --key {key} --upload-id u-1\n" in printed
    text = " ".join(printed.split())
    assert "- 2.30 USD a month: 1 upload was never finished, 100.0 GB in all." in text
    assert "now parts in S3 Standard 100 GB × 0.023 USD 2.3000 By: the bucket's uploads now" in text
    advice = printed.partition("How it can cost less")[2]
    table = [line for line in advice.splitlines() if line.startswith(("when", "  now"))]
    assert len(table) == 2 and max(map(len, table)) <= 80


def test_json_has_what_is_left_alone_with_the_reason(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    assert main.main(["cost", "--json", "--runs", "0"]) == Exit.FINE
    found = json.loads(capsys.readouterr().out)
    secrets, dashboard = found["left_alone"]
    assert (secrets["name"], secrets["usd_month"], secrets["command"]) == ("secrets", 0.8, "")
    assert secrets["left_alone"].startswith("Each provider's credentials have to be kept somewhere.")
    assert dashboard["left_alone"].startswith("3 dashboards are free of charge in every account")


def test_json_has_the_figures_the_forecast_and_the_recommendations(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    month = f"{datetime.now(UTC):%Y-%m}"
    world.put("PROVIDER#gopro", f"SPENT#{month}", runs=1, usd=0, archived=1_000, bytes=100 * GB, run_id="x")
    assert main.main(["cost", "--json", "--runs", "0"]) == Exit.FINE
    found = json.loads(capsys.readouterr().out)
    assert (found["version"], found["kind"], found["runs"], len(found["forecast"])) == (1, "cost", [], 12)
    assert [one["name"] for one in found["recommendations"]] == ["direct"]
    (line, *_) = found["recommendations"][0]["arithmetic"]
    assert line == {
        "when": "now", "what": "7 days in S3 Standard", "formula": "100 GB × 7/30 of a month × 0.023 USD",
        "usd": pytest.approx(0.5367, abs=1e-4),
    }  # fmt: skip
    assert found["month"]["month"] == month and found["month"]["fixed"] == pytest.approx(0.8)
    assert found["figures"]["growth"]["by"] == month and not found["figures"]["measured"]
