import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.model.ids import JsonObject, JsonValue
from agent.pipelines.box.running import Box
from agent.pipelines.errors import MediaUnreadableError, TooLargeError
from agent.pipelines.video.probe import Chapter, Probe, is_unsteady, probe_of
from agent.pipelines.video.probing import probe
from tests.pipelines.video.films import TONE, film, run, turned


def probed(file: Path) -> Probe:
    """By the reader itself, and by way of JSON, as from a box."""
    answer = probe(file, file.parent, {}, lambda _position: None)
    return probe_of(json.loads(json.dumps(answer)))


def test_a_usual_film_tells_all_about_itself(usual: Path, tmp_path: Path) -> None:
    found = probe_of(Box().read("video-probe", usual, tmp_path))

    track = found.video
    assert track is not None
    assert (track.codec, track.width, track.height, track.rotation) == ("h264", 160, 90, 0)
    assert (track.rate, track.is_rate_variable, track.hdr, track.bits) == (25.0, False, None, 8)
    assert track.promised == pytest.approx(2.0)
    assert found.duration == pytest.approx(2.0, abs=0.1)
    assert [(sound.codec, sound.sample_rate) for sound in found.audio] == [("aac", 16000)]


@pytest.mark.parametrize(
    ("degrees", "size"), [(0, (160, 90)), (90, (90, 160)), (180, (160, 90)), (270, (90, 160))]
)
def test_the_size_is_that_of_the_upright_picture(
    usual: Path, tmp_path: Path, degrees: int, size: tuple[int, int]
) -> None:
    track = probed(turned(usual, tmp_path / "turned.mp4", degrees)).video

    assert track is not None
    assert (track.width, track.height) == size


def test_pixels_that_are_not_square_are_reckoned_with(tmp_path: Path) -> None:
    wide = film(tmp_path / "wide.mp4", "-vf", "setsar=2/1", sound=None)

    track = probed(wide).video

    assert track is not None
    assert (track.width, track.height) == (320, 90)


@pytest.mark.parametrize(("transfer", "name"), [("smpte2084", "PQ"), ("arib-std-b67", "HLG")])
def test_hdr_is_told(tmp_path: Path, transfer: str, name: str) -> None:
    params = f"transfer={transfer}:colorprim=bt2020:colormatrix=bt2020nc:log-level=none"
    codec = ("-c:v", "libx265", "-preset", "ultrafast", "-pix_fmt", "yuv420p10le")
    hdr = film(
        tmp_path / "hdr.mp4",
        *("-x265-params", params, "-color_trc", transfer, "-color_primaries", "bt2020"),
        pictures="testsrc2=size=160x90:rate=25:duration=0.4",
        sound=None,
        codec=codec,
    )

    track = probed(hdr).video

    assert track is not None
    assert (track.hdr, track.bits, track.pixel_format) == (name, 10, "yuv420p10le")


def test_frames_that_come_now_and_then_have_no_steady_rate(tmp_path: Path) -> None:
    uneven = film(
        tmp_path / "uneven.mp4",
        *("-vf", "setpts='(N+floor(N/3)*5)/25/TB'", "-vsync", "vfr"),
        sound=None,
    )

    track = probed(uneven).video

    assert track is not None
    assert track.is_rate_variable


def test_chapters_and_the_time_of_creation_are_found(usual: Path, tmp_path: Path) -> None:
    notes = tmp_path / "notes.txt"
    notes.write_text(
        ";FFMETADATA1\ncreation_time=2024-05-06T07:08:09Z\n"
        "[CHAPTER]\nTIMEBASE=1/1000\nSTART=0\nEND=500\ntitle=Intro\n"
        "[CHAPTER]\nTIMEBASE=1/1000\nSTART=500\nEND=2000\ntitle=Main part\n"
    )
    target = tmp_path / "chapters.mp4"
    copying = ("-map_metadata", "1", "-map_chapters", "1", "-c", "copy", str(target))
    run("ffmpeg", "-v", "error", "-y", "-i", str(usual), "-i", str(notes), *copying)

    found = probed(target)

    assert found.chapters == (Chapter(0.0, 0.5, "Intro"), Chapter(0.5, 2.0, "Main part"))
    assert found.created == "2024-05-06T07:08:09.000000Z"


def test_a_recording_without_a_length_says_so(tmp_path: Path) -> None:
    live = film(
        tmp_path / "live.webm",
        *("-live", "1", "-deadline", "realtime", "-cpu-used", "8"),
        sound=None,
        codec=("-c:v", "libvpx"),
    )

    assert probed(live).duration is None


def test_the_cover_of_a_song_is_no_film(tmp_path: Path) -> None:
    cover = film(tmp_path / "cover.png", "-frames:v", "1", sound=None, codec=())
    song = tmp_path / "song.mp3"
    tagging = ("-map", "0", "-map", "1", "-c:v", "copy", "-disposition:v", "attached_pic")
    run("ffmpeg", "-v", "error", "-f", "lavfi", "-i", TONE, "-i", str(cover), *tagging, str(song))

    found = probed(song)

    assert found.video is None
    assert found.has_cover


def test_a_frame_that_is_a_bomb_is_refused_unseen(tmp_path: Path) -> None:
    bomb = film(
        tmp_path / "bomb.mov",
        pictures="color=black:size=8192x8192:rate=1:duration=1",
        sound=None,
        codec=("-c:v", "mjpeg"),
    )

    with pytest.raises(TooLargeError, match=r"^a frame has 8192x8192 pixels"):
        probed(bomb)


HLS = "#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:2,\n{other}\n#EXT-X-ENDLIST\n"
CONCAT = "ffconcat version 1.0\nfile {other}\n"
SDP = "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video 5004 RTP/AVP 96\n"


@pytest.mark.parametrize("list_of_files", [HLS, CONCAT, SDP], ids=["hls", "concat", "sdp"])
@pytest.mark.parametrize("suffix", [".mp4", ".m3u8", ".ffconcat", ""])
def test_a_list_of_other_files_is_no_film(
    usual: Path, tmp_path: Path, list_of_files: str, suffix: str
) -> None:
    other = tmp_path / "other.mp4"
    other.write_bytes(usual.read_bytes())
    trap = tmp_path / f"trap{suffix}"
    trap.write_text(list_of_files.format(other=other.name))

    with pytest.raises(MediaUnreadableError, match="no audio or video that we know"):
        probed(trap)


def test_a_hiccup_is_no_variable_rate() -> None:
    assert not is_unsteady([])
    assert not is_unsteady([0.04] * 50 + [0.4])
    assert is_unsteady([0.033, 0.5, 0.02] * 10)


KEYS = (
    "format",
    "duration",
    "bit_rate",
    "created",
    "chapters",
    "audio",
    "subtitles",
    "has_cover",
    "video",
)
PARTS = ("start", "end", "title", "codec", "channels", "sample_rate", "language")
whatever: st.SearchStrategy[JsonValue] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text("a\ud800", max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(PARTS), inner),
    max_leaves=8,
)


@given(st.fixed_dictionaries({}, optional=dict.fromkeys(KEYS, whatever)))
def test_whatever_a_box_says_is_a_probe_or_refused(answer: JsonObject) -> None:
    try:
        found = probe_of(answer)
    except MediaUnreadableError:
        return
    assert found.duration is None or 0 <= found.duration <= 1e9
    assert len(found.format) <= 60
