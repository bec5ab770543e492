"""The same weather over a MoRAG server as it is, which grants no leases."""
