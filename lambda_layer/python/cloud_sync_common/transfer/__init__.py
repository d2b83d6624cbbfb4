"""How the bytes of one source get into the archive: planned, read in ranges, checked on the way, written in parts."""
