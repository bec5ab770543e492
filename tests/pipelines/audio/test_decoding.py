import io
import json
import sys
import wave
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from agent.model.ids import Seconds
from agent.pipelines.audio.decoding import Decoder, decode_audio
from agent.pipelines.audio.demuxing import decode
from agent.pipelines.audio.pcm_stream import BYTES_PER_SECOND, HEADER_SIZE
from agent.pipelines.errors import DecoderKilledError, MediaUnreadableError, TooLargeError
from tests.speech import recode

FORMATS = ["wav", "flac", "mp3", "ogg", "opus", "m4a", "mkv", "webm", "aac", "aiff", "avi", "ts"]


def test_the_decoder_says_what_it_found_and_then_only_samples(fox: Path) -> None:
    output = io.BytesIO()

    decode(fox, output)

    content = output.getvalue()
    source = json.loads(content[:HEADER_SIZE])["source"]
    assert source["codec"] == "pcm_s16le"
    assert len(content) == HEADER_SIZE + round(source["duration"] * BYTES_PER_SECOND)


def script(code: str) -> Decoder:
    """A decoder that a malicious file has taken over."""
    return Decoder(command=(sys.executable, "-c", code), stall_limit=Seconds(0.3))


@pytest.mark.parametrize("suffix", FORMATS)
def test_every_usual_format_gives_the_same_sound(fox: Path, tmp_path: Path, suffix: str) -> None:
    original = decode_audio(fox)

    pcm = decode_audio(recode(fox, tmp_path / f"fox.{suffix}"))

    assert pcm.samples.dtype == np.float32
    assert pcm.duration == pytest.approx(original.duration, abs=0.15)
    loudness = float(np.sqrt(np.mean(pcm.samples**2)))
    assert loudness == pytest.approx(float(np.sqrt(np.mean(original.samples**2))), rel=0.15)


def test_stereo_at_another_rate_is_mixed_and_resampled(fox: Path, tmp_path: Path) -> None:
    stereo = recode(fox, tmp_path / "fox.flac", "-ac", "2", "-ar", "44100")

    pcm = decode_audio(stereo)

    assert (pcm.source.channels, pcm.source.sample_rate, pcm.source.codec) == (2, 44100, "flac")
    assert pcm.source.duration == pytest.approx(pcm.duration, abs=0.01)


def test_the_name_of_a_file_does_not_matter(fox: Path, tmp_path: Path) -> None:
    odd = tmp_path / "concat:a|b%d -i #1"
    odd.write_bytes(fox.read_bytes())

    assert decode_audio(odd).duration == decode_audio(fox).duration


def test_text_named_mp3_is_unreadable(tmp_path: Path) -> None:
    fake = tmp_path / "song.mp3"
    fake.write_text("This is a shopping list: bread, butter, milk.\n" * 50)

    with pytest.raises(MediaUnreadableError, match="broken, or no audio or video that we know"):
        decode_audio(fake)


def test_an_empty_file_is_unreadable(tmp_path: Path) -> None:
    empty = tmp_path / "empty.wav"
    empty.touch()

    with pytest.raises(MediaUnreadableError, match=r"^the file is empty\.$"):
        decode_audio(empty)


def test_a_video_without_sound_is_unreadable(tmp_path: Path) -> None:
    silent = tmp_path / "silent.mp4"
    recode(Path("testsrc=duration=1:size=64x64"), silent, input_format="lavfi")

    with pytest.raises(MediaUnreadableError, match="no audio track"):
        decode_audio(silent)


@pytest.mark.parametrize("suffix", ["flac", "m4a"])
def test_a_file_that_is_cut_off_is_unreadable(fox: Path, tmp_path: Path, suffix: str) -> None:
    whole = recode(fox, tmp_path / f"whole.{suffix}", "-movflags", "faststart")
    cut = tmp_path / f"cut.{suffix}"
    cut.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])

    with pytest.raises(MediaUnreadableError, match=r"cut off: it promises \d+\.\d s"):
        decode_audio(cut)


def test_a_film_with_its_index_at_the_missing_end_is_unreadable(fox: Path, tmp_path: Path) -> None:
    whole = recode(fox, tmp_path / "whole.m4a")
    cut = tmp_path / "cut.m4a"
    cut.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])

    with pytest.raises(MediaUnreadableError, match="broken"):
        decode_audio(cut)


def test_a_damaged_stretch_costs_only_itself(fox: Path, tmp_path: Path) -> None:
    damaged = recode(fox, tmp_path / "fox.mp3")
    content = bytearray(damaged.read_bytes())
    content[5000:5200] = bytes(200)
    damaged.write_bytes(content)

    assert decode_audio(damaged).duration > decode_audio(fox).duration - 1


@pytest.mark.parametrize(
    "playlist",
    [
        "#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\n{target}\n#EXT-X-ENDLIST\n",
        "ffconcat version 1.0\nfile {target}\n",
    ],
)
@pytest.mark.parametrize("suffix", ["m3u8", "mp3", "mp4", "ffconcat"])
def test_a_playlist_cannot_make_it_read_another_file(
    fox: Path, tmp_path: Path, playlist: str, suffix: str
) -> None:
    crafted = tmp_path / f"crafted.{suffix}"
    target = tmp_path / "secret.wav"
    target.write_bytes(fox.read_bytes())
    crafted.write_text(playlist.format(target=target.name))

    with pytest.raises(MediaUnreadableError):
        decode_audio(crafted)


def test_days_of_silence_in_a_small_file_are_too_large(fox: Path) -> None:
    with pytest.raises(TooLargeError, match=r"longer than the limit of 0\.0005 hours"):
        decode_audio(fox, decoder=replace(Decoder(), max_duration=Seconds(1.8)))


def test_nan_in_a_float_file_becomes_silence(tmp_path: Path) -> None:
    code = (
        "import json, struct, sys;"
        "source = dict(duration=1, format='wav', codec='pcm_f32le', channels=1, sample_rate=16000);"
        "out = sys.stdout.buffer; out.write(json.dumps({'source': source}).encode().ljust(1024));"
        "out.write(struct.pack('<4f', float('nan'), float('inf'), -float('inf'), 0.5) * 4000)"
    )
    some = tmp_path / "some"
    some.write_bytes(b"x")

    pcm = decode_audio(some, decoder=script(code))

    assert np.array_equal(pcm.samples[:4], np.array([0, 0, 0, 0.5], np.float32))


@pytest.mark.parametrize(
    ("code", "told"),
    [
        ("import os; os.abort()", "died of this file \\(SIGABRT\\)"),
        ("raise SystemExit(3)", "exit status 3"),
        ("pass", "exit status 0"),
        ("print('[]')", "exit status 0"),
        ("print('{\"source\": 3}')", "exit status 0"),
        ("print('{\"unreadable\": \"' + 'x' * 900 + '\"}')", "^x{200}\\.$"),
        ("import time; time.sleep(60)", "stood still for 0.3 s"),
    ],
)
def test_a_decoder_that_dies_lies_or_hangs_makes_the_file_unreadable(
    fox: Path, code: str, told: str
) -> None:
    with pytest.raises(MediaUnreadableError, match=told):
        decode_audio(fox, decoder=script(code))


def test_a_decoder_that_somebody_kills_is_not_held_against_the_file(fox: Path) -> None:
    code = "import os, signal; os.kill(os.getpid(), signal.SIGKILL)"

    with pytest.raises(DecoderKilledError, match="SIGKILL"):
        decode_audio(fox, decoder=script(code))


def test_a_file_that_costs_too_much_time_ends_the_decoder_by_another_signal(
    fox: Path,
) -> None:
    code = (
        "import agent.pipelines.audio.decoder as decoder;"
        "decoder._CPU_LIMIT = 1; decoder._limit_resources();\n"
        "while True: pass"
    )

    with pytest.raises(MediaUnreadableError, match="died of this file \\(SIGXCPU\\)"):
        decode_audio(fox, decoder=replace(script(code), stall_limit=Seconds(60.0)))


def test_a_header_without_sound_is_unreadable(tmp_path: Path) -> None:
    empty = tmp_path / "empty.wav"
    with wave.open(str(empty), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16_000)

    with pytest.raises(MediaUnreadableError):
        decode_audio(empty)


def test_progress_counts_the_seconds_decoded(fox: Path) -> None:
    seen: list[float] = []

    pcm = decode_audio(fox, seen.append)

    assert seen == sorted(seen)
    assert seen[-1] == pytest.approx(pcm.duration, abs=0.1)
