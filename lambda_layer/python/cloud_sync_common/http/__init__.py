"""HTTP: a session for the providers' APIs, and connections for media bytes at the least CPU that Python can have."""
