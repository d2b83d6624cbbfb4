"""How many functions of the stack can run at once, and whether the account allows it.

One run: as many as its map downloads with. Each of its other states runs one function, at another time. Runs of one
provider never overlap, and those of several do: together that is the worst moment.

Beside the runs: the rotation of a secret, the watch over a schedule, and the first step of a run that finds another one
under way. Each takes seconds, and whoever invokes it tries again when Lambda has no room for it: Step Functions and
EventBridge Scheduler as the template says, Secrets Manager by itself ("If any rotation step fails, Secrets Manager
retries the entire rotation process multiple times", user guide, "Rotation by Lambda function"). So one place is kept
for all of them: they find it even while every run downloads for days.
"""

from __future__ import annotations

from cloud_sync.config_error import ConfigError

BESIDE_THE_RUNS = 1  # place for what is invoked by others than a run


def at_once(providers: int, max_concurrency: int) -> int:
    """The most functions that run at once in an environment with so many providers."""
    return providers * max_concurrency + BESIDE_THE_RUNS


def check_concurrency(providers: int, max_concurrency: int, account_concurrency: int) -> None:
    """Raises ConfigError with a number that fits, if there is one, when the account cannot run as many functions."""
    needed = at_once(providers, max_concurrency)
    if needed <= account_concurrency:
        return
    fitting = (account_concurrency - BESIDE_THE_RUNS) // providers
    of = "its provider" if providers == 1 else f"each of {providers} providers"
    lower = f"lower max_concurrency to {fitting}" if fitting else "back up fewer providers"
    raise ConfigError(
        f"max_concurrency is {max_concurrency} for {of}, with {BESIDE_THE_RUNS} more for rotations and the like "
        f"{needed} functions at once, and account_concurrency is {account_concurrency}: {lower}, or state the quota "
        '"Concurrent executions" of your account there if it is higher.',
        "max_concurrency",
        "providers",
        "account_concurrency",
    )
