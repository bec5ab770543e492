"""The job machine: pure values and transitions that take `now`; no clock, no I/O, no async."""
