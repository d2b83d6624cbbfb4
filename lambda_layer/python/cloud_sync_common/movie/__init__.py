"""What a movie says of itself in its own boxes, read from few of its bytes. Its content may be hostile: it never
raises."""
