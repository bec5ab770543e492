"""What the box is to make of a video's pictures, as it crosses the pipe."""

from dataclasses import asdict, dataclass, replace
from typing import cast

from agent.model.ids import JsonObject


@dataclass(frozen=True, slots=True, kw_only=True)
class Wishes:
    scenes: bool
    """Find the cuts; else all is one scene."""
    keyframes: int
    """At most that many; 0 for none."""
    thumbnails: int
    """Evenly spaced; 0 for none."""
    sizes: tuple[tuple[int, int], ...]
    """Each thumbnail is made to fit into each of them."""
    sheet: bool
    screens: bool
    """Leave the key frames as bare pixels, too, for who reads what is written in them."""
    quality: int
    """Of JPEG, 1 to 100."""
    on_gpu: bool = False
    threads: int = 0

    def arguments(self) -> JsonObject:
        return asdict(self)

    @classmethod
    def of(cls, arguments: JsonObject) -> "Wishes":
        """Inside the box, where what comes from outside is ours."""
        sizes = cast("list[tuple[int, int]]", arguments["sizes"])
        fields = arguments | {"sizes": None}
        wishes = cls(**fields)  # type: ignore[arg-type]  # our own `arguments`, by way of JSON
        return replace(wishes, sizes=tuple((width, height) for width, height in sizes))
