"""The fakes of the source services, judged by programs that speak with the real ones."""
