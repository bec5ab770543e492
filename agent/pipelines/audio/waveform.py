"""Draws a recording as players do: how loud it is over time, and where somebody speaks."""

import math
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

from agent.pipelines.spoken.recording import Recording
from agent.pipelines.spoken.span import Span
from agent.pipelines.timecode import clock

WIDTH, HEIGHT = 1800, 240
_SCALE = 24
"""Pixels at the bottom, for the ticks and their times."""
_BACKGROUND, _QUIET, _SPEECH = (255, 255, 255), (176, 184, 193), (37, 99, 235)
_TICK = (107, 114, 128)
_TICK_HEIGHT = 5
_FONT_SIZE = 12
_STEPS_S = (10, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200, 14_400, 28_800)
_TICKS = 15
"""At most, unless there are more than fifteen times eight hours."""
_FAINTEST = 0.02
"""Of full scale: a recording fills the picture if it is louder anywhere; noise alone does not."""

_Floats = npt.NDArray[np.float32]
_Pixels = npt.NDArray[np.uint8]


def write_waveform(recording: Recording, target: Path, speech: Sequence[Span]) -> None:
    """A PNG of 1800 by 240 pixels, the same for the same recording; hours take no more memory."""
    lows, highs = _envelope(recording)
    colors = np.where(_is_speech(recording.duration, speech)[:, None], _SPEECH, _QUIET)
    image = Image.fromarray(_curve(lows, highs, colors.astype(np.uint8)))
    _draw_times(ImageDraw.Draw(image), recording.duration)
    image.save(target, format="PNG", compress_level=9)


def _envelope(recording: Recording) -> tuple[_Floats, _Floats]:
    """The lowest and the highest sample of each column, as shares of the loudest one."""
    edges = np.linspace(0.0, recording.duration, WIDTH + 1).tolist()
    extremes = np.zeros((2, WIDTH), np.float32)
    for column in range(WIDTH):
        samples = recording.samples(edges[column], edges[column + 1])
        if len(samples):
            extremes[:, column] = samples.min(), samples.max()
    lows, highs = extremes / max(_FAINTEST, float(np.abs(extremes).max()))
    return lows, highs


def _is_speech(duration: float, speech: Iterable[Span]) -> npt.NDArray[np.bool_]:
    """Of each column: whether somebody speaks in its middle."""
    middles = (np.arange(WIDTH) + 0.5) * duration / WIDTH
    found = np.zeros(WIDTH, np.bool_)
    for span in speech:
        first, last = np.searchsorted(middles, (span.start, span.end))
        found[first:last] = True
    return found


def _curve(lows: _Floats, highs: _Floats, colors: _Pixels) -> _Pixels:
    """Rows by columns by colour: a stroke in each column, of one pixel where it is silent."""
    height = HEIGHT - _SCALE
    middle = (height - 1) / 2
    rows = np.arange(height)[:, None]
    top, bottom = np.rint(middle - highs * middle), np.rint(middle - lows * middle)
    pixels = np.full((HEIGHT, WIDTH, 3), _BACKGROUND, np.uint8)
    is_stroke = (rows >= np.minimum(top, round(middle))) & (
        rows <= np.maximum(bottom, round(middle))
    )
    pixels[:height] = np.where(is_stroke[..., None], colors, pixels[:height])
    return pixels


def _draw_times(draw: ImageDraw.ImageDraw, duration: float) -> None:
    font = ImageFont.load_default(_FONT_SIZE)
    top = HEIGHT - _SCALE
    for seconds in _ticks(duration):
        x = round(seconds / duration * (WIDTH - 1))
        draw.line((x, top, x, top + _TICK_HEIGHT), fill=_TICK)
        anchor = "la" if seconds == 0 else "ma"
        draw.text((x, top + _TICK_HEIGHT + 2), clock(seconds), fill=_TICK, font=font, anchor=anchor)


def _ticks(duration: float) -> list[float]:
    """Seconds: round ones, not too many, and none so close to the end that its time is cut off."""
    if duration <= 0:
        return []
    step = next((step for step in _STEPS_S if duration / step <= _TICKS), _STEPS_S[-1])
    ticks = [float(step * number) for number in range(math.floor(duration / step) + 1)]
    return [tick for tick in ticks if tick <= 0.98 * duration]
