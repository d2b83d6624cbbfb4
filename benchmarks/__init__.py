"""Benchmarks of the transfer engine and its peers on one machine: ratios, not absolute claims. Run `make bench`."""
