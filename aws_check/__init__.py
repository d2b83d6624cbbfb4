"""Checks of a deployed stack: what only AWS can show. `python -m aws_check` runs them; docs/operations.md explains."""
