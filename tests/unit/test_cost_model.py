"""The cost model: its arithmetic, and its counts compared with the state machine, the ledger and the lister."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from cloud_sync_common import prices
from cloud_sync_common.provider_interface import MediaItem
from cloud_sync_common.stores import manifest
from cloud_sync_common.stores.ledger_rows import SourceRow, Status

from cloud_sync import config, storage_tiers
from cloud_sync.definition import definition
from costs import page
from costs.model import (
    Design,
    Engine,
    Library,
    Line,
    choose_memory,
    deep_archive_storage,
    standard_storage,
    states_of_a_run,
    total,
    transfer,
    usual_states,
)
from tests.unit.in_process_aws import InProcessAws, running_aws

ROOT = Path(__file__).resolve().parents[2]
LIBRARY = Library(files=1_000, file_bytes=100_000_000)
ENGINE = Engine(times_the_floor=1.25, max_rss_mib=70)  # 5 CPU-seconds per GiB


def usd(lines: list[Line], *wanted: prices.Price) -> float:
    return total([line for line in lines if line.price in wanted])


# The arithmetic, compared with numbers calculated by hand


def test_the_cost_of_100_gb_is_the_one_calculated_by_hand() -> None:
    lines = transfer(LIBRARY, Design(), ENGINE)
    # 512/1769 vCPU at 5 CPU-s per GiB: 0.0578858 GiB/s = 62.154 MB/s; 1.60890 s + 1.5 s a file, half a GB each
    assert usd(lines, prices.LAMBDA_GB_SECOND) == pytest.approx(1_000 * 3.10890 * 0.5 * 0.0000133334, rel=1e-4)
    # twenty videos for each child: 50 × (2 states + 1) + 8
    assert usd(lines, prices.STEP_FUNCTIONS_TRANSITION) == pytest.approx(0.00395)
    assert usd(lines, prices.S3_PUT) == pytest.approx(0.005)
    assert usd(lines, prices.S3_INTO_DEEP_ARCHIVE) == pytest.approx(0.050)
    assert usd(lines, prices.DYNAMODB_WRITE) == pytest.approx((1_000 * 7 + 50) * 0.625 / 1_000_000)
    assert usd(lines, prices.KMS_REQUEST) == pytest.approx((54 + 10) * 0.000003)
    assert total(lines) == pytest.approx(0.0855, abs=0.0002)


def test_a_file_that_goes_in_parts_costs_a_request_for_each_of_them_and_one_more_write() -> None:
    lines = transfer(Library(1_000, 200_000_000), Design(), ENGINE)
    # 200 MB are 3.97 parts of 48 MiB: create, 4 parts, complete, and one ListParts
    assert usd(lines, prices.S3_PUT) == pytest.approx(0.035)
    assert usd(lines, prices.DYNAMODB_WRITE) == pytest.approx((1_000 * 8 + 100) * 0.625 / 1_000_000)


def test_100_gb_in_1000_files_cost_what_the_project_aims_at_once_0_35_seconds_are_waited_for_each() -> None:
    assert total(transfer(LIBRARY, Design(), replace(ENGINE, waiting=0.35))) < 0.085


def test_small_files_straight_into_deep_archive_are_one_request_each() -> None:
    lines = transfer(Library(2_000, 1_000_000), Design(direct=True), ENGINE)
    assert usd(lines, prices.S3_PUT) == 0
    assert usd(lines, prices.S3_INTO_DEEP_ARCHIVE) == pytest.approx(0.10)
    assert usd(lines, prices.DYNAMODB_WRITE) == pytest.approx((2_000 * 7 + 100) * 0.625 / 1_000_000)


def test_ten_videos_per_child_execution_need_a_tenth_of_the_transitions() -> None:
    (alone, together) = (
        usd(transfer(LIBRARY, Design(batch_items=items), ENGINE), prices.STEP_FUNCTIONS_TRANSITION) for items in (1, 10)
    )
    assert (alone, together) == (pytest.approx(3_008 * 0.000025), pytest.approx(308 * 0.000025))


@pytest.mark.parametrize(("size", "children"), [(1_000_000, 50), (107_374_182, 50), (200_000_000, 100), (2**40, 1000)])
def test_a_library_has_as_many_child_executions_as_the_lister_makes_batches(size: int, children: int) -> None:
    assert Design().children(Library(1_000, size)) == children
    items = [MediaItem(media_id=str(number), filename="f.mp4", size=size) for number in range(1_000)]
    assert len(list(manifest.batches(items))) == children


def test_standard_storage_is_billed_by_the_day_and_deep_archive_by_the_month() -> None:
    assert standard_storage(LIBRARY, 7).usd == pytest.approx(100 * 0.023 * 7 / 30)
    assert standard_storage(LIBRARY, 0).usd == 0
    assert deep_archive_storage(LIBRARY).usd == pytest.approx(0.099)


@pytest.mark.parametrize(
    ("memory", "mb_per_second"),
    [
        (256, 31.08),
        (512, 62.15),
        (768, 74.4),
        (1769, 74.4),
        (3538, 74.4),
    ],  # 1769 MB: 214.7 without the limit of the network
)
def test_speed_grows_with_memory_up_to_the_network(memory: int, mb_per_second: float) -> None:
    assert ENGINE.throughput(memory) / 1e6 == pytest.approx(mb_per_second, abs=0.01)


def test_more_than_one_vcpu_makes_a_slow_engine_no_faster() -> None:
    slow = Engine(times_the_floor=10, max_rss_mib=70)
    assert slow.throughput(1769) == slow.throughput(3538) == pytest.approx(1024**3 / 40)


def test_the_chosen_memory_is_the_fastest_that_costs_at_most_a_cent_more() -> None:
    assert choose_memory(LIBRARY, Design(), ENGINE) == 512
    assert choose_memory(LIBRARY, Design(), ENGINE, within_usd=0) == 128
    assert choose_memory(LIBRARY, Design(), ENGINE, within_usd=1) == 768  # no larger size is faster
    assert choose_memory(LIBRARY, Design(), replace(ENGINE, max_rss_mib=600)) == 768


def test_a_process_too_large_for_every_memory_size_is_an_error() -> None:
    with pytest.raises(ValueError, match="No memory size is enough for a process of 2000 MiB"):
        choose_memory(LIBRARY, Design(), replace(ENGINE, max_rss_mib=2_000))


@pytest.mark.parametrize("extras", [prices.Extras(), prices.Extras(True), prices.Extras(False, True)])
def test_the_report_of_a_run_counts_the_priced_units_of_the_model(extras: prices.Extras) -> None:
    work = prices.RunWork(videos=1, batches=1, gb_seconds=1, requests=5, slices=1, bytes_moved=1)
    modelled = {line.price for line in transfer(LIBRARY, Design(extras=extras), ENGINE)}
    assert set(prices.run_usage(work, extras)) == modelled


def test_a_private_network_and_an_audit_trail_cost_what_was_calculated_by_hand() -> None:
    plain, extra = (
        transfer(LIBRARY, Design(extras=one), ENGINE) for one in (prices.Extras(), prices.Extras(True, True))
    )
    assert usd(extra, prices.NAT_GB, prices.ZONE_GB) == pytest.approx(100 * 0.045 + 100 * 0.5 * 2 * 0.01)
    assert usd(extra, prices.AUDIT_EVENT) == pytest.approx(1_000 * 0.10 / 100_000)  # one PutObject
    assert total(extra) - total(plain) == pytest.approx(5.50 + 0.001)
    in_parts = transfer(Library(1_000, 200_000_000), Design(extras=prices.Extras(False, True)), ENGINE)
    assert usd(in_parts, prices.AUDIT_EVENT) == pytest.approx(
        1_000 * 8 * 0.10 / 100_000
    )  # create, 4 parts, complete, ListParts and HeadObject


# The counts, compared with the real numbers


def test_the_usual_states_follow_next_and_default_up_to_the_end() -> None:
    states: dict[str, Any] = {
        "A": {"Next": "B", "Catch": [{"Next": "Z"}]},
        "B": {"Type": "Choice", "Choices": [{"Next": "A"}], "Default": "C"},
        "C": {"End": True},
        "Z": {"Type": "Fail"},
    }
    assert usual_states({"StartAt": "A", "States": states}) == ["A", "B", "C"]


def test_the_report_counts_the_transitions_of_the_state_machine_definition() -> None:
    run, child = states_of_a_run()
    assert (len(run), len(child) + 1) == (prices.TRANSITIONS_PER_RUN, prices.TRANSITIONS_PER_BATCH)


def test_the_report_counts_the_states_that_another_slice_enters() -> None:
    machine = definition()
    batch = machine["States"]["EachBatch"]["ItemProcessor"]["States"]
    child = batch["EachMedia"]["ItemProcessor"]["States"]
    again = [choice["Next"] for state in child.values() for choice in state.get("Choices", [])]
    loop = [name for name in usual_states({"StartAt": again[0], "States": child}) if child[name].get("Next") or
            child[name].get("Choices")]  # fmt: skip
    assert len(loop) == prices.TRANSITIONS_PER_SLICE


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[InProcessAws]:
    with running_aws(monkeypatch) as aws:
        yield aws


def write_units(aws: InProcessAws, write: Callable[[], object]) -> int:
    """Write units that DynamoDB bills: one for the row, and for a row that enters the index, leaves it or changes in it
    one more, or two if the key changes that it has there (developer guide, "Global secondary indexes")."""

    def rows() -> dict[str, dict[str, Any]]:
        return {f"{row['pk']} {row['sk']}": row for row in aws.table.scan()["Items"]}

    def place(row: dict[str, Any]) -> tuple[object, object] | None:
        return (row["not_archived"], row["updated_at"]) if "not_archived" in row else None

    before = rows()
    write()
    units = 0
    for key, row in rows().items():
        if row != before.get(key):
            old, new = place(before.get(key, {})), place(row)
            units += 1 + (old is not None) + (new is not None and new != old)
    return units


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each write has a time of its own."""
    ticks = iter(range(1_000))
    monkeypatch.setattr(
        "cloud_sync_common.stores.conditional_table.now", lambda: f"2026-01-01T00:00:00.{next(ticks):03}Z"
    )


@pytest.mark.usefixtures("clock")
def test_a_video_uses_the_write_units_of_the_model(aws: InProcessAws) -> None:
    ledger, item = aws.ledger, MediaItem(media_id="m", filename="f.mp4", captured_at="2026-01-01T00:00:00Z")
    row = SourceRow(status=Status.IN_PROGRESS, key="k", size=1, upload_id="u", part_size=5)
    listed = write_units(aws, lambda: ledger.add_pending([item], "r"))
    claimed = write_units(aws, lambda: ledger.claim(item, "r", 60))
    upload = write_units(aws, lambda: ledger.begin_source("m", 1, "r", row))
    paused = write_units(aws, lambda: ledger.set_stats("m", "r", {"run_bytes": 1}))
    claimed_again = write_units(aws, lambda: ledger.claim(item, "r", 600))
    in_parts = write_units(aws, lambda: ledger.archive_source("m", 1, "r", row))
    in_one = write_units(aws, lambda: ledger.archive_source("m", 2, "r", row))
    archived = write_units(aws, lambda: ledger.archive_item("m", "r", bytes_total=1, effort={"run_bytes": 2}))
    assert listed + claimed + upload + in_parts + archived == prices.WRITES_PER_VIDEO <= 8
    counted = write_units(aws, lambda: aws.runs.note_read("r", 1))
    assert counted == prices.WRITES_PER_BATCH  # for all items of a batch together; a slice is an invocation too
    assert paused + claimed_again + counted == prices.WRITES_PER_SLICE
    assert upload + in_parts - in_one == prices.WRITES_OF_AN_UPLOAD


def test_the_design_of_the_stack_comes_from_the_definition_and_the_environment() -> None:
    dev = config.ENVIRONMENTS["dev"]
    direct = Design.of_the_stack(replace(dev, downloader_memory_mb=1024, deep_archive_after_days=0))
    standard, prod = Design.of_the_stack(dev), Design.of_the_stack(config.ENVIRONMENTS["prod"])
    assert (direct.direct, direct.memory_mb, standard.direct, standard.memory_mb) == (True, 1024, False, 512)
    assert (standard.extras, prod.extras) == (prices.Extras(), prices.Extras(private_network=True, audit_trail=True))
    assert direct.states_per_child == len(states_of_a_run()[1])


def test_every_environment_has_a_memory_with_which_the_transfer_is_within_its_target() -> None:
    design, engine = page.design_of(config.ENVIRONMENTS["dev"]), page.measured_engine()
    assert {config.ENVIRONMENTS[name].downloader_memory_mb for name in page.DEPLOYED} == {design.memory_mb}
    assert engine.fits(design.memory_mb) and total(transfer(page.EXAMPLE, design, engine)) <= page.TARGET_USD


# One source of truth


def test_the_stack_compares_storage_classes_by_the_same_prices() -> None:
    assert (
        prices.STANDARD_GB_MONTH.each,
        prices.INSTANT_RETRIEVAL_GB_MONTH.each,
    ) == (storage_tiers.STANDARD, storage_tiers.INSTANT_RETRIEVAL)


def test_every_price_has_a_source_and_a_unique_name() -> None:
    assert len({price.name for price in prices.PRICES}) == len(prices.PRICES) >= 20
    assert [price.name for price in prices.PRICES if not (price.source and price.unit and price.usd > 0)] == []


def test_the_page_shows_the_cost_of_other_designs() -> None:
    text = page.page(ENGINE)
    assert "| one video per child execution |" in text
    assert text.count("| **total** |") == 1


@pytest.mark.parametrize(
    ("amount", "text"), [(0.0000133334, "0.0000133334"), (3.0, "3.00"), (0.4, "0.40"), (0.00099, "0.00099")]
)
def test_prices_are_written_without_exponents(amount: float, text: str) -> None:
    assert page.plain(amount) == text
