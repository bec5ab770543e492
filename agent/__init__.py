"""The GPU worker agent for MoRAG: leases media jobs over HTTP, runs them, never loses one."""

__version__ = "0.1.0"
