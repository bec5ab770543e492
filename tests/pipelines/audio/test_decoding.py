import json
import math
import struct
import sys
import wave
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from agent.model.ids import Seconds
from agent.pipelines.audio import decoding
from agent.pipelines.audio.decoding import flaws, record
from agent.pipelines.box.running import Box
from agent.pipelines.errors import (
    CutOffError,
    DecoderKilledError,
    MediaUnreadableError,
    NoAudioTrackError,
    OptionsInvalidError,
    TooLargeError,
)
from agent.pipelines.spoken.recording import Recording
from tests.speech import recode

FORMATS = "wav flac mp3 ogg opus m4a mov mka webm aac ac3 aiff avi ts mpg flv wma caf w64 au"
RATES = {"flv": ["-ar", "44100"]}
"""Not every format holds 16 kHz."""
TONE = "sine=frequency=440:duration={}"
PICTURE = "testsrc=duration={}:size=128x96"

Take = Callable[..., Recording]


@pytest.fixture
def take(tmp_path: Path) -> Take:
    """Records a file; each recording lies in a scratch folder of its own."""

    def record_file(
        file: Path, box: Box | None = None, *, track: int | None = None, allow_partial: bool = False
    ) -> Recording:
        scratch = tmp_path / f"scratch-{len(list(tmp_path.iterdir()))}"
        scratch.mkdir()
        return record(box or Box(), file, scratch, track=track, allow_partial=allow_partial)

    return record_file


def script(code: str) -> Box:
    """A box that a malicious file has taken over, once it had said what holds it."""
    walls = json.dumps({"walls": {"landlock": 7, "seccomp": True}})
    opening = (
        "import json, os, signal, sys\n"
        f"print({walls!r}, flush=True)\n"
        "scratch = json.loads(sys.stdin.readline())['scratch']\n"
    )
    return Box(command=(sys.executable, "-c", opening + code))


def loudness(recording: Recording, start: float = 0.0, end: float | None = None) -> float:
    samples = recording.samples(start, end)
    return float(np.sqrt(np.mean(samples**2))) if len(samples) else 0.0


@pytest.mark.parametrize("suffix", FORMATS.split())
def test_every_usual_format_gives_the_same_sound(
    fox: Path, tmp_path: Path, take: Take, suffix: str
) -> None:
    original = take(fox)

    recording = take(recode(fox, tmp_path / f"fox.{suffix}", *RATES.get(suffix, [])))

    assert recording.samples().dtype == np.float32
    assert recording.duration == pytest.approx(original.duration, abs=0.15)
    assert loudness(recording) == pytest.approx(loudness(original), rel=0.15)


@pytest.mark.parametrize("suffix", ["3gp", "mp4"])
def test_what_telephones_record_is_read(fox: Path, tmp_path: Path, take: Take, suffix: str) -> None:
    picture = ["-f", "lavfi", "-i", PICTURE.format(2), "-map", "0:a", "-map", "1:v"]
    film = recode(fox, tmp_path / f"film.{suffix}", *picture, "-c:a", "aac", "-ar", "8000")

    assert take(film).duration == pytest.approx(take(fox).duration, abs=0.3)


def test_samples_of_the_usual_kind_arrive_as_they_were(fox: Path, take: Take) -> None:
    with wave.open(str(fox)) as sound:
        stored = np.frombuffer(sound.readframes(sound.getnframes()), "<i2")

    recording = take(fox)

    assert np.array_equal(recording.samples() * 32768, stored)
    assert np.array_equal(recording.samples(0.5, 0.75) * 32768, stored[8000:12000])
    assert recording.source.codec == "pcm_s16le"


def test_stereo_at_another_rate_is_mixed_and_resampled(
    fox: Path, tmp_path: Path, take: Take
) -> None:
    recording = take(recode(fox, tmp_path / "fox.flac", "-ac", "2", "-ar", "44100"))

    source = recording.source
    assert (source.channels, source.sample_rate, source.codec) == (2, 44100, "flac")
    assert source.duration == pytest.approx(recording.duration, abs=0.01)


def test_the_name_of_a_file_does_not_matter(fox: Path, tmp_path: Path, take: Take) -> None:
    odd = tmp_path / "concat:a|b%d -i #1"
    odd.write_bytes(fox.read_bytes())

    assert take(odd).duration == take(fox).duration


def test_text_named_mp3_is_unreadable(tmp_path: Path, take: Take) -> None:
    fake = tmp_path / "song.mp3"
    fake.write_text("This is a shopping list: bread, butter, milk.\n" * 50)

    with pytest.raises(MediaUnreadableError, match="broken, or no audio or video that we know"):
        take(fake)


def test_an_empty_file_is_unreadable(tmp_path: Path, take: Take) -> None:
    empty = tmp_path / "empty.wav"
    empty.touch()

    with pytest.raises(MediaUnreadableError, match=r"^the file is empty\.$"):
        take(empty)


def test_a_video_without_sound_says_so(tmp_path: Path, take: Take) -> None:
    silent = recode(Path(PICTURE.format(1)), tmp_path / "silent.mp4", input_format="lavfi")

    with pytest.raises(NoAudioTrackError, match=r"^the file has no audio track\.$"):
        take(silent)


def test_the_picture_on_the_cover_of_a_song_is_no_film(
    fox: Path, tmp_path: Path, take: Take
) -> None:
    cover = recode(
        Path(PICTURE.format(1)), tmp_path / "cover.png", "-frames:v", "1", input_format="lavfi"
    )
    attached = ["-i", str(cover), "-map", "0", "-map", "1", "-disposition:v", "attached_pic"]
    song = recode(fox, tmp_path / "song.flac", *attached)

    recording = take(song)

    assert recording.duration == pytest.approx(take(fox).duration, abs=0.05)


def film(target: Path, *options: str, sound_at: float = 0.0) -> Path:
    """Eight seconds of picture; five of them with a tone, from `sound_at` on."""
    tone = ["-itsoffset", str(sound_at), "-f", "lavfi", "-i", TONE.format(5)]
    mapped = ["-map", "0:v", "-map", "1:a"]
    return recode(Path(PICTURE.format(8)), target, *tone, *mapped, *options, input_format="lavfi")


@pytest.mark.parametrize("suffix", ["mp4", "mkv", "ts"])
def test_sound_that_starts_after_the_picture_keeps_its_time(
    tmp_path: Path, take: Take, suffix: str
) -> None:
    recording = take(film(tmp_path / f"late.{suffix}", sound_at=2.0))

    assert recording.duration == pytest.approx(7.0, abs=0.1)
    assert loudness(recording, 0.0, 1.9) < 0.001
    assert loudness(recording, 2.1, 6.9) > 0.05


def test_a_gap_in_the_sound_becomes_silence(tmp_path: Path, take: Take) -> None:
    cut = ["-af", "aselect='not(between(t,5,9))'"]
    recording = take(
        recode(Path(TONE.format(20)), tmp_path / "gap.mkv", *cut, input_format="lavfi")
    )

    assert recording.duration == pytest.approx(20.0, abs=0.1)
    assert loudness(recording, 5.2, 8.8) < 0.001
    assert loudness(recording, 9.2, 19.8) > 0.05


def two_tracks(target: Path) -> Path:
    """A short track of its own, and a longer one that a player would take."""
    longer = ["-f", "lavfi", "-i", TONE.format(4), "-map", "0", "-map", "1"]
    marked = ["-disposition:a:0", "0", "-disposition:a:1", "default"]
    return recode(Path(TONE.format(2)), target, *longer, *marked, input_format="lavfi")


@pytest.mark.parametrize(("track", "lasts"), [(None, 4.0), (0, 2.0), (1, 4.0)])
def test_the_track_that_is_asked_for_is_heard_or_else_the_default_one(
    tmp_path: Path, take: Take, track: int | None, lasts: float
) -> None:
    recording = take(two_tracks(tmp_path / "two.mkv"), track=track)

    assert recording.duration == pytest.approx(lasts, abs=0.1)


def test_a_track_that_is_not_there_is_refused(fox: Path, take: Take) -> None:
    with pytest.raises(
        OptionsInvalidError, match="'audio_track' is 1: the file has 1 audio track, counted from 0"
    ):
        take(fox, track=1)


@pytest.mark.parametrize("suffix", ["flac", "m4a"])
def test_a_file_that_is_cut_off_is_unreadable_unless_a_part_will_do(
    fox: Path, tmp_path: Path, take: Take, suffix: str
) -> None:
    whole = recode(fox, tmp_path / f"whole.{suffix}", "-movflags", "faststart")
    cut = tmp_path / f"cut.{suffix}"
    cut.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])

    with pytest.raises(CutOffError, match=r"cut off: it promises \d+\.\d s"):
        take(cut)

    part = take(cut, allow_partial=True)
    assert 1.0 < part.duration < 0.7 * take(whole).duration
    assert flaws(part)[0].startswith("the file is cut off")


def test_a_film_with_its_index_at_the_missing_end_is_unreadable(
    fox: Path, tmp_path: Path, take: Take
) -> None:
    whole = recode(fox, tmp_path / "whole.m4a")
    cut = tmp_path / "cut.m4a"
    cut.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])

    with pytest.raises(MediaUnreadableError, match="broken"):
        take(cut)


def test_a_damaged_stretch_costs_only_itself_and_is_counted(
    fox: Path, tmp_path: Path, take: Take
) -> None:
    damaged = recode(fox, tmp_path / "fox.mp3")
    content = bytearray(damaged.read_bytes())
    content[5000:5200] = bytes(200)
    damaged.write_bytes(content)

    recording = take(damaged)

    assert recording.duration > take(fox).duration - 1
    assert recording.source.damaged_packets > 0
    assert flaws(recording) == (
        f"{recording.source.damaged_packets} damaged packets of the file were left out.",
    )


PLAYLISTS = {
    "hls": "#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\n{target}\n#EXT-X-ENDLIST\n",
    "ffconcat": "ffconcat version 1.0\nfile {target}\n",
    "sdp": "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=audio 9 RTP/AVP 0\n",
    "dash": (
        '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static"><Period>'
        '<AdaptationSet mimeType="audio/wav"><Representation id="0"><BaseURL>{target}</BaseURL>'
        "</Representation></AdaptationSet></Period></MPD>"
    ),
    "concat": "concat:{target}|{target}\n",
}


@pytest.mark.parametrize("playlist", PLAYLISTS)
@pytest.mark.parametrize("suffix", ["m3u8", "mp4"])
def test_a_playlist_cannot_make_it_read_another_file(
    fox: Path, tmp_path: Path, take: Take, playlist: str, suffix: str
) -> None:
    crafted = tmp_path / f"crafted.{suffix}"
    target = tmp_path / "secret.wav"
    target.write_bytes(fox.read_bytes())
    crafted.write_text(PLAYLISTS[playlist].format(target=target.name))

    with pytest.raises(MediaUnreadableError):
        take(crafted)


def test_days_of_silence_in_a_small_file_are_too_large(
    fox: Path, take: Take, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(decoding, "MAX_DURATION", Seconds(1.8))

    with pytest.raises(TooLargeError, match=r"longer than the limit of 0\.0005 hours"):
        take(fox)


def test_nan_in_a_float_file_becomes_silence(tmp_path: Path, take: Take) -> None:
    odd = tmp_path / "odd.wav"
    values = struct.pack("<4f", math.nan, math.inf, -math.inf, 0.0) * 4000
    header = struct.pack(
        "<4sI4s4sIHHIIHH4sI",
        b"RIFF", 36 + len(values), b"WAVE", b"fmt ", 16, 3, 1, 16_000, 64_000, 4, 32,
        b"data", len(values),
    )  # fmt: skip
    odd.write_bytes(header + values)

    recording = take(odd)

    assert recording.duration == 1.0
    assert not recording.samples().any()


SOURCE = "print(json.dumps({'result': %s}))\n"


@pytest.mark.parametrize(
    ("code", "told"),
    [
        ("os.abort()", "crashed \\(SIGABRT\\)"),
        ("raise SystemExit(3)", "exit status 3"),
        ("print('[]')", "led nowhere"),
        (SOURCE % "3", "led nowhere"),
        (SOURCE % "{}", "left no 'audio.s16'"),
        ("os.symlink('/etc/passwd', scratch + '/audio.s16')\n" + SOURCE % "{}", "left no"),
        ("open(scratch + '/audio.s16', 'w')\n" + SOURCE % "{}", "no sound could be decoded"),
        ("open(scratch + '/audio.s16', 'w').truncate(9 << 30)\n" + SOURCE % "{}", "wrote more"),
    ],
)
def test_a_box_that_dies_or_lies_is_not_believed(
    fox: Path, take: Take, code: str, told: str
) -> None:
    with pytest.raises((MediaUnreadableError, TooLargeError), match=told):
        take(fox, script(code))


def test_what_a_box_says_of_the_source_is_taken_for_what_it_may_be(fox: Path, take: Take) -> None:
    lies = "{'duration': 'long', 'codec': 'x' * 999, 'channels': -3, 'sample_rate': []}"

    source = take(
        fox, script("open(scratch + '/audio.s16', 'w').write('abcd')\n" + SOURCE % lies)
    ).source

    assert (source.duration, source.channels, source.sample_rate) == (None, 0, 0)
    assert len(source.codec) == 60


def test_a_decoder_that_somebody_kills_is_not_held_against_the_file(fox: Path, take: Take) -> None:
    with pytest.raises(DecoderKilledError, match="SIGKILL"):
        take(fox, script("import signal; os.kill(os.getpid(), signal.SIGKILL)"))


def test_a_header_without_sound_is_unreadable(tmp_path: Path, take: Take) -> None:
    empty = tmp_path / "empty.wav"
    with wave.open(str(empty), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16_000)

    with pytest.raises(MediaUnreadableError):
        take(empty)


def test_progress_counts_the_seconds_decoded(tmp_path: Path) -> None:
    seen: list[float] = []
    tone = recode(Path(TONE.format(30)), tmp_path / "tone.flac", input_format="lavfi")

    record(Box(), tone, tmp_path, seen.append)

    assert seen == sorted(seen)
    assert len(seen) > 4
    assert seen[-1] == pytest.approx(30.0, abs=6.0)
