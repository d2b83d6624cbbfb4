"""Facts that every provider must satisfy; each has a harness."""
