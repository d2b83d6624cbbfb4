"""Facts that every provider must satisfy. Each provider has a harness."""
