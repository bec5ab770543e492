"""Makes films whose cuts are known: shots that pan, shake and flash, cut hard or dissolved."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import numpy.typing as npt

Pixels = npt.NDArray[np.uint8]

_DISSOLVE = 1.0
_FLASH_FRAMES = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Encoding:
    codec: str = "libx264"
    options: dict[str, str] = field(default_factory=lambda: {"preset": "ultrafast", "crf": "26"})
    keyframe_interval: int = 250
    pixel_format: str = "yuv420p"
    size: tuple[int, int] | None = None
    """Enlarged to that; None: as drawn."""


@dataclass(frozen=True, slots=True)
class Film:
    path: Path
    cuts: tuple[float, ...]
    """Seconds of the first frame after each hard cut."""
    dissolves: tuple[float, ...]
    """Seconds of the middle of each."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Script:
    """What is to be shot; the same script gives the same frames."""

    seconds: float
    size: tuple[int, int] = (320, 180)
    rate: int = 25
    seed: int = 1
    shortest: float = 0.8
    longest: float = 8.0
    dissolved: float = 0.0
    """The share of the cuts that dissolve."""
    clips: Sequence[Path] = ()
    """Real shots without cuts in them, used among the drawn ones."""


def shoot(script: Script, path: Path, encoding: Encoding | None = None) -> Film:
    """One film, encoded frame by frame: hours take no memory."""
    plan = _Plan.of(script)
    how = encoding or Encoding()
    with av.open(str(path), "w") as container:
        stream = container.add_stream(how.codec, rate=script.rate, options=how.options)
        stream.width, stream.height = how.size or script.size
        stream.pix_fmt, stream.gop_size = how.pixel_format, how.keyframe_interval
        stream.time_base = Fraction(1, script.rate)
        for pixels in plan.frames():
            frame = av.VideoFrame.from_ndarray(pixels, format="bgr24")
            if how.size is not None:
                frame = frame.reformat(
                    *how.size, format=how.pixel_format, interpolation="FAST_BILINEAR"
                )
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return Film(path, plan.cuts, plan.dissolves)


@dataclass(frozen=True, slots=True)
class _Plan:
    script: Script
    starts: tuple[int, ...]
    """Numbers of first frames; the last is the number of all frames."""
    is_dissolved: tuple[bool, ...]
    """Of the cut at each of `starts`."""

    @classmethod
    def of(cls, script: Script) -> "_Plan":
        dice = np.random.default_rng(script.seed)
        total, starts = round(script.seconds * script.rate), [0]
        while starts[-1] + script.shortest * script.rate < total:
            length = script.shortest + dice.beta(1.2, 2.5) * (script.longest - script.shortest)
            starts.append(starts[-1] + round(length * script.rate))
        starts[-1] = total
        dissolved = [bool(dice.random() < script.dissolved) for _ in starts]
        dissolved[0] = False
        return cls(script, tuple(starts), tuple(dissolved))

    @property
    def cuts(self) -> tuple[float, ...]:
        return tuple(
            start / self.script.rate
            for start, soft in zip(self.starts[1:-1], self.is_dissolved[1:-1], strict=True)
            if not soft
        )

    @property
    def dissolves(self) -> tuple[float, ...]:
        return tuple(
            start / self.script.rate
            for start, soft in zip(self.starts[1:-1], self.is_dissolved[1:-1], strict=True)
            if soft
        )

    def frames(self) -> Iterator[Pixels]:
        before: Iterator[Pixels] | None = None
        fade = round(_DISSOLVE * self.script.rate)
        for number, (start, end) in enumerate(zip(self.starts, self.starts[1:], strict=False)):
            shot = _shot(self.script, number)
            for position in range(end - start):
                pixels = next(shot)
                if before is not None and self.is_dissolved[number] and position < fade:
                    share = (position + 1) / (fade + 1)
                    pixels = cv2.addWeighted(pixels, share, next(before), 1 - share, 0.0)
                yield pixels
            before = shot


def _shot(script: Script, number: int) -> Iterator[Pixels]:
    """Endless frames of one take."""
    dice = np.random.default_rng((script.seed, number))
    kind = dice.random()
    if script.clips and kind < 0.45:
        return _clip(script, script.clips[int(dice.integers(len(script.clips)))], dice)
    if kind < 0.85:
        return _pan(script, _picture(dice, number), dice)
    if kind < 0.95:
        return _crowd(script, dice)
    return _slide(script, dice)


def _picture(dice: np.random.Generator, number: int) -> Pixels:
    """A landscape of clouds at several scales, in a palette that neighbours sometimes share."""
    noise = np.zeros((360, 640), np.float32)
    for cells in (2, 4, 9, 18, 40, 90, 200):
        grid = dice.random((cells, round(cells * 16 / 9)), np.float32)
        noise += cv2.resize(grid, (640, 360), interpolation=cv2.INTER_CUBIC) / cells**0.7
    noise = (noise - noise.min()) / (noise.max() - noise.min())
    palette = np.random.default_rng((number // 2) if dice.random() < 0.4 else number + 1000)
    stops = palette.integers(0, 256, (5, 3)).astype(np.float32)
    stops = stops[np.argsort(stops.sum(1))]
    at = np.linspace(0, 1, len(stops))
    channels = [np.interp(noise, at, stops[:, channel]) for channel in range(3)]
    return np.stack(channels, -1).astype(np.uint8)


def _pan(script: Script, picture: Pixels, dice: np.random.Generator) -> Iterator[Pixels]:
    """A camera that moves, zooms and shakes over a picture; sometimes a flash goes off."""
    width, height = script.size
    centre, speed = dice.uniform(0.35, 0.65, 2), dice.normal(0, 0.03, 2)
    zoom, growth = dice.uniform(0.3, 0.55), dice.normal(0, 0.02)
    flash = int(dice.integers(10, 60)) if dice.random() < 0.15 else -_FLASH_FRAMES
    for number in range(10**9):
        seconds = number / script.rate
        scale = float(np.clip(zoom + growth * seconds, 0.2, 0.6)) * picture.shape[1] / width
        at = np.clip(centre + speed * seconds, 0.3, 0.7) + dice.normal(0, 0.0008, 2)
        corner = at * (picture.shape[1], picture.shape[0]) - (scale * width / 2, scale * height / 2)
        matrix = np.array([[scale, 0, corner[0]], [0, scale, corner[1]]], np.float64)
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        pixels = cv2.warpAffine(
            picture, matrix, script.size, flags=flags, borderMode=cv2.BORDER_REFLECT
        )
        if flash <= number < flash + _FLASH_FRAMES:
            pixels = cv2.addWeighted(pixels, 0.2, np.full_like(pixels, 255), 0.8, 0.0)
        yield pixels


def _crowd(script: Script, dice: np.random.Generator) -> Iterator[Pixels]:
    """Many coloured things that move fast before a plain wall."""
    width, height = script.size
    colours = dice.integers(0, 256, (40, 3)).tolist()
    places, speeds = dice.random((40, 2)), dice.normal(0, 0.25, (40, 2))
    wall = np.full((height, width, 3), dice.integers(0, 256, 3), np.uint8)
    for number in range(10**9):
        pixels = wall.copy()
        at = (places + speeds * number / script.rate) % 1.0 * (width, height)
        for (x, y), colour in zip(at.astype(int).tolist(), colours, strict=True):
            cv2.circle(pixels, (x, y), height // 14, colour, -1)
        yield pixels


def _slide(script: Script, dice: np.random.Generator) -> Iterator[Pixels]:
    """A lecture's slide on which line after line appears."""
    width, height = script.size
    pixels = np.full((height, width, 3), dice.integers(220, 256, 3), np.uint8)
    ink = dice.integers(0, 90, 3).tolist()
    scale = height / 480
    for number in range(10**9):
        if number % (script.rate * 2) == 0:
            line = 1 + number // (script.rate * 2) % 9
            words = f"{line}. " + " ".join(f"w{word}" for word in dice.integers(0, 999, 5))
            cv2.putText(
                pixels, words, (width // 12, line * height // 11), 0, scale, ink, 1 + int(scale)
            )
        yield pixels


def _clip(script: Script, path: Path, dice: np.random.Generator) -> Iterator[Pixels]:
    """A real shot, mirrored or tinted, back and forth."""
    with av.open(str(path)) as container:
        taken = [
            cv2.resize(frame.to_ndarray(format="bgr24"), (640, 360))
            for frame in container.decode(video=0)
        ]
    shift, mirrored = dice.permutation(3), dice.random() < 0.5
    first = int(dice.integers(len(taken)))
    for number in range(10**9):
        place = (first + number) % (2 * len(taken) - 2)
        pixels = taken[min(place, 2 * len(taken) - 2 - place)][:, :, shift]
        yield cv2.resize(pixels[:, ::-1] if mirrored else pixels, script.size)
