"""`cloudsync restore drill`: the proof that footage comes back, on originals chosen at random."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from console.commands.options import of_stack
from console.errors import Exit, UsageError
from console.output import Output
from console.stack import Stack

if TYPE_CHECKING:
    from cloud_sync_common.provider_access.restore_proof import Proof

    from console.operations.restore.drill import Asked, Begun

_MOST_SAMPLED = 1_000


@click.command()
@click.option(
    "--sample", default=1, show_default=True, metavar="N", type=click.IntRange(1, _MOST_SAMPLED),
    help="Have N originals back, at random; fewer where the price allows no more.",
)  # fmt: skip
@click.option("--seed", default="", metavar="SEED", help="That of an earlier drill chooses the same originals.")
@click.option(
    "--max-usd", default=0.25, show_default=True, metavar="USD", type=float,
    help="A ceiling: what would cost more is not chosen.",
)  # fmt: skip
@click.option(
    "--tier", type=click.Choice(["bulk", "standard"], case_sensitive=False), default="bulk", show_default=True,
    help="bulk: thawed within 48 hours; standard: within 12 hours, at eight times the price.",
)  # fmt: skip
@click.option(
    "--days", default=7, show_default=True, metavar="N", type=int, help="How long there is time to repeat the command."
)
@of_stack
def command(stack: Stack, output: Output, sample: int, seed: str, max_usd: float, tier: str, days: int) -> int:
    """Prove that footage comes back: thaw originals at random, fetch them, compare every byte, keep a certificate.

    Repeat the command until it is done: thawing takes hours. What is fetched is deleted again. Exit code 10: it is
    being thawed; 0: every byte is right; 1: something did not come back as it was archived.
    """
    from console.operations.ledger import Reading  # noqa: PLC0415 (not needed for --help)
    from console.operations.restore import drill  # noqa: PLC0415

    asked = _asked(sample, seed, max_usd, tier, days)
    job = drill.under_way(stack)
    begun = drill.resumed(stack, job) if job else drill.begin(stack, asked, Reading())
    if not begun.job.state.is_over:
        return _come_back(output, begun)
    return _proven(stack, output, begun)


def _asked(sample: int, seed: str, max_usd: float, tier: str, days: int) -> Asked:
    """Raises UsageError."""
    from cloud_sync_common.stores.restore_jobs import Tier  # noqa: PLC0415 (not needed for --help)

    from console.operations.restore.drill import Asked  # noqa: PLC0415
    from console.operations.restore.plan import Terms  # noqa: PLC0415

    terms = Terms(tier=Tier(tier.capitalize()), days=days, max_usd=max_usd)
    terms.check()
    if not max_usd:
        raise UsageError("--max-usd 0 leaves nothing to choose: thawing costs something. Leave it out, or raise it.")
    return Asked(sample=sample, seed=seed, terms=terms)


def _come_back(output: Output, begun: Begun) -> int:
    from cloud_sync_common.runtime.wording import count_of, file_name, size_of  # noqa: PLC0415 (imported only to draw)

    from console.operations.restore.price import HOURS  # noqa: PLC0415 (not needed for --help)

    job = begun.job
    if output.as_json:
        output.data("restore-drill", {"job": job, "originals": begun.originals, "proof": None})
        return Exit.THAWING
    chosen = f"{count_of(job.files, 'original')}, {size_of(job.bytes)}"
    output.page.print(f"{job.job_id}: {chosen}, for about {job.quoted_usd:.4f} USD in all.")
    for file in begun.originals:
        output.page.print(f"  {file_name(file.filename)} ({file_name(file.media_id)})")
    began = "S3 thaws it" if begun.is_new else "S3 thaws it still"
    output.page.print(f"{began}, within {HOURS[job.tier]} hours of {job.created_at}. Then repeat the command:")
    output.page.print("  cloudsync restore drill")
    return Exit.THAWING


def _proven(stack: Stack, output: Output, begun: Begun) -> int:
    from console.operations.restore.proof import fetching, prove  # noqa: PLC0415 (not needed for --help)

    output.aside.print(f"{begun.job.job_id} is thawed: it is fetched, compared and deleted again ...")
    proof = prove(stack, begun, fetching(stack))
    _answer(stack, output, begun, proof)
    return Exit.FINE if proof.agrees else Exit.FAILED


def _answer(stack: Stack, output: Output, begun: Begun, proof: Proof) -> None:
    from cloud_sync_common.provider_access.restore_proof import text_of  # noqa: PLC0415 (not needed for --help)

    from console.wording import title_of  # noqa: PLC0415 (imported only to draw)

    if output.as_json:
        output.data("restore-drill", {"job": begun.job, "originals": begun.originals, "proof": proof})
        return
    output.page.print(text_of(proof, {name: title_of(name) for name in stack.secrets}), end="", soft_wrap=True)
    output.aside.print(
        f"\nStored as s3://{stack.output('WorkBucket')}/{proof.text_key}\nand with .json.", soft_wrap=True
    )
