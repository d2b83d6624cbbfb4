"""Fetching files out of the archive into a directory: in ranges, resumable, every byte verified.

`engine.fetch` is what others call; it needs neither the stack nor the ledger.
"""
