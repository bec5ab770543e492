"""Puts the files of a plan where they belong, and never over what somebody has changed."""

import hashlib
import re
from collections.abc import Iterator
from pathlib import Path

from agent.cli.exit_codes import UsageError
from agent.cli.installing.plan import Plan, Sheet
from agent.edges.durable import write_whole

_SUM_LENGTH = 16
_HEAD = re.compile(r"\A# .*\(sum ([0-9a-f]+)\)\n\n")
_READABLE_BY_ALL = 0o644


def headed(text: str) -> str:
    """With a first line by which a later call can tell whether anybody has changed the rest."""
    return f"# Written by `python -m agent install` (sum {_sum(text)})\n\n{text}"


def write(plan: Plan, *, is_forced: bool) -> Iterator[Path]:
    """Gives each file that was written; what is there already and the same stays.

    Raises `UsageError` before anything is written where a file was changed, or is not ours.
    """
    sheets = [sheet for sheet in plan.sheets if not _is_there(plan.folder, sheet)]
    if not is_forced:
        changed = [
            str(path)
            for path in (plan.folder / sheet.name for sheet in sheets)
            if _is_changed(path)
        ]
        if changed:
            raise UsageError(
                f"{', '.join(changed)}: somebody has changed it since it was written, or wrote it;"
                " look at the difference with --print, then give --force to write over it"
            )
    try:
        yield from (_write(plan.folder, sheet) for sheet in sheets)
    except PermissionError as error:
        raise UsageError(
            f"{error.filename or plan.folder}: you may not write there; run it as root, or give"
            " --user for one of your own"
        ) from error


def _write(folder: Path, sheet: Sheet) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / sheet.name
    write_whole(path, headed(sheet.text).encode())
    path.chmod(_READABLE_BY_ALL)
    return path


def _is_there(folder: Path, sheet: Sheet) -> bool:
    return _content(folder / sheet.name) == headed(sheet.text)


def _is_changed(path: Path) -> bool:
    content = _content(path)
    if content is None:
        return False
    head = _HEAD.match(content)
    return head is None or head[1] != _sum(content[head.end() :])


def _content(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return None


def _sum(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:_SUM_LENGTH]
