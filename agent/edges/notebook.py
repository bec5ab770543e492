"""Small notes in the spool's folder that last from start to start."""

import asyncio
import json
from contextlib import suppress
from pathlib import Path

import structlog

from agent.edges.durable import NotAFileError, disk_errors, read_whole, write_whole
from agent.edges.shelf import printable
from agent.model.ids import JsonObject

LARGEST = 1024 * 1024
BROKEN = ".broken"

_log = structlog.get_logger(__name__)


class DiskNotebook:
    """The `Notebook` port on one file."""

    def __init__(self, path: Path) -> None:
        self._path = path

    async def read(self) -> JsonObject:
        return await asyncio.to_thread(self._read)

    async def write(self, note: JsonObject) -> None:
        content = json.dumps(note).encode()
        with disk_errors(f"the note {self._path.name}"):
            await asyncio.to_thread(write_whole, self._path, content)

    def _read(self) -> JsonObject:
        """Our writes are never torn, so what is broken was so by the disk or another hand.

        It begins anew: a box that stood still for a month because of a torn note would cost more.
        """
        try:
            note = json.loads(read_whole(self._path, LARGEST))
            if not isinstance(note, dict):
                raise NotAFileError("it is no note of ours")
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, RecursionError) as error:
            aside = self._path.with_name(self._path.name + BROKEN)
            with suppress(OSError):
                self._path.replace(aside)
            _log.warning(
                "note.set_aside",
                path=printable(self._path),
                reason=str(error),
                now_at=printable(aside),
            )
            return {}
        return note
