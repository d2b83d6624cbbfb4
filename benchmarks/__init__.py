"""The engine and its peers, side by side on one machine: ratios, not absolute claims. `make bench` runs it."""
