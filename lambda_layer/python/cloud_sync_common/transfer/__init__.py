"""Moves the bytes of one source into the archive: plans parts, reads ranges, checks them, and uploads them."""
