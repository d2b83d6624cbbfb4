"""The CDK app: reads the context, chooses the environment, builds its stack and synthesises it. It calls no AWS API."""

import sys

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
from cloud_sync.config import Config, ConfigError
from cloud_sync.layer import LayerError


def main() -> None:
    app = cdk.App()
    try:
        config = Config.from_context(app.node.get_all_context())
        CloudSyncStack(app, config.stack_name, config=config)
    except (ConfigError, LayerError) as error:
        sys.exit(f"cloud-sync: {error}")
    app.synth()


main()
