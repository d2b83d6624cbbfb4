"""Tests against servers on loopback."""
