import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from agent.model.work import PipelineSettings, Progress, Task
from agent.pipelines.audio.decoding import Pcm, Source
from agent.pipelines.audio.engines.engine import Request
from agent.pipelines.audio.listening import listen
from agent.pipelines.audio.pcm_stream import SAMPLE_RATE
from agent.pipelines.audio.pipeline import AudioPipeline
from agent.pipelines.audio.transcript import Segment
from agent.pipelines.errors import MediaUnreadableError, OptionsInvalidError
from tests.pipelines.audio.fake_engine import FakeEngine
from tests.pipelines.conftest import MakeTask
from tests.speech import recode

SETTINGS = PipelineSettings()
ANY = Request(
    language=None,
    task="transcribe",
    word_timestamps=False,
    initial_prompt=None,
    beam_size=None,
    temperature=None,
)


def pipeline(engine: FakeEngine) -> AudioPipeline:
    def load(_settings: PipelineSettings, *, is_frugal: bool) -> FakeEngine:
        del is_frugal
        return engine

    return AudioPipeline(SETTINGS, load)


def ignore(_progress: Progress) -> None:
    pass


def test_every_artifact_is_written(
    fox: Path, make_task: MakeTask, progress: list[Progress]
) -> None:
    task = make_task("audio", fox, "fox talk.wav")

    produced = pipeline(FakeEngine()).run(task, progress.append)

    written = {path.name for path in Path(task.output).iterdir()}
    assert {name for name, _ in produced.artifacts} == written
    assert written == {f"transcript.{kind}" for kind in ("json", "md", "srt", "vtt", "txt")}
    markdown = (Path(task.output) / "transcript.md").read_text()
    assert markdown.startswith("# Audio Transcription: fox talk.wav\n")
    assert markdown.endswith("[00:00] Hello there.\n")
    assert produced.summary["language"] == "de"
    assert produced.summary["word_count"] == 2
    assert json.dumps(produced.summary)


def test_progress_goes_forward_through_all_stages(
    fox: Path, make_task: MakeTask, progress: list[Progress]
) -> None:
    pipeline(FakeEngine()).run(make_task("audio", fox), progress.append)

    fractions = [step.fraction for step in progress]
    assert fractions == sorted(fractions)
    assert list(dict.fromkeys(step.message for step in progress)) == [
        "decoding",
        "loading model",
        "transcribing",
    ]


def test_the_engine_is_loaded_once(fox: Path, make_task: MakeTask) -> None:
    loads: list[PipelineSettings] = []

    def load(settings: PipelineSettings, *, is_frugal: bool) -> FakeEngine:
        assert not is_frugal
        loads.append(settings)
        return FakeEngine()

    warm = AudioPipeline(SETTINGS, load)
    task = make_task("audio", fox)
    warm.run(task, ignore)
    warm.run(task, ignore)

    assert loads == [SETTINGS]


def test_a_frugal_task_gets_an_engine_of_its_own_and_asks_it_for_little(
    fox: Path, make_task: MakeTask
) -> None:
    loads: list[bool] = []
    engine = FakeEngine()

    def load(_settings: PipelineSettings, *, is_frugal: bool) -> FakeEngine:
        loads.append(is_frugal)
        return engine

    warm = AudioPipeline(SETTINGS, load)
    task = make_task("audio", fox, beam_size=5)
    for is_frugal in (False, True, True, False):
        warm.run(replace(task, is_frugal=is_frugal), ignore)

    assert loads == [False, True, False]
    assert [request.is_frugal for request in engine.requests] == [False, True, True, False]


def test_the_options_reach_the_engine(fox: Path, make_task: MakeTask) -> None:
    engine = FakeEngine()
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
        ({"diarize": True}, "unknown option 'diarize'; known are beam_size, initial_prompt"),
    ],
)
def test_options_that_cannot_work_are_explained(
    fox: Path, make_task: MakeTask, options: dict[str, str], told: str
) -> None:
    with pytest.raises(OptionsInvalidError, match=told):
        pipeline(FakeEngine()).run(make_task("audio", fox, **options), ignore)


def test_an_english_model_does_not_translate(fox: Path, make_task: MakeTask) -> None:
    task = make_task("audio", fox, task="translate")

    with pytest.raises(OptionsInvalidError, match="English only and cannot translate"):
        pipeline(FakeEngine(languages=("en",))).run(task, ignore)


@pytest.mark.parametrize("segments", [(), (Segment(0, 1, " . . ."),), (Segment(0, 1, ""),)])
def test_a_recording_without_speech_is_a_failure(
    fox: Path, make_task: MakeTask, segments: tuple[Segment, ...]
) -> None:
    with pytest.raises(MediaUnreadableError, match=r"no speech was found in \d+ s"):
        pipeline(FakeEngine(segments)).run(make_task("audio", fox), ignore)


def test_a_silent_recording_fails_before_a_model_is_loaded(
    tmp_path: Path, make_task: MakeTask
) -> None:
    silence = recode(Path("anullsrc=r=16000:d=3"), tmp_path / "s.flac", input_format="lavfi")
    engine = FakeEngine()

    with pytest.raises(MediaUnreadableError, match="the 3 s of audio are silent"):
        pipeline(engine).run(make_task("audio", silence), ignore)

    assert engine.requests == []


def recording(seconds: float, *silences: tuple[float, float]) -> Pcm:
    samples = np.random.default_rng(1).standard_normal(int(seconds * SAMPLE_RATE)) * 0.1
    for start, end in silences:
        samples[int(start * SAMPLE_RATE) : int(end * SAMPLE_RATE)] = 0
    source = Source(duration=None, format="wav", codec="pcm", channels=1, sample_rate=SAMPLE_RATE)
    return Pcm(samples.astype(np.float32), source)


def test_what_was_imagined_in_silence_is_left_out() -> None:
    engine = FakeEngine((Segment(0, 2, "Real."), Segment(6, 9, "Thanks for watching!")))

    heard = listen(engine, recording(10, (5, 10)), ANY, lambda _: None)

    assert [segment.text for segment in heard.segments] == ["Real."]


def test_a_long_recording_is_heard_in_blocks_with_the_language_of_the_first() -> None:
    engine = FakeEngine((Segment(1, 2, "Some words here."),))
    positions: list[float] = []

    heard = listen(
        engine, recording(700, (589, 590)), replace(ANY, initial_prompt="Names"), positions.append
    )

    assert engine.lengths[0] == pytest.approx(589.5, abs=0.6)
    assert [request.language for request in engine.requests] == [None, "de"]
    assert [request.initial_prompt for request in engine.requests] == ["Names", "Some words here."]
    assert heard.segments[1].start == pytest.approx(1 + engine.lengths[0])
    assert positions == sorted(positions)
    assert heard.language_probability == 0.9


def test_an_error_of_the_engine_is_not_hidden(fox: Path, make_task: MakeTask) -> None:
    task: Task = make_task("audio", fox)

    with pytest.raises(RuntimeError, match="CUDA"):
        pipeline(FakeEngine(error=RuntimeError("CUDA"))).run(task, ignore)
