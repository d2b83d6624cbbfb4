"""What a reconciliation leaves behind: a certificate of what was compared and what was not, and one mail."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, cast

import pytest
from cloud_sync_common.exceptions import ConfigurationError
from cloud_sync_common.provider_access.certificate import Certificate, Compared, Reconciled, differences
from cloud_sync_common.provider_access.disagreements import Disagreement, Finding
from cloud_sync_common.retry_utils import Deadline
from cloud_sync_common.stores.provider_settings import Mails

from tests.unit.in_process_aws import running_aws
from tests.unit.test_reconcile import (
    ARCHIVE,
    ELSEWHERE,
    IN_A_CENTURY,
    ITEMS,
    Bench,
    key_of,
    record_a_copy,
    set_row,
    verification_of,
)

LOST = {"missing_object": 1}


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    with running_aws(monkeypatch) as aws:
        yield Bench(aws)


def lose(bench: Bench, number: int = 1) -> str:
    key = key_of(ITEMS[number])
    bench.aws.s3.delete_object(Bucket=ARCHIVE, Key=key)
    return key


def test_a_certificate_says_what_was_compared_and_how_much(bench: Bench) -> None:
    bench.reconcile()
    document, text = bench.certificate()
    (run,), (files,) = document["reconciliations"], document["compared"]
    assert (document["shape"], document["stack"], document["region"]) == (1, "CloudSync-dev", "us-east-1")
    assert (document["agrees"], document["is_everything"]) == (True, True)
    assert (run["run_id"], run["items"], run["sources"], run["objects"]) == ("run-1", 5, 5, 5)
    assert (files["files"], files["bytes"], files["requests"], files["findings"]) == (5, 20, 5, {})
    assert document["key"] == "certificates/2100-01-01T000000Z-run-1.json"
    assert document["estimated_usd"] > 0
    assert "Result: everything that was compared agrees." in text
    assert "gopro: each file's size and CRC-64/NVME, the ledger's beside S3's\n  5 files, 20 B (20 bytes)" in text


def test_a_certificate_says_plainly_what_was_not_looked_at(bench: Bench) -> None:
    bench.reconcile()
    document, text = bench.certificate()
    assert "What is safe was not counted anew: a reconciliation changes nothing" in text
    not_looked_at = " ".join(text.partition("Not looked at:")[2].split())
    assert not_looked_at == " ".join(f"- {line}." for line in document["not_compared"])
    assert "- the bytes themselves. S3 stated the checksum" in not_looked_at
    assert "- versions of objects that are not the latest." in not_looked_at
    assert "pointers" not in not_looked_at and "other providers" not in not_looked_at


def test_one_of_several_providers_is_not_everything(bench: Bench) -> None:
    one = replace(verification_of(bench.aws), is_only_provider=False)
    found = one.conclude(reconciled(), {}, {}, Mails.ONLY_TROUBLE)
    assert not found.is_everything and found.agrees
    assert found.not_compared[-1].startswith("other providers of this stack")


def test_what_differs_is_named_in_the_certificate_and_in_a_mail_that_says_more(bench: Bench) -> None:
    key = lose(bench)
    bench.reconcile()
    document, text = bench.certificate()
    assert not document["agrees"] and "Result: 1 difference." in text
    assert document["compared"][0]["findings"] == document["reconciliations"][0]["findings"] == LOST
    assert [one["key"] for one in document["compared"][0]["examples"]] == [key]
    assert text.count(f"- missing_object: clip1, {key}") == 2
    (mail,) = bench.aws.mails()
    assert document["text_key"] in mail["Message"] and mail["Message"].count("\n") > 3


def test_a_certificate_counts_damaged_disputed_and_unfinished_files(bench: Bench) -> None:
    set_row(bench, disputed="hash")
    set_row(bench, "SOURCE#0001", damage="no moov", status="ARCHIVED")
    set_row(bench, "SOURCE#0002", status="IN_PROGRESS", provider="gopro", media_id="clip1")
    bench.reconcile(Deadline(lambda: 1.0, 0.0))  # in many invocations
    (files,) = bench.certificate()[0]["compared"]
    assert (files["damaged"], files["disputed"], files["unarchived"], files["files"]) == (1, 1, 1, 5)


def test_the_pointer_of_a_copy_is_found_and_not_read_and_its_request_is_counted(bench: Bench) -> None:
    bench.put(ELSEWHERE)
    record_a_copy(bench, 2, ELSEWHERE)
    bench.reconcile()
    document, _ = bench.certificate()
    assert (document["compared"][0]["copies"], document["compared"][0]["requests"]) == (1, 6)
    assert any(line.startswith("what the pointers of copies say") for line in document["not_compared"])


@pytest.mark.parametrize(
    ("mails", "lost", "expected"),
    [
        (Mails.EVERY_NIGHT, False, 1), (Mails.ONLY_NEWS, False, 1), (Mails.ONLY_TROUBLE, False, 0),
        (Mails.EVERY_NIGHT, True, 1), (Mails.ONLY_NEWS, True, 1), (Mails.ONLY_TROUBLE, True, 1),
    ],
)  # fmt: skip
def test_a_certificate_is_news_and_a_difference_is_trouble(
    bench: Bench, mails: Mails, lost: bool, expected: int
) -> None:
    if lost:
        lose(bench)
    cursor = bench.slice(None, Deadline(lambda: 60.0, 0.0), IN_A_CENTURY, mails=mails).next_cursor
    assert cursor is None and len(bench.aws.mails()) == expected
    assert bench.certificate()[0]["agrees"] is not lost


def test_a_repeated_invocation_leaves_the_first_certificate_as_it_is(bench: Bench) -> None:
    bench.reconcile()
    before = bench.certificate()
    lose(bench)
    bench.reconcile()
    assert bench.certificate() == before


def test_a_certificate_that_cannot_be_stored_is_an_error_and_no_mail_says_that_all_is_well(bench: Bench) -> None:
    broken = replace(verification_of(bench.aws), work_bucket="gone")
    with pytest.raises(ConfigurationError, match=r"storing a certificate \(NoSuchBucket\)"):
        broken.conclude(reconciled(), {}, {}, Mails.EVERY_NIGHT)
    assert bench.aws.mails() == []


def test_a_secret_in_a_name_is_not_in_a_certificate(bench: Bench) -> None:
    token = "eyJhbGciOiJSU0EtT0FFUCJ9." + "a" * 40
    finding = Finding(Disagreement.ORPHAN_OBJECT, "m", f"gopro/clip?access_token={token}")
    found = reconciled(findings={"orphan_object": 1}, examples=[finding])
    verification_of(bench.aws).conclude(found, {}, {}, Mails.EVERY_NIGHT)
    document, text = bench.certificate()
    assert token not in json.dumps(document) + text + json.dumps(bench.aws.mails())


def reconciled(**more: Any) -> Reconciled:
    given = {"provider": "gopro", "run_id": "run-1", "is_new": True, "items": 5, "sources": 5, "objects": 5}
    return Reconciled(began_at=IN_A_CENTURY, ended_at=IN_A_CENTURY, **cast(Any, given | more))


def test_what_both_have_found_is_counted_once() -> None:
    of_gopro = reconciled(findings={"missing_object": 2, "orphan_object": 1})
    assert differences([of_gopro], [Compared(provider="gopro", findings={"missing_object": 3})]) == 4
    assert differences([of_gopro], [Compared(provider="dropbox", findings={"missing_object": 3})]) == 6
    assert differences([], []) == 0


def test_a_certificate_has_a_fixed_set_of_fields() -> None:
    assert set(Certificate.__struct_fields__) == {
        "shape", "stack", "region", "began_at", "ended_at", "seconds", "choice", "is_everything", "agrees",
        "reconciliations", "compared", "safe", "not_counted", "not_compared", "estimated_usd", "key", "text_key",
        "deep_job",
    }  # fmt: skip
