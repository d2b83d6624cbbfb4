"""`cloudsync connect` against the deployed stack: what it stores is what the functions then work with."""

from __future__ import annotations

import json
import os
import subprocess
import sys

from local.deployment import Deployment
from local.emulator import ROOT
from local.fake_providers.gopro import FakeGoPro
from tests.e2e.conftest import output_of
from tests.integration.secret_check import assert_no_secret
from tests.terminal import Terminal

COMMAND = [sys.executable, "-m", "console", "connect", "gopro"]


def environment(deployment: Deployment, gopro: FakeGoPro) -> dict[str, str]:
    return {
        **deployment.emulator.environment(),
        "PATH": os.environ["PATH"],
        "PYTHONPATH": f"{ROOT}:{ROOT / 'lambda_layer' / 'python'}",
        "CLOUD_SYNC_ENVIRONMENT": "local",
        "GOPRO_API_BASE_URL": gopro.base_url,
        "SSL_CERT_FILE": str(deployment.emulator.certificates.ca_bundle),
        "TERM": "xterm",
    }


def stored(deployment: Deployment) -> dict[str, object]:
    found: dict[str, object] = json.loads(
        deployment.secrets.get_secret_value(SecretId=deployment.secret)["SecretString"]
    )
    return found


def test_an_owner_signs_in_and_the_run_that_is_offered_archives_everything(
    deployment: Deployment, gopro: FakeGoPro
) -> None:
    with Terminal.running([*COMMAND, "--way", "password"], environment(deployment, gopro), str(ROOT)) as terminal:
        for question, answer in [
            ("Client id: ", gopro.client_id),
            ("Client secret: ", gopro.client_secret),
            ("Name (e-mail): ", gopro.username),
            ("Password: ", gopro.password),
            ("Start a run now? [y/N]: ", "y"),
        ]:
            terminal.awaits(question)
            terminal.types(answer)
        terminal.awaits("The run ")
        run_id = terminal.awaits(" has started").split()[0]
        assert terminal.ends() == 0
        assert_no_secret(terminal.shown, {*gopro.secrets(), gopro.client_id, gopro.username})
    arn = f"{deployment.state_machine_arn.replace(':stateMachine:', ':execution:')}:{run_id}"
    assert output_of(deployment.wait(arn))["archived"] == 17
    assert gopro.control.stats()["token_refreshes"] == 1  # the sign-in; the run used the token that it gave


def test_a_session_that_is_piped_in_is_what_the_secret_holds(deployment: Deployment, gopro: FakeGoPro) -> None:
    before = stored(deployment)
    given = json.dumps({"access_token": gopro.access_token})
    done = subprocess.run(
        [*COMMAND, "--from-stdin", "--json"],
        env=environment(deployment, gopro),
        cwd=ROOT,
        input=given,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["account"]["id"] == gopro.user_id
    after = {"provider": "gopro", "access_token": gopro.access_token, "user_id": gopro.user_id}
    assert stored(deployment) == after != before
    assert_no_secret(done.stdout + done.stderr, gopro)
