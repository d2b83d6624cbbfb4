"""Unit (no sockets), integration (servers on loopback), e2e (the deployed stack) and golden (accepted templates)."""
