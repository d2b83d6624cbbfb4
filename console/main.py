"""The command `cloudsync`. Each verb is a module of console.commands, which is imported when it is used."""

from __future__ import annotations

import errno
import os
import sys
from contextlib import suppress
from io import TextIOWrapper
from typing import Any

import click
from cloud_sync_common import __version__
from cloud_sync_common.safe_text import redact

from console.errors import ConsoleError, Exit, UsageError
from console.verb_group import VerbGroup

PROGRAM = "cloudsync"
_UNWRITTEN = (errno.EPIPE, errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
# What each verb does, so that `--help` need not import them.
VERBS = {
    "connect": "Connect GoPro, Google Drive or Dropbox: get credentials, try them, store them.",
    "status": "Did last night work, is everything safe, what comes next.",
    "run": "Start a run or join the one under way, and follow it.",
    "plan": "What the next run would move, how long it takes and what it costs; nothing is written.",
    "runs": "List the nights: when each was, how it ended, what it archived and cost.",
    "list": "List the library as it is archived.",
    "show": "Everything that is known of one video.",
    "export-map": "Where clips were taken, as GPX or GeoJSON.",
    "failures": "What is not archived and why, with the step that fixes it.",
    "retry": "Try again what has failed.",
    "verify": "Prove that everything is safe, with a certificate; nothing is thawed.",
    "restore": "Get footage back: the price first, then thawed, fetched and verified.",
    "catalogue": "Details and pictures of what is archived: how far they are, written anew, places forgotten.",
    "rebuild-ledger": "Write the ledger anew from the archive, after the table was lost.",
    "cost": "What it costs, what it will cost, and how it can cost less.",
    "settings": "What may change without a deployment: pause, filters, photos, mails.",
    "config": "What the stack was deployed with, and how environments differ.",
    "doctor": "Everything that must be right, each line with its fix.",
    "web": "Open a page on this machine: last night, runs, cost, connections, settings.",
    "completion": "Print the completion of this command for bash, zsh or fish.",
}


class Verbs(VerbGroup):
    """Those of `cloudsync`."""

    verbs = VERBS


@click.command(cls=Verbs, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, message="%(version)s")
def cloudsync() -> None:
    """Your videos in your own S3: see that they are safe, connect accounts, run, look, get footage back.

    The stack is that of --environment (dev, or CLOUD_SYNC_ENVIRONMENT), found with your AWS credentials.
    """


def main(arguments: list[str] | None = None) -> int:
    """The exit code. An error is one sentence on standard error, never a traceback."""
    try:
        _check_text(sys.argv[1:] if arguments is None else arguments)
        result: Any = cloudsync.main(arguments, prog_name=PROGRAM, standalone_mode=False)
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        return Exit.USAGE
    except OSError as error:
        return _unwritten(error) if error.errno in _UNWRITTEN else _failed(*_of_aws(error))
    except Exception as error:
        return _failed(*_meaning(error))
    return result if isinstance(result, int) else Exit.FINE


def _check_text(words: list[str]) -> None:
    """Raises UsageError for what cannot be sent to AWS: of a word that is no UTF-8, Python makes half characters."""
    try:
        "".join(words).encode()
    except UnicodeEncodeError:
        raise UsageError(
            "A word of the command is no text in UTF-8: type it again, or name the item by its id."
        ) from None


def _meaning(error: Exception) -> tuple[str, int]:
    """The sentence, and the exit code."""
    match error:
        case click.exceptions.Abort():
            return "Interrupted; nothing further was done.", Exit.INTERRUPTED
        case click.ClickException():
            return _of_words(error), Exit.USAGE
        case ConsoleError():
            return str(error), error.exit_code
    return _of_aws(error)


def _of_words(error: click.ClickException) -> str:
    """Click's own sentence, in one line, with where to read on."""
    context = getattr(error, "ctx", None)
    path = context.command_path if context else PROGRAM
    return f"{' '.join(error.format_message().split())} `{path} --help` shows what there is."


def _unwritten(error: OSError) -> int:
    """A reader that has enough, as `head` has, needs no word about it."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or Python would complain once more at its end
    if error.errno == errno.EPIPE:
        return Exit.FAILED
    return _failed(f"The result cannot be written ({errno.errorcode[error.errno or 0]}).", Exit.FAILED)


def _of_aws(error: Exception) -> tuple[str, int]:
    """AWS's refusals have a sentence each. What is left is a fault of ours, and has its name and no more: a message or
    a traceback may hold what came from a provider."""
    from console.aws_refusals import explained  # noqa: PLC0415 (imports botocore)

    if known := explained(error):
        return str(known), known.exit_code
    at = error.__traceback__
    while at and at.tb_next:
        at = at.tb_next
    place = f"{os.path.basename(at.tb_frame.f_code.co_filename)}:{at.tb_lineno}" if at else "?"
    return f"This is a fault of Cloud Sync ({type(error).__name__} in {place}). Please report it.", Exit.FAILED


def _failed(sentence: str, code: int) -> int:
    with suppress(OSError):  # nobody reads it any more
        click.echo(f"{PROGRAM}: {redact(sentence)}", err=True)
    return code


def command_line() -> None:
    """What the installed program `cloudsync` calls."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:  # it was closed before this program began
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: SIM115 (until the end)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a name of a video may have characters that it has not
    code = main()
    try:
        sys.stdout.flush()  # or what cannot be written would show only when Python has ended
    except OSError as error:
        code = _unwritten(error)
    sys.exit(code)
