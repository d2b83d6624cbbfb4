"""`python -m console` is `cloudsync`, and so is the program that an installer makes."""

import sys


def run() -> None:
    """Ctrl-C while the modules come is no fault: nothing was begun."""
    try:
        from console.main import command_line  # noqa: PLC0415 (see above)
    except KeyboardInterrupt:
        sys.exit(130)
    command_line()


if __name__ == "__main__":
    run()
