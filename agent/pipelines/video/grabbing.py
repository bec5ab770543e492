"""Fetches single frames of a video by their times; runs inside a box only."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from av.container import InputContainer
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from agent.pipelines.errors import MediaUnreadableError
from agent.pipelines.video.source import (
    Moment,
    frames_of,
    guarded,
    opened,
    packets_from,
    pictures_of,
)

_CLOSE = 0.005
"""Seconds: times are rounded on their way."""
_MOST_DECODED = 3000
"""Frames for one picture, where key frames are rare: then it shows an earlier moment."""

Shown = tuple[float, VideoFrame]


@contextmanager
def grabber(file: Path) -> Iterator["Grabber"]:
    with opened(file) as container:
        stream = pictures_of(container)
        if stream is None:
            raise MediaUnreadableError("the file has no video track.")
        # Threads by frame would decode the frames behind a key frame before they give it out.
        stream.thread_type = "SLICE"
        yield Grabber(container, guarded(stream))


class Grabber:
    def __init__(self, container: InputContainer, stream: VideoStream) -> None:
        self._container, self._stream = container, stream
        self._moment = Moment.of(container, stream)
        self.aspect = float(stream.sample_aspect_ratio or 1) or 1.0

    def frames(self, times: Sequence[float]) -> Iterator[tuple[float, float, VideoFrame]]:
        """One for each of `times` that can be had, with the time at which it is really shown."""
        for wanted in times:
            found = self._frame(wanted)
            if found is not None:
                yield wanted, *found

    def _frame(self, wanted: float) -> Shown | None:
        """The first one at `wanted` or later, else the last there is."""
        last: Shown | None = None
        decoded = 0
        for packet in packets_from(self._container, self._stream, wanted):
            for frame in frames_of(packet):
                time = self._moment.seconds(frame)
                last = last if time is None else (time, frame)
                decoded += 1
                if (time or 0.0) >= wanted - _CLOSE or decoded >= _MOST_DECODED:
                    return last
        return last
