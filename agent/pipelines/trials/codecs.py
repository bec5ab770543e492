"""What the FFmpeg that we decode with can read, and whether the one that encodes clips runs.

`python -m agent.pipelines.trials.codecs`
"""

import subprocess
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from importlib.util import find_spec

from agent.pipelines.trials.telling import reason_of, tell

DECODERS: Mapping[str, str] = {
    "h264": "H.264",
    "hevc": "HEVC",
    "vp8": "VP8",
    "vp9": "VP9",
    "av1": "AV1",
    "mpeg4": "MPEG-4",
    "mpeg2video": "MPEG-2",
    "mjpeg": "Motion JPEG",
    "prores": "ProRes",
    "aac": "AAC",
    "mp3": "MP3",
    "opus": "Opus",
    "vorbis": "Vorbis",
    "flac": "FLAC",
    "alac": "ALAC",
    "ac3": "AC-3",
    "amrnb": "AMR",
    "pcm_s16le": "PCM",
    "wmav2": "WMA",
}
"""What people's recordings and films are made of, by FFmpeg's names."""
DEMUXERS = ("mov", "matroska", "mp3", "ogg", "wav", "flac", "aac", "mpegts", "avi", "asf", "amr")
_LIMIT = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Codecs:
    libraries: str = ""
    """The versions, as `libavcodec 62.28`."""
    lacks_decoders: tuple[str, ...] = ()
    lacks_demuxers: tuple[str, ...] = ()
    encoder: str | None = None
    """The program that moviepy uses; None where moviepy is not installed."""
    encoder_trouble: str = ""
    trouble: str = ""


def look() -> Codecs:
    try:
        import av
    except (ImportError, OSError) as error:
        return Codecs(trouble=reason_of(error))
    version = ".".join(map(str, av.library_versions["libavcodec"][:2]))
    encoder, encoder_trouble = _encoder()
    return Codecs(
        libraries=f"libavcodec {version}",
        lacks_decoders=lacking_decoders(_decodes),
        lacks_demuxers=lacking_demuxers(av.formats_available),
        encoder=encoder,
        encoder_trouble=encoder_trouble,
    )


def _decodes(name: str) -> bool:
    import av

    try:
        av.Codec(name, "r")
    except ValueError:
        return False
    return True


def lacking_decoders(decodes: Callable[[str], bool]) -> tuple[str, ...]:
    return tuple(name for codec, name in DECODERS.items() if not decodes(codec))


def lacking_demuxers(formats: Collection[str]) -> tuple[str, ...]:
    """FFmpeg calls a family by all its names: mov,mp4,m4a,3gp,3g2,mj2."""
    known = {name for family in formats for name in family.split(",")}
    return tuple(name for name in DEMUXERS if name not in known)


def _encoder() -> tuple[str | None, str]:
    if find_spec("moviepy") is None:
        return None, ""
    try:
        from imageio_ffmpeg import get_ffmpeg_exe

        program = str(get_ffmpeg_exe())
    except (ImportError, RuntimeError) as error:
        return "", reason_of(error)
    return program, _cannot_run(program)


def _cannot_run(program: str) -> str:
    try:
        ended = subprocess.run(  # noqa: S603 - the program that moviepy will run
            [program, "-hide_banner", "-version"],
            capture_output=True,
            text=True,
            timeout=_LIMIT,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return reason_of(error)
    return "" if ended.returncode == 0 else f"it ends with status {ended.returncode}"


if __name__ == "__main__":
    tell(look)
