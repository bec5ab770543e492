"""How one scene crosses from the box to the process that makes a film of it: as bare arrays."""

from dataclasses import asdict, dataclass
from typing import cast

from agent.model.ids import JsonObject

FRAMES_NAME = "frames.i420"
"""Frame after frame: brightness, then both colours at half the width and height."""
SOUND_NAME = "sound.s16"
"""Interleaved stereo, 16 bits, little-endian."""
SOUND_RATE = 44_100


@dataclass(frozen=True, slots=True, kw_only=True)
class Excerpt:
    start: float
    end: float
    rate: float
    """Frames per second, steady."""
    side: int
    """The longest that a picture may have."""

    def arguments(self) -> JsonObject:
        return asdict(self)

    @classmethod
    def of(cls, arguments: JsonObject) -> "Excerpt":
        numbers = cast("dict[str, float]", arguments)
        return cls(
            start=numbers["start"],
            end=numbers["end"],
            rate=numbers["rate"],
            side=int(numbers["side"]),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Cutting:
    """One order for `cutting`."""

    frames: str
    """The path of the file with the frames."""
    sound: str | None
    width: int
    height: int
    rate: float
    count: int
    target: str
    """Ends in `.mp4`."""

    @property
    def frame_size(self) -> int:
        return self.width * self.height * 3 // 2
