import wave
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from agent.model.ids import Seconds
from agent.pipelines.audio.decoding import record
from agent.pipelines.box.running import Box
from agent.pipelines.errors import (
    CutOffError,
    MediaUnreadableError,
    NoAudioTrackError,
    OptionsInvalidError,
    TooLargeError,
)
from agent.pipelines.spoken.pcm import SAMPLE_RATE
from agent.pipelines.spoken.recording import Recording
from tests.pipelines.hostile.sounds_and_films import wav
from tests.speech import recode, say

FORMATS = ["wav", "flac", "mp3", "ogg", "opus", "m4a", "mkv", "webm", "aac", "aiff", "avi", "ts"]
MORE_FORMATS = [
    "mp4",
    "mov",
    "wma",
    "mpg",
    "ac3",
    "eac3",
    "caf",
    "w64",
    "au",
    "mka",
    "wv",
]


Decode = Callable[..., Recording]


@pytest.fixture
def decode(tmp_path_factory: pytest.TempPathFactory) -> Decode:
    """Each into a folder of its own: a recording is read from there as long as it lives."""

    def decode(file: Path, **more: object) -> Recording:
        return record(Box(), file, tmp_path_factory.mktemp("scratch"), **more)  # type: ignore[arg-type]

    return decode


@pytest.mark.parametrize("suffix", FORMATS + MORE_FORMATS)
def test_every_usual_format_gives_the_same_sound(
    fox: Path, tmp_path: Path, suffix: str, decode: Decode
) -> None:
    original = decode(fox)

    pcm = decode(recode(fox, tmp_path / f"fox.{suffix}"))

    assert pcm.samples().dtype == np.float32
    assert pcm.duration == pytest.approx(original.duration, abs=0.15)
    assert _level(pcm) == pytest.approx(_level(original), rel=0.2)


def _level(recording: Recording) -> float:
    return float(np.sqrt(np.mean(recording.samples() ** 2)))


def test_stereo_at_another_rate_is_mixed_and_resampled(
    fox: Path, tmp_path: Path, decode: Decode
) -> None:
    stereo = recode(fox, tmp_path / "fox.flac", "-ac", "2", "-ar", "44100")

    pcm = decode(stereo)

    assert (pcm.source.channels, pcm.source.sample_rate, pcm.source.codec) == (2, 44100, "flac")
    assert pcm.source.duration == pytest.approx(pcm.duration, abs=0.01)


def test_the_name_of_a_file_does_not_matter(fox: Path, tmp_path: Path, decode: Decode) -> None:
    odd = tmp_path / "concat:a|b%d -i #1"
    odd.write_bytes(fox.read_bytes())

    assert decode(odd).duration == decode(fox).duration


def test_text_named_mp3_is_unreadable(tmp_path: Path, decode: Decode) -> None:
    fake = tmp_path / "song.mp3"
    fake.write_text("This is a shopping list: bread, butter, milk.\n" * 50)

    with pytest.raises(MediaUnreadableError, match="broken, or no audio or video that we know"):
        decode(fake)


def test_an_empty_file_is_unreadable(tmp_path: Path, decode: Decode) -> None:
    empty = tmp_path / "empty.wav"
    empty.touch()

    with pytest.raises(MediaUnreadableError, match=r"^the file is empty\.$"):
        decode(empty)


def test_a_video_without_sound_is_unreadable(tmp_path: Path, decode: Decode) -> None:
    silent = tmp_path / "silent.mp4"
    recode(Path("testsrc=duration=1:size=64x64"), silent, input_format="lavfi")

    with pytest.raises(NoAudioTrackError, match="no audio track"):
        decode(silent)


@pytest.mark.parametrize("suffix", ["flac", "m4a"])
def test_a_file_that_is_cut_off_is_unreadable(
    fox: Path, tmp_path: Path, suffix: str, decode: Decode
) -> None:
    whole = recode(fox, tmp_path / f"whole.{suffix}", "-movflags", "faststart")
    cut = tmp_path / f"cut.{suffix}"
    cut.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])

    with pytest.raises(CutOffError, match=r"cut off: it promises \d+\.\d s"):
        decode(cut)


def test_a_film_with_its_index_at_the_missing_end_is_unreadable(
    fox: Path, tmp_path: Path, decode: Decode
) -> None:
    whole = recode(fox, tmp_path / "whole.m4a")
    cut = tmp_path / "cut.m4a"
    cut.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])

    with pytest.raises(MediaUnreadableError, match="broken"):
        decode(cut)


def test_a_damaged_stretch_costs_only_itself(fox: Path, tmp_path: Path, decode: Decode) -> None:
    damaged = recode(fox, tmp_path / "fox.mp3")
    content = bytearray(damaged.read_bytes())
    content[5000:5200] = bytes(200)
    damaged.write_bytes(content)

    assert decode(damaged).duration > decode(fox).duration - 1


@pytest.mark.parametrize(
    "playlist",
    [
        "#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\n{target}\n#EXT-X-ENDLIST\n",
        "ffconcat version 1.0\nfile {target}\n",
    ],
)
@pytest.mark.parametrize("suffix", ["m3u8", "mp3", "mp4", "ffconcat"])
def test_a_playlist_cannot_make_it_read_another_file(
    fox: Path, tmp_path: Path, playlist: str, suffix: str, decode: Decode
) -> None:
    crafted = tmp_path / f"crafted.{suffix}"
    target = tmp_path / "secret.wav"
    target.write_bytes(fox.read_bytes())
    crafted.write_text(playlist.format(target=target.name))

    with pytest.raises(MediaUnreadableError):
        decode(crafted)


def test_days_of_silence_in_a_small_file_are_too_large(fox: Path, decode: Decode) -> None:
    with pytest.raises(TooLargeError, match=r"longer than the limit of 0\.0005 hours"):
        decode(fox, longest=Seconds(1.8))


def test_nan_in_a_float_file_becomes_silence(tmp_path: Path, decode: Decode) -> None:
    odd = np.tile(np.array([np.nan, np.inf, -np.inf, 0.5], "<f4"), 4000)
    file = tmp_path / "odd.wav"
    file.write_bytes(wav(odd.tobytes(), kind=3))

    pcm = decode(file)

    assert pcm.samples(0, 4 / SAMPLE_RATE) == pytest.approx([0, 0, 0, 0.5], abs=1e-4)


def test_a_header_without_sound_is_unreadable(tmp_path: Path, decode: Decode) -> None:
    empty = tmp_path / "empty.wav"
    with wave.open(str(empty), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16_000)

    with pytest.raises(MediaUnreadableError):
        decode(empty)


def test_progress_counts_the_seconds_decoded(fox: Path, decode: Decode) -> None:
    seen: list[float] = []

    pcm = decode(fox, on_position=seen.append)

    assert seen == sorted(seen)
    assert pcm.duration - seen[-1] < 1.1


def test_sound_that_begins_late_stays_beside_its_picture(
    fox: Path, tmp_path: Path, decode: Decode
) -> None:
    film = tmp_path / "late.mkv"
    picture = ["-f", "lavfi", "-i", "testsrc=duration=9:size=64x64:rate=5"]
    recode(fox, film, *picture, "-map", "1:v", "-map", "0:a", "-af", "adelay=0", "-shortest")
    late = tmp_path / "shifted.mkv"
    shift = ["-itsoffset", "2.5", "-i", str(fox), "-map", "0:v", "-map", "1:a", "-c", "copy"]
    recode(film, late, *shift)

    recording = decode(late)

    assert recording.samples(0, 2.4).max() < 0.01
    assert recording.samples(2.5, 4.5).max() > 0.05


def test_a_track_can_be_chosen(fox: Path, ship: Path, tmp_path: Path, decode: Decode) -> None:
    both = recode(fox, tmp_path / "both.mkv", "-i", str(ship), "-map", "0:a", "-map", "1:a")

    second = decode(both, track=1)

    assert second.source.tracks == 2
    assert second.duration == pytest.approx(decode(ship).duration, abs=0.1)
    with pytest.raises(OptionsInvalidError, match="the file has 2, counted from 0"):
        decode(both, track=2)


def test_the_cover_of_an_album_is_no_film(tmp_path: Path, decode: Decode) -> None:
    song = say("This is a song.", tmp_path / "song.wav")
    covered = tmp_path / "covered.mp3"
    cover = ["-f", "lavfi", "-i", "color=c=red:size=64x64:duration=1:rate=1"]
    recode(song, covered, *cover, "-map", "0:a", "-map", "1:v", "-disposition:v", "attached_pic")

    assert decode(covered).duration == pytest.approx(decode(song).duration, abs=0.15)
