"""SPOOL/owner-pause.json: the owner's pause, for the next start."""

import asyncio
from pathlib import Path
from typing import Literal

import structlog
from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import to_json

from agent.edges.durable import NotAFileError, disk_errors, read_whole, sync_folder, write_whole
from agent.model.pause import Pause

NAME = "owner-pause.json"
LARGEST = 4096

_log = structlog.get_logger(__name__)


class _File(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")

    version: Literal[1] = 1
    pause: Pause


class DiskPauseNote:
    """The `PauseNote` port."""

    def __init__(self, spool: Path) -> None:
        self._path = spool / NAME

    def read(self) -> Pause | None:
        try:
            return _File.model_validate_json(read_whole(self._path, LARGEST)).pause
        except FileNotFoundError:
            return None
        except (OSError, NotAFileError, ValidationError) as error:
            # Nobody knows what it said; the owner can say it again.
            _log.warning("owner.note_not_read", path=str(self._path), reason=_short(error))
            return None

    async def write(self, pause: Pause | None) -> None:
        with disk_errors(f"the note {self._path}"):
            await asyncio.to_thread(self._write, pause)

    def _write(self, pause: Pause | None) -> None:
        if pause is None:
            self._path.unlink(missing_ok=True)
            sync_folder(self._path.parent)
        else:
            write_whole(self._path, to_json(_File(pause=pause)))


def _short(error: Exception) -> str:
    return str(error).splitlines()[0]
