"""`python -m aws_check`: checks the deployed stack of one environment. docs/operations.md explains it."""

from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import Sequence
from types import FrameType
from typing import NoReturn

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from aws_check.outcome import Outcome
from aws_check.report import all_checks, run
from aws_check.stack import Stack, StackNotFound


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m aws_check", description=__doc__)
    parser.add_argument("environment", nargs="?", default="dev", help="dev (the default), staging, prod or local")
    parser.add_argument("--rotate", action="store_true", help="also rotate the credentials now, and await the end")
    options = parser.parse_args(arguments)
    signal.signal(signal.SIGTERM, _interrupt)  # so that a check that is stopped cleans up, as with Ctrl-C
    try:
        stack = Stack.find(boto3.Session(), options.environment)
        print(f"Stack CloudSync-{stack.environment}, account {stack.account}, {stack.session.region_name}.")
        print("Two mails will reach the subscribers of the alerts topic; both say that they are tests.", flush=True)
        results = run(all_checks(stack, rotate=options.rotate), stack, lambda text: print(text, flush=True))
    except StackNotFound as error:
        print(f"aws-check: {error}", file=sys.stderr)
        return 1
    except (BotoCoreError, ClientError) as error:
        print(f"aws-check: the stack cannot be read: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("aws-check: stopped; what the checks had made is removed", file=sys.stderr)
        return 130
    return int(any(result.outcome is Outcome.FAILED for result in results))


def _interrupt(_signal: int, _frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
