"""The CDK app: reads the context, chooses the environment, builds its stack and synthesises it. It calls no AWS API."""

import sys

import aws_cdk as cdk

from cloud_sync.cloud_sync_stack import CloudSyncStack
from cloud_sync.config import Config
from cloud_sync.config_error import ConfigError


def main() -> None:
    app = cdk.App()
    try:
        config = Config.from_context(app.node.get_all_context())
    except ConfigError as error:
        sys.exit(f"cloud-sync: {error}")
    CloudSyncStack(app, config.stack_name, config=config)
    app.synth()


main()
