"""How to pay less: the cost model computes both ways, and what is recommended saves the difference; nothing else is."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import msgspec
import pytest
from cloud_sync_common import prices
from cloud_sync_common.transfer.part_plan import MIB

from cloud_sync.alarm_names import alarm_names
from cloud_sync.config import ENVIRONMENTS, Config
from cloud_sync.storage_tiers import INSTANT_RETRIEVAL_MINIMUM_DAYS
from console.operations import storage
from console.operations.cost import Growth
from console.operations.recommendations import Recommendation, by_facts, fixed, moving
from console.operations.recommendations.facts import Facts
from console.operations.recommendations.recommendation import shown, why_not
from console.operations.storage import Lifecycle
from costs import model, page
from costs.model import Design, Engine, Library, Line
from tests.unit.cost_figures import CONFIGS, GB, KEPT, figures, kept_by

VALUES = {"downloader_memory_mb": 512, "single_put_mib": 128, "log_retention_days": 30, "record_copies": False,
          "instant_retrieval_after_days": None, "monthly_budget_usd": None}  # fmt: skip
LIBRARY = Library(1_000, 100_000_000)  # what arrives in a month (cost_figures)
ENGINE = page.measured_engine()


def considered(values: dict[str, Any] | None = None, **changes: Any) -> dict[str, Recommendation]:
    found = by_facts(Facts(figures(**changes), VALUES | (values or {})))
    return {one.name: one for one in found}


def usd(*lines: list[Line] | Line) -> float:
    return sum(one.usd if isinstance(one, Line) else model.total(one) for one in lines)


def overhead(days: float) -> float:
    return usd(model.archive_overhead(LIBRARY.files)) * days / 30


def moved(design: Design, library: Library = LIBRARY, engine: Engine = ENGINE) -> float:
    return usd(model.transfer(library, design, engine))


# Each saves what the cost model says


@pytest.mark.parametrize("days", [1, 7, 30])
def test_straight_into_deep_archive_saves_what_the_cost_model_says(days: int) -> None:
    found = considered(lifecycle=Lifecycle(deep_archive_days=days, older_versions_days=7, abort_days=7))["direct"]
    before = moved(Design()) + model.standard_storage(LIBRARY, days).usd
    earlier = model.deep_archive_storage(LIBRARY).usd * days / 30 + overhead(days)
    assert found.usd_month == pytest.approx(before - moved(Design(direct=True)) - earlier)
    assert found.command == "cdk deploy -c environment=dev -c deep_archive_after_days=0"


def test_from_instant_retrieval_straight_into_deep_archive_saves_what_the_cost_model_says() -> None:
    rules = Lifecycle(deep_archive_days=40, older_versions_days=7, abort_days=7)
    found = considered({"instant_retrieval_after_days": 10}, lifecycle=rules)["direct"]
    before = moved(Design()) + usd(model.standard_storage(LIBRARY, 10), model.instant_retrieval(LIBRARY, 30))
    earlier = model.deep_archive_storage(LIBRARY).usd * 40 / 30 + overhead(40)
    assert found.usd_month == pytest.approx(before - moved(Design(direct=True)) - earlier)
    assert found.command.endswith(" -c deep_archive_after_days=0 -c instant_retrieval_after_days=none")


@pytest.mark.parametrize(("days", "is_worth_it"), [(7, False), (15, False), (16, False), (17, True), (90, True)])
def test_instant_retrieval_is_recommended_only_where_its_90_days_cost_less_than_standard(
    days: int, *, is_worth_it: bool
) -> None:
    """90 days there cost as much as 15.7 in Standard, and the way there 0.02 USD for a thousand."""
    rules = Lifecycle(deep_archive_days=days, older_versions_days=7, abort_days=7)
    found = considered(lifecycle=rules)["instant-retrieval"]
    saved = model.standard_storage(LIBRARY, days).usd - usd(model.instant_retrieval(LIBRARY, days))
    assert found.usd_month == pytest.approx(saved)
    assert (found.is_worth_it, found.instead_of) == (is_worth_it, "direct")
    assert INSTANT_RETRIEVAL_MINIMUM_DAYS == prices.INSTANT_RETRIEVAL_LEAST_DAYS


def test_what_stays_in_standard_for_ever_costs_what_the_cost_model_says() -> None:
    tiers = [storage.tier_of("StandardStorage", 100 * GB)]
    found = considered(tiers=tiers, lifecycle=Lifecycle(abort_days=7, older_versions_days=7))["tiers"]
    after = model.deep_archive_storage(LIBRARY).usd + overhead(30)
    assert found.usd_month == pytest.approx(model.standard_storage(LIBRARY, 30).usd - after)
    once = [line for line in model.transfer(LIBRARY, Design(), ENGINE) if line.price is prices.S3_INTO_DEEP_ARCHIVE]
    assert found.usd_once == pytest.approx(usd(once)) and found.is_worth_it


@pytest.mark.parametrize("config", [replace(one, detailed_monitoring=True) for one in CONFIGS])
def test_the_essential_metrics_save_what_the_cost_model_says(config: Config) -> None:
    found = considered(kept=kept_by(config))["detailed-monitoring"]
    small = model.billed(model.fixed_costs(replace(config, detailed_monitoring=False)))
    assert found.usd_month == pytest.approx(model.billed(model.fixed_costs(config)) - small)
    assert found.command == "cdk deploy -c environment=dev -c detailed_monitoring=false"


@pytest.mark.parametrize("providers", [("gopro",), ("gopro", "dropbox"), ("gopro", "google_drive", "dropbox")])
def test_the_essential_alarms_are_those_of_the_infrastructure(providers: tuple[str, ...]) -> None:
    config = replace(ENVIRONMENTS["dev"], providers=providers)
    assert fixed.essential_alarms(len(providers)) == len(alarm_names(config))


@pytest.mark.parametrize(("name", "value"), [("network", "private_network"), ("audit-trail", "audit_trail")])
@pytest.mark.parametrize("library", [LIBRARY, Library(500, 200_000_000)])
def test_what_a_costly_value_costs_a_month_is_what_the_cost_model_says(name: str, value: str, library: Library) -> None:
    dev = ENVIRONMENTS["dev"]
    switched_on: dict[str, Any] = {value: True}
    costly = replace(dev, **switched_on)
    growth = Growth(bytes=library.files * library.file_bytes, originals=library.files, by="2026-10")
    found = considered(kept=kept_by(costly), growth=growth)[name]
    designs = Design.of_the_stack(costly), Design.of_the_stack(dev)
    each = [
        usd(model.fixed_costs(of)) + moved(design, library) for of, design in zip((costly, dev), designs, strict=True)
    ]
    assert found.usd_month == pytest.approx(each[0] - each[1])
    assert found.command == f"cdk deploy -c environment=dev -c {value}=false"


def test_an_own_key_costs_what_the_cost_model_says_and_stays_while_anything_needs_it() -> None:
    dev = ENVIRONMENTS["dev"]
    with_it = replace(dev, customer_managed_key=True)
    found = considered(kept=kept_by(with_it), ledger_originals=0)["own-key"]
    assert found.usd_month == pytest.approx(usd(model.fixed_costs(with_it)) - usd(model.fixed_costs(dev)))
    assert found.is_worth_it
    needed = considered(kept=kept_by(with_it))["own-key"]
    assert not needed.is_worth_it and "can be read with this key alone" in needed.left_alone


def test_alarms_beyond_the_free_ten_are_counted_and_left_alone() -> None:
    three = replace(ENVIRONMENTS["dev"], providers=("gopro", "google_drive", "dropbox"))
    found = considered(kept=kept_by(three))["alarms"]
    alarms = [line for line in model.fixed_costs(three) if line.price is prices.ALARM_MONTH]
    assert found.usd_month == pytest.approx(model.billed(alarms)) == pytest.approx(0.80)
    assert not found.is_worth_it and "3 providers need them" in found.left_alone
    assert "alarms" not in considered()


@pytest.mark.parametrize("files", [1_000, 10_000_000])
def test_shorter_logs_save_what_the_cost_model_says(files: int) -> None:
    library = Library(files, 100_000_000)
    growth = Growth(bytes=files * library.file_bytes, originals=files, by="2026-10")
    found = considered(growth=growth)["logs"]
    saved = usd(model.log_storage(library, Design(), 30)) - usd(model.log_storage(library, Design(), 7))
    assert found.usd_month == pytest.approx(saved) and found.is_worth_it is (files > 1_000)
    assert "logs" not in considered({"log_retention_days": 7})


@pytest.mark.parametrize("size", [256, 512, 1024, 1769, 3008, 10_240])
def test_memory_is_the_size_that_the_cost_model_chooses_and_saves_what_it_says(size: int) -> None:
    growth = Growth(bytes=1_000 * GB, originals=10_000, by="2026-10")
    library, design = Library(10_000, 100_000_000), Design(size)
    found = considered({"downloader_memory_mb": size}, growth=growth)["memory"]
    best = model.choose_memory(library, Design(), ENGINE)
    saved = moved(design, library) - moved(replace(design, memory_mb=best), library)
    assert found.usd_month == pytest.approx(saved, rel=0.02, abs=0.001)
    assert found.is_worth_it is (size > best and saved >= 0.01) and f"downloader_memory_mb={best}" in found.command


def test_the_engine_is_the_one_that_was_measured() -> None:
    own = moving.WAITING, moving.WAITING_IN_PARTS, moving.MOST_MEMORY
    assert own == pytest.approx((ENGINE.waiting, ENGINE.waiting_in_parts, ENGINE.max_rss_mib), rel=0.01)
    assert {*moving.SIZES} < {*model.MEMORY_SIZES} and moving.RUNTIME_MEMORY == model.LAMBDA_MEMORY
    assert moving.SECONDS == model.INVOCATION_SECONDS


@pytest.mark.parametrize("has_trail", [False, True])
def test_one_request_instead_of_parts_saves_what_the_cost_model_says(*, has_trail: bool) -> None:
    kept = msgspec.structs.replace(KEPT, trail=has_trail)
    found = considered({"single_put_mib": 64}, kept=kept)["single-put"]
    design = Design(single_put_bytes=64 * MIB, extras=prices.Extras(audit_trail=has_trail))
    saved = moved(design) - moved(replace(design, single_put_bytes=128 * MIB))
    assert found.usd_month == pytest.approx(saved, rel=0.01) and found.is_worth_it


@pytest.mark.parametrize(("mib", "size"), [(128, 100_000_000), (64, 60_000_000), (64, 200_000_000), (256, 100_000_000)])
def test_it_is_no_matter_where_originals_are_smaller_or_go_in_parts_anyway(mib: int, size: int) -> None:
    growth = Growth(bytes=1_000 * size, originals=1_000, by="2026-10")
    assert "single-put" not in considered({"single_put_mib": mib}, growth=growth)


# By hand, in round numbers


def test_a_hundred_gigabytes_straight_into_deep_archive_by_hand() -> None:
    """A week of Standard 0.5367, the last request 0.0050; Deep Archive a week earlier 0.0231, 40 KB each 0.00005."""
    found = considered()["direct"]
    assert [round(line.usd, 5) for line in found.arithmetic] == [0.53667, 0.005, 0.0231, 0.00001, 0.00004]
    assert found.usd_month == pytest.approx(0.51852, abs=1e-5)
    assert found.arithmetic[0].formula == "100 GB × 7/30 of a month × 0.023 USD"
    assert "The 7 days in which a new original can be read at once" in found.lost and "within 180 days" in found.lost


def test_a_private_network_by_hand() -> None:
    """730 h × 0.05 = 36.50; 100 GB × 0.055 = 5.50; its log half a cent."""
    assert considered(kept=msgspec.structs.replace(KEPT, network=True))["network"].usd_month == pytest.approx(42.005)


def test_a_function_with_far_too_much_memory_by_hand() -> None:
    """1,000 originals of 100 MB at 74.4 MB/s: 1.458 s each. 3 GB instead of 1 are 2.916 GB-s more, 0.0389 USD."""
    found = considered({"downloader_memory_mb": 3072})["memory"]
    assert found.usd_month == pytest.approx(0.0389, abs=1e-4) and "Nothing that was measured" in found.lost


# Nothing that costs more than it saves


def test_a_stack_as_it_is_deployed_gets_no_other_recommendation() -> None:
    assert [name for name, one in considered().items() if one.is_worth_it] == ["direct"]


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"growth": Growth(bytes=GB, originals=100_000)}, "smaller than 128 KB"),
        ({"growth": Growth(bytes=GB // 10, originals=1)}, "less than a cent a month"),
    ],
)
def test_straight_into_deep_archive_is_left_alone_with_the_reason(changes: dict[str, Any], why: str) -> None:
    assert why in considered(**changes)["direct"].left_alone


def test_where_nothing_waits_or_nothing_comes_there_is_nothing_to_say() -> None:
    rules = Lifecycle(deep_archive_days=0, older_versions_days=0, abort_days=7)
    assert "direct" not in considered(lifecycle=rules)
    assert {"direct", "instant-retrieval", "memory"} & considered(growth=Growth()).keys() == set()


@pytest.mark.parametrize(("size", "is_worth_it"), [(150_000, False), (199_000, False), (201_000, True)])
def test_small_files_are_moved_only_where_requests_and_40_kb_each_come_back_in_a_year(
    size: int, *, is_worth_it: bool
) -> None:
    """A million files: the way costs 50 USD, and what S3 keeps besides each 0.22 USD a month. At 200 KB a year saves
    12 × (200 × 0.02201 - 0.2208) = 50.17 USD."""
    rules = Lifecycle(abort_days=7, older_versions_days=7)
    tiers = [storage.tier_of("StandardStorage", size * 10**6)]
    found = considered(tiers=tiers, lifecycle=rules, ledger_originals=10**6)["tiers"]
    assert found.is_worth_it is is_worth_it and found.usd_once == pytest.approx(50)
    library = Library(10**6, size)
    after = usd(model.deep_archive_storage(library), model.archive_overhead(library.files))
    assert found.usd_month == pytest.approx(model.standard_storage(library, 30).usd - after)


def test_files_that_the_lifecycle_would_not_move_are_left_where_they_are() -> None:
    tiers = [storage.tier_of("StandardStorage", 10 * GB)]
    found = considered(tiers=tiers, lifecycle=Lifecycle(abort_days=7), ledger_originals=10**7)["tiers"]
    assert found.left_alone.startswith("The originals are smaller than 128 KB")


def test_what_it_costs_has_to_come_back_in_a_year_or_before_it_ends_by_itself() -> None:
    assert why_not(1, 11.99) == why_not(1, 1.99, 2) == ""
    assert why_not(1, 12) == "It costs 12.00 USD to do, and saves 12.00 USD in a year."
    assert why_not(1, 2, 2) == "It costs 2.00 USD to do, and saves 2.00 USD before it would end by itself."
    assert why_not(-0.01, 0) == "It would cost 0.01 USD a month more."
    assert why_not(0.0099, 0) == why_not(-0.0099, 0) == "It would save less than a cent a month."


def test_older_versions_without_a_rule_cost_what_the_bucket_has_beyond_the_ledger() -> None:
    rules = Lifecycle(deep_archive_days=7, abort_days=7)
    tiers = [storage.tier_of("StandardStorage", 60 * GB), storage.tier_of("DeepArchiveStorage", 90 * GB)]
    found = considered(tiers=tiers, lifecycle=rules)["older-versions"]
    library = Library(500, 100_000_000)
    after = usd(model.deep_archive_storage(library), model.archive_overhead(500))
    assert found.usd_month == pytest.approx(model.standard_storage(library, 30).usd - after)
    assert found.usd_once == pytest.approx(0.025) and found.is_worth_it
    assert not considered(lifecycle=rules)["older-versions"].is_worth_it
    assert "older-versions" not in considered()


def test_what_cloudwatch_has_not_measured_is_said_and_not_guessed() -> None:
    found = considered(measured=False, lifecycle=Lifecycle(deep_archive_days=7))["older-versions"]
    assert (found.usd_month, found.arithmetic, found.is_known, found.is_told) == (0, [], False, True)
    assert found.left_alone == "CloudWatch has not measured the bucket yet, which it does once a day."


def test_a_stack_that_does_not_say_its_values_gets_nothing_that_needs_them() -> None:
    found = {one.name: one for one in by_facts(Facts(figures()))}
    assert {"memory", "single-put", "logs", "budget"} & found.keys() == set()
    assert "does not say whether it has this tier" in found["instant-retrieval"].left_alone


# The arithmetic can be done again


def everything() -> list[Recommendation]:
    rules = [Lifecycle(abort_days=7), Lifecycle(deep_archive_days=30, older_versions_days=7, abort_days=7)]
    costly = replace(ENVIRONMENTS["prod"], detailed_monitoring=True, customer_managed_key=True)
    tiers = [storage.tier_of("StandardStorage", 123_456_789_012), storage.tier_of("DeepArchiveStorage", 77 * GB)]
    growth = Growth(bytes=98_765_432_109, originals=987.6666666, by="2026-08 to 2026-10")
    values = VALUES | {"single_put_mib": 64, "downloader_memory_mb": 3008, "monthly_budget_usd": 5}
    return [
        one
        for lifecycle in rules
        for kept in (kept_by(costly), kept_by(CONFIGS[3]))
        for one in by_facts(Facts(figures(lifecycle=lifecycle, kept=kept, tiers=tiers, growth=growth), values))
    ]


def test_each_line_comes_to_what_it_shows_and_the_lines_to_what_is_saved() -> None:
    found = everything()
    assert len({one.name for one in found}) == 15
    for one in found:
        sums = {"now": 0.0, "then": 0.0, "once": 0.0}
        for line in one.arithmetic:
            product = 1.0
            for factor in line.formula.split(" × "):
                number, _, per = re.sub(r"[^\d./]", "", factor.replace(" of a month", "")).partition("/")
                product *= float(number) / float(per or 1)
            assert product == pytest.approx(line.usd, rel=1e-4), (one.name, line)
            sums[line.when] += line.usd
        assert (sums["now"] - sums["then"], sums["once"]) == pytest.approx((one.usd_month, one.usd_once)), one.name


def test_each_says_what_is_lost_what_to_type_and_by_what_it_is_known() -> None:
    for one in everything():
        assert one.basis and one.text.endswith((".", "ever."))
        assert (one.lost and one.command.startswith("cdk deploy -c environment=dev")) or one.left_alone


@pytest.mark.parametrize(
    ("number", "text"), [(100, "100"), (1_234_567, "1,234,567"), (0.000032768, "0.000032768"), (281.43789, "281.438")]
)
def test_a_number_is_shown_with_six_digits_that_say_something(number: float, text: str) -> None:
    assert shown(number) == text
