"""The templates as they were accepted."""
