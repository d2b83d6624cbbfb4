"""A reconciliation inside the deployed stack, with its own permissions: it finds, reports, and repairs nothing."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from local.deployment import Deployment
from local.fake_providers.gopro import FakeGoPro
from tests.e2e.conftest import output_of

type Inbox = Callable[[], list[dict[str, str]]]
CLIP, TRASHED, OTHER = (f"65a0f0c2b7e4d1a2c3b4{number:04x}" for number in (1, 2, 6))
ITEMS = {"provider": "gopro", "filters": {"media_ids": [CLIP, TRASHED, OTHER]}}
RECONCILE = {"provider": "gopro", "mode": "reconcile"}


def key_of(deployment: Deployment, media_id: str) -> str:
    (key,) = (row["key"] for row in deployment.rows() if row["sk"] == "SOURCE#0001" and row["media_id"] == media_id)
    return str(key)


def only_certificate(deployment: Deployment) -> dict[str, Any]:
    """The JSON of the only one; its text is beside it."""
    answer = deployment.s3.list_objects_v2(Bucket=deployment.work_bucket, Prefix="certificates/")
    key, text_key = (one["Key"] for one in answer["Contents"])
    assert text_key == f"{key.removesuffix('.json')}.txt"
    found: dict[str, Any] = json.loads(deployment.s3.get_object(Bucket=deployment.work_bucket, Key=key)["Body"].read())
    return found


def forget_what_has_no_original(deployment: Deployment, gopro: FakeGoPro) -> None:
    """So that provider, ledger and archive agree."""
    left = {row["media_id"] for row in deployment.rows("gopro") if row["sk"] == "ITEM" and row["status"] != "ARCHIVED"}
    for media_id in left:
        gopro.control.trash_item(media_id)
    for row in deployment.rows("gopro"):
        if row["pk"].partition("#")[2] in left:
            key = {name: {"S": row[name]} for name in ("pk", "sk")}
            deployment.dynamodb.delete_item(TableName=deployment.ledger_table, Key=key)


def test_what_the_schedule_starts_each_month_leaves_a_certificate_and_one_line(
    deployment: Deployment, gopro: FakeGoPro, inbox: Inbox
) -> None:
    assert output_of(deployment.run())["archived"] == 17
    forget_what_has_no_original(deployment, gopro)
    inbox()
    schedule = deployment.emulator.client("scheduler").get_schedule(Name="gopro-sync-verification")
    assert (schedule["State"], schedule["ScheduleExpression"]) == ("ENABLED", "cron(0 14 1 * ? *)")

    ended = deployment.run(json.loads(schedule["Target"]["Input"]))

    assert output_of(ended)["findings"] == {}
    certificate, (mail,) = only_certificate(deployment), inbox()
    (run,), (files,) = certificate["reconciliations"], certificate["compared"]
    objects = deployment.objects()
    assert (run["sources"], files["files"], files["bytes"]) == (len(objects), len(objects), sum(objects.values()))
    assert certificate["agrees"] and certificate["is_everything"] and certificate["not_compared"]
    assert mail["Subject"] == "Cloud Sync: no disagreements between provider, ledger and archive"
    assert certificate["text_key"] in mail["Message"] and "\n" not in mail["Message"]


def test_disagreements_are_reported_in_one_mail_and_one_file_and_not_repaired(
    deployment: Deployment, gopro: FakeGoPro, inbox: Inbox
) -> None:
    assert output_of(deployment.run(ITEMS))["archived"] == 3
    missing = key_of(deployment, CLIP)
    deployment.s3.delete_object(Bucket=deployment.archive_bucket, Key=missing)
    deployment.s3.put_object(Bucket=deployment.archive_bucket, Key="gopro/2026/01/nobody/GX019999.MP4", Body=b"x")
    changed = key_of(deployment, OTHER)
    size = deployment.objects()[changed]
    deployment.s3.put_object(
        Bucket=deployment.archive_bucket, Key=changed, Body=b"x" * size, ChecksumAlgorithm="CRC64NVME"
    )
    gopro.control.trash_item(TRASHED)
    inbox()
    before = (deployment.rows("gopro"), deployment.objects())

    result = output_of(deployment.run(RECONCILE))

    assert result["status"] == "COMPLETE"
    assert (result["items"], result["sources"], result["objects"]) == (19, 3, 3)
    assert result["left_out"] == 1, "the photo"
    findings = {"missing_object": 1, "orphan_object": 1, "checksum_differs": 1, "gone_at_source": 1}
    assert {kind: result["findings"].get(kind) for kind in findings} == findings
    body = deployment.s3.get_object(Bucket=deployment.work_bucket, Key=result["report_key"])["Body"].read()
    named = {line["kind"]: line.get("key") or line["media_id"] for line in map(json.loads, body.splitlines())}
    assert (named["missing_object"], named["checksum_differs"], named["gone_at_source"]) == (missing, changed, TRASHED)
    (mail,) = inbox()
    assert mail["Subject"].endswith("disagreements between provider, ledger and archive")
    certificate = only_certificate(deployment)
    assert certificate["text_key"] in mail["Message"] and not certificate["agrees"]
    assert certificate["compared"][0]["findings"] == {"missing_object": 1, "checksum_differs": 1}
    assert (deployment.rows("gopro"), deployment.objects()) == before


def test_a_reconciliation_after_a_run_finds_nothing_but_what_the_run_could_not_archive(
    deployment: Deployment, inbox: Inbox
) -> None:
    assert output_of(deployment.run())["archived"] == 17
    inbox()
    left = [row for row in deployment.rows() if row["sk"] == "ITEM" and row["status"] != "ARCHIVED"]
    assert output_of(deployment.run(RECONCILE))["findings"] == ({"not_archived": len(left)} if left else {})
    assert len(inbox()) == 1


def test_a_reconciliation_with_an_expired_token_stops_with_one_alert(
    deployment: Deployment, gopro: FakeGoPro, inbox: Inbox
) -> None:
    deployment.store_credentials({"provider": "gopro", "access_token": gopro.access_token, "user_id": gopro.user_id})
    gopro.control.expire_access_tokens()
    description = deployment.run(RECONCILE)
    assert (description["status"], description["error"]) == ("FAILED", "CredentialsExpiredError")
    (alert,) = inbox()
    assert alert["Subject"] == "Cloud Sync: the run failed (CredentialsExpiredError)"
