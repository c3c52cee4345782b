"""Pure values and rules: no I/O, no clock, no randomness, no SQL. Every function here maps values to values."""
