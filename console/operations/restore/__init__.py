"""Footage back from the archive: what is chosen, what it costs, and the jobs that have it thawed."""
