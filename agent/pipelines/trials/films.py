"""Has the GPU decode a second of film that is made for it.

`python -m agent.pipelines.trials.films`. Opened as the video pipeline opens its films; the
brightness of the pictures is compared with what was drawn, because a decoder that does not fit its
driver may well give grey ones.
"""

import ctypes
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from agent.pipelines.errors import PipelineError
from agent.pipelines.trials.telling import reason_of, tell

PICTURES = 12
_WIDTH, _HEIGHT = 320, 192
_BRIGHTNESSES = range(40, 40 + 15 * PICTURES, 15)
_NEAR = 4.0
"""Of 255: what the encoder makes of an even grey."""
_ENCODER = "libx264"
_LIBRARY = "libnvcuvid.so.1"
"""The driver's part that decodes; a container gets it with the capability `video` only."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Filming:
    decoder: str = ""
    """`cuda`, or `software (why)`."""
    is_right: bool = False
    library: str = ""
    """Why the driver's decoding library cannot be loaded."""
    trouble: str = ""


def look(load: Callable[[str], object] = ctypes.CDLL, *, on_gpu: bool = True) -> Filming:
    library = _unloadable(load) if on_gpu else ""
    try:
        import av
    except (ImportError, OSError) as error:
        return Filming(library=library, trouble=reason_of(error))
    with tempfile.TemporaryDirectory(prefix="morag-doctor-") as folder:
        film = Path(folder) / "film.mp4"
        try:
            shoot(film)
            decoder, is_right = _watched(film, on_gpu=on_gpu)
        except (av.FFmpegError, PipelineError, ValueError) as error:
            return Filming(library=library, trouble=reason_of(error))
    return Filming(decoder=decoder, is_right=is_right, library=library)


def shoot(film: Path) -> None:
    """Even pictures, each brighter than the one before. `ValueError` without the encoder."""
    import av
    import numpy as np

    with av.open(str(film), "w") as container:
        stream = container.add_stream(_ENCODER, rate=PICTURES)
        stream.width, stream.height, stream.pix_fmt = _WIDTH, _HEIGHT, "yuv420p"
        for brightness in _BRIGHTNESSES:
            planes = np.full((_HEIGHT * 3 // 2, _WIDTH), 128, np.uint8)
            planes[:_HEIGHT] = brightness
            container.mux(stream.encode(av.VideoFrame.from_ndarray(planes, "yuv420p")))
        container.mux(stream.encode(None))


def _watched(film: Path, *, on_gpu: bool) -> tuple[str, bool]:
    import numpy as np

    from agent.pipelines.video.acceleration import decoding

    with decoding(film, on_gpu=on_gpu) as source:
        grey = [
            float(frame.to_ndarray(format="gray").mean())
            for frame in source.container.decode(source.stream)
        ]
        # Known only now: the codec asks for its device with the first picture.
        is_on_gpu = bool(source.stream.codec_context.is_hwaccel)
        decoder = source.decoder if is_on_gpu or not on_gpu else _not_cuda(source.decoder)
    even = [(brightness - 16) * 255 / 219 for brightness in _BRIGHTNESSES]
    is_right = len(grey) == PICTURES and bool(np.allclose(grey, even, atol=_NEAR))
    return decoder, is_right


def _not_cuda(decoder: str) -> str:
    return decoder if decoder.startswith("software") else "software (the GPU refused the film)"


def _unloadable(load: Callable[[str], object]) -> str:
    try:
        load(_LIBRARY)
    except OSError as error:
        return reason_of(error)
    return ""


if __name__ == "__main__":
    tell(look)
