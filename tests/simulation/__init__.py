"""Agents, a server and a client in one process, on virtual time, in a world full of faults."""
