"""The CDK app: reads context and file of an environment, builds its stack and synthesises it. It calls no AWS API."""

import sys
from pathlib import Path

import aws_cdk as cdk

from cloud_sync.cloud_sync_stack import CloudSyncStack
from cloud_sync.config import FOLDER, Config
from cloud_sync.config_error import ConfigError


def main() -> None:
    app = cdk.App()
    try:
        context = app.node.get_all_context()
        folder = Path(__file__).resolve().parent / (context.get(FOLDER) or "environments")
        config = Config.from_context(context, folder)
    except ConfigError as error:
        sys.exit(f"cloud-sync: {error}")
    CloudSyncStack(app, config.stack_name, config=config)
    app.synth()


main()
