"""Makes a film of each scene: the box decodes it to bare frames, and moviepy encodes those."""

import json
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from pathlib import Path

from agent.model.ids import JsonObject
from agent.pipelines.box.running import Box
from agent.pipelines.box.scratch import opened
from agent.pipelines.errors import EngineUnavailableError, MediaUnreadableError, PipelineError
from agent.pipelines.video.choosing import Scene
from agent.pipelines.video.clip_format import FRAMES_NAME, SOUND_NAME, Cutting, Excerpt
from agent.pipelines.video.probe import number

LONGEST = 60.0
"""Seconds of one clip; 520 MB of bare frames."""
_SIDE, _FASTEST = 640, 25.0
_SAMPLE = 4
"""Bytes: two sides of 16 bits."""
_PATIENCE = 900.0
"""Seconds that the encoder may take for one clip, on a machine with much else to do."""
_COMMAND = (sys.executable, "-m", "agent.pipelines.video.cutting")


@dataclass(frozen=True, slots=True)
class Clip:
    scene: int
    name: str
    """In the folder of the results."""
    seconds: float


def check_clips_are_possible() -> None:
    if find_spec("moviepy") is None:
        raise EngineUnavailableError(
            "clips cannot be made on this machine: run `pip install moviepy`."
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Cutter:
    """Cuts one video."""

    box: Box
    file: Path
    scratch: Path
    rate: float

    def clips(
        self, scenes: Sequence[Scene], folder: Path, tell: Callable[[int], None]
    ) -> tuple[Clip, ...]:
        """In `folder`, which exists; a scene that cannot be decoded is left out."""
        made: list[Clip] = []
        for place, scene in enumerate(scenes):
            tell(place)
            name = f"scene-{place + 1:03}.mp4"
            try:
                made.append(Clip(place, f"{folder.name}/{name}", self._cut(scene, folder / name)))
            except MediaUnreadableError:
                continue
        return tuple(made)

    def _cut(self, scene: Scene, target: Path) -> float:
        end = min(scene.end, scene.start + LONGEST)
        rate = min(_FASTEST, self.rate or _FASTEST)
        wanted = Excerpt(start=scene.start, end=end, rate=rate, side=_SIDE)
        answer = self.box.read("video-clip", self.file, self.scratch, wanted.arguments())
        order = self._order(answer, rate, target)
        _encode(order)
        return order.count / order.rate

    def _order(self, answer: JsonObject, rate: float, target: Path) -> Cutting:
        try:
            width, height = (round(number(answer[side], _SIDE)) for side in ("width", "height"))
            count = round(number(answer["frames"], LONGEST * _FASTEST + 1))
            has_sound = number(answer["samples"]) > 0
        except (TypeError, KeyError, ValueError) as error:
            raise MediaUnreadableError("what was cut out of the video makes no sense.") from error
        order = Cutting(
            frames=str(self.scratch / FRAMES_NAME),
            sound=str(self.scratch / SOUND_NAME) if has_sound else None,
            width=width,
            height=height,
            rate=rate,
            count=count,
            target=str(target),
        )
        if not count or self._size(FRAMES_NAME) != order.frame_size * count:
            raise MediaUnreadableError("what was cut out of the video has another size than told.")
        if has_sound and self._size(SOUND_NAME) % _SAMPLE:
            raise MediaUnreadableError("the sound that was cut out of the video is no whole one.")
        return order

    def _size(self, name: str) -> int:
        """Of a plain file that the box has written."""
        with opened(self.scratch, name) as file:
            return file.seek(0, 2)


def _encode(order: Cutting) -> None:
    line = json.dumps(asdict(order)) + "\n"
    try:
        subprocess.run(  # noqa: S603 - our own module
            _COMMAND,
            input=line.encode(),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            timeout=_PATIENCE,
            check=True,
        )
    except subprocess.CalledProcessError as error:
        last = error.stderr.decode(errors="replace").strip().rpartition("\n")[2]
        raise PipelineError(f"moviepy could not make a clip: {last[:200]}.") from error
    except subprocess.TimeoutExpired as error:
        raise PipelineError(f"moviepy made no clip within {_PATIENCE:g} s.") from error
