"""What `cloudsync restore` does: footage back from the archive."""
