"""`cloudsync verify --deep` and `--deep-job`: a job of S3 Batch Operations is started, and its result compared."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import TYPE_CHECKING

import click

from console.commands.hidden_input import is_terminal
from console.errors import DeclinedError, Exit, UsageError
from console.output import Output
from console.stack import Stack

if TYPE_CHECKING:
    from cloud_sync_common.provider_access.certificate import Certificate, Choice

    from console.operations.deep import Order

_JOB = re.compile(r"[A-Za-z0-9_-]{5,36}", re.ASCII)  # S3 API reference, DescribeJob
_PRICE = (
    "S3 bills the job by prices that Cloud Sync does not know. They decide, and are on "
    'https://aws.amazon.com/s3/pricing/ ("Management and insights").'
)


def start(stack: Stack, output: Output, providers: Collection[str], choice: Choice, *, is_sure: bool) -> int:
    """Asks first. Raises UsageError where nobody can be asked."""
    from console.operations import deep  # noqa: PLC0415 (not needed for --help)
    from console.operations.ledger import Reading  # noqa: PLC0415

    order = deep.ordered(stack, providers, choice, Reading())
    _ask(output, order, is_sure=is_sure)
    job = deep.begin(stack, order)
    if output.as_json:
        output.data("deep-job", job)
    else:
        output.page.print(f"The job {job.job_id} has started. It takes hours; then:")
        output.page.print(f"  cloudsync verify --deep-job {job.job_id}", soft_wrap=True)
    return Exit.FINE


def _ask(output: Output, order: Order, *, is_sure: bool) -> None:
    from cloud_sync_common.runtime.wording import count_of, size_of  # noqa: PLC0415 (imported only to draw)

    output.aside.print(f"S3 is to read {count_of(len(order.keys), 'object')} again, {size_of(order.bytes)}.")
    output.aside.print(_PRICE)
    if is_sure:
        return
    if not is_terminal():
        raise UsageError("There is no terminal to ask on. Repeat the command with --yes.")
    if not click.confirm("Start the job?", err=True):
        raise DeclinedError("No job was started.")


def finish(stack: Stack, output: Output, job_id: str) -> Certificate | None:
    """The certificate of a job; None for one that is under way, which is said. Raises ConsoleError."""
    from console.operations import deep  # noqa: PLC0415 (not needed for --help)

    if not _JOB.fullmatch(job_id):
        raise UsageError("--deep-job must be the id of a job, as `cloudsync verify --deep` says it.")
    job = deep.described(stack, job_id)
    if job.status == "Complete" and (found := deep.certified(stack, job)):
        return found
    if output.as_json:
        output.data("deep-job", job)
    else:
        output.page.print(
            f"The job {job.job_id} is under way ({job.status}): {job.succeeded + job.failed:,} of {job.objects:,} "
            "objects. Repeat the command later."
        )
    return None
