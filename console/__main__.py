"""`python -m console` is `cloudsync`."""

from console.main import command_line

command_line()
