"""Processes that a trial may meet."""
