"""Finds the processes of a test by a word that nobody else has on the command line."""

from contextlib import suppress

import psutil


def named(tag: str) -> list[psutil.Process]:
    """Those alive that have `tag` among their words."""
    return [process for process in psutil.process_iter() if tag in words(process)]


def words(process: psutil.Process) -> list[str]:
    """None for one that has ended, reaped or not."""
    with suppress(psutil.Error):
        return process.cmdline() if process.status() != psutil.STATUS_ZOMBIE else []
    return []
