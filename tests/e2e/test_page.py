"""`cloudsync web` as a program, in front of the deployed stack and in a real browser: what each button does there."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from playwright.sync_api import Page, expect

from local.aws_fault_menu import AwsFaultKind
from local.aws_proxy import AwsProxy
from local.deep_archive import freeze
from local.deployment import Deployment
from local.fake_providers.fault_menu import FaultKind
from local.fake_providers.gopro import FakeGoPro
from tests.e2e.conftest import output_of
from tests.e2e.test_console_reading import CLOUDSYNC, cloudsync, environment
from tests.e2e.test_console_restore import CLIPS, archive, jobs
from tests.integration.page_server import chromium

LONG = 60_000  # milliseconds, for what the stack does


@pytest.fixture(scope="module")
def page(deployed: Deployment, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    """The owner's window, which has come in by the file that the program has named."""
    home = str(tmp_path_factory.mktemp("home"))
    line = [*CLOUDSYNC, "web", "--no-browser"]
    variables = {**environment(deployed), "HOME": home}
    with subprocess.Popen(line, env=variables, stdout=subprocess.PIPE, text=True) as program, chromium() as browser:
        try:
            assert program.stdout is not None
            file = Path(program.stdout.readline().strip())
            (address,) = re.findall(r'action="(http://127\.0\.0\.1:\d+)/open"', file.read_text())
            with browser.new_context(base_url=address) as context:
                page = context.new_page()
                page.goto(file.as_uri())
                page.wait_for_url(f"{address}/")
                yield page
        finally:
            program.kill()


def press(page: Page, name: str) -> None:
    page.get_by_role("button", name=name).click()


def last_run(deployment: Deployment) -> Any:
    """The newest execution of the state machine, ended."""
    executions = deployment.step_functions.list_executions(stateMachineArn=deployment.state_machine_arn)["executions"]
    newest = max(executions, key=lambda one: one["startDate"])
    return deployment.wait(newest["executionArn"])


def test_a_run_is_started_followed_in_place_and_what_failed_is_tried_again(
    page: Page, deployment: Deployment, gopro: FakeGoPro
) -> None:
    (large,) = [one for one in gopro.control.originals() if int(one["size"]) > 20_000_000]
    gopro.control.add_fault(FaultKind.SLOW, media_id=large["media_id"], bytes_per_second=150_000)
    page.goto("/")
    press(page, "Start a run now")
    page.wait_for_url("**/runs/run-*")
    expect(page.locator("h1")).to_have_text("This run is under way.")
    page.evaluate("window.isTheSame = true")
    expect(page.locator(".live")).to_contain_text(str(large["filename"]), timeout=LONG)
    expect(page.locator(".live")).to_contain_text("17 of 18 originals", timeout=LONG)
    assert page.evaluate("window.isTheSame")
    gopro.control.clear_faults()
    expect(page.locator("h1")).to_contain_text("17 new originals are safe.", timeout=LONG)
    assert output_of(last_run(deployment))["archived"] == 17

    page.goto("/")
    expect(page.locator("#waits")).to_be_visible()
    press(page, "Try again what failed at GoPro")
    page.wait_for_url("**/runs/retry-*")
    expect(page.locator("h1")).to_contain_text("Nothing was new.", timeout=LONG)
    tried = last_run(deployment)
    assert '"retry_failed": true' in tried["input"] and output_of(tried)["failed"] == 1


def test_a_pause_and_settings_are_those_of_the_next_run_and_can_be_taken_back(
    page: Page, deployment: Deployment
) -> None:
    page.goto("/connections")
    press(page, "Pause GoPro")
    expect(page.get_by_role("button", name="Resume GoPro")).to_be_visible()
    assert output_of(deployment.run())["paused"] is True and deployment.objects() == {}
    press(page, "Resume GoPro")
    expect(page.get_by_role("button", name="Pause GoPro")).to_be_visible()

    page.goto("/settings/gopro")
    page.get_by_label("Names").fill("GX010042*")
    press(page, "Save for the next run")
    expect(page.locator("#history")).to_be_visible()
    limited = output_of(deployment.run())
    assert limited["archived"] == len(deployment.objects()) > 0 and limited["left_out"]["names"] > 0
    assert {key.rpartition("/")[2] for key in deployment.objects()} == {"GX010042.MP4"}
    page.get_by_role("button", name="Undo").first.click()
    expect(page.get_by_label("Names")).to_have_value("")
    assert output_of(deployment.run())["archived"] + limited["archived"] == 17


def price(page: Page, ceiling: str, *items: str, **more: str) -> None:
    page.goto("/restores/new?" + urlencode([*(("item", f"gopro/{one}") for one in items), *more.items()]))
    page.get_by_label("Spend at most").fill(ceiling)
    press(page, "Start this restore")


def test_a_restore_is_started_within_its_ceiling_followed_to_its_end_and_fetched_as_the_page_says(
    page: Page, deployment: Deployment, tmp_path: Path
) -> None:
    archive(deployment)
    for key in deployment.objects():
        freeze(deployment, key)
    price(page, "0", *CLIPS)
    expect(page.get_by_role("alert")).to_contain_text("Nothing was started.")
    assert jobs(deployment) == []
    page.get_by_label("Spend at most").fill("1")
    press(page, "Start this restore")
    page.wait_for_url("**/restores/restore-*")
    expect(page.locator("h1")).to_contain_text("ready to fetch.", timeout=LONG)
    (job,) = jobs(deployment)
    assert (job["state"], job["max_usd"], page.url.rpartition("/")[2]) == ("READY", 1, job["job_id"])
    command = page.locator("code.command").first.inner_text().split()
    assert command[:4] == ["cloudsync", "restore", "fetch", job["job_id"]]
    fetched = cloudsync(deployment, *command[1:4], str(tmp_path))
    assert fetched.returncode == 0, fetched.stderr
    sizes = sorted(file.stat().st_size for file in tmp_path.rglob("*.MP4"))
    assert sizes == sorted(deployment.objects().values())
    page.goto("/restores")
    expect(page.locator("main")).to_contain_text("Fetched, every byte checked")


def test_a_restore_is_stopped_in_the_stack(page: Page, deployment: Deployment, aws: AwsProxy) -> None:
    archive(deployment)
    for key in deployment.objects():
        freeze(deployment, key)
    aws.add_fault(AwsFaultKind.SLOW_ANSWER, "s3", seconds=10.0)  # so that the job is under way for as long
    price(page, "1", CLIPS[0], tier="Standard")
    expect(page.locator("h1")).to_contain_text("1 original is on the way.")
    page.get_by_text("Stop asking for more").click()
    press(page, "Yes, stop this restore")
    expect(page.locator("h1")).to_contain_text("This restore was stopped.")
    (job,) = jobs(deployment)
    arn = deployment.outputs["RestorerArn"].replace(":stateMachine:", ":execution:", 1)
    ended = deployment.step_functions.describe_execution(executionArn=f"{arn}:{job['job_id']}")
    assert (job["state"], ended["status"]) == ("CANCELLED", "ABORTED")
    aws.rules.clear()
