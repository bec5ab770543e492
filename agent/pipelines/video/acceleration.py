"""Decodes on a GPU where there is one that can, and says why where there is none; inside a box."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from av.codec.hwaccel import HWAccel, hwdevices_available
from av.container import InputContainer
from av.video.stream import VideoStream

from agent.pipelines.errors import MediaUnreadableError
from agent.pipelines.video.source import guarded, opened, pictures_of

_DEVICE = "cuda"


@dataclass(frozen=True, slots=True)
class Decoding:
    container: InputContainer
    stream: VideoStream
    decoder: str
    """`cuda`, or `software` with the reason where a GPU was asked for."""


@contextmanager
def decoding(file: Path, *, on_gpu: bool, threads: int = 0) -> Iterator[Decoding]:
    """Opens `file`, which is known to have a video track, for decoding stretches of it."""
    with ExitStack() as stack:
        container, reason = _container(stack, file) if on_gpu else (None, "")
        container = container or stack.enter_context(opened(file))
        stream = pictures_of(container)
        if stream is None:
            raise MediaUnreadableError("the file has no video track.")
        stream.thread_type, stream.codec_context.thread_count = "AUTO", threads
        is_on_gpu = bool(stream.codec_context.is_hwaccel)
        reason = reason or (f"no {stream.codec_context.name} on the GPU" if on_gpu else "")
        words = f"software ({reason})" if reason else "software"
        yield Decoding(container, guarded(stream), _DEVICE if is_on_gpu else words)


def _container(stack: ExitStack, file: Path) -> tuple[InputContainer | None, str]:
    """Opened for the GPU, or why not: PyAV's own fall-back knows no missing device."""
    if _DEVICE not in hwdevices_available():
        return None, "this build of FFmpeg has no CUDA"
    accelerator = HWAccel(_DEVICE, allow_software_fallback=True)
    try:
        return stack.enter_context(opened(file, accelerator)), ""
    except MediaUnreadableError as error:
        cause = error.__cause__
        return None, f"no GPU could be used: {getattr(cause, 'strerror', cause)}"
