"""Who spoke and about what, added to what was heard; the models have tests of their own."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from agent.model.work import PipelineSettings, Progress
from agent.pipelines.audio import enriching
from agent.pipelines.audio.hearing import Hearing
from agent.pipelines.audio.options import AudioOptions
from agent.pipelines.audio.speech import Speech
from agent.pipelines.audio.summary import spoken_summary
from agent.pipelines.diarization.turns import SpeakerBounds, Turn
from agent.pipelines.spoken.recording import Recording
from agent.pipelines.spoken.span import Span
from agent.pipelines.spoken.transcript import Segment, Topic, Transcript, Word
from tests.pipelines.audio.fake_engine import FakeEngine
from tests.pipelines.spoken.recordings import noisy, spans

WORDS = tuple(Word(float(n), n + 0.9, f"word{n}", 0.9) for n in range(8))


def two_voices(_seconds: float) -> tuple[Segment, ...]:
    return (Segment(0.0, 8.0, " ".join(word.text for word in WORDS), WORDS),)


@dataclass
class FakeDiarizer:
    name: str = "fake"
    notice: str = ""
    held: tuple[str, ...] = ("voices",)
    bounds: list[SpeakerBounds] = field(default_factory=list)

    def unload(self) -> None:
        self.held = ()

    def turns(
        self,
        _recording: Recording,
        _speech: Sequence[Span],
        bounds: SpeakerBounds,
        on_position: Callable[[float], None],
    ) -> tuple[Turn, ...]:
        self.bounds.append(bounds)
        on_position(8.0)
        return (Turn(0.0, 4.0, "SPEAKER_00"), Turn(4.0, 8.0, "SPEAKER_01"))


class FakeFinder:
    held: tuple[str, ...] = ("meanings",)

    def unload(self) -> None:
        self.held = ()

    def topics(self, segments: Sequence[Segment], language: str) -> tuple[Topic, ...]:
        return (Topic(0.0, segments[-1].end, f"All in {language}"),)


@pytest.fixture
def diarizer(monkeypatch: pytest.MonkeyPatch) -> FakeDiarizer:
    made = FakeDiarizer()
    monkeypatch.setattr(enriching, "load_diarizer", lambda _: made)
    monkeypatch.setattr(enriching, "load_topic_finder", lambda _: FakeFinder())
    monkeypatch.setattr(enriching, "diarization_is_possible", lambda _: True)
    monkeypatch.setattr(enriching, "topics_are_possible", lambda _: True)
    monkeypatch.setattr(
        "agent.pipelines.audio.hearing.find_speech",
        lambda _recording, _tell: Speech(spans((0, 8)), "silero"),
    )
    return made


def hear(
    tmp_path: Path,
    settings: PipelineSettings,
    report: Callable[[Progress], None] = lambda _: None,
    **options: object,
) -> tuple[Transcript, Hearing]:
    engine = FakeEngine(two_voices)
    hearing = Hearing(settings, lambda _settings, **_: engine)
    recording = noisy(tmp_path / "r", 8)
    wishes = AudioOptions.model_validate(options)
    return hearing.hear(recording, "a.wav", wishes, report), hearing


@pytest.mark.usefixtures("diarizer")
def test_words_get_their_speakers_and_the_text_its_topics(tmp_path: Path) -> None:
    messages: list[str] = []

    transcript, hearing = hear(
        tmp_path, PipelineSettings(), lambda news: messages.append(news.message), language="en"
    )

    assert [(s.speaker, s.start) for s in transcript.segments] == [
        ("SPEAKER_00", 0.0),
        ("SPEAKER_01", 4.0),
    ]
    assert [topic.title for topic in transcript.topics] == ["All in en"]
    assert messages[-2:] == ["finding speakers", "finding topics"]
    assert list(hearing.held) == ["fake (fake, cpu, none)", "voices", "meanings"]
    hearing.unload()
    assert not hearing.held


def test_what_is_known_of_the_speakers_is_passed_on(tmp_path: Path, diarizer: FakeDiarizer) -> None:
    hear(tmp_path, PipelineSettings(), min_speakers=2, max_speakers=4)
    hear(tmp_path, PipelineSettings(), num_speakers=3)

    assert diarizer.bounds == [SpeakerBounds(least=2, most=4), SpeakerBounds(exact=3)]


@pytest.mark.usefixtures("diarizer")
def test_the_task_overrules_the_owners_wish(tmp_path: Path) -> None:
    off = PipelineSettings(diarization=False, topics=False)

    assert hear(tmp_path, off)[0].speakers == ()
    assert hear(tmp_path, off, speaker_diarization=True)[0].speakers == ("SPEAKER_00", "SPEAKER_01")
    assert hear(tmp_path, PipelineSettings(), topic_segmentation=False)[0].topics == ()


@pytest.mark.usefixtures("diarizer")
def test_what_cannot_be_had_is_told_only_where_it_was_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(enriching, "diarization_is_possible", lambda _: False)
    monkeypatch.setattr(enriching, "topics_are_possible", lambda _: False)

    asked, _ = hear(tmp_path, PipelineSettings(), diarization=True, topics=True)
    unasked, _ = hear(tmp_path, PipelineSettings())

    assert asked.warnings == (
        "speakers were not told apart: this box lacks the extra diarize.",
        "topics were not looked for: this box lacks the extra topics.",
    )
    assert unasked.warnings == ()
    assert "has_speaker_info" in spoken_summary(asked)
    assert spoken_summary(asked)["has_speaker_info"] is False


def test_why_another_diarizer_did_the_work_is_told(tmp_path: Path, diarizer: FakeDiarizer) -> None:
    diarizer.notice = "pyannote is not installed."

    assert hear(tmp_path, PipelineSettings())[0].warnings == ("pyannote is not installed.",)
