"""Reads a video once, quickly: the size of every packet, and a look at some key frames.

Decoding key frames alone costs a twentieth of decoding them all. Where they come thick and fast, as
in footage without other frames, only some are decoded, and of a file of many hours fewer still.
"""

from array import array
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import pairwise

from av.container import InputContainer
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from agent.pipelines.video.looking import Eye, Glance, Look
from agent.pipelines.video.source import Moment, VideoPacket, frames_of, packets_from

_SPACING = 0.5
_MOST_SAMPLES = 7200
"""Every half second of an hour, or every four seconds of eight hours."""


@dataclass(frozen=True, slots=True)
class Sample:
    """A key frame that was looked at."""

    glance: Glance
    look: Look

    @property
    def time(self) -> float:
        return self.glance.time


@dataclass(slots=True)
class Survey:
    """Everything that is known of a video before its frames between the key frames are decoded."""

    times: "array[float]" = field(default_factory=lambda: array("d"))
    """Of all packets, in the order in which they lie in the file."""
    sizes: "array[int]" = field(default_factory=lambda: array("L"))
    keys: "array[int]" = field(default_factory=lambda: array("B"))
    samples: list[Sample] = field(default_factory=list)

    @property
    def duration(self) -> float:
        """Until the last picture goes, which is shown for as long as the one before it."""
        last = sorted(self.times[-64:])
        steps = [after - before for before, after in pairwise(last)]
        return max(self.times, default=0.0) + (steps[-1] if steps else 0.0)

    def thin_out(self) -> None:
        """Half as many samples."""
        del self.samples[1::2]


def survey(container: InputContainer, stream: VideoStream, tell: Callable[[float], None]) -> Survey:
    stream.thread_type = "AUTO"
    stream.codec_context.skip_frame = "NONKEY"
    return _Surveyor(Moment.of(container, stream)).surveyed(packets_from(container, stream), tell)


class _Surveyor:
    def __init__(self, moment: Moment) -> None:
        self._moment = moment
        self._found, self._eye = Survey(), Eye()
        self._spacing, self._next = _SPACING, float("-inf")

    def surveyed(self, packets: Iterator[VideoPacket], tell: Callable[[float], None]) -> Survey:
        for number, packet in enumerate(packets):
            if packet.size:
                self._note(packet)
            if self._is_wanted(packet):
                self._look(frames_of(packet))
            if number % 200 == 0 and self._found.times:
                tell(self._found.times[-1])
        self._found.samples.sort(key=lambda sample: sample.time)
        return self._found

    def _note(self, packet: VideoPacket) -> None:
        found = self._found
        before = found.times[-1] if found.times else 0.0
        time = self._moment.seconds(packet)
        found.times.append(before if time is None else time)
        found.sizes.append(packet.size)
        found.keys.append(packet.is_keyframe)

    def _is_wanted(self, packet: VideoPacket) -> bool:
        """The empty packet at the end brings what the decoder still holds."""
        if not packet.size:
            return True
        if not packet.is_keyframe or self._found.times[-1] < self._next:
            return False
        self._next = self._found.times[-1] + self._spacing
        return True

    def _look(self, frames: Iterator[VideoFrame]) -> None:
        samples = self._found.samples
        for frame in frames:
            time = self._moment.seconds(frame)
            if time is not None:
                samples.append(Sample(self._eye.glance(time, frame), self._eye.look(frame)))
        if len(samples) > _MOST_SAMPLES:
            self._found.thin_out()
            self._spacing *= 2
