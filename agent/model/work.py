"""What crosses the pipe between the agent and a child: a task down, progress and an outcome up.

    agent  ── settings, then task after task ──>  child
           <── ready, then progress … outcome ──
           ── step back ──>  at its next safe point:  <── stepped back ──
           ── go on ──>      and it computes on

One JSON object a line, never pickles, and no line longer than `MAX_FRAME`: a child that media has
taken over can lie, but it cannot run code in the agent.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TypeAlias

from agent.model.artifact import ARTIFACT_NAME
from agent.model.failures import FailureCode
from agent.model.ids import Bytes, JobId, JsonObject, JsonValue, Seconds

MAX_FRAME = Bytes(1024 * 1024)


@dataclass(frozen=True, slots=True, kw_only=True)
class PipelineSettings:
    """What the owner of the box decided; the same for every task of a child."""

    engine: str = "auto"
    """`auto`, `faster-whisper` or `openai-whisper`."""
    device: str = "auto"
    """`auto`, `cuda` or `cpu`."""
    model: str = "auto"
    """A size (`tiny.en`, `large-v3-turbo`, …), a path, or `auto`: the best that is there."""
    models_folder: str | None = None
    language: str | None = None
    """Spoken where a task names none; None finds out."""
    threads: int = 0
    """Per child; 0 lets the library choose."""
    allow_download: bool = False
    """May a missing model be fetched from its hub."""
    offline: bool = False
    """Nothing is ever fetched, whatever else allows it."""
    batch_size: int | None = None
    """Windows that a speech engine decodes at once; None chooses by device and memory."""
    diarization: bool = True
    """Tell who speaks, where a task does not say otherwise."""
    pyannote_model: str | None = None
    """A folder or hub name of a pyannote pipeline, in place of the built-in diarization."""
    topics: bool = True
    """Cut transcripts into topics, where a task does not say otherwise."""
    gpu_memory_limit_gb: float | None = None
    """Of this child; None: all there is."""
    idle_unload_min: float = 10.0
    """A model that nothing used for that long gives its memory back."""
    gpu_video_decoding: bool = True
    thumbnail_quality: int = 85
    """Of JPEG, 1 to 100."""
    max_megapixels: float = 100.0
    """Larger images are refused before they are decoded."""
    caption_model: str | None = None
    """A folder with an image captioner; None: images get no captions."""
    embedding_model: str | None = None
    """A folder with an image embedder; None: one that a package ships, where it is installed."""
    allow_web_fetch: bool = False
    """May a web task's option `url` be fetched."""
    allow_private_addresses: bool = False
    """… from the owner's own network, too."""
    sandbox: str = "auto"
    """`require`, `auto` or `off`: the kernel's walls around what reads a stranger's file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """One job for a child. Paths are local and ours; `filename` is the user's, for titles."""

    job_id: JobId
    content_type: str
    input: str
    filename: str
    media_type: str | None
    output: str
    """An existing, empty folder; artifacts appear in it."""
    options: Mapping[str, JsonValue]
    is_frugal: bool = False
    """Memory ran out the first time: take as little of it as possible, however slow that is."""
    stop_after: Seconds | None = None
    """Computing for longer than that, pauses not counted, it ends at its next safe point."""


@dataclass(frozen=True, slots=True)
class StepBack:
    """Wait at the next safe point, and leave the GPU; an idle child leaves it at once."""

    number: int
    """Of this request, for the answer."""


@dataclass(frozen=True, slots=True)
class GoOn:
    """The end of `StepBack`, whether it has been answered or not."""


@dataclass(frozen=True, slots=True)
class SteppedBack:
    """The child waits, and its models have left the GPU."""

    number: int


@dataclass(frozen=True, slots=True)
class Ready:
    """The child's first frame: it can take tasks of these content types."""

    content_types: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Progress:
    """How far the pipeline is: `fraction` of the whole task, from 0 to 1."""

    fraction: float
    message: str
    is_paused: bool = False
    """It computes nothing until the box goes on. The pool's word, never the child's."""


@dataclass(frozen=True, slots=True)
class Produced:
    """Done: (name, media type) of each file in the output folder, and a small summary."""

    artifacts: tuple[tuple[str, str], ...]
    summary: JsonObject


@dataclass(frozen=True, slots=True)
class Failed:
    """The task cannot be done; `message` is one sentence for the person who sent the job."""

    code: FailureCode
    message: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Returned:
    """The box cannot do the task now; the task is fine. `reason` begins with a word for it."""

    reason: str
    is_box_fault: bool = True
    """The next task would meet it too; no fault is it to have stepped back for somebody."""


Outcome: TypeAlias = Produced | Failed | Returned
FromChild: TypeAlias = Ready | Progress | SteppedBack | Outcome
ToChild: TypeAlias = PipelineSettings | Task | StepBack | GoOn

_KINDS: Mapping[str, type[FromChild] | type[ToChild]] = {
    "settings": PipelineSettings,
    "task": Task,
    "step_back": StepBack,
    "go_on": GoOn,
    "ready": Ready,
    "progress": Progress,
    "stepped_back": SteppedBack,
    "produced": Produced,
    "failed": Failed,
    "returned": Returned,
}
_NAMES = {kind: name for name, kind in _KINDS.items()}


_NO_FRAME = (ValueError, TypeError, KeyError, AttributeError, RecursionError, OverflowError)


class BadFrameError(ValueError):
    """The other end of the pipe sent something that is no frame."""


def encode(frame: FromChild | ToChild) -> bytes:
    """One line of JSON, newline included. Raises `BadFrameError` above `MAX_FRAME`."""
    line = json.dumps({_NAMES[type(frame)]: asdict(frame)}, ensure_ascii=False, allow_nan=False)
    raw = line.encode("utf-8", "backslashreplace") + b"\n"
    if len(raw) > MAX_FRAME:
        raise BadFrameError(f"a frame of {len(raw)} bytes is over the limit of {MAX_FRAME}")
    return raw


def decode(line: bytes) -> FromChild | ToChild:
    """The frame in one line. Raises `BadFrameError` for anything else.

    What comes from a child is safe to store and send on: its strings are valid Unicode, and its
    artifacts are named as the protocol allows, so no name leaves the output folder.
    """
    try:
        ((name, fields),) = json.loads(line).items()
        return _build(_KINDS[name], fields)
    except _NO_FRAME as error:
        raise BadFrameError(f"not a frame: {line[:80]!r}") from error


def _build(kind: type[FromChild] | type[ToChild], fields: JsonObject) -> FromChild | ToChild:
    match kind(**fields):  # type: ignore[arg-type]
        case Ready(content_types):
            return Ready(tuple(_text(name) for name in content_types))
        case Produced(artifacts, summary):
            return Produced(tuple(_artifact(*pair) for pair in artifacts), _summary(summary))
        case Failed(code, message, detail):
            return Failed(FailureCode(code), _text(message), _text(detail))
        case Returned(reason, is_box_fault):
            return Returned(_text(reason), bool(is_box_fault))
        case SteppedBack(number):
            return SteppedBack(int(number))
        case Progress(fraction, message):
            return Progress(min(1.0, max(0.0, float(fraction))), _text(message))
        case frame:
            return frame


def _text(value: object) -> str:
    return str(value).encode("utf-8", "replace").decode()


def _artifact(name: str, media_type: str) -> tuple[str, str]:
    if not ARTIFACT_NAME.fullmatch(name):
        raise BadFrameError(f"no artifact may be named {name[:80]!r}")
    return name, _text(media_type)


def _summary(fields: JsonObject) -> JsonObject:
    if not isinstance(fields, dict):
        raise BadFrameError("the summary is no object")
    # NaN and lone surrogates are fine for Python, but for nobody whom we send them to.
    json.dumps(fields, ensure_ascii=False, allow_nan=False).encode()
    return fields
