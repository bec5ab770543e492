"""Makes the N-th write of a child to the spool go wrong: the results of a computation."""

import builtins
import io
import json
import os
from dataclasses import asdict
from pathlib import Path
from typing import IO, Any

import tests
from tests.torture.injector import CHILD_WRITE, Action, DiskFault, Injector

SITE = Path(__file__).with_name("child_site")
_PLAN = "child-fault.json"


def hand_down(fault: DiskFault) -> None:
    """For the first child that this process starts, and only for that one."""
    plan = Path(os.environ["HOME"], _PLAN)
    plan.write_text(json.dumps(asdict(fault), default=str))
    os.environ["PYTHONPATH"] = f"{SITE}:{Path(tests.__path__[0]).parent}"


def arm(home: Path) -> None:
    """In the child: from here on files below the spool are written through us."""
    try:
        said = json.loads((home / _PLAN).read_text())
        (home / _PLAN).unlink()
    except FileNotFoundError:
        return
    spool, notes = Path(said["spool"]), Path(said["notes"])
    fault = DiskFault(spool, notes, said["kind"], said["number"], Action(said["action"]))
    # A kill is that of the agent: the child's own death is another matter.
    injector = Injector(fault, victim=os.getppid())
    real = io.open

    def opened(file: Any, mode: str = "r", *words: Any, **more: Any) -> IO[Any]:
        if mode != "w" or not Path(file).is_relative_to(spool):
            return real(file, mode, *words, **more)
        text = dict(zip(("buffering", "encoding", "errors", "newline"), words, strict=False)) | more
        text.pop("buffering", None)
        return io.TextIOWrapper(io.BufferedWriter(_Counted(str(file), injector)), **text)

    io.open = builtins.open = opened  # type: ignore[assignment]


class _Counted(io.FileIO):
    def __init__(self, path: str, injector: Injector) -> None:
        super().__init__(path, "w")
        self._injector = injector

    def write(self, block: Any, /) -> int:
        return int(self._injector.call(CHILD_WRITE, self._write, self.fileno(), bytes(block)))

    def _write(self, _: int, block: bytes) -> int:
        return super().write(block)
