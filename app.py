"""The CDK app: reads context and file of an environment, builds its stack and synthesises it. It calls no AWS API."""

import sys
from pathlib import Path

if sys.version_info < (3, 12):  # noqa: UP036  an older one would fail at the imports below, with a traceback
    sys.exit(
        "cloud-sync: %s is Python %d.%d, and Cloud Sync needs 3.12 or newer. Make the environment with a newer one: "  # noqa: UP031
        "`python3.13 -m venv .venv`, then `. .venv/bin/activate` and `pip install -r requirements.txt`."
        % (sys.executable, sys.version_info[0], sys.version_info[1])
    )
try:
    import aws_cdk as cdk
except ModuleNotFoundError as missing:
    sys.exit(
        f"cloud-sync: {sys.executable} has no package {missing.name}. Activate the environment, "
        "`. .venv/bin/activate`, and if that is not enough, run `pip install -r requirements.txt`."
    )

from cloud_sync.cloud_sync_stack import CloudSyncStack
from cloud_sync.config import FOLDER, Config
from cloud_sync.config_error import ConfigError
from cloud_sync.earlier_output import remove_earlier_assets
from cloud_sync.layer import LayerError


def main() -> None:
    app = cdk.App()
    try:
        context = app.node.get_all_context()
        folder = Path(__file__).resolve().parent / (context.get(FOLDER) or "environments")
        config = Config.from_context(context, folder)
        remove_earlier_assets(Path(app.outdir))
        CloudSyncStack(app, config.stack_name, config=config)
    except (ConfigError, LayerError) as error:
        sys.exit(f"cloud-sync: {error}")
    app.synth()


main()
