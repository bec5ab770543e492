"""Both engines with real weights, on speech that was synthesised a moment before."""

import io
import json
import wave
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeAlias

import faster_whisper
import numpy as np
import pytest
import torch
import whisper

from agent.model.work import PipelineSettings, Progress
from agent.pipelines.audio.engines.checkpoint import convert, openai_names
from agent.pipelines.audio.engines.ctranslate2_file import (
    NotAModelError,
    QuantizedModelError,
    read_variables,
)
from agent.pipelines.audio.engines.engine import Request
from agent.pipelines.audio.engines.faster_whisper import compute_types
from agent.pipelines.audio.engines.loading import load_engine
from agent.pipelines.audio.engines.openai_whisper import OpenAiWhisper
from agent.pipelines.audio.pipeline import AudioPipeline
from agent.pipelines.errors import EngineUnavailableError, OptionsInvalidError
from agent.pipelines.models.search import TINY_PACKAGE, package_folder
from tests.pipelines.conftest import MakeTask
from tests.speech import FOX, LETTER, MARKET, SHIP, recode, say, word_error_rate

# openai-whisper leaves the file of its vocabulary open.
pytestmark = pytest.mark.filterwarnings(
    "ignore:.*tiktoken:pytest.PytestUnraisableExceptionWarning", "ignore:.*tiktoken:ResourceWarning"
)

ENGINES = ["faster-whisper", "openai-whisper"]
DEMO = Path(__file__).parents[3] / "docs" / "demo"
MOST_ERRORS = 0.2
"""Of tiny.en on a synthetic voice; a text from anywhere else gets about 1.0."""


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("cache")
        patch.setenv("XDG_CACHE_HOME", str(folder))
        yield folder


@pytest.fixture(scope="module", params=ENGINES)
def warm(request: pytest.FixtureRequest, cache: Path) -> AudioPipeline:
    assert cache.is_dir()
    return AudioPipeline(settings(request.param))


def settings(engine: str) -> PipelineSettings:
    return PipelineSettings(engine=engine, model="tiny.en", device="cpu", threads=2)


def ignore(_progress: Progress) -> None:
    pass


@pytest.fixture(scope="module")
def long_talk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """More than one of the windows that are decoded together."""
    return say(f"{MARKET} {LETTER}", tmp_path_factory.mktemp("talk") / "talk.wav")


def test_windows_decoded_together_lose_no_speech(
    warm: AudioPipeline, make_task: MakeTask, long_talk: Path
) -> None:
    task = make_task("audio", long_talk, batch_size=4, word_timestamps=True)

    produced = warm.run(task, ignore)

    heard = (Path(task.output) / "transcript.txt").read_text()
    errors = word_error_rate(f"{MARKET} {LETTER}", heard)
    coverage = produced.summary["speech_coverage"]
    print(f"{produced.summary['engine']} together: WER {errors:.3f}, coverage {coverage}")
    assert errors < MOST_ERRORS
    assert isinstance(coverage, float)
    assert coverage > 0.95
    content = json.loads((Path(task.output) / "transcript.json").read_text())
    starts = [word["start"] for segment in content["segments"] for word in segment["words"]]
    assert len(starts) > 100
    assert starts == sorted(starts)


@pytest.mark.parametrize("name", ["fox", "ship"])
def test_spoken_words_are_written_down(
    warm: AudioPipeline, make_task: MakeTask, name: str, request: pytest.FixtureRequest
) -> None:
    spoken = {"fox": FOX, "ship": SHIP}
    task = make_task("audio", request.getfixturevalue(name))

    produced = warm.run(task, ignore)

    heard = (Path(task.output) / "transcript.txt").read_text()
    errors = {text: word_error_rate(text, heard) for text in spoken.values()}
    print(f"{produced.summary['engine']} on {name}: WER {errors[spoken[name]]:.3f}")
    assert errors[spoken[name]] < MOST_ERRORS
    assert min(error for text, error in errors.items() if text != spoken[name]) > 0.6


def test_parts_of_any_length_can_be_decoded_together(cache: Path, fox: Path) -> None:
    assert cache.is_dir()
    engine = load_engine(settings("faster-whisper"))
    with wave.open(str(fox)) as sound:
        stored = np.frombuffer(sound.readframes(sound.getnframes()), np.int16)
    samples = stored.astype(np.float32) / np.float32(32768)
    parts = [samples[: 16_000 + odd] for odd in (7, 77, 777, 7777)]

    found = engine.transcribe_together(parts, Request(language="en", task="transcribe"))

    assert len(found) == len(parts)
    assert all("quick" in " ".join(one.text.lower() for one in segments) for segments in found)
    assert all(one.start < 1.1 for segments in found for one in segments)


def test_nothing_is_made_up_over_a_long_pause(
    warm: AudioPipeline, make_task: MakeTask, fox: Path, tmp_path: Path
) -> None:
    noise = "anoisesrc=d=25:r=16000:a=0.004,aformat=channel_layouts=mono"
    joined = recode(
        fox,
        tmp_path / "pause.wav",
        *("-f", "lavfi", "-i", noise),
        *("-filter_complex", "[0][1][0]concat=n=3:v=0:a=1"),
    )
    task = make_task("audio", joined)

    produced = warm.run(task, ignore)

    content = json.loads((Path(task.output) / "transcript.json").read_text())
    length = (content["audio_s"] - 25) / 2
    within = [
        segment["text"]
        for segment in content["segments"]
        if segment["start"] > length + 1 and segment["end"] < length + 24
    ]
    assert within == []
    assert word_error_rate(f"{FOX} {FOX}", content["text"]) < MOST_ERRORS
    assert produced.summary["speech_coverage"] == content["speech_coverage"]


def test_the_demo_says_what_its_page_says(warm: AudioPipeline, make_task: MakeTask) -> None:
    page = (DEMO / "README.md").read_text()
    (spoken,) = (line[2:] for line in page.splitlines() if line.startswith("> "))
    task = make_task("audio", DEMO / "speech.ogg")

    warm.run(task, ignore)

    assert word_error_rate(spoken, (Path(task.output) / "transcript.txt").read_text()) < 0.05


def test_words_have_times_that_cover_the_speech(
    warm: AudioPipeline, fox: Path, make_task: MakeTask
) -> None:
    task = make_task("audio", fox, word_timestamps=True, language="en")

    warm.run(task, ignore)

    content = json.loads((Path(task.output) / "transcript.json").read_text())
    words = [word for segment in content["segments"] for word in segment["words"]]
    starts = [word["start"] for word in words]
    assert starts == sorted(starts)
    assert len(set(starts)) > 0.8 * len(words)
    (jumps,) = (word for word in words if word["text"].startswith("jump"))
    assert 0.9 < jumps["start"] < 2.2
    assert content["audio_s"] - words[-1]["end"] < 1.0


def test_a_prompt_a_beam_and_a_temperature_are_taken(
    warm: AudioPipeline, fox: Path, make_task: MakeTask
) -> None:
    task = make_task("audio", fox, initial_prompt="A fox.", beam_size=2, temperature=0.0)

    warm.run(task, ignore)

    assert "fox" in (Path(task.output) / "transcript.txt").read_text()


Asked: TypeAlias = dict[str, Any]


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Asked:
    """What the latest transcription asked of the library, whichever that is."""
    asked: Asked = {}
    for model in (faster_whisper.WhisperModel, whisper.Whisper):
        original = model.transcribe

        def spy(*args: Any, original: Any = original, **options: Any) -> Any:
            asked.update(options)
            return original(*args, **options)

        monkeypatch.setattr(model, "transcribe", spy)
    return asked


@pytest.mark.parametrize("is_frugal", [False, True])
def test_a_frugal_task_weighs_one_hypothesis_at_a_time(
    warm: AudioPipeline, fox: Path, make_task: MakeTask, asked: Asked, *, is_frugal: bool
) -> None:
    task = replace(make_task("audio", fox, beam_size=4), is_frugal=is_frugal)

    produced = warm.run(task, ignore)

    assert "fox" in (Path(task.output) / "transcript.txt").read_text()
    assert (asked["beam_size"] or 1) == (1 if is_frugal else 4)
    if produced.summary["engine"] == "faster-whisper":  # the other one weighs no candidates
        assert asked["best_of"] == (1 if is_frugal else 5)


@pytest.mark.parametrize(
    ("device", "can", "usual", "frugal"),
    [
        ("cpu", {"int8", "float32"}, "int8", "int8"),
        ("cuda", {"int8_float16", "float16", "int8_float32", "float32"}, "float16", "int8_float16"),
        ("cuda", {"int8_float32", "float32"}, "int8_float32", "int8_float32"),
        ("cuda", {"float32"}, "float32", "float32"),
    ],
)
def test_frugal_weights_are_the_smallest_that_the_device_can_compute_with(
    monkeypatch: pytest.MonkeyPatch, device: str, can: set[str], usual: str, frugal: str
) -> None:
    monkeypatch.setattr("ctranslate2.get_supported_compute_types", lambda _device: can)

    assert compute_types(device, is_frugal=False)[0] == usual
    assert compute_types(device, is_frugal=True)[0] == frugal


def test_progress_follows_the_recording(
    warm: AudioPipeline, fox: Path, make_task: MakeTask, progress: list[Progress]
) -> None:
    warm.run(make_task("audio", fox), progress.append)

    transcribing = [step.fraction for step in progress if step.message == "transcribing"]
    assert transcribing == sorted(transcribing)
    assert transcribing[-1] > 0.75


def test_an_english_model_refuses_another_language(
    warm: AudioPipeline, fox: Path, make_task: MakeTask
) -> None:
    with pytest.raises(OptionsInvalidError, match=r"'de': the model tiny\.en knows only en"):
        warm.run(make_task("audio", fox, language="de"), ignore)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.skipif(torch.cuda.is_available(), reason="this box has a GPU")
def test_cuda_without_a_gpu_is_refused(engine: str) -> None:
    wanted = PipelineSettings(engine=engine, model="tiny.en", device="cuda")

    with pytest.raises(EngineUnavailableError, match="sees no GPU"):
        load_engine(wanted)


def test_the_conversion_keeps_every_weight_and_the_alignment_heads(cache: Path) -> None:
    engine = load_engine(settings("openai-whisper"))

    assert isinstance(engine, OpenAiWhisper)
    model = engine._model
    package = package_folder(TINY_PACKAGE)
    assert package is not None
    stored = read_variables(package / "model" / "model.bin")["decoder/embeddings/weight"]
    assert torch.equal(model.decoder.token_embedding.weight, torch.tensor(stored).float())
    heads = model.alignment_heads.indices().T.tolist()
    assert heads == json.loads((package / "model" / "config.json").read_text())["alignment_heads"]
    assert len(list((cache / "morag-agent").glob("*.pt"))) == 1


@pytest.mark.parametrize(
    ("stored", "expected"),
    [
        ("encoder/conv1/weight", ("encoder.conv1.weight",)),
        ("encoder/layer_norm/gamma", ("encoder.ln_post.weight",)),
        ("decoder/layer_norm/beta", ("decoder.ln.bias",)),
        ("decoder/embeddings/weight", ("decoder.token_embedding.weight",)),
        ("encoder/position_encodings/encodings", ("encoder.positional_embedding",)),
        ("decoder/layer_11/ffn/linear_1/bias", ("decoder.blocks.11.mlp.2.bias",)),
        (
            "decoder/layer_3/attention/linear_1/weight",
            ("decoder.blocks.3.cross_attn.key.weight", "decoder.blocks.3.cross_attn.value.weight"),
        ),
    ],
)
def test_every_variable_has_its_place(stored: str, expected: tuple[str, ...]) -> None:
    assert openai_names(stored) == expected


@pytest.mark.parametrize("content", [b"hello, this is no model", b"\x06\0\0\0", b"\xff" * 4096])
def test_a_file_that_is_no_model_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "model.bin"
    path.write_bytes(content)

    with pytest.raises(NotAModelError):
        read_variables(path)


def test_half_a_model_is_refused(tmp_path: Path) -> None:
    package = package_folder(TINY_PACKAGE)
    assert package is not None
    path = tmp_path / "model.bin"
    path.write_bytes((package / "model" / "model.bin").read_bytes()[:30_000_000])

    with pytest.raises(NotAModelError):
        read_variables(path)


def test_quantized_weights_are_refused_by_name(tmp_path: Path) -> None:
    path = quantized(tmp_path / "model.bin")

    with pytest.raises(QuantizedModelError, match="quantized"):
        read_variables(path)
    with pytest.raises(EngineUnavailableError, match=r"cannot use .* is quantized"):
        convert(tmp_path, io.BytesIO())


def quantized(path: Path) -> Path:
    name, spec = b"x/weight\0", b"WhisperSpec\0"
    path.write_bytes(
        b"\x06\0\0\0"
        + bytes([len(spec), 0])
        + spec
        + b"\x03\0\0\0\x01\0\0\0"
        + bytes([len(name), 0])
        + name
        + b"\x01\x02\0\0\0\x01\x02\0\0\0\x7f\x7f"
    )
    return path
