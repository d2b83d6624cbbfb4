"""archive-thawer: being written."""
