import json
from dataclasses import replace
from pathlib import Path

import pytest

from agent.model.ids import JsonValue
from agent.model.work import PipelineSettings, Progress, Task
from agent.pipelines.audio.engines.engine import Request
from agent.pipelines.audio.options import AudioOptions
from agent.pipelines.audio.pipeline import AudioPipeline
from agent.pipelines.errors import MediaUnreadableError, OptionsInvalidError
from agent.pipelines.options import parse_options
from agent.pipelines.spoken.transcript import Segment
from tests.pipelines.audio.fake_engine import FakeEngine, everything
from tests.pipelines.conftest import MakeTask
from tests.speech import recode

SETTINGS = PipelineSettings(diarization=False, topics=False)


def pipeline(engine: FakeEngine, settings: PipelineSettings = SETTINGS) -> AudioPipeline:
    def load(_settings: PipelineSettings, *, is_frugal: bool, **_: object) -> FakeEngine:
        del is_frugal
        return engine

    return AudioPipeline(settings, load)


def ignore(_progress: Progress) -> None:
    pass


def test_every_artifact_is_written(
    fox: Path, make_task: MakeTask, progress: list[Progress]
) -> None:
    task = make_task("audio", fox, "fox talk.wav")

    produced = pipeline(FakeEngine(everything)).run(task, progress.append)

    written = {path.name for path in Path(task.output).iterdir()}
    assert {name for name, _ in produced.artifacts} == written
    assert written == {
        "waveform.png",
        *(f"transcript.{kind}" for kind in ("json", "md", "srt", "vtt", "txt")),
    }
    markdown = (Path(task.output) / "transcript.md").read_text()
    assert markdown.startswith("# Audio Transcription: fox talk.wav\n")
    assert markdown.endswith(" seconds of talk.\n")
    assert produced.summary["language"] == "de"
    assert produced.summary["word_count"] == 4
    assert produced.summary["speech_coverage"] == 1.0
    assert produced.summary["vad"] == "silero"
    assert json.dumps(produced.summary)


def test_progress_goes_forward_through_all_stages(
    fox: Path, make_task: MakeTask, progress: list[Progress]
) -> None:
    pipeline(FakeEngine(everything)).run(make_task("audio", fox), progress.append)

    fractions = [step.fraction for step in progress]
    assert fractions == sorted(fractions)
    assert list(dict.fromkeys(step.message for step in progress)) == [
        "decoding",
        "finding speech",
        "loading model",
        "transcribing",
        "writing",
    ]


def test_the_engine_is_loaded_once(fox: Path, make_task: MakeTask) -> None:
    loads: list[PipelineSettings] = []

    def load(settings: PipelineSettings, *, is_frugal: bool, **_: object) -> FakeEngine:
        assert not is_frugal
        loads.append(settings)
        return FakeEngine(everything)

    warm = AudioPipeline(SETTINGS, load)
    task = make_task("audio", fox)
    warm.run(task, ignore)
    warm.run(task, ignore)

    assert loads == [SETTINGS]


def test_a_frugal_task_gets_an_engine_of_its_own_and_asks_it_for_little(
    fox: Path, make_task: MakeTask
) -> None:
    loads: list[bool] = []
    engine = FakeEngine(everything)

    def load(_settings: PipelineSettings, *, is_frugal: bool, **_: object) -> FakeEngine:
        loads.append(is_frugal)
        return engine

    warm = AudioPipeline(SETTINGS, load)
    task = make_task("audio", fox, beam_size=5)
    for is_frugal in (False, True, True, False):
        warm.run(replace(task, is_frugal=is_frugal), ignore)

    assert loads == [False, True, False]
    assert [request.is_frugal for request in engine.requests] == [False, True, True, False]


def test_the_options_reach_the_engine(fox: Path, make_task: MakeTask) -> None:
    engine = FakeEngine(everything)
    options = {
        "language": "de",
        "task": "translate",
        "word_timestamps": True,
        "initial_prompt": "MoRAG",
        "beam_size": 3,
        "temperature": 0,
    }

    pipeline(engine).run(make_task("audio", fox, **options), ignore)

    assert engine.requests == [Request(**{**options, "temperature": 0.0})]  # type: ignore[arg-type]
    assert engine.requests[0].temperatures == (0.0,)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"language": "german"}, "option 'language' is 'german'"),
        ({"language": "fr"}, "'fr': the model fake knows only de, en"),
        ({"task": "summarize"}, "option 'task' is 'summarize'.*'transcribe' or 'translate'"),
        ({"beam_size": 99}, "option 'beam_size' is 99: .*less than or equal to 10"),
        ({"word_timestamps": "yes"}, "option 'word_timestamps' is 'yes'"),
        ({"min_speakers": 4, "max_speakers": 2}, "min_speakers is more than max_speakers"),
        ({"num_speakers": 4, "max_speakers": 5}, "num_speakers, or min_speakers and max"),
        ({"diarize": True}, "unknown option 'diarize'; known are allow_partial, audio_track"),
    ],
)
def test_options_that_cannot_work_are_explained(
    fox: Path, make_task: MakeTask, options: dict[str, str], told: str
) -> None:
    with pytest.raises(OptionsInvalidError, match=told):
        pipeline(FakeEngine(everything)).run(make_task("audio", fox, **options), ignore)


@pytest.mark.parametrize(
    ("options", "usual", "heard", "looks"),
    [
        ({}, "en", "en", 0),
        ({"language": "de"}, "en", "de", 0),
        ({}, "fr", "de", 1),
        ({}, None, "de", 1),
    ],
)
def test_the_owners_language_holds_where_a_job_names_none_and_the_model_knows_it(
    fox: Path,
    make_task: MakeTask,
    options: dict[str, str],
    usual: str | None,
    heard: str,
    looks: int,
) -> None:
    engine = FakeEngine(everything)

    pipeline(engine, replace(SETTINGS, language=usual)).run(
        make_task("audio", fox, **options), ignore
    )

    assert ([request.language for request in engine.requests], engine.looks) == ([heard], looks)


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ({"speaker_diarization": True}, AudioOptions(diarization=True)),
        ({"enable_diarization": False}, AudioOptions(diarization=False)),
        ({"topic_segmentation": True}, AudioOptions(topics=True)),
        ({"enable_topic_segmentation": False}, AudioOptions(topics=False)),
        ({"include_timestamps": True}, AudioOptions(word_timestamps=True)),
    ],
)
def test_morags_own_names_of_options_are_understood(
    given: dict[str, JsonValue], meant: AudioOptions
) -> None:
    assert parse_options(AudioOptions, given) == meant


def test_an_english_model_does_not_translate(fox: Path, make_task: MakeTask) -> None:
    task = make_task("audio", fox, task="translate")

    with pytest.raises(OptionsInvalidError, match="English only and cannot translate"):
        pipeline(FakeEngine(everything, languages=("en",))).run(task, ignore)


@pytest.mark.parametrize("segments", [(), (Segment(0, 1, " . . ."),), (Segment(0, 1, ""),)])
def test_a_recording_without_speech_is_a_failure(
    fox: Path, make_task: MakeTask, segments: tuple[Segment, ...]
) -> None:
    with pytest.raises(
        MediaUnreadableError, match=r"nothing could be understood in \d+ s of speech"
    ):
        pipeline(FakeEngine(lambda _: segments)).run(make_task("audio", fox), ignore)


def test_a_silent_recording_fails_before_a_model_is_loaded(
    tmp_path: Path, make_task: MakeTask
) -> None:
    silence = recode(Path("anullsrc=r=16000:d=3"), tmp_path / "s.flac", input_format="lavfi")
    engine = FakeEngine(everything)

    with pytest.raises(MediaUnreadableError, match="the 3 s of audio are silent"):
        pipeline(engine).run(make_task("audio", silence), ignore)

    assert engine.requests == []


def test_an_error_of_the_engine_is_not_hidden(fox: Path, make_task: MakeTask) -> None:
    task: Task = make_task("audio", fox)

    with pytest.raises(RuntimeError, match="CUDA"):
        pipeline(FakeEngine(error=RuntimeError("CUDA"))).run(task, ignore)
