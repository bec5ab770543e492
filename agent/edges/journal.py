"""journal.json: what a later start has to know about one held job.

{"version": 1, "opened": [7, 3], "offer": {…}, "computations": 1, "finished": {…} or null}

Whether the input is whole is not in it: the file's final name says so.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass
from pathlib import Path
from typing import Annotated, Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError

from agent.edges.durable import NotAFileError, read_whole, write_whole
from agent.model.artifact import ARTIFACT_NAME, Artifact
from agent.model.held import Finished, Journal
from agent.model.ids import Bytes, Digest, JobId, LeaseId, Seconds
from agent.model.lease import InputRef, Offer

VERSION = 1
NAME = "journal.json"
MAX_SIZE = 16 * 1024 * 1024
"""Far above what the protocol allows options and a manifest to be."""

_Size = Annotated[int, Field(ge=0, lt=2**63)]
_Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
_Duration = Annotated[float, Field(ge=0, allow_inf_nan=False)]
_ArtifactName = Annotated[str, Field(pattern=rf"^(?:{ARTIFACT_NAME.pattern})$")]


class MisfitError(ValueError):
    """What lies there is no journal of this version; the message never shows its values."""


class Opened(NamedTuple):
    """When a job was first held, by no clock: they are set back, boot numbers are not."""

    boot_seq: int
    number: int
    """The how many-th job of that boot."""


@dataclass(frozen=True, slots=True)
class Record:
    """All that one journal file holds."""

    opened: Opened
    journal: Journal


def save_record(folder: Path, record: Record) -> None:
    """Replace the folder's journal; on disk when this returns."""
    journal = record.journal
    known = {
        "version": VERSION,
        "opened": record.opened,
        "offer": journal.offer,
        "computations": journal.computations,
        "finished": journal.finished,
    }
    write_whole(folder / NAME, json.dumps(known, default=_plain).encode())


def load_record(folder: Path) -> Record:
    """Raises `MisfitError` for anything but a journal of ours."""
    try:
        raw = read_whole(folder / NAME, MAX_SIZE)
        version = _Versioned.model_validate_json(raw).version
        if version != VERSION:
            raise MisfitError(f"its journal is of version {version}, this agent knows {VERSION}")
        return _File.model_validate_json(raw).restored()
    except FileNotFoundError:
        raise MisfitError("it has no journal") from None
    except NotAFileError as error:
        raise MisfitError(str(error)) from None
    except ValidationError as error:
        # Without the input, and not as the cause: a job's options may hold secrets.
        first = error.errors(include_input=False, include_url=False, include_context=False)[0]
        where = ".".join(map(str, first["loc"][:2]))
        raise MisfitError(f"its journal does not fit: {where} {first['msg']}".strip()) from None


def _plain(value: object) -> object:
    """For `json.dumps`: our values as objects with the names of their fields."""
    if is_dataclass(value):
        return {field.name: getattr(value, field.name) for field in fields(value)}
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"a {type(value).__name__} has no place in a journal")


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")


class _Versioned(BaseModel):
    """The one field that every version has."""

    model_config = ConfigDict(strict=True)

    version: int


class _Input(_Strict):
    url: str
    size: _Size | None
    sha256: _Sha256 | None
    etag: str | None
    filename: str
    media_type: str | None

    def restored(self) -> InputRef:
        return InputRef(
            url=self.url,
            size=None if self.size is None else Bytes(self.size),
            sha256=None if self.sha256 is None else Digest(self.sha256),
            etag=self.etag,
            filename=self.filename,
            media_type=self.media_type,
        )


class _Offer(_Strict):
    job_id: str
    lease_id: str
    attempt: int
    offer_ttl: _Duration
    lease_ttl: _Duration
    queue: str
    content_type: str
    options: dict[str, JsonValue]
    input: _Input
    artifacts_url: str
    transport: str
    timeout: _Duration | None

    def restored(self) -> Offer:
        return Offer(
            job_id=JobId(self.job_id),
            lease_id=LeaseId(self.lease_id),
            attempt=self.attempt,
            offer_ttl=Seconds(self.offer_ttl),
            lease_ttl=Seconds(self.lease_ttl),
            queue=self.queue,
            content_type=self.content_type,
            options=self.options,
            input=self.input.restored(),
            artifacts_url=self.artifacts_url,
            transport=self.transport,
            timeout=None if self.timeout is None else Seconds(self.timeout),
        )


class _Artifact(_Strict):
    name: _ArtifactName
    media_type: str
    size: _Size
    sha256: _Sha256

    def restored(self) -> Artifact:
        return Artifact(self.name, self.media_type, Bytes(self.size), Digest(self.sha256))


class _Finished(_Strict):
    manifest: tuple[_Artifact, ...]
    summary: dict[str, JsonValue]
    spent: dict[str, _Duration]

    def restored(self) -> Finished:
        manifest = tuple(artifact.restored() for artifact in self.manifest)
        return Finished(manifest=manifest, summary=self.summary, spent=self.spent)


class _File(_Strict):
    version: Literal[1]
    opened: tuple[_Size, _Size]
    offer: _Offer
    computations: _Size
    finished: _Finished | None

    def restored(self) -> Record:
        finished = None if self.finished is None else self.finished.restored()
        journal = Journal(
            offer=self.offer.restored(), computations=self.computations, finished=finished
        )
        return Record(Opened(*self.opened), journal)
