"""The loops: they ask `core` what to do and the ports to do it."""
