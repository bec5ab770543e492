"""Broken and hostile audio and video."""

import random
import struct
import subprocess
from collections.abc import Callable
from functools import partial
from pathlib import Path

from tests.pipelines.hostile.hostile_input import (
    READ,
    TOO_LARGE,
    UNREADABLE,
    UNSUPPORTED,
    HostileInput,
    failing,
    failing_or_read,
)

Make = Callable[[Path, Path], None]


def ffmpeg(target: Path, *words: str) -> None:
    subprocess.run(["ffmpeg", "-v", "error", "-y", *words, str(target)], check=True)


def written(content: bytes) -> Make:
    def make(file: Path, _secret: Path) -> None:
        file.write_bytes(content)

    return make


def noise(size: int) -> bytes:
    return random.Random(size).randbytes(size)


def wav(
    samples: bytes, *, rate: int = 16_000, channels: int = 1, kind: int = 1, told: int | None = None
) -> bytes:
    """A WAV file; `told` is the length that its header promises."""
    bits = 32 if kind == 3 else 16
    size = len(samples) if told is None else told
    frame = min(channels * bits // 8, 0xFFFF)
    head = struct.pack("<HHIIHH", kind, channels, rate, (rate * frame) & 0xFFFFFFFF, frame, bits)
    body = b"fmt " + struct.pack("<I", 16) + head + b"data" + struct.pack("<I", size) + samples
    return b"RIFF" + struct.pack("<I", (4 + len(body)) & 0xFFFFFFFF) + b"WAVE" + body


_NANS = struct.pack("<f", float("nan")) * 32_000
_TESTSRC = ("-f", "lavfi", "-i", "testsrc=duration=4:size=320x240:rate=10")
_SINE = ("-f", "lavfi", "-i", "sine=frequency=440:duration=4")
_H264 = ("-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p")


def film(file: Path, *more: str) -> None:
    ffmpeg(file, *_TESTSRC, *_SINE, *_H264, "-c:a", "aac", *more, "-f", "mp4")


def damaged_film(damage: Callable[[bytearray], bytes], *more: str) -> Make:
    def make(file: Path, _secret: Path) -> None:
        film(file, *more)
        file.write_bytes(damage(bytearray(file.read_bytes())))

    return make


def half(content: bytearray) -> bytes:
    return bytes(content[: len(content) // 2])


def with_noise_in_the_middle(content: bytearray) -> bytes:
    start = len(content) // 2
    content[start : start + 2000] = noise(2000)
    return bytes(content)


def with_a_broken_index(content: bytearray) -> bytes:
    start = content.index(b"moov") + 8
    content[start : start + 600] = noise(600)
    return bytes(content)


def referring(text: str) -> Make:
    """A playlist that names the secret."""

    def make(file: Path, secret: Path) -> None:
        file.write_text(text.format(path=secret, name=secret.name, folder=secret.parent))

    return make


_HLS = "#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\nfile://{path}\n#EXT-X-ENDLIST\n"
_CONCAT = "ffconcat version 1.0\nfile {name}\n"
_DASH = (
    '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static"'
    ' mediaPresentationDuration="PT10S"><Period><AdaptationSet mimeType="video/mp4">'
    '<Representation id="1" bandwidth="1"><BaseURL>file://{path}</BaseURL></Representation>'
    "</AdaptationSet></Period></MPD>"
)
_SDP = "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=audio 5004 RTP/AVP 0\n"


def silence_of(hours: float) -> Make:
    def make(file: Path, _secret: Path) -> None:
        seconds = f"anullsrc=r=8000:cl=mono:d={hours * 3600}"
        ffmpeg(file, "-f", "lavfi", "-i", seconds, "-c:a", "flac", "-f", "flac")

    return make


def giant_frame(file: Path, _secret: Path) -> None:
    ffmpeg(
        file, "-f", "lavfi", "-i", "color=c=red:size=12000x12000:rate=1:duration=1", *_H264,
        "-frames:v", "1", "-f", "mp4",
    )  # fmt: skip


def crowd_of_streams(file: Path, _secret: Path) -> None:
    maps = [word for _ in range(60) for word in ("-map", "0:a")]
    source = ("-f", "lavfi", "-i", "sine=duration=1")
    ffmpeg(file, *source, *maps, "-c:a", "pcm_s16le", "-f", "matroska")


def one_frame(file: Path, _secret: Path) -> None:
    ffmpeg(file, *_TESTSRC, *_H264, "-frames:v", "1", "-f", "mp4")


def days_of_slides(file: Path, _secret: Path) -> None:
    ffmpeg(
        file, "-f", "lavfi", "-i", "color=c=blue:size=64x64:rate=1/60:duration=100000", *_H264,
        "-g", "100", "-f", "mp4",
    )  # fmt: skip


def silent_film(file: Path, _secret: Path) -> None:
    ffmpeg(file, *_TESTSRC, *_H264, "-an", "-f", "mp4")


_DEEP_MATROSKA = b"\x1aE\xdf\xa3" + b"\x01" + b"\xff" * 7 + b"\x18S\x80g\x01\xff\xff\xff" * 5000

SOUNDS = tuple(
    HostileInput(name, "audio", filename, make, ends)
    for name, filename, make, ends in (
        ("empty", "a.mp3", written(b""), failing(UNREADABLE)),
        ("noise", "a.mp3", written(noise(100_000)), failing(UNREADABLE)),
        ("a letter", "a.wav", written(b"Dear Sir or Madam, " * 500), failing(UNREADABLE)),
        ("no samples", "a.wav", written(wav(b"")), failing(UNREADABLE)),
        ("a lie about length", "a.wav", written(wav(bytes(64_000), told=2**32 - 1)),
         failing(UNREADABLE, TOO_LARGE)),
        ("only NaN", "a.wav", written(wav(_NANS, kind=3)), failing(UNREADABLE)),
        ("no rate", "a.wav", written(wav(bytes(64_000), rate=0)), failing(UNREADABLE)),
        ("a rate of billions", "a.wav", written(wav(noise(64_000), rate=2**31)),
         failing_or_read(UNREADABLE, TOO_LARGE)),
        ("60,000 channels", "a.wav", written(wav(bytes(240_000), channels=60_000)),
         failing(UNREADABLE, TOO_LARGE)),
        ("days of silence", "a.flac", silence_of(50), failing(UNREADABLE, TOO_LARGE)),
        ("playlist of the owner's file", "a.mp4", referring(_HLS), failing(UNREADABLE)),
        ("playlist named as one", "a.m3u8", referring(_HLS), failing(UNREADABLE)),
        ("concat script", "a.mp3", referring(_CONCAT), failing(UNREADABLE)),
        ("DASH manifest", "a.mpd", referring(_DASH), failing(UNREADABLE)),
        ("SDP that opens a socket", "a.sdp", written(_SDP.encode()), failing(UNREADABLE)),
        ("a name that is a protocol", "concat:a.mp3|b.mp3", written(noise(5000)),
         failing(UNREADABLE)),
        ("deep Matroska", "a.mkv", written(_DEEP_MATROSKA), failing(UNREADABLE)),
        ("sixty streams", "a.mkv", crowd_of_streams, failing_or_read(UNREADABLE)),
        ("no sound at all", "a.mp4", silent_film, failing(UNREADABLE)),
        ("half a film", "a.mp4", damaged_film(half, "-movflags", "faststart"),
         failing_or_read(UNREADABLE)),
    )
)  # fmt: skip

FILMS = tuple(
    HostileInput(name, "video", filename, make, ends)
    for name, filename, make, ends in (
        ("noise", "a.mp4", written(noise(100_000)), failing(UNREADABLE)),
        ("index lost", "a.mp4", damaged_film(half), failing(UNREADABLE)),
        ("index broken", "a.mp4", damaged_film(with_a_broken_index), failing_or_read(UNREADABLE)),
        ("broken tail", "a.mp4", damaged_film(half, "-movflags", "faststart"), READ),
        ("broken middle", "a.mp4", damaged_film(with_noise_in_the_middle), READ),
        ("giant frame", "a.mp4", giant_frame, failing(UNREADABLE, TOO_LARGE)),
        ("one frame", "a.mp4", one_frame, READ),
        ("days of slides", "a.mp4", days_of_slides, READ),
        ("playlist of the owner's file", "a.mp4", referring(_HLS), failing(UNREADABLE)),
        ("concat script", "a.mkv", referring(_CONCAT), failing(UNREADABLE)),
        ("a picture", "a.mp4", partial(lambda f, _: ffmpeg(f, *_TESTSRC, "-frames:v", "1",
                                                           "-f", "image2", "-c:v", "png")),
         failing_or_read(UNREADABLE, UNSUPPORTED)),
    )
)  # fmt: skip
