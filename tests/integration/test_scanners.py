"""Two scanners that share no code with cdk-nag and ruff: checkov for the templates, detect-secrets for all files."""

from __future__ import annotations

import base64
import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.installed import installed
from tests.locks import lock_files
from tests.synthesis import ENVIRONMENTS, ROOT, Synthesis

SCANNERS = ".local/scan/bin"

# Findings of checkov that we accept.
ACCEPTED = {
    "CKV_AWS_111": "X-Ray, and in prod Lambda's network interfaces, need the wildcard; neither supports less.",
    "CKV_AWS_115": "MaxConcurrency of the map limits them; reserved concurrency would reduce the account's pool.",
    "CKV_AWS_116": "Step Functions and Secrets Manager call them and see every failure; none is asynchronous.",
    "CKV_AWS_117": "Only prod pays for a network; a function outside a network accepts no connections either.",
    "CKV_AWS_119": "The ledger uses DynamoDB's managed key, which is free and needs no grant (docs/decisions/016).",
    "CKV_AWS_149": "The secret uses Secrets Manager's managed key, for the same reason.",
    "CKV_AWS_158": "Logs contain no secrets and no media; CloudWatch encrypts them with its own key.",
    "CKV_AWS_173": "The variables are only names and numbers (tests/unit/test_infrastructure_and_functions.py).",
    "CKV_AWS_18": "The work bucket stores the archive's access logs, and the trail's bucket is such a log itself.",
    "CKV_AWS_21": "The work bucket has manifests that expire; nobody needs an older version of one.",
    "CKV_AWS_26": "Without a key of our own the topic has none: alarms cannot publish with the key alias/aws/sns.",
    "CKV_AWS_27": "Queues are encrypted with SQS's own key (SqsManagedSseEnabled), which this rule does not check.",
    "CKV_AWS_35": "The trail's bucket is encrypted by S3; its readers are the account's administrators.",
    "CKV_AWS_67": "The trail is only for this stack, which is in one region.",
}

# Findings of detect-secrets that are no secrets: the file, the kind of finding, and what it really is. Its keyword
# detector is off, because half of these tests are about tokens and use that word.
NO_SECRETS = {
    ("tests/e2e/test_races.py", "Hex High Entropy String"): "the id of a video of the demo library",
    ("tests/e2e/test_deploying_again.py", "Hex High Entropy String"): "the id of a video of the demo library",
    ("tests/unit/test_adoption.py", "Base64 High Entropy String"): "a logical id of the template",
    ("tests/integration/test_races.py", "Hex High Entropy String"): "ids of videos of the demo library",
    ("tests/unit/test_response_shape.py", "Hex High Entropy String"): "a value that must not be shown",
    ("tests/e2e/test_running_again.py", "Hex High Entropy String"): "the id of a video of the demo library",
    ("tests/e2e/test_troubleshooting.py", "Hex High Entropy String"): "the id of a video of the demo library",
    ("tests/unit/gopro_service.py", "Hex High Entropy String"): "an id in the shape of GoPro's",
    ("tests/integration/fuzzing/answers.py", "Hex High Entropy String"): "a hash that no file has",
    ("tests/unit/test_benchmark_as_deployed.py", "Hex High Entropy String"): "the MD5 of abc",
    ("tests/unit/test_archive.py", "Hex High Entropy String"): "the MD5 of a part",
    ("tests/unit/test_address_guard.py", "Basic Auth Credentials"): "a link that must be refused",
    ("events/drive_download_event.json", "Hex High Entropy String"): "a hash that no file has",
    ("events/dropbox_download_event.json", "Hex High Entropy String"): "a hash that no file has",
    ("events/frame_event.json", "Base64 High Entropy String"): "a small picture",
    ("tests/unit/test_gopro_pictures.py", "JSON Web Token"): "a token that nobody has, and that must not be shown",
    ("tests/unit/test_cloud_pictures.py", "Hex High Entropy String"): "an id that no account has",
    ("events/thawed_event.json", "Hex High Entropy String"): "an ETag as in S3's documentation",
    ("lambda_layer/python/cloud_sync_common/runtime/filter_input.py", "Hex High Entropy String"): "an id as an example",
    ("tests/e2e/test_three_clouds.py", "Hex High Entropy String"): "the id of a video of the demo library",
    ("tests/unit/drive_service.py", "Hex High Entropy String"): "hashes of no files",
    ("tests/unit/dropbox_service.py", "Hex High Entropy String"): "a hash of no file",
    ("tests/unit/test_copies.py", "Hex High Entropy String"): "hashes of no files",
    ("tests/unit/test_dropbox.py", "Hex High Entropy String"): "a hash of no file",
    ("tests/unit/test_dropbox_tree.py", "Hex High Entropy String"): "the rev of a file",
    ("tests/unit/test_filters.py", "Hex High Entropy String"): "a text that is no time",
    ("tests/e2e/test_console_reading.py", "Hex High Entropy String"): "the id of a video of the demo library",
    ("tests/integration/test_console_surroundings.py", "Basic Auth Credentials"): "a proxy that nobody runs",
    ("tests/unit/console_account.py", "Base64 High Entropy String"): "the secret key of AWS's own documentation",
}


def scanner(name: str) -> str:
    """The path of a scanner, which has an environment of its own."""
    installed(f"{SCANNERS}/{name}")
    return str(ROOT / SCANNERS / name)


def checkov(folder: Path) -> dict[str, Any]:
    """checkov's report on the templates in a folder."""
    command = [scanner("checkov"), "--directory", str(folder), "--framework", "cloudformation", "--compact",
               "--skip-download", "--quiet", "--output", "json"]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    report: dict[str, Any] = json.loads(done.stdout)
    assert report["summary"]["parsing_errors"] == 0
    return report


def found_in(report: dict[str, Any]) -> set[str]:
    return {check["check_id"] for check in report["results"]["failed_checks"]}


@pytest.fixture(scope="module")
def templates(synthesis: Synthesis, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The template of every environment, in one folder."""
    folder = tmp_path_factory.mktemp("templates")
    for environment in ENVIRONMENTS:
        (folder / f"{environment}.json").write_text(json.dumps(synthesis.of(environment).template))
    return folder


def test_checkov_finds_only_what_is_accepted_with_a_reason(templates: Path) -> None:
    report = checkov(templates)
    assert report["summary"]["resource_count"] > 200
    assert found_in(report) == set(ACCEPTED)
    assert all(len(reason.split()) >= 8 and reason.endswith(".") for reason in ACCEPTED.values())


def test_checkov_finds_a_public_bucket(templates: Path, tmp_path: Path) -> None:
    template = json.loads((templates / "dev.json").read_text())
    for resource in template["Resources"].values():
        if resource["Type"] == "AWS::S3::Bucket":
            del resource["Properties"]["PublicAccessBlockConfiguration"]
    (tmp_path / "open.json").write_text(json.dumps(template))
    assert found_in(checkov(tmp_path)) >= {"CKV_AWS_53", "CKV_AWS_54", "CKV_AWS_55", "CKV_AWS_56"}


def secrets_in(*paths: str, folder: Path) -> set[tuple[str, str]]:
    """detect-secrets' findings in these files: the file and the kind."""
    command = [scanner("detect-secrets"), "scan", "--disable-plugin", "KeywordDetector", *paths]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)
    results = json.loads(done.stdout)["results"]
    return {(name, finding["type"]) for name, findings in results.items() for finding in findings}


def test_no_file_of_the_repository_contains_a_secret() -> None:
    listing = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(listing, cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()
    kept = [name for name in names if (ROOT / name).is_file() and not name.startswith("tests/golden/")]
    digests = ("package-lock.json", "lambda_layer/contents.json", "lambda_layer/frames-contents.json")
    kept = [name for name in kept if name not in (*lock_files(), *digests)]
    assert len(kept) > 150
    assert secrets_in(*kept, folder=ROOT) == set(NO_SECRETS)


def test_a_committed_secret_is_found(tmp_path: Path) -> None:
    aws_key = "AKIA" + "QWERTYUIOPASDFGH"
    parts = (
        b'{"alg":"HS256","typ":"JWT"}',
        b'{"sub":"1234567890","name":"owner"}',
        b"a signature of 32 bytes, or so it",
    )
    token = ".".join(base64.urlsafe_b64encode(part).decode().rstrip("=") for part in parts)
    (tmp_path / "one.py").write_text(f'key = "{aws_key}"\n')
    (tmp_path / "two.py").write_text(f'token = "{token}"\n')
    found = secrets_in("one.py", "two.py", folder=tmp_path)
    assert found >= {("one.py", "AWS Access Key"), ("two.py", "JSON Web Token")}
