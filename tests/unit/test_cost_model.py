"""The cost model: its counts are those of the score, the ledger and the engine, and its arithmetic a person's."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from cloud_sync_common import prices
from cloud_sync_common.provider_interface import MediaItem
from cloud_sync_common.stores import manifest
from cloud_sync_common.stores.ledger import SourceRow, Status

from cloud_sync import config
from cloud_sync.definition import definition
from costs import page
from costs.model import (
    Design,
    Engine,
    Library,
    Line,
    choose_memory,
    keeping,
    moving,
    score,
    states_on_the_way,
    total,
    waiting,
)
from tests.unit.in_process_aws import Town, running_town

ROOT = Path(__file__).resolve().parents[2]
LIBRARY = Library(files=1_000, file_bytes=100_000_000)
ENGINE = Engine(times_the_floor=1.25, max_rss_mib=70)  # 5 CPU-seconds per GiB


def usd(lines: list[Line], *wanted: prices.Price) -> float:
    return total([line for line in lines if line.price in wanted])


# The arithmetic, against numbers worked out by hand


def test_a_hundred_gb_cost_what_a_person_works_out() -> None:
    lines = moving(LIBRARY, Design(), ENGINE)
    # 512/1769 vCPU at 5 CPU-s per GiB: 0.0578858 GiB/s = 62.154 MB/s; 1.60890 s + 1.5 s a file, half a GB each
    assert usd(lines, prices.LAMBDA_GB_SECOND) == pytest.approx(1_000 * 3.10890 * 0.5 * 0.0000133334, rel=1e-4)
    # ten videos for each child: 100 × (2 states + 1) + 6
    assert usd(lines, prices.STEP_FUNCTIONS_TRANSITION) == pytest.approx(0.00765)
    # 100 MB are 2.98 parts of 32 MiB: create, 3 parts, complete, and one look at what is there
    assert usd(lines, prices.S3_PUT) == pytest.approx(0.030)
    assert usd(lines, prices.S3_INTO_DEEP_ARCHIVE) == pytest.approx(0.050)
    assert usd(lines, prices.DYNAMODB_WRITE) == pytest.approx(0.0125)
    assert usd(lines, prices.KMS_REQUEST) == pytest.approx((103 + 50) * 0.000003)
    assert total(lines) == pytest.approx(0.1274, abs=0.0005)


def test_small_files_straight_into_deep_archive_are_one_request_each() -> None:
    lines = moving(Library(2_000, 1_000_000), Design(direct=True), ENGINE)
    assert usd(lines, prices.S3_PUT) == 0
    assert usd(lines, prices.S3_INTO_DEEP_ARCHIVE) == pytest.approx(0.10)
    assert usd(lines, prices.DYNAMODB_WRITE) == pytest.approx(2_000 * 17 * 0.625 / 1_000_000)


def test_ten_videos_for_each_child_are_a_tenth_of_the_transitions() -> None:
    (alone, together) = (
        usd(moving(LIBRARY, Design(batch_items=items), ENGINE), prices.STEP_FUNCTIONS_TRANSITION) for items in (1, 10)
    )
    assert (alone, together) == (pytest.approx(3_006 * 0.000025), pytest.approx(306 * 0.000025))


@pytest.mark.parametrize(
    ("size", "children"), [(1_000_000, 100), (107_374_182, 100), (200_000_000, 200), (2**40, 1000)]
)
def test_a_library_makes_as_many_children_as_the_lister_makes_batches(size: int, children: int) -> None:
    assert Design().children(Library(1_000, size)) == children
    items = [MediaItem(media_id=str(number), filename="f.mp4", size=size) for number in range(1_000)]
    assert len(list(manifest.batches(items))) == children


def test_storage_is_by_the_day_on_the_way_and_by_the_month_at_the_end() -> None:
    assert waiting(LIBRARY, 7).usd == pytest.approx(100 * 0.023 * 7 / 30)
    assert waiting(LIBRARY, 0).usd == 0
    assert keeping(LIBRARY).usd == pytest.approx(0.099)


@pytest.mark.parametrize(
    ("memory", "mb_per_second"),
    [(256, 31.08), (512, 62.15), (768, 74.4), (1769, 74.4), (3538, 74.4)],  # 1769 MB: 214.7, were it not the network
)
def test_speed_grows_with_memory_up_to_the_network(memory: int, mb_per_second: float) -> None:
    assert ENGINE.throughput(memory) / 1e6 == pytest.approx(mb_per_second, abs=0.01)


def test_more_than_one_vcpu_is_of_no_use_to_a_slow_engine() -> None:
    slow = Engine(times_the_floor=10, max_rss_mib=70)
    assert slow.throughput(1769) == slow.throughput(3538) == pytest.approx(1024**3 / 40)


def test_the_memory_chosen_is_the_fastest_that_costs_at_most_a_cent_more() -> None:
    assert choose_memory(LIBRARY, Design(), ENGINE) == 512
    assert choose_memory(LIBRARY, Design(), ENGINE, within_usd=0) == 128
    assert choose_memory(LIBRARY, Design(), ENGINE, within_usd=1) == 768  # beyond it, nothing is faster
    assert choose_memory(LIBRARY, Design(), replace(ENGINE, max_rss_mib=600)) == 768


def test_a_function_that_fits_nowhere_is_refused() -> None:
    with pytest.raises(ValueError, match="No memory size holds a process of 2000 MiB"):
        choose_memory(LIBRARY, Design(), replace(ENGINE, max_rss_mib=2_000))


# The counts, against what they count


def test_the_way_of_a_state_machine_ends_where_nothing_follows() -> None:
    states: dict[str, Any] = {
        "A": {"Next": "B", "Catch": [{"Next": "Z"}]},
        "B": {"Type": "Choice", "Choices": [{"Next": "A"}], "Default": "C"},
        "C": {"End": True},
        "Z": {"Type": "Fail"},
    }
    assert states_on_the_way({"StartAt": "A", "States": states}) == ["A", "B", "C"]


def test_the_report_counts_the_transitions_that_the_score_makes() -> None:
    run, child = score()
    assert (len(run), len(child) + 1) == (prices.TRANSITIONS_PER_RUN, prices.TRANSITIONS_PER_BATCH)


def test_the_report_counts_the_states_that_another_slice_enters() -> None:
    machine = definition()
    batch = machine["States"]["EachBatch"]["ItemProcessor"]["States"]
    child = batch["EachMedia"]["ItemProcessor"]["States"]
    again = [choice["Next"] for state in child.values() for choice in state.get("Choices", [])]
    loop = [name for name in states_on_the_way({"StartAt": again[0], "States": child}) if child[name].get("Next") or
            child[name].get("Choices")]  # fmt: skip
    assert len(loop) == prices.TRANSITIONS_PER_SLICE


@pytest.fixture
def deployment(monkeypatch: pytest.MonkeyPatch) -> Iterator[Town]:
    with running_town(monkeypatch) as deployment:
        yield deployment


def write_units(deployment: Town, write: Callable[[], object]) -> int:
    """Write units that DynamoDB bills: one for the row, and for each index one where it enters or leaves, two where it
    moves, because the time of the last write is the sort key of both (developer guide, "Global secondary indexes")."""

    def rows() -> dict[str, dict[str, Any]]:
        return {f"{row['pk']} {row['sk']}": row for row in deployment.table.scan()["Items"]}

    def place(row: dict[str, Any], index: str) -> tuple[object, object] | None:
        return (row[index], row["updated_at"]) if index in row else None

    before = rows()
    write()
    units = 0
    for key, row in rows().items():
        if row != before.get(key):
            moves = [(place(before.get(key, {}), index), place(row, index)) for index in ("not_archived", "run_id")]
            units += 1 + sum((old is not None) + (new is not None) for old, new in moves if old != new)
    return units


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each write has a time of its own."""
    ticks = iter(range(1_000))
    monkeypatch.setattr(
        "cloud_sync_common.stores.conditional_table.now", lambda: f"2026-01-01T00:00:00.{next(ticks):03}Z"
    )


@pytest.mark.usefixtures("clock")
def test_a_video_costs_the_write_units_that_the_model_says(deployment: Town) -> None:
    ledger, item = deployment.ledger, MediaItem(media_id="m", filename="f.mp4", captured_at="2026-01-01T00:00:00Z")
    begun = SourceRow(status=Status.IN_PROGRESS, key="k", size=1, upload_id="u", part_size=5)
    listed = write_units(deployment, lambda: ledger.add_pending([item], "r"))
    claimed = write_units(deployment, lambda: ledger.claim(item, "r", 60))
    upload = write_units(deployment, lambda: ledger.begin_source("m", 1, "r", begun))
    paused = write_units(deployment, lambda: ledger.set_stats("m", "r", {"run_bytes": 1}))
    claimed_again = write_units(deployment, lambda: ledger.claim(item, "r", 60))
    in_parts = write_units(deployment, lambda: ledger.archive_source("m", 1, "r", begun))
    in_one = write_units(deployment, lambda: ledger.archive_source("m", 2, "r", begun))
    archived = write_units(deployment, lambda: ledger.archive_item("m", "r", bytes_total=1))
    noted = write_units(deployment, lambda: ledger.set_stats("m", "r", {"run_bytes": 2}))
    assert listed + claimed + upload + in_parts + archived + noted == prices.WRITES_PER_VIDEO
    assert paused + claimed_again == prices.WRITES_PER_SLICE
    assert upload + in_parts - in_one == prices.WRITES_OF_AN_UPLOAD


def test_the_stacks_own_design_is_read_from_the_score_and_the_environment() -> None:
    direct, standard = Design.of_the_stack(512, 0), Design.of_the_stack(1024, 7)
    assert (direct.direct, direct.memory_mb, standard.direct, standard.memory_mb) == (True, 512, False, 1024)
    assert direct.states_per_child == len(score()[1])


def test_every_environment_has_the_memory_that_the_model_chooses() -> None:
    chosen = choose_memory(page.EXAMPLE, page.design_of(config.ENVIRONMENTS["dev"]), page.measured_engine())
    assert {config.ENVIRONMENTS[name].downloader_memory_mb for name in page.DEPLOYED} == {chosen}


# One source of truth


def test_the_stack_judges_tiers_by_the_same_prices() -> None:
    assert (
        prices.STANDARD_GB_MONTH.each,
        prices.INSTANT_RETRIEVAL_GB_MONTH.each,
    ) == (config.STANDARD, config.INSTANT_RETRIEVAL)


def test_every_price_has_a_source_and_a_name_of_its_own() -> None:
    assert len({price.name for price in prices.PRICES}) == len(prices.PRICES) >= 20
    assert [price.name for price in prices.PRICES if not (price.source and price.unit and price.usd > 0)] == []


def test_the_page_counts_the_alarms_and_dashboards_of_the_template() -> None:
    template = json.loads((ROOT / "tests" / "golden" / "templates" / "dev.json").read_text())
    kinds = [resource["Type"] for resource in template["Resources"].values()]
    assert (kinds.count("AWS::CloudWatch::Alarm"), kinds.count("AWS::CloudWatch::Dashboard")) == (
        page.ALARMS,
        page.DASHBOARDS,
    )


def test_the_page_is_what_the_model_says_today() -> None:
    """After a change of the model, the prices, the score or the benchmark: `make cost`."""
    assert page.PAGE.read_text() == page.page(page.measured_engine())


def test_the_page_says_what_each_change_would_save() -> None:
    text = page.page(ENGINE)
    assert "| one video for each child |" in text
    assert text.count("| **together** |") == 1


@pytest.mark.parametrize(
    ("amount", "text"), [(0.0000133334, "0.0000133334"), (3.0, "3.00"), (0.4, "0.40"), (0.00099, "0.00099")]
)
def test_prices_are_written_without_exponents(amount: float, text: str) -> None:
    assert page.plain(amount) == text
