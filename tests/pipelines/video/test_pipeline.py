import json
from collections.abc import Callable
from pathlib import Path

import pytest

from agent.model.ids import JsonObject
from agent.model.work import PipelineSettings, Produced, Progress, Task
from agent.pipelines.errors import (
    EngineUnavailableError,
    MediaUnreadableError,
    NoSpeechError,
    OptionsInvalidError,
)
from agent.pipelines.video.pipeline import VideoPipeline
from agent.pipelines.video.reading import TextReader
from tests.pipelines.audio.fake_engine import FakeEngine, everything
from tests.pipelines.conftest import MakeTask
from tests.pipelines.video.films import TONE, cut_off, film, run
from tests.speech import recode

SETTINGS = PipelineSettings()
GOLDEN = Path(__file__).parent / "golden"
QUICK: JsonObject = {"thumbnails": 2, "waveform": False, "diarization": False, "topics": False}


def load(
    _settings: PipelineSettings, *, is_frugal: bool, tell: Callable[[str], None]
) -> FakeEngine:
    del is_frugal, tell
    return FakeEngine(everything)


def load_reader(_settings: PipelineSettings) -> TextReader:
    return lambda pixels: (f"Welcome\nto a picture of {pixels.shape[1]} x {pixels.shape[0]}",)


def ignore(_progress: Progress) -> None:
    pass


def analysed(task: Task) -> Produced:
    return VideoPipeline(SETTINGS, load, load_reader).run(task, ignore)


def text_of(task: Task, name: str) -> str:
    return (Path(task.output) / name).read_text()


def test_every_artifact_is_written(
    spoken: Path, make_task: MakeTask, progress: list[Progress]
) -> None:
    sizes: JsonObject = {"thumbnail_sizes": [[80, 60], [40, 30]]}
    task = make_task("video", spoken, "talk.mp4", **QUICK | sizes, screen_text=True, clips=True)

    produced = VideoPipeline(SETTINGS, load, load_reader).run(task, progress.append)

    folder = Path(task.output)
    written = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    assert {name for name, _ in produced.artifacts} == written
    assert written == {
        *("video.md", "video.json", "sheet.jpg", "keyframes/0001.jpg", "clips/scene-001.mp4"),
        *(f"thumbnails/{name}.jpg" for name in ("0001", "0001-2", "0002", "0002-2")),
        *(f"transcript.{kind}" for kind in ("json", "srt", "vtt", "txt")),
    }
    media_types = dict(produced.artifacts)
    assert media_types["sheet.jpg"] == "image/jpeg"
    assert media_types["clips/scene-001.mp4"] == "video/mp4"
    fractions = [step.fraction for step in progress]
    assert fractions == sorted(fractions)
    assert {"looking", "transcribing", "reading", "cutting clips"} <= {
        step.message for step in progress
    }


def test_the_markdown_is_in_the_layout_that_morag_reads(spoken: Path, make_task: MakeTask) -> None:
    task = make_task("video", spoken, "talk.mp4", **QUICK, screen_text=True)

    analysed(task)

    assert text_of(task, "video.md") == (GOLDEN / "talk.md").read_text()


def test_the_summary_is_flat_and_in_morags_words(spoken: Path, make_task: MakeTask) -> None:
    produced = analysed(make_task("video", spoken, "talk.mp4", **QUICK))

    summary = produced.summary
    expected = {
        "content_type": "video",
        "resolution": "160x90",
        "fps": 25.0,
        "codec": "h264",
        "has_audio": True,
        "audio_codec": "aac",
        "language": "de",
        "scene_count": 1,
        "thumbnail_count": 2,
        "is_cut_off": False,
        "video_decoder": "software",
    }
    assert expected.items() <= summary.items()
    assert "notes" not in summary
    assert len(json.dumps(summary)) < 1500


def test_a_silent_film_is_a_success_with_a_note(make_task: MakeTask, tmp_path: Path) -> None:
    task = make_task("video", film(tmp_path / "silent.mp4", sound=None), **QUICK)

    summary = analysed(task).summary

    assert (summary["has_audio"], summary["word_count"]) == (False, 0)
    assert summary["notes"] == ["The video has no sound."]
    assert "- **Audio**: No\n" in text_of(task, "video.md")
    assert text_of(task, "video.md").endswith("(Nothing is said in this video.)\n")


def test_a_film_in_which_nobody_speaks_is_a_success_with_a_note(
    usual: Path, make_task: MakeTask
) -> None:
    task = make_task("video", usual, **QUICK)

    summary = analysed(task).summary

    assert summary["has_audio"] is True
    assert "Nobody speaks in the video" in str(summary["notes"])


def test_a_file_without_pictures_is_heard(fox: Path, make_task: MakeTask, tmp_path: Path) -> None:
    task = make_task("video", film(tmp_path / "sound.m4a", pictures=None, sound=fox), **QUICK)

    produced = analysed(task)

    assert produced.summary["notes"] == [
        "The file has no video track: only its sound was analysed."
    ]
    assert "transcript.srt" in dict(produced.artifacts)
    assert "Resolution" not in text_of(task, "video.md")


def test_a_song_with_a_cover_is_no_film(make_task: MakeTask, fox: Path, tmp_path: Path) -> None:
    cover = film(tmp_path / "cover.png", "-frames:v", "1", sound=None, codec=())
    song = tmp_path / "song.mp3"
    tagging = ("-map", "0", "-map", "1", "-c:v", "copy", "-disposition:v", "attached_pic")
    run("ffmpeg", "-v", "error", "-i", str(fox), "-i", str(cover), *tagging, str(song))

    assert "only its sound" in str(analysed(make_task("video", song, **QUICK)).summary["notes"])


def test_where_there_are_neither_pictures_nor_words_the_task_fails(
    make_task: MakeTask, tmp_path: Path
) -> None:
    hum = film(tmp_path / "hum.m4a", pictures=None, sound=TONE)

    with pytest.raises(NoSpeechError):
        analysed(make_task("video", hum, **QUICK))


def test_a_file_without_its_end_is_analysed_with_a_warning(
    make_task: MakeTask, tmp_path: Path
) -> None:
    whole = film(tmp_path / "whole.mp4", "-movflags", "+faststart", sound=None)
    task = make_task("video", cut_off(whole, tmp_path / "part.mp4"), **QUICK)

    summary = analysed(task).summary

    assert summary["is_cut_off"] is True
    assert "The file is cut off" in text_of(task, "video.md")


def test_the_sound_of_a_file_without_its_end_is_heard_as_far_as_it_goes(
    spoken: Path, make_task: MakeTask, tmp_path: Path
) -> None:
    whole = recode(spoken, tmp_path / "whole.mp4", "-c", "copy", "-movflags", "+faststart")
    task = make_task("video", cut_off(whole, tmp_path / "part.mp4"), **QUICK)

    summary = analysed(task).summary

    assert summary["is_cut_off"] is True
    assert summary["segment_count"] == 1
    assert "cut off" in str(summary["warnings"])


def test_what_is_no_video_at_all_is_unreadable(make_task: MakeTask, tmp_path: Path) -> None:
    text = tmp_path / "film.mp4"
    text.write_text("a shopping list\n" * 100)

    with pytest.raises(MediaUnreadableError, match="broken, or no audio or video that we know"):
        analysed(make_task("video", text))


def test_chapters_and_text_on_screen_are_lines_of_the_transcript(
    spoken: Path, make_task: MakeTask, tmp_path: Path
) -> None:
    notes, target = tmp_path / "notes.txt", tmp_path / "chapters.mp4"
    chapter = "[CHAPTER]\nTIMEBASE=1/1000\nSTART={}\nEND={}\ntitle={}\n"
    notes.write_text(
        ";FFMETADATA1\n" + chapter.format(0, 5000, "Intro") + chapter.format(5000, 7000, "Foxes")
    )
    copying = ("-map_metadata", "1", "-map_chapters", "1", "-c", "copy", str(target))
    run("ffmpeg", "-v", "error", "-i", str(spoken), "-i", str(notes), *copying)
    task = make_task("video", target, **QUICK, screen_text=True)

    analysed(task)

    body = text_of(task, "video.md").partition("## Transcript\n")[2]
    assert "[00:00][CHAPTER] Intro" in body
    assert "[00:05][CHAPTER] Foxes" in body
    assert "[SCREEN] Welcome to a picture of 160 x 90" in body
    assert "##" not in body


def test_morags_names_of_the_options_work(spoken: Path, make_task: MakeTask) -> None:
    given: JsonObject = {
        "generate_thumbnails": True,
        "thumbnail_count": 1,
        "thumbnail_size": [64, 64],
        "extract_keyframes": False,
        "max_keyframes": 5,
        "extract_audio": False,
        "enable_ocr": False,
        "enable_speaker_diarization": False,
        "enable_topic_segmentation": False,
    }

    names = dict(analysed(make_task("video", spoken, **given)).artifacts)

    assert set(names) == {"video.md", "video.json", "sheet.jpg", "thumbnails/0001.jpg"}


@pytest.mark.parametrize(
    ("option", "complaint"),
    [
        ({"thumbnails": 9999}, r"option 'thumbnails' is 9999"),
        ({"thumbnail_size": [5, 5]}, r"option 'thumbnail_size'"),
        ({"clips": True, "scenes": False}, r"clips are of scenes"),
        ({"resolution": "4k"}, r"unknown option 'resolution'; known are .*thumbnails"),
    ],
)
def test_options_that_cannot_work_are_refused_with_their_name(
    usual: Path, make_task: MakeTask, option: JsonObject, complaint: str
) -> None:
    with pytest.raises(OptionsInvalidError, match=complaint):
        analysed(make_task("video", usual, **option))


def test_text_is_not_read_where_nobody_can(usual: Path, make_task: MakeTask) -> None:
    def lacks(_settings: PipelineSettings) -> TextReader:
        raise EngineUnavailableError("text in pictures cannot be read on this machine.")

    with pytest.raises(EngineUnavailableError):
        VideoPipeline(SETTINGS, load, lacks).run(
            make_task("video", usual, screen_text=True), ignore
        )


def test_models_are_kept_until_they_are_let_go(spoken: Path, make_task: MakeTask) -> None:
    warm = VideoPipeline(SETTINGS, load, load_reader)
    warm.run(make_task("video", spoken, **QUICK, screen_text=True), ignore)

    held = warm.held
    warm.unload()

    assert held[-1] == "text reader"
    assert len(held) == 2
    assert not warm.held
