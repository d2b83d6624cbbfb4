"""Takes what a deleted stack left behind up into a new stack of the same environment (docs/decisions/034)."""
