"""`sam local invoke MediaAuthenticator -e event.json -t template` with SAM's own command line, up to the container.

There is no container engine here: the test compares what SAM would start in it with what the stack deploys.
"""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.cdk_command_line import CdkCommandLine
from tests.installed import installed
from tests.synthesis import ROOT, Synthesis

SAM_PYTHON = ".local/sam/bin/python"
SCRIPT = Path(__file__).with_name("sam_local_invoke.py")
EVENT = {"run_id": "by-hand", "input": {"provider": "gopro"}}


@pytest.fixture
def sam(cdk: CdkCommandLine, tmp_path: Path) -> Any:
    """Runs `sam local invoke` for one function of the synthesised dev stack."""
    installed(SAM_PYTHON)
    event = tmp_path / "event.json"
    event.write_text(json.dumps(EVENT))
    template = cdk.synth("dev")
    environment = cdk.environment | {
        "HOME": str(tmp_path),
        "SAM_CLI_TELEMETRY": "0",
        "AWS_EC2_METADATA_DISABLED": "true",
    }

    def invoke(function: str) -> subprocess.CompletedProcess[str]:
        command = [str(ROOT / SAM_PYTHON), str(SCRIPT), function, "-e", str(event), "-t", str(template)]
        return subprocess.run(
            [*cdk.without_network, *command], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
        )

    return invoke


@pytest.mark.parametrize(
    ("function", "folder"),
    [
        ("MediaAuthenticator", "media_authenticator"),
        ("MediaLister", "media_lister"),
        ("VideoDownloader", "video_downloader"),
    ],
)
def test_sam_finds_a_function_by_its_construct_id_with_its_code_layer_and_settings(
    sam: Any, synthesis: Synthesis, function: str, folder: str
) -> None:
    done = sam(function)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    deployed = synthesis.of("dev").function(folder.replace("_", "-"))
    assert (found["function"], found["handler"], found["event"]) == (function, deployed["Handler"], EVENT)
    assert (found["runtime"], [found["architecture"]]) == (deployed["Runtime"], deployed["Architectures"])
    assert (found["memory"], found["timeout"]) == (deployed["MemorySize"], deployed["Timeout"])
    assert set(deployed["Environment"]["Variables"]) <= set(found["variables"])
    code = Path(found["code"])
    assert [path.name for path in code.iterdir()] == ["handler.py"]
    assert (code / "handler.py").read_bytes() == (ROOT / "lambdas" / folder / "handler.py").read_bytes()
    (layer,) = map(Path, found["layers"])
    assert (layer / "python" / "cloud_sync_common" / "runtime" / "settings.py").is_file()
    assert (layer / "python" / "boto3").is_dir()


def test_sam_names_the_functions_that_exist_when_asked_for_another(sam: Any) -> None:
    done = sam("MediaArchiver")
    assert done.returncode != 0
    for function in (
        "MediaAuthenticator",
        "MediaLister",
        "VideoDownloader",
        "FailureRecorder",
        "RunReport",
        "ArchiveReconciler",
        "CredentialsRotator",
    ):
        assert f"'{function}'" in done.stderr
