"""Looks at all pictures of a stranger's video; the reader `video-pictures` of the box."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from agent.model.ids import JsonObject
from agent.pipelines.errors import MediaUnreadableError
from agent.pipelines.video.acceleration import Decoding, decoding
from agent.pipelines.video.album import Album
from agent.pipelines.video.choosing import (
    Candidate,
    Choice,
    Scene,
    key_frames,
    scenes_between,
    thumbnails,
)
from agent.pipelines.video.grabbing import grabber
from agent.pipelines.video.looking import Eye, Glance, change
from agent.pipelines.video.sampling import Survey, survey
from agent.pipelines.video.sheet import evenly
from agent.pipelines.video.source import (
    Moment,
    frames_of,
    guarded,
    opened,
    packets_from,
    pictures_of,
)
from agent.pipelines.video.watching import Watcher
from agent.pipelines.video.wishes import Wishes

_PACKETS = 100
"""Between two signs of life."""
_DISTINCT = 0.04
"""A new line on a slide is enough."""


def view(
    file: Path, scratch: Path, arguments: JsonObject, tell: Callable[[float], None]
) -> JsonObject:
    wishes = Wishes.of(arguments)
    found = _surveyed(file, tell)
    if not found.samples:
        raise MediaUnreadableError("not one picture of the video could be decoded.")
    with decoding(file, on_gpu=wishes.on_gpu, threads=wishes.threads) as source:
        cuts, compared = _cuts(source, found, tell) if wishes.scenes else ((), 0)
    scenes = scenes_between(cuts, found.duration)
    album = _drawn(file, scratch, wishes, _plan(wishes, found, scenes), tell)
    return {
        "duration": found.duration,
        "frames": len(found.times),
        "frames_compared": len(found.samples) + compared,
        "decoder": source.decoder,
        "scenes": [[scene.start, scene.end] for scene in scenes],
        "keyframes": album.key_frames,
        "thumbnails": album.thumbnails,
        "sheet": album.sheet(),
    }


def _surveyed(file: Path, tell: Callable[[float], None]) -> Survey:
    with opened(file) as container:
        stream = pictures_of(container)
        if stream is None:
            raise MediaUnreadableError("the file has no video track.")
        return survey(container, guarded(stream), tell)


def _cuts(
    source: Decoding, found: Survey, tell: Callable[[float], None]
) -> tuple[tuple[float, ...], int]:
    """And how many frames had to be decoded to find them."""
    moment, eye = Moment.of(source.container, source.stream), Eye()

    def see(start: float) -> Iterator[Glance]:
        packets = packets_from(source.container, source.stream, start)
        for number, packet in enumerate(packets):
            if number % _PACKETS == 0:
                tell(start)
            for frame in frames_of(packet):
                time = moment.seconds(frame)
                if time is not None:
                    yield eye.glance(time, frame)

    watcher = Watcher(see, found, source.stream.width * source.stream.height)
    return watcher.cuts(), watcher.decoded


@dataclass(frozen=True, slots=True)
class _Plan:
    """What to draw from which moment; a frame that has several uses is fetched once."""

    key_frames: Mapping[float, Choice]
    thumbnails: frozenset[float]
    cells: frozenset[float]

    @property
    def times(self) -> list[float]:
        return sorted({*self.key_frames, *self.thumbnails, *self.cells})


def _plan(wishes: Wishes, found: Survey, scenes: Sequence[Scene]) -> _Plan:
    glances = {sample.time: sample.glance for sample in found.samples}
    candidates = [
        Candidate(each.time, each.look.sharpness, each.look.brightness, each.look.contrast)
        for each in found.samples
    ]

    def is_distinct(one: Candidate, other: Candidate) -> bool:
        return change(glances[one.time], glances[other.time]) >= _DISTINCT

    chosen = key_frames(scenes, candidates, wishes.keyframes, is_distinct)
    spaced = thumbnails(found.duration, candidates, wishes.thumbnails)
    shown = [choice.time for choice in chosen] or spaced
    return _Plan(
        {choice.time: choice for choice in chosen},
        frozenset(spaced),
        frozenset(evenly(shown) if wishes.sheet else ()),
    )


def _drawn(
    file: Path, scratch: Path, wishes: Wishes, plan: _Plan, tell: Callable[[float], None]
) -> Album:
    with grabber(file) as grab:
        album = Album(scratch, wishes, grab.aspect)
        for wanted, time, frame in grab.frames(plan.times):
            if wanted in plan.key_frames:
                album.add_key_frame(plan.key_frames[wanted], time, frame)
            if wanted in plan.thumbnails:
                album.add_thumbnail(time, frame)
            if wanted in plan.cells:
                album.add_cell(time, frame)
            tell(time)
        return album
