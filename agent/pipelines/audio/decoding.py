"""Asks the decoder process for the samples of a file, and trusts nothing that it says."""

import json
import selectors
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, cast

import numpy as np
import numpy.typing as npt

from agent.model.ids import JsonObject, Seconds
from agent.pipelines.audio.pcm_stream import BYTES_PER_SECOND, HEADER_SIZE, SAMPLE_RATE
from agent.pipelines.errors import DecoderKilledError, MediaUnreadableError, TooLargeError

Samples = npt.NDArray[np.float32]

MAX_DURATION = Seconds(12 * 3600.0)
"""2.8 GB of samples. A small file can hold days of silence."""
STALL_LIMIT = Seconds(120.0)
_LAST_WORDS = 30.0
"""Seconds a process may take to end once its output has."""
_CHUNK = 1024 * 1024
_MISSING_SECONDS, _MISSING_SHARE = 1.0, 0.02
"""Less than this may be missing at the end: encoders pad, and containers round."""


@dataclass(frozen=True, slots=True)
class Source:
    """What the file says about itself; any of it may be absent or wrong."""

    duration: float | None
    format: str
    codec: str
    channels: int
    sample_rate: int


@dataclass(frozen=True, slots=True)
class Pcm:
    """Mono at 16 kHz, one-dimensional, -1 to 1."""

    samples: Samples
    source: Source

    @property
    def duration(self) -> float:
        return len(self.samples) / SAMPLE_RATE


@dataclass(frozen=True, slots=True, kw_only=True)
class Decoder:
    """The process and its bounds. A sandbox goes in front of `command`."""

    command: Sequence[str] = (sys.executable, "-m", "agent.pipelines.audio.decoder")
    max_duration: Seconds = MAX_DURATION
    stall_limit: Seconds = STALL_LIMIT


_PLAIN = Decoder()


def decode_audio(
    path: Path,
    on_decoded: Callable[[float], None] = lambda _seconds: None,
    decoder: Decoder = _PLAIN,
) -> Pcm:
    """The first audio track of any known container.

    Raises `MediaUnreadableError`, `TooLargeError` or `DecoderKilledError`. The decoder stays in
    this process's session: who kills that, kills both.
    """
    if path.stat().st_size == 0:
        raise MediaUnreadableError("the file is empty.")
    with subprocess.Popen(  # noqa: S603 - our own module, and a path as one argument
        [*decoder.command, str(path)], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, bufsize=0
    ) as process:
        try:
            raw = _receive(cast("IO[bytes]", process.stdout), decoder, on_decoded)
            exit_status = process.wait(_LAST_WORDS)
        except BaseException:
            process.kill()
            raise
    return _interpret(raw, exit_status)


def _receive(output: IO[bytes], decoder: Decoder, on_decoded: Callable[[float], None]) -> bytearray:
    raw = bytearray()
    limit = decoder.max_duration * BYTES_PER_SECOND + HEADER_SIZE
    with selectors.DefaultSelector() as selector:
        selector.register(output, selectors.EVENT_READ)
        while selector.select(decoder.stall_limit):
            chunk = output.read(_CHUNK)
            if not chunk:
                return raw
            raw += chunk
            if len(raw) > limit:
                hours = decoder.max_duration / 3600
                raise TooLargeError(f"the audio is longer than the limit of {hours:g} hours.")
            on_decoded(len(raw) / BYTES_PER_SECOND)
    raise MediaUnreadableError(f"decoding stood still for {decoder.stall_limit:g} s.")


def _interpret(raw: bytearray, exit_status: int) -> Pcm:
    if exit_status == -signal.SIGKILL:
        raise DecoderKilledError("the decoder was killed (SIGKILL).")
    if exit_status < 0:
        name = signal.Signals(-exit_status).name
        raise MediaUnreadableError(f"the decoder died of this file ({name}).")
    header = _header(raw)
    source = header.get("source")
    if exit_status or not isinstance(source, dict):
        reason = header.get("unreadable", f"the decoder failed (exit status {exit_status})")
        raise MediaUnreadableError(f"{str(reason)[:200]}.")
    whole = (len(raw) - HEADER_SIZE) // 4
    samples = np.frombuffer(raw, np.float32, whole, HEADER_SIZE)
    # Float formats may hold NaN, which would spread through the whole model.
    np.nan_to_num(samples, copy=False, nan=0.0, posinf=0.0, neginf=0.0)
    return _complete(Pcm(samples, _source(source)))


def _header(raw: bytearray) -> JsonObject:
    try:
        header = json.loads(raw[:HEADER_SIZE])
    except ValueError:
        return {}
    return header if isinstance(header, dict) else {}


def _source(fields: JsonObject) -> Source:
    duration, channels, rate = (fields.get(key) for key in ("duration", "channels", "sample_rate"))
    return Source(
        duration=float(duration) if isinstance(duration, float | int) else None,
        format=str(fields.get("format"))[:60],
        codec=str(fields.get("codec"))[:60],
        channels=channels if isinstance(channels, int) else 0,
        sample_rate=rate if isinstance(rate, int) else 0,
    )


def _complete(pcm: Pcm) -> Pcm:
    """`pcm`, if the file held what it promised."""
    if not len(pcm.samples):
        raise MediaUnreadableError("no sound could be decoded: the audio track is empty or broken.")
    promised = pcm.source.duration or 0.0
    if promised - pcm.duration > max(_MISSING_SECONDS, _MISSING_SHARE * promised):
        raise MediaUnreadableError(
            f"the file is cut off: it promises {promised:.1f} s of audio"
            f" but holds only {pcm.duration:.1f} s."
        )
    return pcm
