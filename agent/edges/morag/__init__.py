"""A MoRAG server as it is: its remote jobs over HTTP, and our notes about them on disk."""
