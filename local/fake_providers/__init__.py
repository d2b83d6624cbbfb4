"""Fakes of the source services: real HTTP on loopback, real bytes, and a menu of faults."""
