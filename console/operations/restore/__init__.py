"""Footage back: what is chosen, what it costs, asking S3 for it, and fetching it."""
