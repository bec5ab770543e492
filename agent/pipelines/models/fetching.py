"""Brings a model from the hub to the owner's disk: resumed where it broke, checked, whole or not.

.NAME.part/  each file grows, is checked against the hub's digest, and stays when a try fails
     │ all there: the record of digests is written
     v
NAME/        appears by a rename, so a loader never sees half a model
"""

import fcntl
import os
import shutil
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from errno import ENOSPC
from pathlib import Path
from typing import TypeAlias

from agent.model.ids import Bytes
from agent.model.work import PipelineSettings
from agent.pipelines.errors import EngineUnavailableError
from agent.pipelines.models.catalogue import CATALOGUE, WEIGHTS, Hub, canonical
from agent.pipelines.models.digests import Expected, flaw, write_record
from agent.pipelines.models.hub import HubCutError, HubError, HubSite, RemoteFile
from agent.pipelines.models.offline import is_offline
from agent.pipelines.models.search import CT2_FILES, models_home

_HUB = "https://huggingface.co"
_TRIES = 5
"""In a row, without a new byte."""
_PAUSES = (1.0, 2.0, 4.0, 8.0)
_SPARE = Bytes(200 * 10**6)
"""Left free beside the model: a disk that is full to the last byte breaks other things."""
_TURN = 1.0
"""Seconds between two looks whether another process has done."""


@dataclass(frozen=True, slots=True)
class Step:
    """How far a download is; both zero while another process does the same one."""

    name: str
    done: int
    total: int

    def __str__(self) -> str:
        if not self.total:
            return f"waiting for the download of {self.name}"
        return f"downloading {self.name}, {100 * self.done // self.total} %"


OnStep: TypeAlias = Callable[[Step], None]
Pause: TypeAlias = Callable[[float], object]


class FetchForbiddenError(EngineUnavailableError):
    """The owner does not want anything to be fetched."""


class DigestError(HubError):
    """What came is not what was promised."""


def hub_site() -> HubSite:
    """The hub, or the mirror that the variable of its own tools names."""
    return HubSite(os.environ.get("HF_ENDPOINT") or _HUB)  # noqa: TID251 - no setting of ours


def fetch_for_job(name: str, settings: PipelineSettings, on_step: OnStep) -> Path:
    """What a job needs and the owner allows. Raises `EngineUnavailableError`, or `OSError`."""
    if not settings.allow_download:
        raise FetchForbiddenError(
            f"the model {name} is not here and downloads are not allowed:"
            f" run `python -m agent models fetch {name}`."
        )
    return fetch(name, settings, on_step)


def fetch(
    name: str,
    settings: PipelineSettings,
    on_step: OnStep,
    site: HubSite | None = None,
    pause: Pause | None = None,
) -> Path:
    """The folder of the model, which is whole then.

    Raises `FetchForbiddenError`, `HubError`, or `OSError` with ENOSPC before the disk is full.
    """
    if is_offline(settings):
        raise FetchForbiddenError(f"the model {name} is not fetched: this agent is set offline.")
    name = canonical(name)
    hub = _hub_of(name)
    pause = pause or threading.Event().wait
    home = models_home(settings.models_folder)
    home.mkdir(parents=True, exist_ok=True)
    with _alone(home / f".{name}.lock", lambda: on_step(Step(name, 0, 0)), pause):
        target = home / name
        if not _is_there(target):
            download = _Download(name, hub, site or hub_site(), on_step, pause)
            download.into(home / f".{name}.part")
            (home / f".{name}.part").rename(target)
    return target


def _hub_of(name: str) -> Hub:
    entry = CATALOGUE.get(name)
    if entry is not None and entry.hub is not None:
        return entry.hub
    known = ", ".join(entry.name for entry in CATALOGUE.values() if entry.hub is not None)
    raise EngineUnavailableError(f"no model {name!r} can be fetched; there are {known}.")


class _Download:
    """One model, file after file."""

    def __init__(self, name: str, hub: Hub, site: HubSite, on_step: OnStep, pause: Pause) -> None:
        self._name = name
        self._hub = hub
        self._site = site
        self._on_step = on_step
        self._pause = pause

    def into(self, folder: Path) -> None:
        files = self._listed()
        folder.mkdir(exist_ok=True)
        _check_room(folder, files)
        total = sum(file.size for file in files)
        done = 0
        for file in files:
            self._bring(file, folder / file.name, done, total)
            done += file.size
        write_record(folder, self._hub.repository, self._hub.revision)

    def _listed(self) -> tuple[RemoteFile, ...]:
        files = self._persistently(lambda: self._site.files(self._hub))
        digests = {file.name: file.digest for file in files}
        if missing := [name for name in CT2_FILES if name not in digests]:
            raise HubError(f"{self._hub.repository} lacks {', '.join(missing)}.")
        if self._hub.weights not in (None, digests[WEIGHTS]):
            raise DigestError(f"the hub offers other weights of {self._name} than we know.")
        return files

    def _persistently(self, ask: Callable[[], tuple[RemoteFile, ...]]) -> tuple[RemoteFile, ...]:
        for pause in _PAUSES:
            with suppress(HubCutError):
                return ask()
            self._pause(pause)
        return ask()

    def _bring(self, file: RemoteFile, target: Path, before: int, total: int) -> None:
        part = target.with_name(f"{target.name}.part")
        if flaw(Expected(target, file.algorithm, file.digest)) is None:
            return  # an earlier try has brought it
        part.touch()
        fails = 0
        while (size := part.stat().st_size) < file.size:
            why = self._append(file, part, before, total)
            fails = 0 if part.stat().st_size > size else fails + 1
            if fails == _TRIES:
                raise why
            if part.stat().st_size < file.size:
                self._pause(_PAUSES[min(fails, len(_PAUSES) - 1)])
        if wrong := flaw(Expected(part, file.algorithm, file.digest)):
            part.unlink()
            raise DigestError(f"the download is not what the hub promised: {wrong}; try again.")
        part.replace(target)

    def _append(self, file: RemoteFile, part: Path, before: int, total: int) -> HubCutError:
        """As much as one connection gives; the error is why it is not more."""
        try:
            with (
                self._site.opened(self._hub, file.name, part.stat().st_size) as (start, chunks),
                part.open("r+b") as output,
            ):
                output.truncate(start)
                output.seek(start)
                for chunk in chunks:
                    # A hub that sends more than it has promised does not fill the disk.
                    output.write(chunk[: file.size - output.tell()])
                    self._on_step(Step(self._name, before + output.tell(), total))
                    if output.tell() == file.size:
                        break
                output.flush()
                os.fsync(output.fileno())
        except HubCutError as error:
            return error
        return HubCutError(f"{self._site.endpoint} ended the download of {file.name} too early.")


def _check_room(folder: Path, files: Sequence[RemoteFile]) -> None:
    there = sum(path.stat().st_size for path in folder.iterdir())
    needed = sum(file.size for file in files) - there + _SPARE
    free = shutil.disk_usage(folder).free
    if free < needed:
        said = f"{needed / 1e6:.0f} MB are needed for the model and {free / 1e6:.0f} MB are free"
        raise OSError(ENOSPC, said, str(folder))


def _is_there(target: Path) -> bool:
    if all((target / name).is_file() for name in CT2_FILES):
        return True
    if target.exists() or target.is_symlink():
        # It may be the owner's own work: nothing of his is removed.
        raise HubError(f"{target} is in the way and no whole model: move it, then try again.")
    return False


@contextmanager
def _alone(lock: Path, on_wait: Callable[[], None], pause: Pause) -> Iterator[None]:
    """Among all processes of this machine."""
    with lock.open("ab") as file:
        while not _locked(file.fileno()):
            on_wait()
            pause(_TURN)
        yield


def _locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
