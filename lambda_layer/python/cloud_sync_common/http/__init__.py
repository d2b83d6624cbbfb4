"""HTTP: a session for the providers' APIs, and connections for media bytes that use as little CPU as possible."""
