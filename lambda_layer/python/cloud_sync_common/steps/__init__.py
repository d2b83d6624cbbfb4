"""One module per state of the state machine, with the same word. Steps do not import each other, and no provider."""
